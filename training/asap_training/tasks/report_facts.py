"""What two reports agree on: findings with assertion and side, read by the report reader. Also the rewards of fine-tuning."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from asap.errors import AsapError
from asap.inference.presence import PresenceReader
from asap.report import Assertion, Side
from asap.text.read import read_report
from asap.text.statements import WORDINGS

Fact = tuple[str, Assertion, Side | None]
HEADINGS = ("FINDINGS:", "IMPRESSION:")


def facts_of(text: str) -> set[Fact]:
    """Concept, assertion and side of every finding a report speaks of; "both lungs" counts on each side."""
    try:
        report = read_report(text)
    except AsapError:
        return set()
    facts: set[Fact] = set()
    for sentence in report.sentences:
        for finding in sentence.findings:
            sides: tuple[Side | None, ...] = ("left", "right") if finding.side == "bilateral" else (finding.side,)
            facts.update((finding.concept, finding.assertion, side) for side in sides)
    return facts


def finding_f1(references: Sequence[str], drafts: Sequence[str]) -> float:
    """F1 over all facts of all reports (micro). A finding on the wrong side, or denied where it is stated, is wrong twice."""
    hits = said = true = 0
    for reference, draft in zip(references, drafts, strict=True):
        own, theirs = facts_of(draft), facts_of(reference)
        hits, said, true = hits + len(own & theirs), said + len(own), true + len(theirs)
    return 2 * hits / (said + true) if said + true else 1.0


def format_reward(text: str) -> float:
    """1 for findings and an impression, in this order, with no sentence said twice within one; .5 for the headings alone."""
    first, second = (text.find(heading) for heading in HEADINGS)
    if not 0 <= first < second:
        return 0.0
    parts = text[first + len(HEADINGS[0]) : second], text[second + len(HEADINGS[1]) :]
    for part in parts:
        sentences = [sentence.strip().lower() for sentence in part.split(".") if sentence.strip()]
        if not sentences or len(sentences) != len(set(sentences)):
            return 0.5
    return 1.0


def grounding_reward(text: str, reader: PresenceReader) -> float:
    """Mean probability, read off the image, that what the text says of each finding is true; 0 for a text that says nothing."""
    each = []
    for concept, assertion, side in facts_of(text):
        present = reader.estimate(concept, side, asked=True).probability if concept in WORDINGS else None
        if present is not None:
            each.append(1.0 - present if assertion == "absent" else present)
    return sum(each) / len(each) if each else 0.0


def rewards(references: Sequence[str], readers: Sequence[PresenceReader]) -> list[Callable[..., list[float]]]:
    """Reward functions as `trl` calls them: completions and the column `case` (index into references and readers) -> numbers."""

    def finding_agreement(completions: Sequence[str], case: Sequence[int], **_others: object) -> list[float]:
        return [finding_f1([references[n]], [text]) for text, n in zip(completions, case, strict=True)]

    def image_agreement(completions: Sequence[str], case: Sequence[int], **_others: object) -> list[float]:
        return [grounding_reward(text, readers[n]) for text, n in zip(completions, case, strict=True)]

    def form(completions: Sequence[str], **_others: object) -> list[float]:
        return [format_reward(text) for text in completions]

    return [finding_agreement, image_agreement, form]
