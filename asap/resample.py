"""A small array on a coarse grid -> an image's own voxels, in the array's box only. numpy only.

Both grids run along the same axes (the image in RAS order), so the interpolation is one matrix per axis: linear, with
half-voxel-exact centres, a slice at a time, and the full-size image is never held in floating point.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asap.volume import Affine, Volume, ras_axes

Triple = tuple[int, int, int]
Mask = NDArray[np.bool_]
STRAIGHT = 1e-3  # cells off the line across the whole image


@dataclass(frozen=True, eq=False)
class Placement:
    """Where an array (a, b, c) lies in an image: the image's box it covers, and weights [out, in] along each axis."""

    start_ijk: Triple
    weights: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]

    @property
    def shape(self) -> Triple:
        """Voxels of the box."""
        i, j, k = (len(w) for w in self.weights)
        return i, j, k

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """The box as slices of the image."""
        i, j, k = (slice(first, first + size) for first, size in zip(self.start_ijk, self.shape, strict=True))
        return i, j, k

    def planes(self, values_abc: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        """The interpolated array, one (i, j) plane for each k of the box."""
        rows, columns, slices = self.weights
        for taps in slices:
            used = np.flatnonzero(taps)
            plane = values_abc[:, :, used] @ taps[used]
            yield rows @ plane @ columns.T

    def mask(self, values_abc: NDArray[np.float32], level: float = 0.5) -> Mask:
        """Voxels of the box where the interpolated array exceeds `level`."""
        out = np.empty(self.shape, dtype=np.bool_)
        for k, plane in enumerate(self.planes(values_abc)):
            out[:, :, k] = plane > level
        return out


def place(shape: tuple[int, ...], affine: Affine, image_shape: Triple, image_affine: Affine) -> Placement | None:
    """Where a three-dimensional array of `shape` with `affine` lies in an image; None when they do not meet.

    Voxels whose centre lies outside the array's outer faces are not part of the box; within half a cell of them the array's
    last value holds. Raises ValueError for grids that are turned against each other.
    """
    to_array = np.linalg.inv(affine) @ image_affine
    step = np.diag(to_array)[:3]
    turned = np.abs(to_array[:3, :3] - np.diag(step)).max() * max(image_shape)
    if turned > STRAIGHT or (step <= 0).any():
        raise ValueError("the two grids do not run along the same axes")
    starts, weights = [], []
    for axis in range(3):
        index = to_array[axis, 3] + step[axis] * np.arange(image_shape[axis])
        inside = np.flatnonzero((index >= -0.5) & (index <= shape[axis] - 0.5))
        if not inside.size:
            return None
        starts.append(int(inside[0]))
        weights.append(_linear(index[inside], shape[axis]))
    return Placement((starts[0], starts[1], starts[2]), (weights[0], weights[1], weights[2]))


def _linear(index: NDArray[np.float64], size: int) -> NDArray[np.float32]:
    clamped = np.clip(index, 0, size - 1)
    weights: NDArray[np.float64] = np.maximum(0.0, 1.0 - np.abs(np.arange(size)[None, :] - clamped[:, None]))
    return weights.astype(np.float32)


def in_stored_order(mask_ras: Mask, start_ras: Triple, volume: Volume) -> tuple[Mask, Triple]:
    """A box of a volume's RAS view -> the same voxels in the order the volume is stored in."""
    axes, flips = ras_axes(volume.affine)
    flipped = mask_ras[tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)]
    order = [axes.index(axis) for axis in range(3)]
    start = [0, 0, 0]
    for ras_axis, (stored_axis, flip) in enumerate(zip(axes, flips, strict=True)):
        first, size = start_ras[ras_axis], mask_ras.shape[ras_axis]
        start[stored_axis] = volume.shape[stored_axis] - first - size if flip else first
    return np.ascontiguousarray(flipped.transpose(order)), (start[0], start[1], start[2])


def in_ras_order(mask: Mask, start_ijk: Triple, volume: Volume) -> tuple[Mask, Triple]:
    """Inverse of `in_stored_order`."""
    axes, flips = ras_axes(volume.affine)
    turned = mask.transpose(axes)
    turned = turned[tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)]
    start = []
    for stored_axis, flip in zip(axes, flips, strict=True):
        first, size = start_ijk[stored_axis], mask.shape[stored_axis]
        start.append(volume.shape[stored_axis] - first - size if flip else first)
    return turned, (start[0], start[1], start[2])
