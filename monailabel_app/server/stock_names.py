"""What a request may name on MONAI Label's routes, and how its uploads come to lie under names of ours."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from fastapi import UploadFile

from asap import limits
from monailabel_app.server.service_errors import ServiceError

VOLUME_EXTENSIONS = (".nii.gz", ".nii", ".nrrd")
MAX_INFO_CHARS = 64 * 1024
_IMAGE_ID = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9 _.-]{0,126}[A-Za-z0-9_-])?")
_TAG = re.compile(r"[A-Za-z0-9_-]{1,32}")


def checked_image_id(image_id: str) -> str:
    """A name that is one plain file name on every system."""
    if not _IMAGE_ID.fullmatch(image_id) or ".." in image_id:
        raise ServiceError(422, "unprocessable", "An image is named by up to 128 letters, digits, spaces and the signs . _ -")
    return image_id


def checked_tag(tag: str) -> str:
    """A label's tag: one plain word."""
    if not _TAG.fullmatch(tag):
        raise ServiceError(422, "unprocessable", "A tag is a word of up to 32 letters, digits, _ and -.")
    return tag


def checked_extension(upload: UploadFile, extensions: tuple[str, ...] = VOLUME_EXTENSIONS) -> str:
    """The extension of an uploaded volume or label, the first that fits. Of the client's file name nothing else is used."""
    name = (upload.filename or "").lower()
    extension = next((known for known in extensions if name.endswith(known)), None)
    if extension is None:
        raise ServiceError(422, "unprocessable", f"Send a file whose name ends in {', '.join(extensions)}.")
    return extension


def json_object(text: str, max_chars: int = MAX_INFO_CHARS) -> dict[str, Any]:
    """A JSON object from a form field."""
    if len(text) > max_chars:
        raise ServiceError(413, "too_large", f"The field is longer than {max_chars} characters.")
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ServiceError(422, "unprocessable", "The field must hold a JSON object.")
    return found


def stored_upload(upload: UploadFile, extension: str) -> Path:
    """The upload as a file of a name of ours in the server's private folder; the caller removes it."""
    with tempfile.NamedTemporaryFile(prefix="upload-", suffix=extension, delete=False) as file:
        path = Path(file.name)
        try:
            shutil.copyfileobj(upload.file, file, limits.MAX_PART_BYTES)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    return path
