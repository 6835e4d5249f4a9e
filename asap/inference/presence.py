"""Whether each finding is there: the evidence of `finding_maps`, read at a fitted curve, side by side and lobe by lobe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from asap.drafts import FindingEstimate, FindingLabel
from asap.inference.finding_curves import Curves
from asap.inference.finding_maps import FindingMaps, Mask
from asap.report import Side
from asap.text.ctrate_labels import CTRATE_FINDINGS
from asap.text.statements import WORDINGS, in_lung
from asap.text.vocabulary import FINDINGS

SIDES: tuple[Side, Side] = ("left", "right")


class PresenceReader:
    """Estimates of one encoded case."""

    def __init__(self, maps: FindingMaps, curves: Curves) -> None:
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
        return self._within(concept, self._maps.region(side, lobe), asked=asked)

    def _within(self, concept: str, region: Mask, *, asked: bool) -> FindingEstimate:
        curve, evidence = self._curves.get(concept), self._maps.evidence(concept, region)
        probability = None if curve is None or evidence is None else curve.probability(evidence, asked=asked)
        peak = self._maps.peak(concept, region)
        seat = WORDINGS[concept].seat
        where = self._maps.side_at(peak) if seat != "none" else None
        anatomy = self._maps.lobe_at(peak, where) if where is not None and in_lung(concept) else None
        return FindingEstimate(concept, where, anatomy, probability, peak)

    def asked(self, concept: str) -> float | None:
        """P(a finding is there, on either side) as a question about it is answered."""
        return self.estimate(concept, asked=True).probability

    def scan(self) -> tuple[FindingEstimate, ...]:
        """Every finding looked for, of the lungs and the pleura on each side, the most probable first."""
        found = [self.estimate(concept, side, asked=False) for concept in WORDINGS for side in _sides(concept)]
        return tuple(sorted(found, key=lambda estimate: -(estimate.probability or 0.0)))

    def places(self, concept: str, count: int, apart_mm: float) -> Iterator[FindingEstimate]:
        """Up to `count` places of one finding on each side it is looked for, the best first, their peaks so far apart.

        A further place is read at the same curve, from the cells that are left. Raises KeyError as `estimate`.
        """
        for side in _sides(concept):
            region = self._maps.region(side)
            for _ in range(count):
                found = self._within(concept, region, asked=False)
                if found.probability is None:
                    break
                yield found
                region = region & self._maps.farther(found.peak_ras_mm, apart_mm)


def _sides(concept: str) -> tuple[Side | None, ...]:
    """What a finding is looked for in: each side of the lungs and the pleura, else the whole chest at once."""
    return SIDES if WORDINGS[concept].seat in ("lung", "pleura") else (None,)


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
