"""Classified and drafted reports: what a model says of a chest CT by itself, every sentence tied to a place and a confidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from asap.grounding import Grounding
from asap.report import Side

Point = tuple[float, float, float]
DraftState = Literal["supported", "held back", "contradicted"]
DraftSection = Literal["findings", "impression"]
LabelVerdict = Literal["present", "absent", "cannot tell"]
# Between these a probability decides nothing.
PRESENT_FROM, ABSENT_UP_TO = 0.52, 0.48


@dataclass(frozen=True)
class FindingEstimate:
    """Whether one finding is there, on one side of the chest or anywhere.

    concept: a key of `asap.text.statements.WORDINGS`. side: the side looked at; None for what has no side. anatomy: the lobe of
    the best place, of a finding of the lungs. probability: calibrated P(present there), None without a calibration.
    peak_ras_mm: the best place.
    """

    concept: str
    side: Side | None
    anatomy: str | None
    probability: float | None
    peak_ras_mm: Point


@dataclass(frozen=True)
class FindingLabel:
    """One of the 18 CT-RATE findings. probability: None where the model is not calibrated for any finding behind the label.

    estimates: what it was read from, the most probable first.
    """

    name: str
    probability: float | None
    estimates: tuple[FindingEstimate, ...]

    @property
    def verdict(self) -> LabelVerdict:
        """What the probability amounts to; "cannot tell" where it decides nothing, or there is none."""
        if self.probability is None or ABSENT_UP_TO < self.probability < PRESENT_FROM:
            return "cannot tell"
        return "present" if self.probability >= PRESENT_FROM else "absent"


@dataclass(frozen=True, eq=False)
class DraftSentence:
    """One drafted sentence, grounded.

    section, organ: where it stands in the report ("findings", "Lungs"). probability: calibrated P(what it says is true).
    state: "held back" below the draft's threshold, "contradicted" where the image says otherwise (`flags` say what).
    reason: why it is not supported, as a sentence; None when it is. label: what the classifier says of its finding, None where
    none of the 18 stands for it. A denial ("No pleural effusion.") has a grounding with its reason and no place.
    """

    grounding: Grounding
    section: DraftSection
    organ: str
    probability: float | None
    state: DraftState
    flags: tuple[str, ...] = ()
    reason: str | None = None
    label: FindingLabel | None = None

    @property
    def text(self) -> str:
        """The sentence."""
        return self.grounding.sentence.text


@dataclass(frozen=True, eq=False)
class Draft:
    """A drafted report. threshold: probability under which a sentence is held back. labels: what the classifier says beside it.

    author: what wrote it ("findings" for sentences made of estimates, or a decoder's name).
    """

    sentences: tuple[DraftSentence, ...]
    labels: tuple[FindingLabel, ...]
    threshold: float
    author: str
    weights_sha256: str

    def text(self, *, with_held_back: bool = False) -> str:
        """The report as plain text: FINDINGS organ by organ, IMPRESSION; without what is held back or contradicted."""
        kept = [s for s in self.sentences if with_held_back or s.state == "supported"]
        lines = ["FINDINGS:"]
        for organ, texts in by_organ(kept).items():
            lines.append(f"{organ}: {' '.join(texts)}")
        lines += ["", "IMPRESSION:"]
        lines += [s.text for s in kept if s.section == "impression"] or ["No finding of those this model looks for."]
        return "\n".join(lines) + "\n"


def by_organ(sentences: list[DraftSentence]) -> Mapping[str, list[str]]:
    """Texts of the findings section under their organs, in the order of first appearance."""
    organs: dict[str, list[str]] = {}
    for sentence in sentences:
        if sentence.section == "findings":
            organs.setdefault(sentence.organ, []).append(sentence.text)
    return organs
