"""Answering questions about an encoded chest CT: every answer is a statement grounded in the image, with what it rests on.

Presence is read at calibrated curves, a place off the peak, a size off the CT itself; where none of these carries an answer it
is "cannot tell", with the reason. Text never adds what was not read off the image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from asap.drafts import ABSENT_UP_TO, PRESENT_FROM, FindingEstimate
from asap.grounding import Grounding
from asap.inference.presence import PresenceReader
from asap.questions import Answer, Evidence, Question, Verdict
from asap.report import Finding, Sentence, Side
from asap.segmentation import Segment
from asap.text.anatomy_vocabulary import ANATOMY
from asap.text.read import read_sentence
from asap.text.regions import findings_of_region
from asap.text.statements import LOBES, WORDINGS, in_lung, statement, term_of
from asap.text.vocabulary import FINDINGS, ancestors

Ground = Callable[[Sequence[Sentence]], list[Grounding]]
Measure = Callable[[Grounding], Segment | None]
NOT_CALIBRATED = "This model has no calibrated confidence for this finding."
UNDECIDED = "The image supports neither a yes nor a no."
NOT_FOUND = "It was not found in the image."
NOT_LOOKED_FOR = "This model looks for none of the findings of this region."
NO_IMAGE = "A size is measured in the image, and the image is not at hand."
NOT_MEASURABLE = "It does not stand out from its surroundings well enough to be measured."
MEASURABLE = frozenset({"nodule", "mass", "calcified_nodule", "cavity", "consolidation"})


@dataclass(frozen=True, eq=False)
class Answerer:
    """Answers for one encoded case. measure: segments what a grounding shows; None where only the features are kept."""

    reader: PresenceReader
    ground: Ground
    weights_sha256: str
    measure: Measure | None = None

    def answer(self, question: Question) -> Answer:
        """The answer to one question."""
        if question.reason is not None:
            return self._cannot_tell(question, question.reason)
        if question.kind == "presence":
            return self._presence(question)
        if question.kind == "location":
            return self._location(question)
        if question.kind == "size":
            return self._size(question)
        return self._abnormality(question)

    def _presence(self, question: Question) -> Answer:
        evidence = tuple(self._evidence(finding) for finding in question.findings)
        probability = _joint([e.probability for e in evidence], every=question.every)
        if probability is None:
            return self._cannot_tell(question, NOT_CALIBRATED, evidence)
        verdict, confidence = _verdict(probability, denied=question.denied)
        if verdict == "cannot tell":
            return self._cannot_tell(question, UNDECIDED, evidence)
        ordered = tuple(sorted(evidence, key=lambda e: -(e.probability or 0.0)))
        there = probability >= PRESENT_FROM
        shown = [e for e in ordered if (e.probability or 0.0) >= PRESENT_FROM] if there else ordered
        words = " ".join(_said(e) if there else _denied_words(e.finding) for e in shown)
        return self._answer(question, f"{verdict.capitalize()}. {words}", verdict, confidence, ordered)

    def _location(self, question: Question) -> Answer:
        found = self._found(question)
        if not found:
            return self._cannot_tell(question, NOT_FOUND, tuple(self._evidence(f) for f in question.findings))
        words = " ".join(_said(e) for e in found)
        return self._answer(question, words, None, found[0].probability, found)

    def _size(self, question: Question) -> Answer:
        measure = self.measure
        if measure is None:
            return self._cannot_tell(question, NO_IMAGE)
        found = self._found(question)
        if not found:
            return self._cannot_tell(question, NOT_FOUND, tuple(self._evidence(f) for f in question.findings))
        sized = tuple(sorted((_measured(e, measure) for e in found), key=lambda e: e.size_mm is None))
        if sized[0].size_mm is None:
            return self._cannot_tell(question, NOT_MEASURABLE, sized)
        words = f"{round(sized[0].size_mm)} mm across, {_where(sized[0]) or 'at the place shown'}."
        return self._answer(question, words, None, sized[0].probability, sized)

    def _abnormality(self, question: Question) -> Answer:
        whole = question.kind == "disorder"
        concepts = tuple(WORDINGS) if whole or question.anatomy is None else findings_of_region(question.anatomy)
        if not concepts:
            return self._cannot_tell(question, NOT_LOOKED_FOR)
        lobe = _lobe(question.anatomy)
        regions = [(c, side) for c in concepts for side in _sides(c, question.side)]
        estimates = [self.reader.estimate(c, side, lobe if in_lung(c) else None, asked=False) for c, side in regions]
        known = [e for e in estimates if e.probability is not None]
        if not known:
            return self._cannot_tell(question, NOT_CALIBRATED)
        seen = sorted((e for e in known if (e.probability or 0.0) >= 0.5), key=lambda e: -(e.probability or 0.0))
        evidence = tuple(self._of_estimate(e) for e in seen)
        verdict: Verdict | None = None
        if question.yes_or_no:
            verdict = "yes" if bool(seen) != question.denied else "no"
        highest = max(e.probability or 0.0 for e in known)
        words = " ".join(_said(e) for e in evidence) or f"Nothing abnormal of what this model looks for in {_region(question)}."
        text = words if verdict is None else f"{verdict.capitalize()}. {words}"
        return self._answer(question, text, verdict, highest if seen else 1.0 - highest, evidence)

    def _found(self, question: Question) -> tuple[Evidence, ...]:
        """Places of what is asked about, each side apart, the surest first; only those the image supports."""
        found = []
        for finding in question.findings:
            for side in _sides(finding.concept, finding.side):
                evidence = self._evidence(replace(finding, side=side))
                if (evidence.probability or 0.0) >= 0.5:
                    found.append(evidence)
        return tuple(sorted(found, key=lambda e: -(e.probability or 0.0)))

    def _evidence(self, finding: Finding) -> Evidence:
        """The statement behind a finding, grounded. A finding that is not looked for by itself has its sentence's confidence."""
        if finding.concept in WORDINGS:
            lobe = _lobe(finding.anatomy) if in_lung(finding.concept) else None
            return self._of_estimate(self.reader.estimate(finding.concept, finding.side, lobe, asked=True), finding)
        side = f" on the {finding.side}" if finding.side in ("left", "right") else ""
        grounding = self.ground([read_sentence(f"There is {term_of(finding.concept)}{side}.")])[0]
        return Evidence(finding, grounding, grounding.confidence, finding.side, finding.anatomy)

    def _of_estimate(self, estimate: FindingEstimate, asked: Finding | None = None) -> Evidence:
        anatomy = estimate.anatomy or FINDINGS[estimate.concept].anatomy
        finding = asked or Finding(estimate.concept, "present", anatomy, estimate.side)
        text = statement(estimate.concept, estimate.side, estimate.anatomy)
        grounding = self.ground([read_sentence(text)])[0]
        return Evidence(finding, grounding, estimate.probability, estimate.side, anatomy)

    def _cannot_tell(self, question: Question, reason: str, evidence: tuple[Evidence, ...] = ()) -> Answer:
        return Answer(question, f"Cannot tell. {reason}", "cannot tell", None, evidence, reason, self.weights_sha256)

    def _answer(
        self, question: Question, text: str, verdict: Verdict | None, confidence: float | None, evidence: tuple[Evidence, ...]
    ) -> Answer:
        return Answer(question, text, verdict, confidence, evidence, None, self.weights_sha256)


