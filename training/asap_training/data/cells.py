"""Regions of a case on the model's grid of cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asap.preprocess import GridMap
from asap.volume import Affine, apply_affine


def cell_fractions(mask: NDArray[np.bool_], affine: Affine, grid: GridMap, cells: tuple[int, int, int]) -> NDArray[np.float32]:
    """Share of each cell that the mask fills, [N] in C order over (a, b, c).

    mask: (i, j, k) on any grid with `affine` to RAS+ mm; voxels outside the field of view do not count.
    """
    index = np.stack(np.unravel_index(np.flatnonzero(mask), mask.shape), axis=-1).astype(np.float64)
    cell = grid.token_of(apply_affine(affine, index))
    held = cell[((cell >= 0) & (cell < cells)).all(axis=1)]
    counts = np.bincount(np.ravel_multi_index((held[:, 0], held[:, 1], held[:, 2]), cells), minlength=int(np.prod(cells)))
    voxels_per_cell = abs(np.linalg.det(grid.token_affine[:3, :3]) / np.linalg.det(affine[:3, :3]))
    return np.minimum(counts / voxels_per_cell, 1.0).astype(np.float32)
