"""`/proxy/dicom/` for viewers such as OHIF, when it is turned on: questions to the archive, and nothing of the caller but those.

MONAI Label's own forwards every header of the caller, the token among them, waits without end and holds the event loop meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi import Request
from fastapi.responses import StreamingResponse
from monailabel.interfaces.utils.app import app_instance

from monailabel_app.lib.archive import ArchiveDatastore
from monailabel_app.lib.archive_fetch import CHUNK_BYTES
from monailabel_app.server.service_errors import ServiceError, unprocessable

MAX_ACCEPT_CHARS = 512
_SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._,-]{0,127}")
_PASSED_ON = ("content-type", "content-length")


def ask_wado(request: Request, path: str) -> StreamingResponse:
    """Volumes, frames and metadata."""
    return _asked("wado", request, path)


def ask_qido(request: Request, path: str) -> StreamingResponse:
    """Lists of studies, series and instances; metadata, which some viewers ask for here, is WADO-RS."""
    return _asked("wado" if path.endswith("metadata") else "qido", request, path)


def ask_any(request: Request, path: str) -> StreamingResponse:
    """Either, of an archive that has one address for both."""
    return _asked("", request, path)


def _asked(service: str, request: Request, path: str) -> StreamingResponse:
    archive = app_instance().datastore()
    if not isinstance(archive, ArchiveDatastore):
        raise ServiceError(409, "conflict", "The studies of this server are a folder; there is no archive to ask.")
    if not all(_SEGMENT.fullmatch(segment) for segment in path.split("/")):
        raise unprocessable("A path of the archive has only letters, digits and the signs . _ , - between its slashes.")
    answer = archive.ask(service, path, request.url.query, request.headers.get("accept", "*/*")[:MAX_ACCEPT_CHARS])

    def body() -> Iterator[bytes]:
        with answer:
            yield from answer.raw.stream(CHUNK_BYTES)

    headers = {name: answer.headers[name] for name in _PASSED_ON if name in answer.headers}
    return StreamingResponse(body(), answer.status_code, headers)
