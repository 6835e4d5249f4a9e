"""Scores of drafted reports and answered questions on generated cases, where the truth is known to the voxel.

Every question is put to the case and to its twin without findings, so that no prior helps; beside the figures stand a baseline
that never looks at the image, the same questions put to other patients, and the finding painted out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from asap.inference.answering import MEASURABLE
from asap.inference.engine import Engine
from asap.inference.features import StudyFeatures
from asap.phantom.canvas import PlacedFinding
from asap.phantom.case import PhantomCase
from asap.questions import Evidence
from asap.report import Side
from asap.segmentation import longest_diameter_mm
from asap.text.ctrate_labels import CTRATE_FINDINGS
from asap.text.read import read_report
from asap.text.statements import LOBES, WORDINGS, in_lung, place_words, term_of
from asap.text.vocabulary import FINDINGS
from asap_training.tasks.vqa_scores import Answered

Told = tuple[str, Side | None]  # concept and side
SIDES: tuple[Side, Side] = ("left", "right")
NOTHING = "No findings."


@dataclass(frozen=True)
class AskedRow:
    """One presence question on one volume. probability: of a yes; None for "cannot tell" without one."""

    case: int
    concept: str
    there: bool
    verdict: str
    probability: float | None

    @property
    def right(self) -> bool:
        """The verdict is the truth; "cannot tell" is not."""
        return self.verdict == ("yes" if self.there else "no")


@dataclass(frozen=True)
class DraftRow:
    """One drafted or true finding of one case, or both."""

    case: int
    drafted: bool
    true: bool


@dataclass(frozen=True)
class PlaceRow:
    """Where a finding that was found is said to be.

    size_error_mm: measured minus true longest diameter, both of voxels; None where nothing was measured.
    """

    case: int
    concept: str
    right: bool
    size_error_mm: float | None


def true_findings(case: PhantomCase) -> set[Told]:
    """Concept and side of everything painted; a finding on both sides counts on each."""
    told: set[Told] = set()
    for finding in case.findings:
        told.update((finding.concept, side) for side in sides_of(finding))
    return told


def true_labels(case: PhantomCase) -> Mapping[str, bool]:
    """Which of the 18 CT-RATE findings were painted."""
    painted = {FINDINGS[finding.concept].ctrate for finding in case.findings}
    return {name: name in painted for name in CTRATE_FINDINGS}


def sides_of(finding: PlacedFinding) -> tuple[Side | None, ...]:
    """Sides a finding is asked about on."""
    if WORDINGS[finding.concept].seat not in ("lung", "pleura"):
        return (None,)
    return SIDES if finding.side in ("bilateral", None) else (finding.side,)


def drafted_findings(text: str) -> set[Told]:
    """What a report states, by the report reader; "both lungs" counts on each side."""
    told: set[Told] = set()
    for sentence in read_report(text).sentences:
        for finding in sentence.findings:
            if finding.assertion != "absent" and finding.concept in WORDINGS:
                sided = WORDINGS[finding.concept].seat in ("lung", "pleura")
                both: tuple[Side | None, ...] = SIDES if finding.side == "bilateral" else (finding.side,)
                told.update((finding.concept, side if sided else None) for side in both)
    return told


def draft_rows(number: int, drafted: set[Told], true: set[Told]) -> list[DraftRow]:
    """What was drafted against what is there."""
    return [DraftRow(number, told in drafted, told in true) for told in sorted(drafted | true, key=str)]


def f1(rows: Sequence[DraftRow]) -> float:
    """Harmonic mean of precision and recall over all findings of all cases."""
    hits = sum(row.drafted and row.true for row in rows)
    return 2 * hits / max(1, sum(row.drafted for row in rows) + sum(row.true for row in rows))


def best_constant(truths: Sequence[set[Told]]) -> set[Told]:
    """The one report that scores highest on all these cases without looking at any: the findings worth always claiming."""
    ordered = sorted({told for truth in truths for told in truth}, key=lambda told: -sum(told in truth for truth in truths))

    def score(count: int) -> float:
        claimed = set(ordered[:count])
        hits = sum(len(claimed & truth) for truth in truths)
        return 2 * hits / max(1, count * len(truths) + sum(map(len, truths)))

    return set(ordered[: max(range(1, len(ordered) + 1), key=score)]) if ordered else set()


def question_of(concept: str, side: Side | None) -> str:
    """ "Is there a nodule in the left lung?" """
    return f"Is there {WORDINGS[concept].name}{place_words(WORDINGS[concept].seat, side)}?"


def asked_rows(engine: Engine, number: int, questions: set[Told], features: StudyFeatures, *, there: bool) -> Iterator[AskedRow]:
    """A presence question for each finding, put to these features; `there`: whether the right answer is a yes."""
    for concept, side in sorted(questions, key=str):
        answer = engine.ask(features, question_of(concept, side))
        probability = answer.evidence[0].probability if answer.evidence else None
        yield AskedRow(number, concept, there, answer.verdict or "", probability)


def place_rows(engine: Engine, number: int, case: PhantomCase, features: StudyFeatures) -> Iterator[PlaceRow]:
    """Location and size of every finding that is the only one of its kind."""
    for finding in single_findings(case):
        if finding.side not in SIDES or WORDINGS[finding.concept].seat not in ("lung", "pleura"):
            continue
        answer = engine.ask(features, f"Where is the {term_of(finding.concept)}?")
        if answer.verdict == "cannot tell":
            continue
        best = answer.evidence[0]
        right = best.side == finding.side
        if in_lung(finding.concept) and finding.anatomy in LOBES["right"]:
            right = right and best.anatomy == finding.anatomy
        yield PlaceRow(number, finding.concept, right, _size_error_mm(engine, case, features, finding))


def single_findings(case: PhantomCase) -> list[PlacedFinding]:
    """Findings that are the only ones of their kind, so that a question about "the mass" means one."""
    concepts = [finding.concept for finding in case.findings]
    return [finding for finding in case.findings if concepts.count(finding.concept) == 1]


def _size_error_mm(engine: Engine, case: PhantomCase, features: StudyFeatures, finding: PlacedFinding) -> float | None:
    if finding.concept not in MEASURABLE:
        return None
    answer = engine.ask(features, f"How large is the {term_of(finding.concept)}?", case.volume)
    return None if answer.size_mm is None else answer.size_mm - true_size_mm(case, finding)


def true_size_mm(case: PhantomCase, finding: PlacedFinding) -> float:
    """Longest diameter of what was painted, measured as a segment is: a generator's nominal size ignores lobes and fissures."""
    return longest_diameter_mm(finding.region, case.volume.affine)


