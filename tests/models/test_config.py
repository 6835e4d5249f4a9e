"""Configurations survive JSON; unknown or impossible ones are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from asap.errors import WeightsError
from asap.models.config import AsapConfig, EncoderConfig, TextConfig


def test_json_round_trip_of_a_non_cubic_model() -> None:
    config = AsapConfig(
        encoder=EncoderConfig(width=96, depth=3, heads=4, patch=(8, 8, 4), grid=(10, 12, 7), spacing_mm=(2.0, 2.0, 4.0)),
        text=TextConfig(vocab=99, width=32, heads=2),
        projection=48,
        align_temperature=0.1,
    )
    assert AsapConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
    assert config.encoder.tokens == 840 and config.encoder.volume_shape == (80, 96, 28)


def test_defaults_are_the_published_sizes() -> None:
    config = AsapConfig.from_json({})
    assert config.encoder.tokens == 2744 and config.encoder.volume_shape == (224, 224, 112)
    spans = {s * n for s, n in zip(config.encoder.spacing_mm, config.encoder.volume_shape, strict=True)}
    assert spans == {336.0}


@pytest.mark.parametrize(
    "data",
    [
        {"_target_": "os.system"},
        {"encoder": {"width": 768, "backbone": "resnet"}},
        {"encoder": {"width": "768"}},
        {"encoder": {"width": True}},
        {"encoder": {"width": 770}},
        {"encoder": {"grid": [14, 14]}},
        {"encoder": {"grid": [14, 14, 14.0]}},
        {"encoder": {"grid": [400, 400, 400]}},
        {"encoder": {"mlp_ratio": float("nan")}},
        {"encoder": {"depth": 10**9}},
        {"encoder": []},
        {"text": {"vocab": -1}},
        {"align_temperature": 0},
        {"projection": None},
    ],
)
def test_unknown_keys_and_bad_values_are_refused(data: dict[str, Any]) -> None:
    with pytest.raises(WeightsError):
        AsapConfig.from_json(data)
