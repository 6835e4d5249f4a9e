"""Where a report comes from besides the keyboard: a text file, a DICOM structured report, or the reports beside the CT's series.

Slicer's DICOM database is used where it is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import slicer

from . import volume_nodes
from .i18n import _
from .structured_report import structured_report

MAX_FILE_BYTES = 1_000_000
DICOM_PREAMBLE = 128
MODALITY, SERIES_DESCRIPTION = "0008,0060", "0008,103E"


@dataclass(frozen=True)
class StoredReport:
    """A structured report in Slicer's DICOM database. name: what its series is called."""

    name: str
    path: Path


def read_report(path: Path) -> str:
    """The text of a report file. ValueError, with what to do, for anything that is no text and no structured report."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ValueError(_no_text())
        return report_text(path.read_bytes())
    except OSError as error:
        raise ValueError(_no_text()) from error


def report_text(data: bytes) -> str:
    """The same of a file's content."""
    if len(data) > MAX_FILE_BYTES or (b"\0" in data and not _is_dicom(data)):  # no text has a zero byte in it
        raise ValueError(_no_text())
    if _is_dicom(data):
        return structured_report(data)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(_no_text()) from error


def _is_dicom(data: bytes) -> bool:
    return data[DICOM_PREAMBLE : DICOM_PREAMBLE + 4] == b"DICM"


def study_reports(volume: Any) -> list[StoredReport]:
    """Structured reports of the study a volume was loaded from, in Slicer's DICOM database. Empty without one."""
    database = getattr(slicer, "dicomDatabase", None)
    series = volume_nodes.series_uid(volume) if volume is not None else None
    needed = ("studyForSeries", "seriesForStudy", "filesForSeries", "fileValue")
    if series is None or database is None or not all(hasattr(database, name) for name in needed):
        return []
    found = []
    for other in database.seriesForStudy(database.studyForSeries(series)):
        for path in database.filesForSeries(other):
            if database.fileValue(path, MODALITY) != "SR":
                break
            found.append(StoredReport(database.fileValue(path, SERIES_DESCRIPTION) or _("Report"), Path(path)))
    return found


def _no_text() -> str:
    return _("This file is not a text of at most a megabyte in UTF-8; save the report as plain text.")
