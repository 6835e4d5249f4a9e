"""Coarse arrays on an image's voxels: exact against interpolation point by point, and stored order there and back."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import ndimage

from asap.resample import in_ras_order, in_stored_order, place
from asap.volume import Volume, apply_affine


def test_planes_are_linear_interpolation_at_the_voxels_own_places() -> None:
    rng = np.random.default_rng(0)
    values = rng.random((7, 6, 5), dtype=np.float32)
    coarse, fine = np.diag([3.0, 3.0, 3.0, 1.0]), np.diag([0.8, 0.9, 2.0, 1.0])
    coarse[:3, 3], fine[:3, 3] = (11.0, -4.0, 5.0), (5.0, -9.0, 1.0)
    image_shape = (40, 41, 30)
    placed = place(values.shape, coarse, image_shape, fine)
    assert placed is not None
    got = np.stack(list(placed.planes(values)), axis=2)
    where = np.moveaxis(np.indices(placed.shape), 0, -1) + np.array(placed.start_ijk)
    index = apply_affine(np.linalg.inv(coarse), apply_affine(fine, where.astype(float)))
    wanted = ndimage.map_coordinates(values, np.moveaxis(index, -1, 0), order=1, mode="nearest")
    assert np.abs(got - wanted).max() < 1e-5
    everywhere = apply_affine(
        np.linalg.inv(coarse), apply_affine(fine, np.moveaxis(np.indices(image_shape), 0, -1).astype(float))
    )
    covered = ((everywhere >= -0.5) & (everywhere <= np.array(values.shape) - 0.5)).all(axis=-1)
    assert covered.sum() == np.prod(placed.shape)
    assert np.array_equal(placed.mask(values, 0.4), got > 0.4)


def test_grids_that_do_not_meet_or_are_turned() -> None:
    far = np.eye(4)
    far[0, 3] = 500.0
    assert place((4, 4, 4), np.eye(4), (8, 8, 8), far) is None
    turned = np.eye(4)[[1, 0, 2, 3]]
    with pytest.raises(ValueError, match="same axes"):
        place((4, 4, 4), np.eye(4), (8, 8, 8), turned)


ORIENTATIONS = [
    (order, signs) for order in itertools.permutations(range(3)) for signs in ((1, 1, 1), (-1, 1, -1), (1, -1, 1), (-1, -1, -1))
]


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS, ids=str)
def test_a_mask_finds_its_way_into_every_stored_order_and_back(order: tuple[int, ...], signs: tuple[int, ...]) -> None:
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) * [1.0, 2.0, 3.0])[:, list(order)] * signs
    hu = np.random.default_rng(2).integers(-900, 900, (9, 8, 7)).astype(np.int16)
    volume = Volume(hu, affine)
    ras = volume.reoriented_to_ras()
    start = (1, 2, 0)
    mask = np.asarray(ras.hu[1:5, 2:5, 0:3] > 0)
    stored, first = in_stored_order(mask, start, volume)
    whole, whole_ras = np.zeros(hu.shape, dtype=bool), np.zeros(ras.shape, dtype=bool)
    whole[tuple(slice(f, f + n) for f, n in zip(first, stored.shape, strict=True))] = stored
    whole_ras[1:5, 2:5, 0:3] = mask
    assert np.array_equal(np.asarray(Volume(whole.astype(np.int16), affine).reoriented_to_ras().hu) > 0, whole_ras)
    back, again = in_ras_order(stored, first, volume)
    assert again == start
    assert np.array_equal(back, mask)
