"""Questions, drafted reports and the 18 findings over the wire: what comes back, each part with its place and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import checks
from .checks import Point
from .protocol import ModelUsed, SentenceAnswer, model_used, sentence_answer
from .segments import SegmentAnswer, segment_answer

MAX_PARTS = 1_000


@dataclass(frozen=True)
class Evidence:
    """A statement an answer rests on, with its map. probability: calibrated P(it is true), None without a calibration.

    side, anatomy: where the place lies. segment: what was measured there; its revision can be corrected like a lesion's.
    """

    concept: str
    probability: float | None
    side: str | None
    anatomy: str | None
    size_mm: float | None
    statement: SentenceAnswer
    segment: SegmentAnswer | None


@dataclass(frozen=True)
class QuestionAnswer:
    """The answer to a question. kind: presence, abnormality, location, size or disorder. `notice` must be shown beside it.

    verdict: "yes", "no", "cannot tell", or None where yes or no do not answer. confidence: calibrated P(the answer is right), or
    None. reason: why it cannot be told. evidence: what it rests on, the surest first.
    """

    study: str
    model: ModelUsed
    notice: str
    question: str
    kind: str
    text: str
    verdict: str | None
    confidence: float | None
    size_mm: float | None
    reason: str | None
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class LabelSaid:
    """What the classifier says of one of the 18 findings: "present", "absent" or "cannot tell"."""

    name: str
    probability: float | None
    verdict: str


@dataclass(frozen=True)
class Estimate:
    """A finding on one side, or anywhere, with its best place."""

    concept: str
    side: str | None
    anatomy: str | None
    probability: float | None
    peak_ras_mm: Point


@dataclass(frozen=True)
class Label(LabelSaid):
    """The same with what it was read from, the most probable first."""

    estimates: tuple[Estimate, ...]


@dataclass(frozen=True)
class ClassifyAnswer:
    """The 18 findings in their published order; `notice` must be shown beside them."""

    study: str
    model: ModelUsed
    notice: str
    labels: tuple[Label, ...]


@dataclass(frozen=True)
class DraftedSentence:
    """One drafted sentence. answer: its text, section ("findings" or "impression"), assertion, place and map.

    organ: its heading. probability: P(it is true). state: "supported", "held back" or "contradicted"; held_back_because says why
    it is no part of the text. label: what the classifier says of its finding.
    """

    answer: SentenceAnswer
    organ: str
    probability: float | None
    state: str
    flags: tuple[str, ...]
    held_back_because: str | None
    label: LabelSaid | None


@dataclass(frozen=True)
class DraftAnswer:
    """A drafted report. text: its supported sentences. threshold: probability under which one is held back."""

    study: str
    model: ModelUsed
    notice: str
    author: str
    threshold: float
    text: str
    sentences: tuple[DraftedSentence, ...]
    labels: tuple[Label, ...]


def question_answer(value: Any) -> QuestionAnswer:
    """The result of an ask job."""
    record = checks.mapping(value, "result")
    asked = checks.mapping(record.get("question"), "question")
    return QuestionAnswer(
        **_head(record),
        question=checks.text(asked.get("text"), "question.text"),
        kind=checks.text(asked.get("kind"), "question.kind", at_most=100),
        text=checks.text(record.get("answer"), "answer"),
        verdict=checks.optional_text(record.get("verdict"), "verdict"),
        confidence=_share(record, "confidence"),
        size_mm=_size(record),
        reason=checks.optional_text(record.get("reason"), "reason"),
        evidence=tuple(
            _evidence(checks.mapping(row, "evidence"))
            for row in checks.items(record.get("evidence"), "evidence", at_most=MAX_PARTS)
        ),
    )


def classify_answer(value: Any) -> ClassifyAnswer:
    """The result of a classify job."""
    record = checks.mapping(value, "result")
    return ClassifyAnswer(**_head(record), labels=_labels(record))


def draft_answer(value: Any) -> DraftAnswer:
    """The result of a report job."""
    record = checks.mapping(value, "result")
    rows = checks.items(record.get("sentences"), "sentences", at_most=MAX_PARTS)
    return DraftAnswer(
        **_head(record),
        author=checks.text(record.get("author"), "author", at_most=200),
        threshold=checks.number(record.get("threshold"), "threshold", least=0.0, most=1.0),
        text=checks.text(record.get("text"), "text"),
        sentences=tuple(_drafted(checks.mapping(row, "sentence")) for row in rows),
        labels=_labels(record),
    )


def _head(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "study": checks.hex_id(record.get("study"), "study"),
        "model": model_used(record.get("model")),
        "notice": checks.text(record.get("notice"), "notice", at_most=1000),
    }


def _evidence(record: Mapping[str, Any]) -> Evidence:
    segment = record.get("segment")
    return Evidence(
        concept=checks.text(record.get("concept"), "evidence.concept", at_most=200),
        probability=_share(record, "probability"),
        side=checks.optional_text(record.get("side"), "evidence.side"),
        anatomy=checks.optional_text(record.get("anatomy"), "evidence.anatomy"),
        size_mm=_size(record),
        statement=sentence_answer(record.get("statement")),
        segment=None if segment is None else segment_answer(checks.mapping(segment, "segment")),
    )


def _drafted(record: Mapping[str, Any]) -> DraftedSentence:
    label = record.get("label")
    flags = checks.items(record.get("flags"), "flags", at_most=MAX_PARTS)
    return DraftedSentence(
        answer=sentence_answer(record),
        organ=checks.text(record.get("organ"), "organ", at_most=200),
        probability=_share(record, "probability"),
        state=checks.text(record.get("state"), "state", at_most=100),
        flags=tuple(checks.text(flag, "flags", at_most=1000) for flag in flags),
        held_back_because=checks.optional_text(record.get("held_back_because"), "held_back_because"),
        label=None if label is None else LabelSaid(**_said(checks.mapping(label, "label"))),
    )


def _labels(record: Mapping[str, Any]) -> tuple[Label, ...]:
    rows = (checks.mapping(row, "label") for row in checks.items(record.get("labels"), "labels", at_most=MAX_PARTS))
    return tuple(Label(**_said(row), estimates=_estimates(row)) for row in rows)


def _said(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": checks.text(row.get("name"), "label.name", at_most=200),
        "probability": _share(row, "probability"),
        "verdict": checks.text(row.get("verdict"), "label.verdict", at_most=100),
    }


def _estimates(row: Mapping[str, Any]) -> tuple[Estimate, ...]:
    found = (checks.mapping(one, "finding") for one in checks.items(row.get("findings"), "findings", at_most=MAX_PARTS))
    return tuple(
        Estimate(
            concept=checks.text(one.get("concept"), "finding.concept", at_most=200),
            side=checks.optional_text(one.get("side"), "finding.side"),
            anatomy=checks.optional_text(one.get("anatomy"), "finding.anatomy"),
            probability=_share(one, "probability"),
            peak_ras_mm=checks.point(one.get("peak_ras_mm"), "finding.peak_ras_mm"),
        )
        for one in found
    )


def _share(record: Mapping[str, Any], name: str) -> float | None:
    return checks.optional_number(record.get(name), name, least=0.0, most=1.0)


def _size(record: Mapping[str, Any]) -> float | None:
    return checks.optional_number(record.get("size_mm"), "size_mm", least=0.0)
