"""What goes to the server: the whole field of view, no finer than the model's voxels, in RAS, int16. numpy only.

The same rule as `asap.preprocess`: per axis int(dim * spacing / target) voxels, half-voxel centres, triangle weights as wide
as the coarser voxel, or as the finer one for a model that samples (the published one does). An axis that is coarser than the
model already is sent as it is: the server's own interpolation of it is exact, and an upload never grows. Linear and separable,
so one weight matrix per axis, slice by slice.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Affine = NDArray[np.float64]

TIE_VOXELS = 1e-6  # an oblique affine's rounding must not cost a voxel


class Stopped(Exception):
    """The caller asked for the work to end."""


@dataclass(frozen=True, eq=False)
class UploadVolume:
    """voxels_ijk: (i, j, k) int16 HU, Fortran order (i fastest). affine_ras_mm: voxel index -> RAS+ mm."""

    voxels_ijk: NDArray[np.int16]
    affine_ras_mm: Affine

    @property
    def bytes_fortran(self) -> memoryview:
        """The voxels' memory, little endian, i fastest."""
        return memoryview(self.voxels_ijk.T).cast("B")


def hu_bytes(voxels_ijk: NDArray[Any]) -> memoryview:
    """Voxels of any number type as int16 HU, little endian, i fastest; without a copy where they are that already."""
    if voxels_ijk.dtype != np.int16:
        limits = np.iinfo(np.int16)
        voxels_ijk = np.clip(np.rint(voxels_ijk), limits.min, limits.max)
    return memoryview(np.asarray(voxels_ijk, dtype="<i2", order="F").T).cast("B")


def no_progress(_share: float) -> None:
    """For callers that show none."""


def never() -> bool:
    """For callers that never stop it."""
    return False


def resample_for_model(
    voxels_ijk: NDArray[Any],
    affine_ras_mm: Affine,
    spacing_mm: tuple[float, float, float],
    *,
    antialias: bool = True,
    progress: Callable[[float], None] = no_progress,
    stopped: Callable[[], bool] = never,
) -> UploadVolume:
    """A volume on the model's voxels, averaged (antialias) or sampled.

    voxels_ijk: HU of any number type. spacing_mm: the model's voxel along (right, anterior, superior).
    Raises Stopped between two slices when `stopped()`.
    """
    axes, flips = ras_axes(affine_ras_mm)
    targets = [0.0, 0.0, 0.0]
    for world_axis, axis in enumerate(axes):
        targets[axis] = spacing_mm[world_axis]
    source_mm = np.linalg.norm(affine_ras_mm[:3, :3], axis=0)
    sizes = [
        size if mm >= target else max(1, int(size * mm / target + TIE_VOXELS))
        for size, mm, target in zip(voxels_ijk.shape, source_mm, targets, strict=True)
    ]
    weights = [linear_weights(size_in, size, antialias=antialias) for size_in, size in zip(voxels_ijk.shape, sizes, strict=True)]
    averaged = _apply(voxels_ijk, weights, sizes, progress, stopped)
    ratios = np.array([size_in / size for size_in, size in zip(voxels_ijk.shape, sizes, strict=True)])
    steps = np.diag([*ratios, 1.0])
    steps[:3, 3] = 0.5 * ratios - 0.5
    return _reoriented(averaged, affine_ras_mm @ steps, axes, flips)


def linear_weights(size_in: int, size_out: int, *, antialias: bool) -> NDArray[np.float32] | None:
    """Triangle weights [out, in] around half-voxel centres, as wide as an output voxel (antialias) or an input voxel; None when
    nothing changes.
    """
    if size_in == size_out:
        return None
    ratio = size_in / size_out
    centres = np.clip((np.arange(size_out) + 0.5) * ratio - 0.5, 0, size_in - 1)
    distance = np.abs(np.arange(size_in)[None, :] - centres[:, None]) / (max(1.0, ratio) if antialias else 1.0)
    weights = np.maximum(0.0, 1.0 - distance)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


def _apply(
    voxels_ijk: NDArray[Any],
    weights: list[NDArray[np.float32] | None],
    sizes: list[int],
    progress: Callable[[float], None],
    stopped: Callable[[], bool],
) -> NDArray[np.int16]:
    out = np.empty(sizes, dtype=np.int16, order="F")
    rows, columns, slices = weights
    for k in range(sizes[2]):
        if stopped():
            raise Stopped
        if slices is None:
            plane = voxels_ijk[:, :, k].astype(np.float32)
        else:
            sources = np.flatnonzero(slices[k])
            plane = np.zeros(voxels_ijk.shape[:2], dtype=np.float32, order="F")
            for source in sources:
                plane += voxels_ijk[:, :, source] * slices[k, source]
        plane = plane if rows is None else rows @ plane
        plane = plane if columns is None else plane @ columns.T
        out[:, :, k] = np.clip(np.rint(plane), -32768, 32767)
        progress((k + 1) / sizes[2])
    return out


def ras_axes(affine: Affine) -> tuple[tuple[int, int, int], tuple[bool, bool, bool]]:
    """For each RAS axis: the voxel axis that runs closest to it, and whether it must be flipped."""
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    axes = max(
        itertools.permutations(range(3)), key=lambda order: sum(abs(directions[row, axis]) for row, axis in enumerate(order))
    )
    a, b, c = (bool(directions[row, axis] < 0) for row, axis in enumerate(axes))
    return (axes[0], axes[1], axes[2]), (a, b, c)


def _reoriented(
    voxels: NDArray[np.int16], affine: Affine, axes: tuple[int, int, int], flips: tuple[bool, bool, bool]
) -> UploadVolume:
    ras = np.eye(4)
    origin = affine[:3, 3].copy()
    for new_axis, (axis, flip) in enumerate(zip(axes, flips, strict=True)):
        column = affine[:3, axis]
        ras[:3, new_axis] = -column if flip else column
        if flip:
            origin += column * (voxels.shape[axis] - 1)
    ras[:3, 3] = origin
    turned = voxels.transpose(axes)[tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)]
    return UploadVolume(np.asfortranarray(turned.astype("<i2", copy=False)), ras)
