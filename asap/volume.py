"""`Volume`: a CT as an array in Hounsfield units with an affine to RAS+ millimetres. numpy only.

Axes are (i, j, k); `affine @ (i, j, k, 1)` is the world position of a voxel's centre in RAS+ (right, anterior, superior) mm.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asap import limits
from asap.errors import InputError
from asap.pause import Pause, no_pause

Affine = NDArray[np.float64]

SAME_CASE_CORNER_MM = 1e-3
HASHED_ROWS = 32  # of the first axis at a time: a cache line of int16, whatever the order in memory
TURNED_COLUMNS = 4  # of the second axis at a time: turning the order in memory stays within the cache, five times as fast


@dataclass(frozen=True, eq=False)
class Volume:
    """A CT volume without any patient data.

    hu: (i, j, k) int16 or float32 Hounsfield units. affine: 4x4 voxel index -> RAS+ mm.
    Raises InputError when the array is not 3-D, not finite, outside `asap.limits`, or the affine is unusable.
    """

    hu: NDArray[np.int16] | NDArray[np.float32]
    affine: Affine

    def __post_init__(self) -> None:
        if self.hu.dtype not in (np.dtype(np.int16), np.dtype(np.float32)):
            raise InputError("A volume holds int16 or float32 Hounsfield units.")
        limits.check_shape(self.hu.shape, self.hu.dtype.itemsize)
        object.__setattr__(self, "affine", checked_affine(self.affine))
        if self.hu.dtype == np.float32 and not bool(np.isfinite(self.hu).all()):
            raise InputError("The image contains values that are not numbers (NaN or infinite); export it again.")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along (i, j, k)."""
        i, j, k = self.hu.shape
        return i, j, k

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxel centres along (i, j, k) in mm."""
        return spacing_of(self.affine)

    @property
    def identity(self) -> str:
        """sha256 of the canonical RAS int16 voxels and their shape: the same for one case however it was stored."""
        return self.identified()

    def identified(self, pause: Pause = no_pause) -> str:
        """`identity`, computed a slab at a time without a copy of the volume; `pause` is called after each slab."""
        canonical = self.reoriented_to_ras()
        digest = hashlib.sha256(repr(canonical.shape).encode())
        for start in range(0, canonical.shape[0], HASHED_ROWS):
            slab = _in_c_order(to_int16(canonical.hu[start : start + HASHED_ROWS]))
            digest.update(slab.data.cast("B"))
            pause()
        return digest.hexdigest()

    def is_same_case(self, other: Volume) -> bool:
        """True when identities agree and the affines differ by less than 1e-3 mm at all eight corners."""
        ours, theirs = self.reoriented_to_ras(), other.reoriented_to_ras()
        if ours.shape != theirs.shape or self.identity != other.identity:
            return False
        corners = corner_indices(ours.shape)
        gap = np.abs(apply_affine(ours.affine, corners) - apply_affine(theirs.affine, corners)).max()
        return bool(gap < SAME_CASE_CORNER_MM)

    def world_from_voxel(self, ijk: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map voxel indices [..., 3] to RAS+ mm [..., 3]."""
        return apply_affine(self.affine, ijk)

    def voxel_from_world(self, ras_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map RAS+ mm [..., 3] to (fractional) voxel indices [..., 3]."""
        return apply_affine(np.linalg.inv(self.affine), ras_mm)

    def reoriented_to_ras(self) -> Volume:
        """The same voxels with axes permuted and flipped so that i, j, k run closest to right, anterior, superior.

        A view where numpy allows it; every voxel keeps its world position exactly.
        """
        axes, flips = ras_axes(self.affine)
        if axes == (0, 1, 2) and not any(flips):
            return self
        hu = self.hu.transpose(axes)
        hu = hu[tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)]
        affine = np.eye(4)
        origin = self.affine[:3, 3].copy()
        for new_axis, (old_axis, flip) in enumerate(zip(axes, flips, strict=True)):
            column = self.affine[:3, old_axis]
            affine[:3, new_axis] = -column if flip else column
            if flip:
                origin = origin + column * (self.hu.shape[old_axis] - 1)
        affine[:3, 3] = origin
        return Volume(hu, affine)

    def cropped(self, start_ijk: tuple[int, int, int], stop_ijk: tuple[int, int, int]) -> Volume:
        """The voxels of the half-open box [start, stop), each at its own world position. Raises InputError for an empty box."""
        start = [max(0, s) for s in start_ijk]
        stop = [min(n, s) for n, s in zip(self.hu.shape, stop_ijk, strict=True)]
        if any(a >= b for a, b in zip(start, stop, strict=True)):
            raise InputError("The crop lies outside the image.")
        affine = self.affine.copy()
        affine[:3, 3] = apply_affine(self.affine, np.asarray(start, dtype=np.float64))
        return Volume(self.hu[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))], affine)

    def __repr__(self) -> str:
        spacing = " x ".join(f"{s:.3g}" for s in self.spacing_mm)
        return f"Volume({' x '.join(map(str, self.shape))} voxels, {spacing} mm, {self.hu.dtype})"


def checked_affine(affine: NDArray[Any], max_spacing_mm: float = limits.MAX_SPACING_MM) -> Affine:
    """A float64 copy of `affine`, or InputError: 4x4, finite, invertible, orthogonal axes, spacing within limits."""
    out = np.array(affine, dtype=np.float64)
    if out.shape != (4, 4) or not np.isfinite(out).all() or not np.array_equal(out[3], [0, 0, 0, 1]):
        raise InputError("The image has no usable geometry (its affine is not a finite 4 x 4 matrix).")
    if np.abs(out).max() > 1e6:
        raise InputError("The image's position is implausible (further than a kilometre from its origin).")
    spacing = np.asarray(spacing_of(out))
    if (spacing < limits.MIN_SPACING_MM).any() or (spacing > max_spacing_mm).any():
        raise InputError(f"The voxel spacing is not between {limits.MIN_SPACING_MM} and {max_spacing_mm:g} mm.")
    directions = out[:3, :3] / spacing
    if np.abs(directions.T @ directions - np.eye(3)).max() > 1e-2:
        raise InputError("The image's axes are sheared; resample it to a rectangular grid first.")
    return out


def spacing_of(affine: Affine) -> tuple[float, float, float]:
    """Length of each column of an affine, mm."""
    i, j, k = np.linalg.norm(affine[:3, :3], axis=0)
    return float(i), float(j), float(k)


def apply_affine(affine: Affine, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Apply a 4x4 affine to points [..., 3]."""
    return np.asarray(np.asarray(points, dtype=np.float64) @ affine[:3, :3].T + affine[:3, 3])


def ras_axes(affine: Affine) -> tuple[tuple[int, int, int], tuple[bool, bool, bool]]:
    """For each RAS axis: which voxel axis runs closest to it, and whether that axis must be flipped.

    The assignment maximises the summed |cosine| over all six permutations, so oblique volumes are never given one axis twice.
    """
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    orders = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    axes = max(orders, key=lambda order: sum(abs(directions[row, axis]) for row, axis in enumerate(order)))
    a, b, c = (bool(directions[row, axis] < 0) for row, axis in enumerate(axes))
    return axes, (a, b, c)


def corner_indices(shape: tuple[int, int, int]) -> NDArray[np.float64]:
    """The eight corner voxels' indices, [8, 3]."""
    grids = np.meshgrid(*[(0.0, n - 1.0) for n in shape], indexing="ij")
    return np.stack([g.ravel() for g in grids], axis=-1)


def _in_c_order(slab: NDArray[np.int16]) -> NDArray[np.int16]:
    if slab.flags.c_contiguous:
        return slab
    out = np.empty(slab.shape, dtype=np.int16)
    for column in range(0, slab.shape[1], TURNED_COLUMNS):
        out[:, column : column + TURNED_COLUMNS] = slab[:, column : column + TURNED_COLUMNS]
    return out


def to_int16(hu: NDArray[np.int16] | NDArray[np.float32]) -> NDArray[np.int16]:
    """Round to the nearest integer HU and clip to int16's range; int16 passes through."""
    if hu.dtype == np.int16:
        return hu.astype(np.int16, copy=False)
    return np.clip(np.rint(hu), -32768, 32767).astype(np.int16)
