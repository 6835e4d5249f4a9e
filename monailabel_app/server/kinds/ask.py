"""Questions about a case: the answer, how sure it is, and the places it rests on; "cannot tell" is an answer."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from asap import limits
from asap.commands.ask import answer_record as said_record
from asap.commands.ask import evidence_record, numbered
from asap.questions import Evidence
from asap.text.questions import read_question
from monailabel_app.server.answers import answer_record
from monailabel_app.server.kinds.ground import SentenceRecord
from monailabel_app.server.kinds.kind import Answer, Case, Kind, Lane, Steps
from monailabel_app.server.kinds.segment import SegmentRecord, segment_record
from monailabel_app.server.schemas import Answered, Asked, Exact, Share

Side = Literal["left", "right", "bilateral"]


class AskRequest(Asked):
    """A question in words."""

    task: Literal["ask"]
    question: str = Field(min_length=1, max_length=limits.MAX_SENTENCE_CHARS)
    supersede: bool = True


class AskedFinding(Exact):
    """A finding the question names, with the place it names."""

    concept: str
    anatomy: str | None
    side: Side | None


class QuestionRecord(Exact):
    """The question as it was understood. denied: a yes says that what it names is not there."""

    text: str
    kind: Literal["presence", "abnormality", "location", "size", "disorder"]
    findings: list[AskedFinding]
    anatomy: str | None
    side: Side | None
    denied: bool


class EvidenceRecord(Exact):
    """A statement the answer rests on, with its map. probability: calibrated P(it is true). segment: what was measured there."""

    concept: str
    probability: Share | None
    side: Side | None
    anatomy: str | None
    size_mm: float | None
    statement: SentenceRecord
    segment: SegmentRecord | None


class AskResult(Answered):
    """The answer. verdict: null where yes or no do not answer. confidence: calibrated P(the answer is right)."""

    task: Literal["ask"]
    question: QuestionRecord
    answer: str
    verdict: Literal["yes", "no", "cannot tell"] | None
    confidence: Share | None
    size_mm: float | None
    reason: str | None
    evidence: list[EvidenceRecord]


def prepare(request: AskRequest) -> Answer:
    """Understand the question. Raises InputError for one without words."""
    asked = read_question(request.question)

    def answer(case: Case) -> Steps:
        if asked.reason is None:
            for share in case.engine.findings.of(case.features).look():
                case.progress("looking for findings", share)
                yield
        volume = case.volume() if asked.kind == "size" else None
        case.progress("answering", 0.0)
        found = case.engine.ask(case.features, request.question, volume, between_blocks=case.pause)
        evidence = [_record(case, part) for part in numbered(found.evidence)]
        case.progress("answering", 1.0)
        return said_record(found) | {"evidence": evidence}

    return answer


def _lane(request: AskRequest) -> Lane:
    """A size is measured in the image, which may have to be read first: clicks do not wait for that."""
    return "image" if read_question(request.question).kind == "size" else "text"


def _record(case: Case, part: Evidence) -> dict[str, Any]:
    return evidence_record(part) | {
        "statement": answer_record(part.grounding, fine=case.features.fine, in_report=False),
        "segment": None if part.segment is None else segment_record(case, part.segment),
    }


ASK = Kind(AskRequest, AskResult, prepare, lane=_lane)
