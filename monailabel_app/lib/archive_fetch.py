"""Fetching from a DICOMweb archive: with time limits, on a thread that whoever waits may leave, and without reading what comes.

The instances are written as they arrive; only the sandboxed reader opens them.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any, TypeVar

import requests

from asap import limits
from asap.errors import Cancelled, LimitError
from asap.pause import Pause

CONNECT_S, READ_S = 5.0, 30.0
POLL_S = 0.1
CHUNK_BYTES = 2**20
_HEAD_END = b"\r\n\r\n"
_BOUNDARY = re.compile(r'boundary="?([^";]{1,200})"?', re.IGNORECASE)

T = TypeVar("T")


class TimedSession(requests.Session):  # type: ignore[misc]
    """A session none of whose requests waits without end."""

    def request(self, *arguments: Any, **named: Any) -> requests.Response:
        """One request; RequestException when the archive stays silent for READ_S."""
        return super().request(*arguments, **{"timeout": (CONNECT_S, READ_S), **named})


def apart(work: Callable[[threading.Event], T], pause: Pause) -> T:
    """Do work that waits for another machine on a thread of its own, and return what it returns.

    pause: called every POLL_S; when it raises, the wait ends at once and the event that `work` was given is set.
    """
    outcome: Future[T] = Future()
    given_up = threading.Event()

    def run() -> None:
        try:
            outcome.set_result(work(given_up))
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, name="asap-archive", daemon=True).start()
    try:
        while not wait([outcome], POLL_S).done:
            pause()
    except BaseException:
        given_up.set()
        raise
    return outcome.result()


def keep_instances(response: requests.Response, folder: Path, given_up: threading.Event) -> None:
    """Write every instance of a WADO-RS answer into a folder. Raises LimitError, ValueError for what is no such answer."""
    found = _BOUNDARY.search(response.headers.get("content-type", ""))
    if found is None:
        raise ValueError("The archive's answer has no parts.")
    for number, instance in enumerate(parts(_chunks(response, given_up), found[1].encode())):
        if number >= limits.MAX_DICOM_FILES:
            raise LimitError(f"The series has more than {limits.MAX_DICOM_FILES} files.")
        (folder / f"{number:05d}.dcm").write_bytes(instance)


def parts(chunks: Iterable[bytes], boundary: bytes) -> Iterator[bytes]:
    """The bodies of a multipart answer, one at a time.

    Raises LimitError for a part larger than any instance may be, ValueError for an answer that breaks off.
    """
    mark = b"\r\n--" + boundary
    held, first = bytearray(b"\r\n"), True
    for chunk in chunks:
        look_from = max(0, len(held) - len(mark))
        held += chunk
        while (end := held.find(mark, look_from)) >= 0:
            if not first:
                yield bytes(held[:end]).partition(_HEAD_END)[2]
            first, look_from = False, 0
            del held[: end + len(mark)]
        if len(held) > limits.MAX_UPLOAD_BYTES:
            raise LimitError("One file of the series is larger than this server takes.")
    if not held.startswith(b"--"):
        raise ValueError("The archive's answer breaks off.")


def _chunks(response: requests.Response, given_up: threading.Event) -> Iterator[bytes]:
    taken = 0
    for chunk in response.iter_content(CHUNK_BYTES):
        if given_up.is_set():
            raise Cancelled("Nobody waits for the series any more.")
        taken += len(chunk)
        if taken > 2 * limits.MAX_RAW_BYTES:
            raise LimitError("The series is larger than this server takes.")
        yield chunk
