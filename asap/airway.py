"""Trachea and main bronchi, traced downwards slice by slice as round pieces of air near the midline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]

THRESHOLDS_HU = (-500.0, -700.0, -850.0, -920.0)
AREA_MM2 = (45.0, 900.0)
GROWTH = 2.2
SHORTEST_MM = 25.0
FROM_MIDLINE_MM = 45.0
TRACHEA_WALL_ABOVE_HU = -600.0
BRONCHUS_WALL_ABOVE_HU = -780.0


def trace_airway(hu: NDArray[np.float32], air: Mask, spacing: tuple[float, float, float], spine: tuple[float, float]) -> Mask:
    """Mask (i, j, k) of trachea and main bronchi on a grid with axes closest to RAS; empty when no trachea is found.

    hu: (i, j, k). air: voxels inside the body that hold air. spine: its indices (i, j); the trachea lies in front of it.
    Several thresholds are tried because thin walls blur away on a coarse grid: a lower one keeps the trachea apart from the lung.
    The longest tube wins, the higher threshold among equals.
    """
    best, best_mm = np.zeros_like(air), SHORTEST_MM
    for threshold in THRESHOLDS_HU:
        tube = _longest_tube(air & (hu < threshold), hu, spacing, spine)
        length_mm = float(tube.any(axis=(0, 1)).sum()) * spacing[2]
        if length_mm > best_mm * 1.1:
            best, best_mm = tube, length_mm
    if not best.any():
        return best
    return np.asarray(ndimage.binary_dilation(best) & (hu < THRESHOLDS_HU[0]) & air, dtype=np.bool_)


def _longest_tube(air: Mask, hu: NDArray[np.float32], spacing: tuple[float, float, float], spine: tuple[float, float]) -> Mask:
    """Chain of axial pieces of air, each overlapping the one above, none much larger; the longest such chain."""
    plane = np.zeros((3, 3, 3), dtype=bool)
    plane[:, 1, 1] = plane[1, :, 1] = True
    labels, count = ndimage.label(air, plane)
    if count == 0:
        return np.zeros_like(air)
    i, j, k = np.nonzero(air)
    piece = labels[i, j, k]
    cells = np.maximum(np.bincount(piece, minlength=count + 1), 1)
    area = cells * spacing[0] * spacing[1]
    centre_i, centre_j = (np.bincount(piece, weights=axis, minlength=count + 1) / cells for axis in (i, j))
    slice_of = np.zeros(count + 1, dtype=np.int64)
    slice_of[piece] = k
    wall_hu = _wall_hu(labels, count, hu, plane)
    fits = (area >= AREA_MM2[0]) & (area <= AREA_MM2[1]) & (wall_hu > BRONCHUS_WALL_ABOVE_HU) & (centre_j > spine[1])
    fits &= np.abs(centre_i - spine[0]) * spacing[0] <= FROM_MIDLINE_MM
    fits[0] = False
    followers = _followers(labels, fits, area)
    depth = np.where(fits, 1, 0)
    for upper in sorted(followers, key=lambda number: slice_of[number]):
        depth[upper] = 1 + max(int(depth[lower]) for lower in followers[upper])
    start = int(np.where(wall_hu > TRACHEA_WALL_ABOVE_HU, depth, 0).argmax())
    chosen, front = {start}, [start]
    while front:
        front = [lower for upper in front for lower in followers.get(upper, [])]
        chosen.update(front)
    return np.isin(labels, list(chosen)) & air


def _wall_hu(labels: NDArray[np.int32], count: int, hu: NDArray[np.float32], plane: Mask) -> NDArray[np.float64]:
    """Mean HU of the cells around every piece in its slice, [count + 1]."""
    walls = np.where(labels > 0, 0, ndimage.grey_dilation(labels, footprint=plane)).ravel()
    cells = np.nonzero(walls)[0]
    total = np.bincount(walls[cells], weights=hu.ravel()[cells], minlength=count + 1)
    return np.asarray(total / np.maximum(np.bincount(walls[cells], minlength=count + 1), 1))


def _followers(labels: NDArray[np.int32], fits: Mask, area: NDArray[np.float64]) -> dict[int, list[int]]:
    """For every piece that fits: the fitting pieces it overlaps in the slice below that are not much larger."""
    above, below = labels[:, :, 1:], labels[:, :, :-1]
    both = fits[above] & fits[below]
    followers: dict[int, list[int]] = {}
    for upper, lower in sorted(set(zip(above[both].tolist(), below[both].tolist(), strict=True))):
        if area[lower] <= GROWTH * area[upper]:
            followers.setdefault(upper, []).append(lower)
    return followers
