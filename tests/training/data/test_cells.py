"""Shares of cells: summing axis by axis gives the counts of leading every voxel through millimetres."""

from __future__ import annotations

import numpy as np
import pytest

from asap.preprocess import GridConfig, GridMap, to_network_grid
from asap.volume import Volume
from asap_training.data.cells import cell_fractions, counts_by_axis, counts_by_voxel

SHAPE = (30, 26, 21)
CONFIG = GridConfig((4.0, 4.0, 6.0), (24, 24, 16), (4, 4, 4))
TURN = np.array([[0.98, -0.199, 0], [0.199, 0.98, 0], [0, 0, 1]])


def placed(direction: np.ndarray, centre: float) -> tuple[np.ndarray, GridMap]:
    """An affine of 3 x 3 x 5 mm voxels, and a grid that leaves part of the volume out."""
    affine = np.eye(4)
    affine[:3, :3] = direction @ np.diag([3.0, 3.0, 5.0])
    affine[:3, 3] = [-41.7, 12.3, 7.1]
    volume = Volume(np.zeros(SHAPE, dtype=np.int16), affine)
    middle = volume.affine @ [*(np.array(SHAPE) / 2 + centre), 1]
    return affine, to_network_grid(volume, CONFIG, centre_ras_mm=middle[:3])[1]


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, 1), (-1, -1, 1), (1, -1, -1)])
@pytest.mark.parametrize("centre", [0.0, 3.4, -9.0])
def test_each_axis_for_itself_counts_the_same(signs: tuple[int, int, int], centre: float) -> None:
    rng = np.random.default_rng(11)
    affine, grid = placed(np.diag(signs), centre)
    for mask in (rng.random(SHAPE) < 0.5, rng.random(SHAPE) < 0.002, np.zeros(SHAPE, dtype=bool), np.ones(SHAPE, dtype=bool)):
        wanted = counts_by_voxel(mask, affine, grid, CONFIG.tokens)
        assert np.array_equal(counts_by_axis(mask, affine, grid, CONFIG.tokens), wanted)
    assert 0 < wanted.sum() <= mask.sum()


@pytest.mark.parametrize("direction", [TURN, np.eye(3)[[1, 0, 2]], np.eye(3)])
def test_shares_in_any_orientation_are_those_of_leading_every_voxel(direction: np.ndarray) -> None:
    """Axes that are turned, exchanged or the grid's own: where summing axis by axis would be wrong it is not done."""
    affine, grid = placed(direction, 0.0)
    mask = np.random.default_rng(12).random(SHAPE) < 0.5
    voxels_per_cell = 4.0 * 4.0 * 6.0 * 64 / (3.0 * 3.0 * 5.0)
    wanted = counts_by_voxel(mask, affine, grid, CONFIG.tokens).ravel() / voxels_per_cell
    assert np.allclose(cell_fractions(mask, affine, grid, CONFIG.tokens), np.minimum(wanted, 1), rtol=0.1)
    assert np.array_equal(cell_fractions(mask, affine, grid, CONFIG.tokens) > 0, wanted > 0)
    assert wanted.any()
