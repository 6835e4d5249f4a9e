"""Regions of a case on the model's grid of cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asap.phantom.canvas import bounding_box
from asap.preprocess import GridMap
from asap.volume import Affine, apply_affine

Cells = tuple[int, int, int]


def cell_fractions(mask: NDArray[np.bool_], affine: Affine, grid: GridMap, cells: Cells) -> NDArray[np.float32]:
    """Share of each cell that the mask fills, [N] in C order over (a, b, c).

    mask: (i, j, k) on any grid with `affine` to RAS+ mm; voxels outside the field of view do not count.
    """
    aligned = all(np.count_nonzero(m[:3, :3] - np.diag(np.diag(m[:3, :3]))) == 0 for m in (affine, grid.token_affine))
    counts_ABC = (counts_by_axis if aligned else counts_by_voxel)(mask, affine, grid, cells)
    voxels_per_cell = abs(np.linalg.det(grid.token_affine[:3, :3]) / np.linalg.det(affine[:3, :3]))
    return np.minimum(counts_ABC.ravel() / voxels_per_cell, 1.0).astype(np.float32)


def counts_by_voxel(mask: NDArray[np.bool_], affine: Affine, grid: GridMap, cells: Cells) -> NDArray[np.int64]:
    """Voxels of the mask in each cell, each voxel's centre led through millimetres; any orientation."""
    index = np.stack(np.unravel_index(np.flatnonzero(mask), mask.shape), axis=-1).astype(np.float64)
    cell = grid.token_of(apply_affine(affine, index))
    held = cell[((cell >= 0) & (cell < cells)).all(axis=1)]
    place = np.ravel_multi_index((held[:, 0], held[:, 1], held[:, 2]), cells)
    return np.bincount(place, minlength=int(np.prod(cells))).reshape(cells)


def counts_by_axis(mask: NDArray[np.bool_], affine: Affine, grid: GridMap, cells: Cells) -> NDArray[np.int64]:
    """The same where both grids run along the same axes: each axis is summed for itself, inside the mask's box."""
    box = bounding_box(mask)
    if box is None:
        return np.zeros(cells, dtype=np.int64)
    counts: NDArray[np.integer] = mask[box].view(np.uint8)
    for axis, count in enumerate(cells):
        line = np.zeros((mask.shape[axis], 3))
        line[:, axis] = np.arange(mask.shape[axis])
        cell = grid.token_of(apply_affine(affine, line))[box[axis], axis]
        first = np.flatnonzero(np.diff(cell, prepend=cell[0] - 1))
        summed = np.add.reduceat(counts, first, axis=axis, dtype=np.int32)
        inside = (cell[first] >= 0) & (cell[first] < count)
        counts = np.zeros((*summed.shape[:axis], count, *summed.shape[axis + 1 :]), dtype=np.int32)
        np.moveaxis(counts, axis, 0)[cell[first][inside]] = np.moveaxis(summed, axis, 0)[inside]
    return counts.astype(np.int64)
