"""`/session/` for stock clients: one volume or one DICOM series, kept for a while under an id nobody can guess."""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
import uuid
from pathlib import Path
from typing import Annotated, Any

from fastapi import File, UploadFile
from fastapi.responses import FileResponse, Response
from monailabel.interfaces.utils.app import app_instance
from monailabel.utils.sessions import SessionInfo

from asap import limits
from monailabel_app.server.service_errors import ServiceError
from monailabel_app.server.stock_names import checked_extension, stored_upload

MAX_STOCK_SESSIONS = 32
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def create_session(files: Annotated[list[UploadFile], File()], uncompress: bool = False, expiry: int = 0) -> dict[str, Any]:
    """Keep an uploaded volume, or the files of one DICOM series. Archives are not unpacked."""
    if uncompress:
        raise ServiceError(422, "unprocessable", "Archives are not unpacked; send the volume itself.")
    sessions = app_instance().sessions()
    if len(sessions) >= MAX_STOCK_SESSIONS:
        raise ServiceError(503, "sessions_full", "The server holds as many volumes as it may; delete one.", retry_after_s=10)
    kept = stored_upload(files[0], checked_extension(files[0])) if len(files) == 1 else _series_folder(files)
    session_id = str(uuid.UUID(bytes=secrets.token_bytes(16)))
    try:
        _, info = sessions.add_session(str(kept), max(0, min(expiry, sessions.expiry)), session_id=session_id)
    finally:
        kept.unlink(missing_ok=True) if not kept.is_dir() else shutil.rmtree(kept, ignore_errors=True)
    return {"session_id": session_id, "session_info": _public(info)}


def get_session(session_id: str, update_ts: bool = False, image: bool = False) -> Response | dict[str, Any]:
    """What is known of a session, or its volume."""
    info = _found(session_id, update_ts=update_ts)
    if not image:
        return _public(info)
    if not Path(info.image).is_file():
        raise ServiceError(422, "unprocessable", "This session holds a DICOM series, which is not sent back.")
    return FileResponse(info.image, media_type="application/octet-stream", filename=Path(info.image).name)


def remove_session(session_id: str) -> dict[str, Any]:
    """Forget a session and its volume."""
    info = _found(session_id, update_ts=False)
    app_instance().sessions().remove_session(session_id)
    app_instance().forget_missing()
    return _public(info)


def session_image(session_id: str) -> str:
    """Path of a session's volume."""
    return str(_found(session_id, update_ts=True).image)


def _found(session_id: str, *, update_ts: bool) -> SessionInfo:
    info = app_instance().sessions().get_session(session_id, update_ts=update_ts) if _ID.fullmatch(session_id) else None
    if info is None:
        raise ServiceError(404, "session_gone", "The server holds no such session; send the volume again.")
    return info


def _public(info: SessionInfo) -> dict[str, Any]:
    """A session as its owner sees it: no paths of this machine."""
    return {key: getattr(info, key) for key in ("name", "create_ts", "last_access_ts", "expiry")}


def _series_folder(files: list[UploadFile]) -> Path:
    if len(files) > limits.MAX_DICOM_FILES:
        raise ServiceError(413, "too_large", f"A series has at most {limits.MAX_DICOM_FILES} files.")
    folder = Path(tempfile.mkdtemp(prefix="series-"))
    try:
        for number, upload in enumerate(files):
            with (folder / f"{number:05d}.dcm").open("xb") as file:
                shutil.copyfileobj(upload.file, file, limits.MAX_PART_BYTES)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder
