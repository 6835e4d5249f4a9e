"""A drafted report: every sentence with its place, how probable it is, and why it is held back where it is."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from asap.commands.classify import label_record
from asap.commands.report import sentence_record
from asap.drafts import DraftSentence
from asap.inference.drafting import DEFAULT_THRESHOLD
from monailabel_app.server.answers import answer_record
from monailabel_app.server.kinds.classify import LabelRecord, LabelSaid
from monailabel_app.server.kinds.ground import SentenceRecord
from monailabel_app.server.kinds.kind import Answer, Case, Kind, Steps
from monailabel_app.server.schemas import Answered, Asked, Share


class ReportRequest(Asked):
    """Draft a report. threshold: sentences less probable than this are held back."""

    task: Literal["report"]
    threshold: float = Field(default=DEFAULT_THRESHOLD, ge=0.0, le=1.0, allow_inf_nan=False)
    supersede: bool = True


class DraftedRecord(SentenceRecord):
    """One drafted sentence. section: "findings" or "impression"; organ: its heading there. probability: P(it is true).

    held_back_because: why it is not part of the text; null for a supported one. label: what the classifier says of its finding.
    """

    organ: str
    probability: Share | None
    state: Literal["supported", "held back", "contradicted"]
    flags: list[str]
    held_back_because: str | None
    label: LabelSaid | None


class ReportResult(Answered):
    """The draft. text: its supported sentences as a report. author: what wrote it."""

    task: Literal["report"]
    author: str
    threshold: Share
    text: str
    sentences: list[DraftedRecord]
    labels: list[LabelRecord]


def prepare(request: ReportRequest) -> Answer:
    """There is nothing to read."""

    def answer(case: Case) -> Steps:
        for share in case.engine.findings.of(case.features).look():
            case.progress("looking for findings", share)
            yield
        case.progress("reading the volume", 0.0)
        draft = case.engine.draft(
            case.features, case.volume(), threshold=request.threshold, progress=case.progress, between_blocks=case.pause
        )
        case.progress("writing", 1.0)
        return {
            "author": draft.author,
            "threshold": draft.threshold,
            "text": draft.text(),
            "sentences": [_record(case, sentence) for sentence in draft.sentences],
            "labels": [label_record(label) for label in draft.labels],
        }

    return answer


def _record(case: Case, sentence: DraftSentence) -> dict[str, Any]:
    label = sentence.label
    return {
        **sentence_record(sentence),
        **answer_record(sentence.grounding, fine=case.features.fine, in_report=False),
        "label": None if label is None else {key: label_record(label)[key] for key in LabelSaid.model_fields},
    }


REPORT = Kind(ReportRequest, ReportResult, prepare, lane="image")
