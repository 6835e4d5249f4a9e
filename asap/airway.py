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
    number = np.arange(1, count + 1)
    rim = ndimage.binary_dilation(air, plane) & ~air
    walls = ndimage.grey_dilation(labels, footprint=plane) * rim
    area = np.bincount(labels.ravel(), minlength=count + 1) * spacing[0] * spacing[1]
    wall_total = np.bincount(walls.ravel(), weights=hu.ravel(), minlength=count + 1)
    wall_hu = wall_total / np.maximum(np.bincount(walls.ravel(), minlength=count + 1), 1)
    centre_i, centre_j = (np.append(0.0, ndimage.mean(grid, labels, number)) for grid in np.indices(air.shape)[:2])
    round_enough = (area >= AREA_MM2[0]) & (area <= AREA_MM2[1]) & (wall_hu > BRONCHUS_WALL_ABOVE_HU) & (centre_j > spine[1])
    round_enough &= np.abs(centre_i - spine[0]) * spacing[0] <= FROM_MIDLINE_MM
    round_enough[0] = False
    above, below = labels[:, :, 1:], labels[:, :, :-1]
    pairs = np.unique(np.stack([above, below], axis=-1)[(above > 0) & (below > 0)].reshape(-1, 2), axis=0)
    followers: dict[int, list[int]] = {}
    for upper, lower in pairs:
        if round_enough[upper] and round_enough[lower] and area[lower] <= GROWTH * area[upper]:
            followers.setdefault(int(upper), []).append(int(lower))
    slice_of = np.zeros(count + 1, dtype=np.int64)
    slice_of[labels[air]] = np.nonzero(air)[2]
    depth = np.where(round_enough, 1, 0)
    for upper in sorted(followers, key=lambda number: slice_of[number]):
        depth[upper] = 1 + max(int(depth[lower]) for lower in followers[upper])
    start = int(np.where(wall_hu > TRACHEA_WALL_ABOVE_HU, depth, 0).argmax())
    chosen, front = {start}, [start]
    while front:
        front = [lower for upper in front for lower in followers.get(upper, [])]
        chosen.update(front)
    return np.isin(labels, list(chosen)) & air