def answered_by_type(
    engine: Engine, case: PhantomCase, questions: set[Told], features: StudyFeatures, twin: StudyFeatures
) -> Iterator[Answered]:
    """Questions of the five RadGenome types with their true answers in the words of that benchmark, and the answers given.

    questions: findings whose presence is asked about, in the case and in the twin that lacks them.
    """
    for concept, side in sorted(questions, key=str):
        for asked, true in ((features, "Yes."), (twin, "No.")):
            yield Answered("presence", true, engine.ask(asked, question_of(concept, side)).text)
    for finding in single_findings(case):
        answer = engine.ask(features, f"Where is the {term_of(finding.concept)}?")
        place = _path(answer.evidence[0]) if answer.verdict is None and answer.evidence else ""
        yield Answered("location", anatomy_path(finding.concept, finding.side, finding.anatomy), place)
        if finding.concept in MEASURABLE:
            told = engine.ask(features, f"How large is the {term_of(finding.concept)}?", case.volume).text
            yield Answered("size", f"{true_size_mm(case, finding):.0f} mm", told)
    for side in SIDES:
        true = {concept for concept, where in true_findings(case) if where == side and in_lung(concept)}
        asked_of = engine.ask(features, f"What abnormalities are present in the {side} lung?")
        yield Answered("abnormality", _terms(true), _terms({e.finding.concept for e in asked_of.evidence}))
    whole = engine.ask(features, "What abnormalities are present in the scan?")
    true = {finding.concept for finding in case.findings}
    yield Answered("disorder", _terms(true), _terms({e.finding.concept for e in whole.evidence}))


def anatomy_path(concept: str, side: Side | None, anatomy: str | None) -> str:
    """ "lung/left lung/left lung lower lobe": a place from the organ down to the part, as RadGenome-ChestCT names it."""
    if WORDINGS[concept].seat == "none":
        return (anatomy or FINDINGS[concept].anatomy or "").replace("_", " ")
    organ = "lung" if in_lung(concept) else WORDINGS[concept].seat
    parts = [organ]
    if side in SIDES:
        parts.append(f"{side} {organ}")
        if organ == "lung" and anatomy in LOBES["right"]:
            parts.append(f"{side} lung {anatomy.replace('_', ' ')}")
    return "/".join(parts)


def _path(evidence: Evidence) -> str:
    return anatomy_path(evidence.finding.concept, evidence.side, evidence.anatomy)


def _terms(concepts: set[str]) -> str:
    """Findings in the order of WORDINGS, so that the order says nothing."""
    return ", ".join(term_of(concept) for concept in WORDINGS if concept in concepts) or NOTHING
