"""Lesions nobody pointed at: findings of one place are one lesion, a name needs its own odds, and nothing is outlined twice."""

from __future__ import annotations

import numpy as np
import pytest

from asap.drafts import FindingEstimate
from asap.errors import Cancelled
from asap.grounding import Grounding
from asap.inference.course import no_progress
from asap.inference.load import load_engine
from asap.inference.sought_lesions import by_place, outlined, shared
from asap.pause import no_pause
from asap.phantom.case import generate_case
from asap.report import Side
from asap.segment_types import LESIONS, lesion_type
from asap.segmentation import Segment, dice, make_segment
from asap.volume import Volume

CT = Volume(np.zeros((60, 60, 60), dtype=np.int16), np.diag([3.0, 3.0, 3.0, 1.0]))


def estimate(concept: str, side: Side, probability: float | None, peak: tuple[float, float, float]) -> FindingEstimate:
    return FindingEstimate(concept, side, f"{side}_upper_lobe", probability, peak)


def block(start: int, size: int = 6) -> Segment:
    segment = make_segment(CT, np.ones((size,) * 3, dtype=np.bool_), LESIONS["mass"], source="", start_ijk=(start, 20, 20))
    assert segment is not None
    return segment


def named(estimates: list[FindingEstimate], segments: list[Segment | None]) -> list[tuple[str, str]]:
    """(name, key) of what is found when the outlines come out as told, in the order asked."""
    engine = load_engine("asap-test")
    features = engine.encode(generate_case(3).volume)
    waiting = iter(segments)

    def outline(_grounding: Grounding) -> Segment | None:
        return next(waiting)

    def ground(sentences: list) -> list[Grounding]:  # type: ignore[type-arg]
        return engine.ground(features, sentences)

    found = outlined(estimates, ground, outline, progress=no_progress, pause=no_pause)
    return [(segment.name, segment.kind.key) for segment in found]


def test_findings_of_one_place_are_one_lesion_named_only_when_the_name_is_likely() -> None:
    near, far = (0.0, 0.0, 0.0), (90.0, 0.0, 0.0)
    several = [estimate("mass", "left", 0.2, near), estimate("nodule", "left", 0.2, near), estimate("mass", "right", 0.9, far)]
    assert [[e.concept for e in place] for place in by_place(several)] == [["mass"], ["mass", "nodule"]]
    assert named(several, [block(5), block(40)]) == [("Mass 1", "mass"), (f"{lesion_type(()).label} 2", lesion_type(()).key)]


@pytest.mark.parametrize("probability", [None, 0.05, 0.29])
def test_what_is_hardly_believed_is_not_outlined(probability: float | None) -> None:
    assert named([estimate("mass", "left", probability, (0, 0, 0))], []) == []


def test_a_body_outlined_already_is_not_outlined_again() -> None:
    two = [estimate("mass", "left", 0.9, (0, 0, 0)), estimate("consolidation", "left", 0.8, (60, 0, 0))]
    assert len(named(two, [block(5), block(6)])) == 1
    assert len(named(two, [block(5), None])) == 1
    assert shared(block(5), block(8)) == pytest.approx(0.5)
    assert shared(block(5), block(11)) == 0.0


@pytest.mark.slow
def test_a_large_mass_is_outlined_unasked_and_a_cancel_is_heard() -> None:
    engine = load_engine("asap-mini")
    case = next(c for c in (generate_case(n, required=("mass",)) for n in range(79_100, 79_110)) if _largest_ml(c.findings) > 20)
    found = engine.segment(case.volume, ("lesions",)).segments
    whole = np.zeros(case.volume.shape, dtype=np.bool_)
    for segment in found:
        whole[segment.box] |= segment.mask
    mass = max((f.region for f in case.findings if f.concept == "mass"), key=np.sum)
    assert dice(whole & mass, mass) > 0.5

    def stop() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        engine.segment(case.volume, ("lesions",), between_blocks=stop)


def _largest_ml(findings: object) -> float:
    return max((float(f.region.sum()) * 0.027 for f in findings if f.concept == "mass"), default=0.0)  # type: ignore[attr-defined]
