"""How large a segment is and how dense: the server's own measures, taken of what stands in the scene, after any hand's change.

Equal to `asap.segmentation.make_segment`; numpy only, for Slicer's Python.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .i18n import _
from .volume_nodes import Affine, SourceImage

MM3_PER_ML = 1000.0
PAIRS = 2**22  # compared at once


@dataclass(frozen=True)
class Measures:
    """longest_mm: largest distance between the centres of two of its voxels; 0 for a single one. mean_hu: None outside the CT."""

    millilitres: float
    longest_mm: float
    mean_hu: float | None

    @property
    def text(self) -> str:
        """For a reader."""
        if self.mean_hu is None:
            return _("{ml} ml, longest diameter {mm} mm").format(ml=f"{self.millilitres:.1f}", mm=f"{self.longest_mm:.0f}")
        text = _("{ml} ml, longest diameter {mm} mm, mean {hu} HU")
        return text.format(ml=f"{self.millilitres:.1f}", mm=f"{self.longest_mm:.0f}", hu=f"{self.mean_hu:.0f}")


def measured(mask_ijk: NDArray[np.bool_], affine_ras_mm: Affine, image: SourceImage) -> Measures:
    """Of a mask that stands on the CT's voxels. affine_ras_mm: of the mask's box."""
    ml = float(np.count_nonzero(mask_ijk)) * abs(float(np.linalg.det(affine_ras_mm[:3, :3]))) / MM3_PER_ML
    return Measures(ml, longest_diameter_mm(mask_ijk, affine_ras_mm), _mean_hu(mask_ijk, affine_ras_mm, image))


def longest_diameter_mm(mask_ijk: NDArray[np.bool_], affine_ras_mm: Affine) -> float:
    """Largest distance between the centres of two marked voxels, exactly.

    A pair of points far apart is found by walking to and fro. A longer pair can only be of points that lie, seen from its middle,
    at least its length less the farthest point's distance away: of those all are compared.
    """
    points = _row_ends(mask_ijk) @ affine_ras_mm[:3, :3].T
    if len(points) < 2:
        return 0.0
    one, other, length = 0, 0, 0.0
    while True:
        far = int(_distances(points, points[other]).argmax())
        reached = float(np.linalg.norm(points[far] - points[other]))
        if reached <= length:
            break
        one, other, length = other, far, reached
    away = _distances(points, (points[one] + points[other]) / 2)
    kept = points[away >= length - away.max() - 1e-6]
    step = max(1, PAIRS // len(kept))
    for start in range(0, len(kept), step):
        gaps = kept[start : start + step, None, :] - kept[None, :, :]
        length = max(length, float(np.sqrt((gaps**2).sum(axis=-1).max())))
    return length


def _distances(points: NDArray[np.float64], place: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.linalg.norm(points - place, axis=1)
    return found


def _row_ends(mask_ijk: NDArray[np.bool_]) -> NDArray[np.float64]:
    """First and last marked voxel of each row along the last axis: no pair is farther apart than two of these."""
    i, j = np.nonzero(mask_ijk.any(axis=2))
    rows = mask_ijk[i, j]
    first, last = rows.argmax(axis=1), rows.shape[1] - 1 - rows[:, ::-1].argmax(axis=1)
    return np.concatenate([np.stack([i, j, first], axis=1), np.stack([i, j, last], axis=1)]).astype(np.float64)


def _mean_hu(mask_ijk: NDArray[np.bool_], affine_ras_mm: Affine, image: SourceImage) -> float | None:
    start = np.rint((np.linalg.inv(image.affine_ras_mm) @ affine_ras_mm)[:3, 3]).astype(int)
    if not mask_ijk.any() or (start < 0).any() or (start + mask_ijk.shape > image.shape).any():
        return None
    box = tuple(slice(int(low), int(low) + size) for low, size in zip(start, mask_ijk.shape, strict=True))
    return float(image.voxels_ijk[box][mask_ijk].mean(dtype=np.float64))
