"""Lesions nobody pointed at: findings of one place are one lesion, a name needs its own odds, and nothing is outlined twice."""

from __future__ import annotations

import math
from functools import cache, partial

import numpy as np
import pytest

from asap.drafts import FindingEstimate
from asap.errors import Cancelled, InputError
from asap.grounding import Grounding, narrowed
from asap.inference.course import no_progress
from asap.inference.engine import Engine
from asap.inference.features import StudyFeatures
from asap.inference.load import load_engine
from asap.inference.sought_lesions import OUTLINED_FROM, by_place, covers, outlined, shared, sought_lesions
from asap.pause import no_pause
from asap.phantom.case import generate_case
from asap.report import Side
from asap.segment_types import LESIONS, lesion_type
from asap.segmentation import Segment, dice, make_segment
from asap.text.read import read_sentence
from asap.volume import Volume

CT = Volume(np.zeros((60, 60, 60), dtype=np.int16), np.diag([3.0, 3.0, 3.0, 1.0]))


def estimate(concept: str, side: Side, probability: float | None, peak: tuple[float, float, float]) -> FindingEstimate:
    return FindingEstimate(concept, side, f"{side}_upper_lobe", probability, peak)


def block(start: int, size: int = 6) -> Segment:
    segment = make_segment(CT, np.ones((size,) * 3, dtype=np.bool_), LESIONS["mass"], source="", start_ijk=(start, 20, 20))
    assert segment is not None
    return segment


@cache
def encoded() -> tuple[Engine, StudyFeatures]:
    """A model that answers every sentence somewhere, and a case."""
    engine = load_engine("asap-test")
    return engine, engine.encode(generate_case(3).volume)


def named(estimates: list[FindingEstimate], segments: list[Segment | None]) -> list[tuple[str, str]]:
    """(name, key) of what is found when the outlines come out as told, in the order asked."""
    engine, features = encoded()
    waiting = iter(segments)

    def outline(_grounding: Grounding) -> Segment | None:
        return next(waiting)

    def ground(sentences: list) -> list[Grounding]:  # type: ignore[type-arg]
        return engine.ground(features, sentences)

    found = outlined(CT, estimates, ground, outline, progress=no_progress, pause=no_pause)
    return [(segment.name, segment.kind.key) for segment in found]


def test_findings_of_one_place_are_one_lesion_named_only_when_the_name_is_likely() -> None:
    near, far = (0.0, 0.0, 0.0), (90.0, 0.0, 0.0)
    several = [estimate("mass", "left", 0.2, near), estimate("nodule", "left", 0.2, near), estimate("mass", "right", 0.9, far)]
    assert [[e.concept for e in place] for place in by_place(several)] == [["mass"], ["mass", "nodule"]]
    assert named(several, [block(5), block(40)]) == [("Mass 1", "mass"), (f"{lesion_type(()).label} 2", lesion_type(()).key)]


@pytest.mark.parametrize("probability", [None, 0.05, OUTLINED_FROM - 0.01])
def test_what_is_hardly_believed_is_not_outlined(probability: float | None) -> None:
    assert named([estimate("mass", "left", probability, (0, 0, 0))], []) == []


def test_a_model_that_was_not_calibrated_says_so() -> None:
    engine, features = encoded()
    with pytest.raises(InputError, match="not calibrated to look"):
        sought_lesions(
            CT,
            engine.findings.of(features),
            partial(engine.ground, features),
            lambda _grounding: None,
            progress=no_progress,
            pause=no_pause,
        )


def test_a_body_outlined_already_is_not_outlined_again() -> None:
    two = [estimate("mass", "left", 0.9, (0, 0, 0)), estimate("consolidation", "left", 0.8, (60, 0, 0))]
    assert len(named(two, [block(5), block(6)])) == 1
    assert len(named(two, [block(5), None])) == 1
    assert shared(block(5), block(8)) == pytest.approx(0.5)
    assert shared(block(5), block(11)) == 0.0


def test_a_place_within_an_outline_is_not_asked_about_and_another_one_of_the_same_finding_is() -> None:
    # block(5) covers 15 to 30 mm along the first axis, 60 to 75 along the others.
    two = [estimate("mass", "left", 0.9, (0, 0, 0)), estimate("mass", "left", 0.8, (27, 66, 66))]
    assert covers(block(5), CT, (27, 66, 66))
    assert not covers(block(5), CT, (36, 66, 66))
    assert len(named(two, [block(5)])) == 1, "a second outline would have found nothing left to give"
    apart = [two[0], estimate("mass", "left", 0.8, (66, 66, 66))]
    assert [name for name, _ in named(apart, [block(5), block(30)])] == ["Mass 1", "Mass 2"]


def test_places_of_one_finding_lie_apart_and_a_sentence_is_asked_about_each_alone() -> None:
    engine = load_engine("asap-mini")
    features = engine.encode(generate_case(79_100, required=("mass",)).volume)
    reader = engine.findings.of(features)
    places = list(reader.places("ground_glass", 3, 25.0))
    assert places[0] == reader.estimate("ground_glass", "left", asked=False)
    for side in ("left", "right"):
        own = [place for place in places if place.side == side]
        assert [place.probability for place in own] == sorted((place.probability for place in own), reverse=True)  # type: ignore[type-var]
    centres = np.array([place.peak_ras_mm for place in places if place.side == "left"])
    assert min(np.linalg.norm(a - b) for n, a in enumerate(centres) for b in centres[:n]) > 10
    whole = engine.ground(features, [read_sentence("There is ground-glass opacity in the left lung.")])[0]
    second = places[1].peak_ras_mm
    alone = narrowed(whole, second, 30.0)
    assert whole.heatmap is not None
    assert alone.heatmap is not None
    assert alone.peak_ras_mm is not None
    assert math.dist(alone.peak_ras_mm, second) <= 40
    assert (alone.heatmap <= whole.heatmap).all()
    assert alone.threshold == pytest.approx(0.5 * alone.heatmap.max())
    assert narrowed(whole, (9e3, 0, 0), 30.0) is whole


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
