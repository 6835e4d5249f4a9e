"""Organ classes per voxel -> share of each class per token, exactly, for any crop (asap-method 1.5).

The cache keeps a mask as runs: where along the last axis an organ begins and ends, column by column. A crop then counts some
tens of thousands of runs instead of millions of voxels. Axes: R runs, P columns of the window, N tokens, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Triple = tuple[int, int, int]
Index = NDArray[np.intp]


def organ_runs(labels_HWD: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """The runs of every class but the background as one array: how many each column has, first voxels, last + 1, classes."""
    h, w, d = labels_HWD.shape
    framed = np.zeros((h, w, d + 2), np.uint8)
    framed[:, :, 1:-1] = labels_HWD
    before, after = framed[:, :, :-1], framed[:, :, 1:]
    begins, ends = (np.nonzero((before != after) & (side != 0)) for side in (after, before))
    counts_P = np.bincount(begins[0] * w + begins[1], minlength=h * w)
    return np.concatenate([counts_P, begins[2], ends[2], after[begins]]).astype(np.uint16)


def organ_shares(
    runs: NDArray[np.uint16], shape: Triple, sources: Sequence[Index], patch: Triple, classes: int
) -> NDArray[np.float32]:
    """Share [N, C] of each token's voxels per class, the background first, tokens in C order.

    runs: of a mask of this shape. sources: for each axis of the window, the mask's voxel that each of its voxels shows; as many
    as a multiple of the patch.
    """
    rows, columns, slices = sources
    grid = tuple(len(source) // p for source, p in zip(sources, patch, strict=True))
    counts_HW, (begin_R, end_R, class_R) = runs[: shape[0] * shape[1]], runs[shape[0] * shape[1] :].reshape(3, -1)
    first_HW = np.cumsum(counts_HW, dtype=np.intp) - counts_HW
    column_P = (rows[:, None] * shape[1] + columns).ravel()
    count_P = counts_HW[column_P]
    token_P = (np.arange(len(rows))[:, None] // patch[0] * grid[1] + np.arange(len(columns)) // patch[1]).ravel()
    # The window's runs, column after column; a column that is mirrored comes more than once.
    place_R = np.arange(count_P.sum(dtype=np.intp))
    place_R += np.repeat(first_HW[column_P] - np.cumsum(count_P, dtype=np.intp) + count_P, count_P)
    planes = shape[2] + 1
    base_R = (np.repeat(token_P, count_P) * classes + class_R[place_R]) * planes
    bins = grid[0] * grid[1] * classes * planes
    begun = np.bincount(base_R + begin_R[place_R], minlength=bins) - np.bincount(base_R + end_R[place_R], minlength=bins)
    # Columns of a token that show class c in plane z of the mask, then in the planes of the window.
    shown_NCD = np.cumsum(begun.reshape(-1, classes, planes), axis=2)[:, :, slices]
    counts = shown_NCD.reshape(-1, classes, grid[2], patch[2]).sum(3).transpose(0, 2, 1).reshape(-1, classes)
    voxels = int(np.prod(patch))
    counts[:, 0] = voxels - counts[:, 1:].sum(1)
    return (counts / np.float32(voxels)).astype(np.float32)
