"""`Question` and `Answer`: what is asked of a chest CT, and an answer with its place, its confidence and its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from asap.grounding import Grounding
from asap.report import Finding, Side
from asap.segmentation import Segment

# The five question types of RadGenome-ChestCT (Zhang et al. 2024).
QuestionKind = Literal["presence", "abnormality", "location", "size", "disorder"]
Verdict = Literal["yes", "no", "cannot tell"]


@dataclass(frozen=True)
class Question:
    """A question as it was understood.

    findings: what it asks about, each with the place and side it names; empty where it asks about an organ or the whole scan.
    every: all of `findings` must hold for a yes ("nodules and effusion"), not only one of them ("a nodule or a mass").
    anatomy, side: the organ it asks about, where it names no finding. denied: a yes says that the findings are not there ("Is
    the lung free of nodules?"). yes_or_no: whether a yes or a no answers it. reason: why it cannot be answered, or None.
    """

    text: str
    kind: QuestionKind
    findings: tuple[Finding, ...] = ()
    every: bool = False
    anatomy: str | None = None
    side: Side | None = None
    denied: bool = False
    yes_or_no: bool = False
    reason: str | None = None


@dataclass(frozen=True, eq=False)
class Evidence:
    """What one part of an answer rests on: a statement grounded in the image.

    probability: calibrated P(the statement is true), or None without a calibration. side, anatomy: where the place shown lies
    (a lobe, an organ), read off the image and not off the statement. segment: what was measured there, or None.
    """

    finding: Finding
    grounding: Grounding
    probability: float | None
    side: Side | None = None
    anatomy: str | None = None
    segment: Segment | None = None

    @property
    def size_mm(self) -> float | None:
        """Longest diameter of the measured segment."""
        return None if self.segment is None else self.segment.measurements.longest_diameter_mm


@dataclass(frozen=True, eq=False)
class Answer:
    """The answer to one question.

    text: the answer as a sentence. verdict: None for a question that yes or no do not answer, except "cannot tell". confidence:
    calibrated P(the answer is right), None where there is none. evidence: what it rests on, the surest first. reason: why the
    verdict is "cannot tell", or None.
    """

    question: Question
    text: str
    verdict: Verdict | None
    confidence: float | None
    evidence: tuple[Evidence, ...]
    reason: str | None
    weights_sha256: str

    @property
    def size_mm(self) -> float | None:
        """The size a size question is answered with, in mm."""
        return self.evidence[0].size_mm if self.question.kind == "size" and self.evidence else None
