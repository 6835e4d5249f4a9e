"""Prompts and the region growing that answers them without a model."""

from __future__ import annotations

import numpy as np
import pytest

from asap.errors import InputError, LimitError
from asap.limits import MAX_PROMPT_POINTS
from asap.prompt import Prompt
from asap.region_growing import grow
from asap.segment_types import LESIONS
from asap.segmentation import dice, make_segment
from asap.volume import Volume, apply_affine

AFFINE = np.diag([1.5, 1.5, 2.5, 1.0])
CENTRE, RADIUS = np.array([40.0, 45.0, 40.0]), 14.0


def lung_with_a_ball() -> tuple[Volume, np.ndarray]:
    """Lung of -850 HU with noise and a ball of 30 HU; the ball's mask."""
    rng = np.random.default_rng(3)
    places = apply_affine(AFFINE, np.moveaxis(np.indices((56, 60, 32)), 0, -1).astype(float))
    ball = np.linalg.norm(places - CENTRE, axis=-1) < RADIUS
    hu = np.where(ball, 30.0, -850.0) + rng.normal(0, 20, ball.shape)
    return Volume(hu.astype(np.int16), AFFINE), ball


def whole(volume: Volume, prompt: Prompt) -> np.ndarray:
    mask, start = grow(volume, prompt)
    out = np.zeros(volume.shape, dtype=bool)
    out[tuple(slice(f, f + n) for f, n in zip(start, mask.shape, strict=True))] = mask
    return out


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt(include=((40.0, 45.0, 40.0),)),
        Prompt(include_strokes=(((34.0, 45.0, 40.0), (46.0, 45.0, 40.0)),)),
        Prompt(box=((20.0, 25.0, 20.0), (60.0, 65.0, 60.0))),
    ],
    ids=["point", "stroke", "box"],
)
def test_each_kind_of_prompt_finds_the_ball(prompt: Prompt) -> None:
    volume, ball = lung_with_a_ball()
    assert dice(whole(volume, prompt), ball) > 0.85


def test_a_point_outside_takes_its_part_away_and_a_point_inside_adds() -> None:
    volume, ball = lung_with_a_ball()
    before = whole(volume, Prompt(include=((40.0, 45.0, 40.0),)))
    cut = whole(volume, Prompt(include=((34.0, 45.0, 40.0),), exclude=((50.0, 45.0, 40.0),)))
    assert 0.4 * before.sum() < cut.sum() < 0.9 * before.sum()
    assert not (cut & ~before).any()
    segment = make_segment(volume, cut, LESIONS["lesion"], source="")
    assert segment is not None
    again = whole(volume, Prompt(include=((50.0, 45.0, 40.0),), previous=segment))
    assert dice(again, ball) > 0.85


def test_a_prompt_says_where() -> None:
    with pytest.raises(InputError, match="Say where"):
        Prompt(exclude=((0.0, 0.0, 0.0),))
    with pytest.raises(InputError, match="not a number"):
        Prompt(include=((float("nan"), 0.0, 0.0),))
    with pytest.raises(LimitError):
        Prompt(include_strokes=(((0.0, 0.0, 0.0),) * (MAX_PROMPT_POINTS + 1),))


def test_a_point_far_from_the_image_finds_nothing() -> None:
    volume, _ = lung_with_a_ball()
    assert not whole(volume, Prompt(include=((4000.0, 0.0, 0.0),))).any()
