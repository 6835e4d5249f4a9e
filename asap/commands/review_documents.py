"""`asap review document`: a review as JSON, Markdown, PDF and FHIR, and with its series as DICOM SEG, SR and parametric maps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from asap.errors import InputError
from asap.io.atomic import write_bytes
from asap.review import Review, ReviewError, from_json, kept_review
from asap.review.documents import review_json, review_markdown
from asap.review.fhir import diagnostic_report
from asap.volume import Volume

if TYPE_CHECKING:
    from asap.io.dicom_sr import Drawn

MAX_BYTES = 64 * 2**20


def write_documents(source: Path, out: Path, series: Path | None) -> list[str]:
    """Write the documents; returns their names. source: a review's folder, or a review saved as one file.

    Raises InputError for no review or another series, OutputError.
    """
    review, audit_sha256 = _read(source)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("The output folder cannot be made; name another one with --out.") from error
    made = documents_of(review, audit_sha256)
    if series is not None:
        from asap.io.read import read_volume  # noqa: PLC0415 - only where DICOM is asked for

        made |= dicom_of(review, series, read_volume(series))
    for name, data in made.items():
        write_bytes(out / name, data, "document")
    return list(made)


def documents_of(review: Review, audit_sha256: str = "") -> dict[str, bytes]:
    """All that needs no series, by file name. audit_sha256: head of the review's audit trail."""
    return {
        "reviewed.json": review_json(review, audit_sha256).encode(),
        "reviewed.md": review_markdown(review).encode(),
        "reviewed.pdf": pdf_of(review, audit_sha256),
        "diagnostic-report-r4.json": diagnostic_report(review, "R4").encode(),
        "diagnostic-report-r5.json": diagnostic_report(review, "R5").encode(),
    }


def pdf_of(review: Review, audit_sha256: str = "") -> bytes:
    """The review as PDF."""
    from asap.figures.report_pdf import report_pdf  # noqa: PLC0415 - matplotlib is slow to import

    return report_pdf(review, audit_sha256)


def dicom_of(review: Review, series: Path, volume: Volume, drawn: Mapping[int, Drawn] | None = None) -> dict[str, bytes]:
    """DICOM SEG, SR and parametric maps by file name. volume: the series as it was read. Raises InputError.

    drawn: by the sentence's index, the segment a person has of it.
    """
    from asap.io.dicom_sr import dicom_report_files  # noqa: PLC0415 - only where DICOM is asked for

    return dicom_report_files(review, series, volume, drawn or {})


def _read(source: Path) -> tuple[Review, str]:
    """The review and the head of its audit trail, "" for a saved file, which has none."""
    try:
        if source.is_dir():
            kept = kept_review.opened(source)
            if kept.review is None:
                raise InputError("Nothing was reviewed in this folder yet.")
            return kept.review, kept.journal.head_sha256
        if source.stat().st_size > MAX_BYTES:
            raise InputError("This file is larger than any review.")
        text = source.read_text(encoding="utf-8")
        document = json.loads(text)
        # The work bench saves a review inside a document that names its CT.
        inner = document.get("review") if isinstance(document, dict) and "review" in document else document
        return from_json(json.dumps(inner)), ""
    except ReviewError as error:
        raise InputError(str(error)) from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError("There is no review here; name its folder, or the file the work bench saved.") from error
