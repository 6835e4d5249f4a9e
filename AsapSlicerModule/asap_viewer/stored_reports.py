"""Structured reports that lie beside a CT series on disk: in the series' own folder, or in a folder next to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from AsapSlicerLib.report_sources import MAX_FILE_BYTES, report_text
from AsapSlicerLib.structured_report import DEFLATED

MAX_FILES = 2_000
MAX_REPORTS = 10
PREAMBLE_BYTES = 132
HEADER_BYTES = 65_536


@dataclass(frozen=True)
class StoredText:
    """A report that was found. name: a number, never what a header says: headers name patients."""

    name: str
    text: str


def reports_beside(series: Path) -> tuple[StoredText, ...]:
    """Reports of the study of the series in this folder, in the order of their files. For a worker thread; never raises."""
    if not series.is_dir():
        return ()
    study = next((uid for path in _dicom_files(series) if (uid := _header(path)[1])), "")
    found: list[StoredText] = []
    others = sorted(folder for folder in series.parent.iterdir() if folder.is_dir() and folder != series) if study else []
    for path in (path for folder in (series, *others) for path in _dicom_files(folder)):
        if len(found) == MAX_REPORTS:
            break
        if path.stat().st_size > MAX_FILE_BYTES or _header(path) != ("SR", study):
            continue
        try:
            text = report_text(path.read_bytes())
        except (ValueError, OSError):  # one that cannot be read is not offered
            continue
        found.append(StoredText(f"Structured report {len(found) + 1}", text))
    return tuple(found)


def _dicom_files(folder: Path) -> Iterator[Path]:
    """DICOM files directly in a folder, by name; links are not followed."""
    try:
        paths = sorted(folder.iterdir())[:MAX_FILES]
    except OSError:
        return
    for path in paths:
        try:
            if path.is_symlink() or not path.is_file():
                continue
            with path.open("rb") as file:
                if file.read(PREAMBLE_BYTES)[128:] == b"DICM":
                    yield path
        except OSError:
            continue


def _header(path: Path) -> tuple[str, str]:
    """Modality and StudyInstanceUID; empty where they cannot be read."""
    import pydicom  # noqa: PLC0415

    try:
        with path.open("rb") as file:
            start = BytesIO(file.read(HEADER_BYTES))
        if DEFLATED in start.getbuffer()[: PREAMBLE_BYTES * 8].tobytes():
            return "", ""
        tags: list[Any] = ["Modality", "StudyInstanceUID"]
        header = pydicom.dcmread(start, stop_before_pixels=True, specific_tags=tags)
        return str(header.get("Modality", "")), str(header.get("StudyInstanceUID", ""))
    except Exception:  # pydicom raises what it meets in a damaged file
        return "", ""
