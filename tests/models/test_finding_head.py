"""The finding head belongs to one trunk, and is refused when it is damaged."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from asap.errors import WeightsError
from asap.inference.presence import PresenceCurve, curves_of_head
from asap.models.finding_head import ARCHITECTURE, FOLDER, FindingHead, FindingHeadConfig, load_finding_head
from asap.models.weights import write_weights

TRUNK = "a" * 64


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    config = FindingHeadConfig(cell_numbers=8, hidden=4, trunk_sha256=TRUNK, concepts=("nodule", "mass"))
    write_weights(
        tmp_path / FOLDER,
        FindingHead(config).state_dict(),
        name="test-findings",
        architecture=ARCHITECTURE,
        config=asdict(config) | {"concepts": list(config.concepts)},
        source="a test",
        licence="Apache-2.0",
        calibration={"nodule": [1.0, -0.5, 0.1]},
    )
    return tmp_path


def test_it_loads_for_its_own_trunk_only(model_folder: Path) -> None:
    loaded = load_finding_head(model_folder, TRUNK)
    assert loaded is not None
    stated_NK = torch.randn(5, 2)
    assert torch.equal(loaded.head(torch.randn(5, 8), stated_NK), stated_NK)  # untrained: no correction
    assert load_finding_head(model_folder, "b" * 64) is None
    assert load_finding_head(model_folder / "elsewhere", TRUNK) is None


def test_a_damaged_one_is_refused(model_folder: Path) -> None:
    (weights,) = (model_folder / FOLDER).glob("weights-*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\1")
    with pytest.raises(WeightsError):
        load_finding_head(model_folder, TRUNK)


@pytest.mark.parametrize("entry", [[1.0, 2.0], [1.0, 2.0, 1.5], [1.0, "x", 0.5], None])
def test_curves_that_cannot_be_read_are_refused(entry: object) -> None:
    with pytest.raises(WeightsError):
        curves_of_head({"nodule": entry})


def test_what_is_asked_is_more_probable_than_what_is_merely_looked_for() -> None:
    curve = PresenceCurve(slope=1.0, offset=0.0, prevalence=0.1)
    assert curve.probability(0.0, asked=True) == pytest.approx(0.5)
    assert curve.probability(0.0, asked=False) == pytest.approx(0.1)
    assert curve.probability(50.0, asked=True) == 0.99
    assert curve.probability(-50.0, asked=False) == pytest.approx(0.01)
