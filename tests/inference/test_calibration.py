"""From a match to a probability."""

from __future__ import annotations

import pytest
import torch

from asap.errors import WeightsError
from asap.inference.calibration import Calibration, best_log_odds, concept_of
from asap.text.read import read_sentence


def test_confidence_rises_with_the_match_and_shifts_by_concept() -> None:
    curve = Calibration(1.5, -0.5, {"nodule": -2.0, "heart": 0.0})
    values = [curve.confidence(x, "heart") or 0.0 for x in (-50.0, -1.0, 0.0, 1.0, 50.0)]
    assert values == sorted(values)
    assert 0.0 < values[0] < values[-1] < 1.0
    assert (curve.confidence(0.0, "nodule") or 1.0) < (curve.confidence(0.0, "heart") or 0.0)


def test_what_was_not_calibrated_has_no_confidence() -> None:
    assert Calibration(1.5, -0.5, {"nodule": -2.0}).confidence(5.0, "aortic_dissection") is None


@pytest.mark.parametrize(("observations", "highest"), [({}, 0.99), ({"heart": 20}, 0.84), ({"heart": 10_000}, 0.99)])
def test_never_more_is_claimed_than_the_observations_support(observations: dict[str, int], highest: float) -> None:
    curve = Calibration(1.5, 3.0, {"heart": 0.0}, observations)
    confidence = curve.confidence(50.0, "heart")
    assert confidence == pytest.approx(highest, abs=0.005)
    assert f"{confidence:.0%}" != "100%"
    assert (curve.confidence(-4.0, "heart") or 1.0) < 0.1


def test_log_odds_follow_the_best_cells_only() -> None:
    match = torch.full((2, 100), -9.0)
    match[0, :4] = -0.1
    hot, cold = best_log_odds(match).tolist()
    assert hot > 2
    assert cold < -8


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"slope": "1", "offset": 0.0, "by_concept": {}},
        {"slope": 1.0, "offset": float("nan"), "by_concept": {}},
        {"slope": 1.0, "offset": 0.0, "by_concept": {"nodule": None}},
        {"slope": 1.0, "offset": 0.0, "by_concept": {}, "unknown": 1},
        {"slope": 1.0, "offset": 0.0, "by_concept": {}, "observations": {"nodule": -1}},
        {"slope": 1.0, "offset": 0.0, "by_concept": {}, "observations": []},
    ],
)
def test_a_malformed_calibration_is_refused(entry: dict[str, object]) -> None:
    with pytest.raises(WeightsError):
        Calibration.from_manifest(entry)


def test_the_offset_is_looked_up_by_what_the_sentence_is_about() -> None:
    assert concept_of(read_sentence("There is a nodule in the left lung.")) == "nodule"
    assert concept_of(read_sentence("Aorta.")) == "aorta"
