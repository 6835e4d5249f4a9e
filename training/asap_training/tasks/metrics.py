"""Metrics of segmentations. Their definitions differ between packages; these follow MONAI's, which the published benchmark uses.

A mask's surface is its voxels that have a face neighbour outside the mask (or outside the image); distances run between the
centres of surface voxels, in millimetres. HD95: the larger of the two directed 95th percentiles. NSD: the share of all surface
voxels of both masks that lie within the tolerance of the other surface.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]
DistancesMm = NDArray[np.float64]


@dataclass(frozen=True)
class Overlap:
    """How well a mask agrees with the truth. nan where both are empty, so that absent structures do not count."""

    dice: float
    nsd: float
    hd95_mm: float


def overlap(predicted: Mask, truth: Mask, spacing_mm: tuple[float, float, float], tolerance_mm: float = 2.0) -> Overlap:
    """Dice, NSD at `tolerance_mm` and HD95 of two masks (i, j, k). One of them empty: 0, 0, infinity."""
    if not predicted.any() and not truth.any():
        return Overlap(nan, nan, nan)
    if not predicted.any() or not truth.any():
        return Overlap(0.0, 0.0, inf)
    there, back = surface_distances_mm(predicted, truth, spacing_mm)
    within = np.count_nonzero(there <= tolerance_mm) + np.count_nonzero(back <= tolerance_mm)
    hd95_mm = max(float(np.percentile(there, 95)), float(np.percentile(back, 95)))
    return Overlap(dice(predicted, truth), within / (len(there) + len(back)), hd95_mm)


def dice(predicted: Mask, truth: Mask) -> float:
    """2 |A and B| / (|A| + |B|); nan when both are empty."""
    total = np.count_nonzero(predicted) + np.count_nonzero(truth)
    return 2 * np.count_nonzero(predicted & truth) / total if total else nan


def surface_distances_mm(predicted: Mask, truth: Mask, spacing_mm: tuple[float, float, float]) -> tuple[DistancesMm, DistancesMm]:
    """From each surface voxel of `predicted` to the truth's surface, and the other way round. Neither mask may be empty."""
    box = ndimage.find_objects((predicted | truth).astype(np.uint8))[0]
    one, other = (np.pad(mask[box], 1) for mask in (predicted, truth))
    edge, other_edge = one & ~ndimage.binary_erosion(one), other & ~ndimage.binary_erosion(other)
    to_other = ndimage.distance_transform_edt(~other_edge, sampling=spacing_mm)
    to_one = ndimage.distance_transform_edt(~edge, sampling=spacing_mm)
    return to_other[edge], to_one[other_edge]
