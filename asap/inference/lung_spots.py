"""Small round things in the lung, found in the network's image: where a nodule might be.

A nodule of 10 mm fills a tenth of a 12 mm cell, and a vessel as much: the model's cells hardly tell them apart. In the image a
nodule falls off in every direction, while a vessel goes on in one. So candidates are local maxima of the image smoothed at a few
widths, and those come first that fall off most along the one of 13 lines through them along which they fall off least.
Axes: C candidates, L lines, H W D voxels, P voxels along an edge of a patch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float32]
Voxels = NDArray[np.int64]

SHORTLIST = (
    256  # of some thousands; the first 200 held .82 of 17 nodules of 8-10 mm, .86 of 43 of 10-15 mm, .95 of 61 larger ones
)
PATCH = 13  # voxels of 3 mm: 39 mm
RADII = (1.0, 1.8, 3.0)  # of what is looked for, in voxels
_LINES = np.array(
    [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, -1, 0), (1, 0, 1), (1, 0, -1), (0, 1, 1), (0, 1, -1),
     (1, 1, 1), (1, 1, -1), (1, -1, 1), (-1, 1, 1)], dtype=np.float32,
)  # fmt: skip
LINES_L3 = _LINES / np.linalg.norm(_LINES, axis=1, keepdims=True)
SMOOTHED, TRUNCATED = 0.45, 2.5  # standard deviation of the smoothing, of the radius; where its kernel ends, in deviations
LOWEST_HU, HIGHEST_HU = -1000.0, 300.0  # calcium and metal say no more than "bright"
ABOVE_SURROUNDINGS_HU, LEAST_HU = 70.0, -820.0
AIRY_CUBE, AIRY_MEAN_HU = 13, -150.0  # lung is about: mean of a cube of 39 mm
LUNG_HU = (-950.0, -600.0)
LEAST_LUNG_VOXELS = 100  # of a plane through the image that is searched
EDGE = 2  # voxels at the searched box's border, where nothing can be told


def candidates(hu_HWD: Array) -> Voxels:
    """Where a nodule might be in an image of 3 mm voxels, [C, 3], the likeliest first, at most `SHORTLIST`."""
    box = _box_of_lungs(hu_HWD)
    x = np.clip(hu_HWD[box], LOWEST_HU, HIGHEST_HU, dtype=np.float32)
    if min(x.shape) <= 2 * EDGE:
        return np.zeros((0, 3), dtype=np.int64)
    levels = [ndimage.gaussian_filter(x, SMOOTHED * r, truncate=TRUNCATED, mode="nearest") for r in RADII]
    voxels_C3 = np.argwhere(_maxima(x, levels))
    fall_C = np.max([_least_fall(level, voxels_C3, r) for level, r in zip(levels, RADII, strict=True)], axis=0)
    first = np.argsort(-fall_C, kind="stable")[:SHORTLIST]
    return np.asarray(voxels_C3[first] + [side.start for side in box], dtype=np.int64)


def patches(hu_HWD: Array, voxels_C3: Voxels) -> Array:
    """The image around each voxel, [C, P, P, P] HU; beyond the image its border goes on."""
    half = PATCH // 2
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(hu_HWD, half, mode="edge"), (PATCH,) * 3)
    return np.ascontiguousarray(windows[tuple(voxels_C3.T)])


def _box_of_lungs(hu_HWD: Array) -> tuple[slice, ...]:
    """From the first to the last plane along each axis that goes through lung."""
    lung = (hu_HWD > LUNG_HU[0]) & (hu_HWD < LUNG_HU[1])
    box = []
    for axis in range(3):
        planes = np.flatnonzero(lung.sum(axis=tuple({0, 1, 2} - {axis})) >= LEAST_LUNG_VOXELS)
        box.append(slice(int(planes[0]), int(planes[-1]) + 1) if len(planes) else slice(0, 0))
    return tuple(box)


def _maxima(x: Array, levels: list[Array]) -> NDArray[np.bool_]:
    """Voxels that stand out from their surroundings more than their neighbours do, at one width at least, where lung is about."""
    found = np.zeros(x.shape, dtype=np.bool_)
    for level, r in zip(levels, RADII, strict=True):
        above = level - ndimage.uniform_filter(x, int(4 * r) | 1, mode="nearest")
        found |= (above > ABOVE_SURROUNDINGS_HU) & (level > LEAST_HU) & (above == _greatest_around(above))
    found &= ndimage.uniform_filter(x, AIRY_CUBE, mode="nearest") < AIRY_MEAN_HU
    inner = np.zeros(x.shape, dtype=np.bool_)
    inner[(slice(EDGE, -EDGE),) * 3] = True
    return found & inner


def _greatest_around(values: Array) -> Array:
    """The greatest of each voxel and its 26 neighbours, quicker than by scipy's filter."""
    for axis in range(3):
        greatest = values.copy()
        near, far = np.moveaxis(greatest, axis, 0), np.moveaxis(values, axis, 0)
        np.maximum(near[1:], far[:-1], out=near[1:])
        np.maximum(near[:-1], far[1:], out=near[:-1])
        values = greatest
    return values


def _least_fall(level: Array, voxels_C3: Voxels, radius: float) -> Array:
    """How far each voxel stands above the darker end of the line along which it does so least, [C] HU."""
    ends_CL = np.minimum(_end(level, voxels_C3, radius), _end(level, voxels_C3, -radius))
    return np.asarray(level[tuple(voxels_C3.T)] - ends_CL.max(axis=1), dtype=np.float32)


def _end(level: Array, voxels_C3: Voxels, radius: float) -> Array:
    """The darker of two voxels one and two steps beyond the radius, along each line in the sign's direction, [C, L]."""
    beyond = np.sign(radius)
    values = []
    for far in (radius + beyond, radius + 2 * beyond):
        index = np.clip(voxels_C3[:, None] + np.rint(LINES_L3 * far).astype(np.int64), 0, np.array(level.shape) - 1)
        values.append(level[tuple(np.moveaxis(index, -1, 0))])
    nearer, farther = values
    return np.asarray(np.minimum(nearer, farther), dtype=np.float32)
