"""How much each part of a target text counts in fine-tuning: what is abnormal more, what every report says less.

Abnormality-weighted tokens as in Med3D-R1; the weights of the five question types are the published ones (asap-method 2.6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asap.questions import QuestionKind
from asap.text.normality import is_abnormal
from asap.text.read import read_report

KIND_WEIGHTS: dict[QuestionKind, float] = {"abnormality": 2.0, "presence": 1.0, "size": 1.0, "location": 1.5, "disorder": 2.0}
# Of the answers to "what is abnormal": with findings, and "no findings".
POSITIVE, NO_FINDINGS = 2.0, 0.5


@dataclass(frozen=True)
class WeightedSpan:
    """text[start:end] counts `weight` times."""

    start: int
    end: int
    weight: float


def report_weights(text: str, *, abnormal: float = 2.0, normal: float = 1.0) -> tuple[WeightedSpan, ...]:
    """A span for each sentence: `abnormal` where it states a finding, `normal` elsewhere."""
    return tuple(
        WeightedSpan(*sentence.span, abnormal if is_abnormal(sentence) else normal) for sentence in read_report(text).sentences
    )


def answer_weight(kind: QuestionKind, answer: str) -> float:
    """Weight of one answered question."""
    weight = KIND_WEIGHTS[kind]
    if kind in ("abnormality", "disorder"):
        weight *= NO_FINDINGS if "no finding" in answer.lower() else POSITIVE
    return weight


def weight_at(spans: Sequence[WeightedSpan], start: int, end: int, default: float = 1.0) -> float:
    """Weight of a token that covers [start, end): of the span it begins in, else the default."""
    return next((span.weight for span in spans if span.start <= start < span.end and end > start), default)
