"""The score of a grounding: what counts as a hit, what the prior takes away, what the table says."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from asap.grounding import Grounding
from asap.text.read import read_sentence
from asap_training.grounding_score import Row, distance_mm
from asap_training.scoring_cases import Query
from asap_training.side_swap import side_swapped
from asap_training.tasks.grounding_table import gain_of, line, table
from asap_training.tasks.statistics import bootstrap_by_case, expected_calibration_error


def answer(peak: tuple[float, float, float] | None) -> Grounding:
    return Grounding(
        sentence=read_sentence("Heart."), heatmap=None, affine=np.eye(4), threshold=None, peak_ras_mm=peak, confidence=None,
        tokens=None, side_check="not applicable", reason=None, weights_sha256="",
    )  # fmt: skip


def row(case: int, distance: float, prior: float | None, score: float = 0.9, twin: float | None = 0.1) -> Row:
    return Row(case, "mass", True, False, distance, distance < 1, score, twin, None if twin is None else 50.0, prior)


def test_distance_is_to_the_nearest_voxel_of_the_region() -> None:
    region = np.array([[0.0, 0, 0], [30, 0, 0]])
    assert distance_mm(answer((34.0, 3.0, 0.0)), region) == pytest.approx(5.0)
    assert distance_mm(answer(None), region) == float("inf")


def test_strict_is_twelve_millimetres() -> None:
    assert row(0, 12.0, None).strict
    assert not row(0, 12.1, None).strict


def test_gain_is_what_the_text_alone_could_not_have_earned() -> None:
    strict, prior = np.array([True, True, False, True]), np.array([0.5, 0.5, 0.5, 0.5])
    assert gain_of(strict, prior, np.arange(4)) == pytest.approx(0.5)
    assert gain_of(strict, np.full(4, 0.75), np.arange(4)) == pytest.approx(0.0)


def test_a_prior_that_leaves_nothing_to_earn_is_not_scored() -> None:
    assert "not scorable" in line("mass", [row(n, 1.0, 1.0) for n in range(5)])
    assert "not scorable" not in line("mass", [row(n, 1.0, 0.4) for n in range(5)])


def test_the_interval_comes_from_whole_cases() -> None:
    """One case with a hundred rows is one observation: its interval is as wide as that of two cases."""
    cases = [0] * 100 + [1]
    values = np.array([1.0] * 100 + [0.0])
    low, high = bootstrap_by_case(cases, lambda index: float(values[index].mean()))
    assert low == 0.0
    assert high == 1.0


def test_calibration_error_equals_an_independent_one() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.random(1000)
    correct = rng.random(1000) < confidence**2
    observed, stated = calibration_curve(correct, confidence, n_bins=10, strategy="quantile")
    assert expected_calibration_error(confidence, correct) == pytest.approx(np.abs(observed - stated).mean(), abs=5e-3)


def test_the_pool_leaves_out_small_nodules_and_organs() -> None:
    def query(kind: str, extent: float) -> Query:
        return Query("", kind, np.zeros((1, 3)), extent, in_twin=False, one_sided=False)

    assert query("nodule", 8.0).pooled
    assert not query("nodule", 7.9).pooled
    rows = {extent: query("nodule", extent).row for extent in (7.9, 8.0, 15.0, 15.1)}
    assert list(rows.values()) == ["nodule < 8 mm", "nodule 8-15 mm", "nodule 8-15 mm", "nodule > 15 mm"]
    assert query("mass", 40.0).row == "mass"
    assert query("ground_glass", 5.0).pooled
    assert not query("heart", 90.0).pooled
    assert query("heart", 90.0).organ
    assert not query("lung", 90.0).organ


def test_a_hit_is_earned_when_the_twin_does_not_earn_it_too() -> None:
    stays = Row(0, "mass", True, False, 2.0, True, 0.9, 0.8, 3.0, None)
    assert stays.strict
    assert stays.earned is False
    assert Row(0, "mass", True, False, 2.0, True, 0.9, 0.8, 40.0, None).earned
    assert Row(0, "mass", True, False, 2.0, True, 0.9, 0.1, 3.0, None).earned
    assert Row(0, "heart", False, True, 2.0, True, 0.9, None, None, None).earned is None


def test_the_table_tells_a_good_model_from_a_guess() -> None:
    good = table([row(n, 2.0, 0.2, score=0.9, twin=0.1) for n in range(10)])
    bad = table([row(n, 50.0, 0.2, score=0.5, twin=0.5) for n in range(10)])
    assert " 1.000 [" in good
    assert "1.00\n" in good
    assert " 0.000 [" in bad


def test_sides_are_exchanged_and_nothing_else() -> None:
    assert side_swapped("A nodule in the left lung, not the right.") == "A nodule in the right lung, not the left."
    assert side_swapped("LUL nodule.") == "RUL nodule."
    assert side_swapped("The bright spot.") == "The bright spot."
