"""Where a report comes from besides the keyboard: a text file, a DICOM structured report, or the reports beside the CT's series.

pydicom and Slicer's DICOM database are used where they are there; neither is imported before a reader asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import slicer

from . import volume_nodes
from .i18n import _

MAX_FILE_BYTES = 1_000_000
MAX_CHARS = 50_000
MAX_ITEMS = 5_000
DICOM_PREAMBLE = 128
STRUCTURED_REPORTS = "1.2.840.10008.5.1.4.1.1.88."  # DICOM PS3.6: all SR storage classes
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
            raise ValueError
        data = path.read_bytes()
        if data[DICOM_PREAMBLE : DICOM_PREAMBLE + 4] == b"DICM":
            return structured_report(path)
        return data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(_no_text()) from error
    except ValueError as error:
        raise ValueError(str(error) or _no_text()) from error


def structured_report(path: Path) -> str:
    """Headings and text items of a DICOM structured report, in reading order. ValueError where there are none."""
    try:
        import pydicom  # noqa: PLC0415 - Slicer brings it; others may not
    except ImportError as error:
        raise ValueError(_("DICOM reports cannot be read here; save the report as a text file and load that.")) from error
    try:
        document = pydicom.dcmread(path, stop_before_pixels=True)
        if not str(document.get("SOPClassUID", "")).startswith(STRUCTURED_REPORTS):
            raise ValueError(_("This DICOM file is no structured report; choose one of modality SR."))
        text = "\n".join(_lines(document))[:MAX_CHARS]
    except ValueError:
        raise
    except Exception as error:  # pydicom raises what it meets in a damaged file
        raise ValueError(_("This DICOM report is damaged; save the report as a text file and load that.")) from error
    if not text.strip():
        raise ValueError(_("This DICOM report holds no text; it may hold measurements only."))
    return text


def _lines(document: Any) -> list[str]:
    """The content tree without recursion: a container's name is a heading, a text item's value a line."""
    lines: list[str] = []
    waiting = list(reversed(document.get("ContentSequence") or []))
    for _number in range(MAX_ITEMS):
        if not waiting:
            break
        item = waiting.pop()
        kind = str(item.get("ValueType", ""))
        concepts = item.get("ConceptNameCodeSequence") or []
        name = str(concepts[0].get("CodeMeaning", "")).strip() if len(concepts) else ""
        if kind == "CONTAINER" and name:
            lines.append(f"{name.upper()}:")
        elif kind == "TEXT" and (value := str(item.get("TextValue", "")).strip()):
            lines.append(value)
        waiting += reversed(item.get("ContentSequence") or [])
    return lines


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
