"""Drafting a report: sentences made of estimates, each sent back through the reader, the grounding and the side check.

A drafted sentence is kept when the image supports it, held back below the threshold, and marked as contradicted where the
place found lies on the other side than the sentence says, where the classifier says the opposite, or where it denies what a
question would be answered with a yes: a finding nobody asked about needs more evidence than one somebody has reason to ask about.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from asap.drafts import PRESENT_FROM, Draft, DraftSection, DraftSentence, DraftState, FindingEstimate, FindingLabel
from asap.grounding import Grounding
from asap.inference.answering import MEASURABLE, NOT_CALIBRATED, Ground, Measure
from asap.inference.course import Progress, no_progress
from asap.inference.presence import PresenceReader
from asap.report import Finding
from asap.text.localisable import ABSENT
from asap.text.read import read_report, read_sentence
from asap.text.statements import LOBES, WORDINGS, denial, in_lung, statement
from asap.text.vocabulary import FINDINGS

SizeOf = Callable[[FindingEstimate], float | None]
Asked = Callable[[str], float | None]
DEFAULT_THRESHOLD = 0.3  # the best F1 on the cases the curves were fitted on, each judged by curves fitted without it
WORTH_A_LOOK = 0.15  # less probable findings are not drafted at all, not even held back
DENIED_FROM = 0.9  # how sure a "no" must be
ORGANS = tuple(dict.fromkeys(wording.section for wording in WORDINGS.values()))
# What a report says is not there, where nothing of it is seen.
DENIED = ("consolidation", "mass", "pleural_effusion", "pneumothorax", "pericardial_effusion", "lymphadenopathy")
IMPRESSION_FINDINGS = 5
OTHER_SIDE = "the place found lies on the other side"
AGAINST_LABEL = "the classifier says the opposite"
AGAINST_ANSWER = "asked about it, this model says yes"


@dataclass(frozen=True)
class Claim:
    """One sentence to be drafted. probability: P(what it says is true), before grounding has its say.

    answered: of a denial, P(the finding is there) where somebody asks, who has a reason to; None where that is not known.
    """

    text: str
    organ: str
    concept: str
    probability: float | None
    denied: bool
    answered: float | None = None


def claims_of(estimates: Sequence[FindingEstimate], size_of: SizeOf, asked: Asked) -> list[Claim]:
    """What the estimates amount to: findings organ by organ, the same finding on both sides in one sentence, then denials.

    asked: P(a finding is there) as a question about it would be answered.
    """
    claims = [claim for organ in ORGANS for claim in _present(organ, estimates, size_of)]
    for concept in DENIED:
        known = [e.probability for e in estimates if e.concept == concept and e.probability is not None]
        if known and max(known) <= 1.0 - DENIED_FROM:
            organ, probability = WORDINGS[concept].section, 1.0 - max(known)
            claims.append(Claim(denial(concept), organ, concept, probability, denied=True, answered=asked(concept)))
    return sorted(claims, key=lambda claim: ORGANS.index(claim.organ))


def _present(organ: str, estimates: Sequence[FindingEstimate], size_of: SizeOf) -> list[Claim]:
    found: dict[str, list[FindingEstimate]] = {}
    for estimate in estimates:
        if WORDINGS[estimate.concept].section == organ and (estimate.probability or 0.0) >= WORTH_A_LOOK:
            found.setdefault(estimate.concept, []).append(estimate)
    claims = []
    for concept, here in found.items():
        claims += [Claim(_text(e, size_of), organ, concept, e.probability, denied=False) for e in here]
    return claims


def _text(estimate: FindingEstimate, size_of: SizeOf) -> str:
    size_mm = size_of(estimate) if _is_measured(estimate) else None
    return statement(estimate.concept, estimate.side, estimate.anatomy, size_mm)


def _is_measured(estimate: FindingEstimate) -> bool:
    return (estimate.probability or 0.0) >= DEFAULT_THRESHOLD and estimate.concept in MEASURABLE


def sizes_by(
    ground: Ground, measure: Measure | None, estimates: Sequence[FindingEstimate], progress: Progress = no_progress
) -> SizeOf:
    """Sizes of estimates in mm, from segments of their grounded statements; None for all where there is no image to measure."""
    waiting = [estimate for estimate in estimates if _is_measured(estimate)]
    total = len(waiting)

    def size_of(estimate: FindingEstimate) -> float | None:
        if measure is None:
            return None
        progress("measuring", 1.0 - len(waiting) / total)
        waiting.remove(estimate)
        segment = measure(ground([read_sentence(statement(estimate.concept, estimate.side, estimate.anatomy))])[0])
        return None if segment is None else segment.measurements.longest_diameter_mm

    return size_of


def claims_of_text(text: str, reader: PresenceReader) -> list[Claim]:
    """What a writer's text claims, sentence by sentence; sentences without a place in the image are left out.

    The probability of a sentence is that of the least probable thing it says; None where nothing it says can be looked for.
    """
    claims = []
    for sentence in read_report(text).sentences:
        known = [finding for finding in sentence.findings if finding.concept in WORDINGS]
        if not sentence.localisable and sentence.reason != ABSENT:
            continue
        each = [_claimed(finding, reader) for finding in known]
        concept = known[0].concept if known else ""
        organ = WORDINGS[concept].section if known else "Other"
        probability = min((p for p in each if p is not None), default=None)
        claims.append(Claim(sentence.text, organ, concept, probability, denied=sentence.assertion == "absent"))
    return claims


def _claimed(finding: Finding, reader: PresenceReader) -> float | None:
    """P that what is said of one finding is true."""
    lobe = finding.anatomy if in_lung(finding.concept) and finding.anatomy in LOBES["right"] else None
    present = reader.estimate(finding.concept, finding.side, lobe, asked=True).probability
    if present is None:
        return None
    return 1.0 - present if finding.assertion == "absent" else present


def draft_of(
    claims: Sequence[Claim],
    labels: tuple[FindingLabel, ...],
    ground: Ground,
    *,
    threshold: float,
    author: str,
    weights_sha256: str,
) -> Draft:
    """Ground every claim and decide what is kept; the impression repeats the surest findings that were."""
    sentences = [replace(read_sentence(claim.text), index=n, section="findings") for n, claim in enumerate(claims)]
    drafted = [
        _drafted(claim, grounding, labels, "findings", threshold)
        for claim, grounding in zip(claims, ground(sentences), strict=True)
    ]
    return Draft((*drafted, *_impression(drafted)), labels, threshold, author, weights_sha256)


def _drafted(
    claim: Claim, grounding: Grounding, labels: tuple[FindingLabel, ...], section: DraftSection, threshold: float
) -> DraftSentence:
    name = FINDINGS[claim.concept].ctrate if claim.concept else None
    label = next((label for label in labels if label.name == name), None)
    flags = _contradictions(claim, grounding, label)
    supported = claim.probability is not None and claim.probability >= threshold
    state: DraftState = "contradicted" if flags else "supported" if supported else "held back"
    reason = None if state == "supported" else _reason(claim, flags, label, threshold)
    return DraftSentence(grounding, section, claim.organ, claim.probability, state, flags, reason, label)


def _contradictions(claim: Claim, grounding: Grounding, label: FindingLabel | None) -> tuple[str, ...]:
    flags = [OTHER_SIDE] if grounding.side_check == "disagrees" else []
    if label is not None and label.probability is not None and claim.probability is not None and claim.probability >= 0.5:
        says_present = label.probability >= 0.5
        if says_present == claim.denied:
            flags.append(AGAINST_LABEL)
    if claim.answered is not None and claim.answered >= PRESENT_FROM:
        flags.append(AGAINST_ANSWER)
    return tuple(flags)


def _reason(claim: Claim, flags: tuple[str, ...], label: FindingLabel | None, threshold: float) -> str:
    if AGAINST_LABEL in flags and label is not None and label.probability is not None:
        return f"The classifier says the opposite: {label.name} {label.probability:.0%}."
    if AGAINST_ANSWER in flags:
        return f"Asked about it, this model says yes: {claim.answered:.0%}."
    if flags:
        return f"{flags[0].capitalize()}."
    if claim.probability is None:
        return NOT_CALIBRATED
    return f"{claim.probability:.0%} is less than the {threshold:.0%} a sentence needs."


def _impression(drafted: Sequence[DraftSentence]) -> list[DraftSentence]:
    kept = [s for s in drafted if s.state == "supported" and s.grounding.reason is None]
    surest = sorted(kept, key=lambda s: -(s.probability or 0.0))[:IMPRESSION_FINDINGS]
    start = len(drafted)
    out = []
    for number, sentence in enumerate(surest):
        told = replace(sentence.grounding.sentence, index=start + number, section="impression")
        out.append(replace(sentence, grounding=replace(sentence.grounding, sentence=told), section="impression"))
    return out
