"""A review as files a viewer cannot make by itself: PDF, and DICOM SR, SEG and parametric maps of a series the server holds."""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from asap import limits
from asap.commands.review_documents import dicom_of, pdf_of
from asap.errors import InputError, LimitError
from asap.io.dicom_sr import Drawn
from asap.review import Review, ReviewError, from_json
from monailabel_app.server.kinds.kind import Answer, Case, Kind, Steps
from monailabel_app.server.kinds.segment import MaskRecord, told_mask
from monailabel_app.server.schemas import Affine, Answered, Asked, Exact

MAX_REVIEW_CHARS = 2 * 2**20
MAX_FILES_BYTES = 40 * 2**20
NO_SERIES = "No DICOM is written: the server does not hold this CT as a DICOM series."


class DrawnRecord(Exact):
    """The segment a person has of a sentence: a box of it as MaskRecord's, with the box's own affine. by_hand: changed by one."""

    sentence: int = Field(ge=0, le=limits.MAX_SENTENCES)
    affine_ras_mm: Affine
    mask: MaskRecord
    by_hand: bool


class DocumentsRequest(Asked):
    """Write a review as files. review: one line of JSON, as a scene or a journal keeps it. audit_sha256: head of its trail.

    drawn: segments that stand for the regions of their sentences.
    """

    task: Literal["documents"]
    review: str = Field(min_length=1, max_length=MAX_REVIEW_CHARS)
    formats: list[Literal["pdf", "dicom"]] = Field(min_length=1, max_length=2)
    audit_sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    drawn: list[DrawnRecord] = Field(default_factory=list, max_length=limits.MAX_SENTENCES)


class DocumentRecord(Exact):
    """One file. data: base64."""

    name: str
    data: str


class DocumentsResult(Answered):
    """The files, in the order to be written."""

    task: Literal["documents"]
    files: list[DocumentRecord]


def prepare(request: DocumentsRequest) -> Answer:
    """Read the review. Raises InputError for none, one that was changed after it was signed, or one that is too long."""
    try:
        review = from_json(request.review)
    except ReviewError as error:
        raise InputError(str(error)) from error
    _check_length(review)

    def answer(case: Case) -> Steps:
        files: dict[str, bytes] = {}
        if "pdf" in request.formats:
            case.progress("writing the PDF", 0.0)
            files["reviewed.pdf"] = pdf_of(review, request.audit_sha256)
            yield
        if "dicom" in request.formats:
            case.progress("writing DICOM", 0.5)
            files |= _dicom(case, review, request.drawn)
        if sum(map(len, files.values())) > MAX_FILES_BYTES:
            raise LimitError("The files of this review are larger than this server sends; use asap review document instead.")
        case.progress("writing", 1.0)
        return {"files": [{"name": name, "data": b64encode(data).decode()} for name, data in files.items()]}

    return answer


def _dicom(case: Case, review: Review, drawn: list[DrawnRecord]) -> dict[str, bytes]:
    series, volume = case.series(), case.volume()
    if series is None:
        raise InputError(NO_SERIES)
    largest = max(volume.shape)
    if any(max(one.mask.shape) > largest for one in drawn):
        raise InputError("A segment is larger than the CT.")
    return dicom_of(review, series, volume, {one.sentence: _drawn(one) for one in drawn})


def _drawn(record: DrawnRecord) -> Drawn:
    return Drawn(told_mask(record.mask)[0], np.array(record.affine_ras_mm), record.by_hand)


def _check_length(review: Review) -> None:
    """What is printed is no longer than the longest report this server reads."""
    chars = sum(len(one.text) + len(one.draft) for one in review.sentences) + sum(len(one.text) for one in review.amendments)
    chars += sum(len(one.question) + len(one.text) for one in review.answers)
    items = len(review.sentences) + len(review.answers) + len(review.amendments)
    if items > limits.MAX_SENTENCES or chars > 4 * limits.MAX_REPORT_CHARS:
        raise LimitError("This review is longer than any report.")


DOCUMENTS = Kind(DocumentsRequest, DocumentsResult, prepare, lane="image")
