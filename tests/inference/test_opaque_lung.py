"""Lung without air: a whole lobe the threshold misses is added, a rim along the edge is not, and each side keeps its own."""

from __future__ import annotations

import numpy as np
import pytest

from asap.inference.opaque_lung import bodies, joined, with_opaque_parts
from asap.lungs import LungMasks
from asap.models.segmentation_head import LABELS_OUT
from asap.resample import Mask
from asap.volume import Volume

SHAPE = (48, 40, 40)
AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])
NOTHING: Mask = np.zeros(SHAPE, dtype=np.bool_)


def box(i: slice, j: slice, k: slice) -> Mask:
    mask = np.zeros(SHAPE, dtype=np.bool_)
    mask[i, j, k] = True
    return mask


RIGHT = box(slice(26, 44), slice(8, 32), slice(4, 36))
LEFT = box(slice(4, 22), slice(8, 32), slice(4, 36))
LOWER_LEFT = box(slice(4, 22), slice(8, 32), slice(4, 18))


def completed(seen_left: Mask, aerated_left: Mask) -> Mask:
    """The left lung on the whole grid, from what the head sees of it and what holds air."""
    shares = np.zeros((len(LABELS_OUT), *SHAPE), dtype=np.float32)
    shares[LABELS_OUT.index("left_lower_lobe")] = seen_left
    shares[LABELS_OUT.index("right_lower_lobe")] = RIGHT
    lungs = LungMasks(aerated_left, RIGHT, airway=NOTHING, body=~NOTHING, affine=AFFINE, midline=24.0)
    volume = Volume(np.zeros(SHAPE, dtype=np.int16), AFFINE)
    found = (aerated_left, (0, 0, 0)) if aerated_left.any() else None
    answer = with_opaque_parts(volume, found, lungs, shares, grid_affine=AFFINE, key="left_lung")
    whole = np.zeros(SHAPE, dtype=np.bool_)
    if answer is not None:
        mask, start = answer
        whole[tuple(slice(a, a + n) for a, n in zip(start, mask.shape, strict=True))] = mask
    return whole


def test_a_lobe_without_air_becomes_part_of_its_lung() -> None:
    whole = completed(LEFT, LEFT & ~LOWER_LEFT)
    assert (whole & LOWER_LEFT).sum() > 0.9 * LOWER_LEFT.sum()
    assert not (whole & RIGHT).any()


def test_a_whole_lung_without_air_is_found() -> None:
    assert (completed(LEFT, NOTHING) & LEFT).sum() > 0.9 * LEFT.sum()


def test_a_body_away_from_the_air_of_its_side_is_no_lung() -> None:
    aerated = box(slice(4, 22), slice(8, 20), slice(4, 18))
    shoulder = box(slice(4, 20), slice(8, 24), slice(24, 38))
    assert (completed(aerated | shoulder, aerated) == aerated).all()


def test_a_rim_the_head_draws_wider_changes_nothing() -> None:
    wider = box(slice(2, 24), slice(6, 34), slice(2, 38))
    assert (completed(wider, LEFT) == LEFT).all()


@pytest.mark.parametrize("thickness", [2, 4])
def test_only_bodies_thicker_than_a_rim_count(thickness: int) -> None:
    sheet = box(slice(4, 4 + thickness), slice(0, 40), slice(0, 40))
    assert not bodies(sheet, 0.027).any()
    assert bodies(box(slice(4, 16), slice(4, 30), slice(4, 30)), 0.027).any()


def test_boxes_are_joined_where_they_lie() -> None:
    mask, start = joined((np.ones((2, 2, 2), bool), (5, 5, 5)), (np.ones((1, 3, 1), bool), (4, 6, 7)))
    assert start == (4, 5, 5)
    assert mask.shape == (3, 4, 3)
    assert mask.sum() == 8 + 3
