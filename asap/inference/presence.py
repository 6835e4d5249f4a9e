"""Whether each finding is there: the evidence of `finding_maps`, read at a fitted curve, side by side and lobe by lobe.

Two priors, because two things are asked: somebody asks about a finding (even odds), or every finding is looked for unasked (as
frequent as in the cases the curve was fitted on). The same evidence gives a lower probability in the second case.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from asap.drafts import FindingEstimate, FindingLabel
from asap.errors import WeightsError
from asap.inference.calibration import HIGHEST, Calibration
from asap.inference.finding_maps import FindingMaps
from asap.report import Side
from asap.text.ctrate_labels import CTRATE_FINDINGS
from asap.text.statements import WORDINGS, in_lung
from asap.text.vocabulary import FINDINGS

SIDES: tuple[Side, Side] = ("left", "right")


@dataclass(frozen=True)
class PresenceCurve:
    """Log-odds of presence at even prior odds: slope * evidence + offset.

    prevalence: share of the cases (of their sides, for findings of lungs and pleura) it was fitted on that have the finding.
    """

    slope: float
    offset: float
    prevalence: float

    def probability(self, evidence: float, *, asked: bool) -> float:
        """P(present), never surer than 99 % either way. asked: at even odds, else at the prevalence."""
        prior = 0.0 if asked else math.log(self.prevalence / (1.0 - self.prevalence))
        z = self.slope * evidence + self.offset + prior
        return min(HIGHEST, max(1.0 - HIGHEST, 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, z))))))


def curves_of_grounding(calibration: Calibration | None) -> dict[str, PresenceCurve]:
    """Curves for a model that was calibrated for grounding only: its sentences were true and false in equal numbers."""
    if calibration is None:
        return {}
    return {
        concept: PresenceCurve(calibration.slope, calibration.offset + calibration.by_concept[concept], 0.5)
        for concept in WORDINGS
        if concept in calibration.by_concept
    }


def curves_of_head(calibration: Mapping[str, Any]) -> dict[str, PresenceCurve]:
    """Curves from the finding head's manifest: concept -> [slope, offset, prevalence]; WeightsError when malformed."""
    curves = {}
    for concept, numbers in calibration.items():
        usable = (
            isinstance(numbers, list) and len(numbers) == 3 and all(isinstance(n, float) and math.isfinite(n) for n in numbers)
        )
        if concept not in WORDINGS or not usable or not 0.0 < numbers[2] < 1.0:
            raise WeightsError("The finding head's calibration cannot be read; install the weights again.")
        curves[concept] = PresenceCurve(*numbers)
    return curves


class PresenceReader:
    """Estimates of one encoded case."""

    def __init__(self, maps: FindingMaps, curves: Mapping[str, PresenceCurve]) -> None:
        self._maps, self._curves = maps, curves

    def look(self) -> Iterator[float]:
        """Look for every finding, a little at a time; yields the share done. All is answered at once after it."""
        return self._maps.look()

    def estimate(self, concept: str, side: Side | None = None, lobe: str | None = None, *, asked: bool) -> FindingEstimate:
        """One finding in one region. A side that is None takes the better of both; "bilateral" asks for both, the weaker counts.

        Raises KeyError for a concept that is not looked for (`asap.text.statements.WORDINGS`).
        """
        if side == "bilateral":
            left, right = (self.estimate(concept, one, lobe, asked=asked) for one in SIDES)
            return left if (left.probability or 0.0) <= (right.probability or 0.0) else right
        region = self._maps.region(side, lobe)
        curve, evidence = self._curves.get(concept), self._maps.evidence(concept, region)
        probability = None if curve is None or evidence is None else curve.probability(evidence, asked=asked)
        peak = self._maps.peak(concept, region)
        seat = WORDINGS[concept].seat
        where = self._maps.side_at(peak) if seat != "none" else None
        anatomy = self._maps.lobe_at(peak, where) if where is not None and in_lung(concept) else None
        return FindingEstimate(concept, where, anatomy, probability, peak)

    def scan(self) -> tuple[FindingEstimate, ...]:
        """Every finding looked for, of the lungs and the pleura on each side, the most probable first."""
        found = [
            self.estimate(concept, side, asked=False)
            for concept, wording in WORDINGS.items()
            for side in (SIDES if wording.seat in ("lung", "pleura") else (None,))
        ]
        return tuple(sorted(found, key=lambda estimate: -(estimate.probability or 0.0)))


def ctrate_probabilities(estimates: Iterable[FindingEstimate]) -> tuple[FindingLabel, ...]:
    """The 18 CT-RATE findings in their published order, each as probable as the most probable finding behind it."""
    behind: dict[str, list[FindingEstimate]] = {name: [] for name in CTRATE_FINDINGS}
    for estimate in estimates:
        name = FINDINGS[estimate.concept].ctrate
        if name is not None:
            behind[name].append(estimate)
    labels = []
    for name, found in behind.items():
        found.sort(key=lambda estimate: -(estimate.probability or 0.0))
        probability = found[0].probability if found else None
        labels.append(FindingLabel(name, probability, tuple(found)))
    return tuple(labels)