def _measured(evidence: Evidence, measure: Measure) -> Evidence:
    if evidence.finding.concept not in MEASURABLE:
        return evidence
    segment = measure(evidence.grounding)
    return evidence if segment is None else replace(evidence, segment=segment)


def _joint(probabilities: Sequence[float | None], *, every: bool) -> float | None:
    """P of a question about several findings; None when the part that decides it is unknown."""
    known = [p for p in probabilities if p is not None]
    if not known or (every and len(known) < len(probabilities)):
        return None
    return min(known) if every else max(known)


def _verdict(probability: float, *, denied: bool) -> tuple[Verdict, float]:
    if ABSENT_UP_TO < probability < PRESENT_FROM:
        return "cannot tell", probability
    there = probability >= PRESENT_FROM
    return ("yes" if there != denied else "no"), max(probability, 1.0 - probability)


def _sides(concept: str, asked: Side | None) -> tuple[Side | None, ...]:
    if asked in ("left", "right") or concept not in WORDINGS:
        return (asked,)
    return ("left", "right") if WORDINGS[concept].seat in ("lung", "pleura") else (None,)


def _lobe(anatomy: str | None) -> str | None:
    """The lobe a place lies in; None for a place that is no lobe."""
    chain = ancestors(anatomy) if anatomy is not None else ()
    return next((key for key in chain if key in LOBES["right"]), None)


def _said(evidence: Evidence) -> str:
    """The grounded statement, as a sentence about this scan."""
    return evidence.grounding.sentence.text


def _denied_words(finding: Finding) -> str:
    return f"No {term_of(finding.concept)} is seen{_place_of(finding.concept, finding.side, _lobe(finding.anatomy))}."


def _place_of(concept: str, side: Side | None, lobe: str | None) -> str:
    if concept not in WORDINGS:
        return f" on the {side}" if side in ("left", "right") else ""
    text = statement(concept, side, lobe)
    return text.removeprefix(statement(concept)[:-1]).rstrip(".")


def _where(evidence: Evidence) -> str:
    return _place_of(evidence.finding.concept, evidence.side, _lobe(evidence.anatomy)).strip()


def _region(question: Question) -> str:
    if question.anatomy is None:
        return "the scan"
    if question.anatomy not in ANATOMY:
        return "this region"
    side = f"{question.side} " if question.side in ("left", "right") else ""
    return f"the {side}{question.anatomy.replace('_', ' ')}"
