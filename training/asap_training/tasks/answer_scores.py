"""Scores of drafted reports and answered questions on generated cases, where the truth is known to the voxel.

Every question is put to the case and to its twin without findings, so that no prior helps; beside the figures stand a baseline
that never looks at the image, the same questions put to another patient, and the finding painted out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from asap.inference.answering import MEASURABLE
from asap.inference.engine import Engine
from asap.inference.features import StudyFeatures
from asap.phantom.canvas import PlacedFinding
from asap.phantom.case import PhantomCase
from asap.report import Side
from asap.text.read import read_report
from asap.text.statements import WORDINGS, in_lung, place_words, term_of
from asap.volume import Volume

Told = tuple[str, Side | None]  # concept and side
FALL = 0.2  # of the probability that counts as noticed when the finding is painted out


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
    """Where a finding that was found is said to be; size_error_mm: measured minus true, None where nothing was measured."""

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


def sides_of(finding: PlacedFinding) -> tuple[Side | None, ...]:
    """Sides a finding is asked about on."""
    if WORDINGS[finding.concept].seat not in ("lung", "pleura"):
        return (None,)
    return ("left", "right") if finding.side in ("bilateral", None) else (finding.side,)


def drafted_findings(text: str) -> set[Told]:
    """What a report states, by the report reader; "both lungs" counts on each side."""
    told: set[Told] = set()
    for sentence in read_report(text).sentences:
        for finding in sentence.findings:
            if finding.assertion != "absent" and finding.concept in WORDINGS:
                sided = WORDINGS[finding.concept].seat in ("lung", "pleura")
                both: tuple[Side | None, ...] = ("left", "right") if finding.side == "bilateral" else (finding.side,)
                told.update((finding.concept, side if sided else None) for side in both)
    return told


def draft_rows(number: int, text: str, case: PhantomCase) -> list[DraftRow]:
    """What was drafted against what is there."""
    drafted, true = drafted_findings(text), true_findings(case)
    return [DraftRow(number, told in drafted, told in true) for told in sorted(drafted | true, key=str)]


def f1(rows: Sequence[DraftRow]) -> float:
    """Harmonic mean of precision and recall over all findings of all cases."""
    hits = sum(row.drafted and row.true for row in rows)
    return 2 * hits / max(1, sum(row.drafted for row in rows) + sum(row.true for row in rows))


def best_constant(cases: Sequence[PhantomCase]) -> set[Told]:
    """The one report that scores highest on all these cases without looking at any: the findings worth always claiming."""
    truths = [true_findings(case) for case in cases]
    ordered = sorted({told for truth in truths for told in truth}, key=lambda told: -sum(told in truth for truth in truths))

    def score(count: int) -> float:
        claimed = set(ordered[:count])
        hits = sum(len(claimed & truth) for truth in truths)
        return 2 * hits / max(1, count * len(truths) + sum(map(len, truths)))

    return set(ordered[: max(range(1, len(ordered) + 1), key=score)]) if ordered else set()


def question_of(concept: str, side: Side | None) -> str:
    """ "Is there a nodule in the left lung?" """
    return f"Is there {WORDINGS[concept].name}{place_words(WORDINGS[concept].seat, side)}?"


def asked_rows(engine: Engine, number: int, case: PhantomCase, features: StudyFeatures, *, there: bool) -> Iterator[AskedRow]:
    """A presence question for every true finding of the case, put to these features."""
    for concept, side in sorted(true_findings(case), key=str):
        answer = engine.ask(features, question_of(concept, side))
        probability = answer.evidence[0].probability if answer.evidence else None
        yield AskedRow(number, concept, there, answer.verdict or "", probability)


def place_rows(engine: Engine, number: int, case: PhantomCase, features: StudyFeatures) -> Iterator[PlaceRow]:
    """Location and size of every finding that is the only one of its kind."""
    for finding in case.findings:
        alone = sum(other.concept == finding.concept for other in case.findings) == 1
        placed = finding.side in ("left", "right") and WORDINGS[finding.concept].seat in ("lung", "pleura")
        if not (alone and placed):
            continue
        answer = engine.ask(features, f"Where is the {term_of(finding.concept)}?")
        if answer.verdict == "cannot tell":
            continue
        best = answer.evidence[0]
        right = best.side == finding.side
        if in_lung(finding.concept) and finding.anatomy is not None:
            right = right and best.anatomy == finding.anatomy
        yield PlaceRow(number, finding.concept, right, _size_error_mm(engine, case, features, finding))


def _size_error_mm(engine: Engine, case: PhantomCase, features: StudyFeatures, finding: PlacedFinding) -> float | None:
    if finding.concept not in MEASURABLE or finding.size_mm is None:
        return None
    answer = engine.ask(features, f"How large is the {term_of(finding.concept)}?", case.volume)
    return None if answer.size_mm is None else answer.size_mm - finding.size_mm


def painted_out(case: PhantomCase, finding: PlacedFinding) -> Volume:
    """The case with one finding replaced by what its twin has there, 6 mm around included."""
    spacing = case.volume.spacing_mm[0]
    around = ndimage.binary_dilation(finding.region, iterations=max(1, round(6 / spacing)))
    return Volume(np.where(around, case.twin.hu, case.volume.hu), case.volume.affine)


def patched_elsewhere(case: PhantomCase, finding: PlacedFinding, rng: np.random.Generator) -> Volume | None:
    """The case with a patch of the finding's shape elsewhere in that lung filled with lung from a third place.

    None when that lung has no room for it beside its findings.
    """
    lung = case.organs.get(f"{finding.side}_lung")
    if lung is None:
        return None
    taken = np.logical_or.reduce([other.region for other in case.findings])
    free = np.argwhere(lung & ~ndimage.binary_dilation(taken, iterations=3))
    where = np.argwhere(finding.region)
    if len(free) < len(where):
        return None
    shape = where - np.rint(where.mean(axis=0)).astype(int)
    places = [_moved(shape, free[int(rng.integers(len(free)))], lung & ~taken) for _ in range(40)]
    fitting = sorted((place for place in places if len(place)), key=len)[-2:]
    if len(fitting) < 2 or len(fitting[0]) < len(where) / 2:
        return None
    count = min(len(fitting[0]), len(fitting[1]))
    hu: NDArray[np.int16] = case.volume.hu.astype(np.int16).copy()
    hu[tuple(fitting[1][:count].T)] = case.volume.hu[tuple(fitting[0][:count].T)]
    return Volume(hu, case.volume.affine)


def _moved(shape: NDArray[np.int64], centre: NDArray[np.int64], allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The voxels of a shape around another centre that are allowed."""
    moved = shape + centre
    inside = ((moved >= 0) & (moved < allowed.shape)).all(axis=1)
    kept = moved[inside]
    return np.asarray(kept[allowed[tuple(kept.T)]], dtype=np.int64)


def noticed(before: float | None, after: float | None) -> bool:
    """Whether the answer flipped, or its probability fell by `FALL`."""
    if before is None or after is None:
        return False
    return (before >= 0.5 > after) or before - after >= FALL
