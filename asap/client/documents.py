"""Files the server writes of a review: PDF and DICOM, which need libraries a viewer does not have."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

from . import checks
from .checks import Affine
from .errors import ProtocolError
from .wire import MaskBox, pack_mask

MAX_FILES = 2_000
MAX_FILE_CHARS = 2**26
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,60}\.(pdf|dcm)")  # ours, and no path


@dataclass(frozen=True)
class DrawnSegment:
    """The segment a person has of a sentence, which stands for its region. sentence: its index in the review.

    box: its mask alone, from voxel (0, 0, 0). affine_ras_mm: of the box. by_hand: a hand has changed it since it was drawn.
    """

    sentence: int
    box: MaskBox
    affine_ras_mm: Affine
    by_hand: bool


def drawn_record(segment: DrawnSegment) -> dict[str, Any]:
    """The JSON of one."""
    rows = [list(row) for row in segment.affine_ras_mm]
    mask = pack_mask(segment.box)
    return {"sentence": segment.sentence, "affine_ras_mm": rows, "mask": mask, "by_hand": segment.by_hand}


def document_files(value: Any) -> dict[str, bytes]:
    """The files of a documents job by name. Raises ProtocolError for a name that is none of ours."""
    rows = checks.items(checks.mapping(value, "result").get("files"), "files", at_most=MAX_FILES)
    return dict(_file(checks.mapping(row, "file")) for row in rows)


def _file(row: dict[str, Any]) -> tuple[str, bytes]:
    name = checks.text(row.get("name"), "file.name", at_most=100)
    if not NAME.fullmatch(name):
        raise ProtocolError("The field file.name is not the name of a document.")
    try:
        return name, base64.b64decode(checks.text(row.get("data"), "file.data", at_most=MAX_FILE_CHARS), validate=True)
    except (ValueError, binascii.Error) as error:
        raise ProtocolError("The field file.data is not base64.") from error
