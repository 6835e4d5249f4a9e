"""`Grounding`: where in the volume one sentence is true, on the model's token grid, or the reason why there is no place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from asap.report import Sentence
from asap.volume import Affine, apply_affine

SideCheck = Literal["agrees", "disagrees", "not applicable"]


@dataclass(frozen=True, eq=False)
class Grounding:
    """The answer for one sentence.

    heatmap: (a, b, c) float32 in [0, 1] on the token grid, or None when `reason` says why there is nothing to show.
    affine: token index -> RAS+ mm of the token's centre. threshold: heatmap value at which `region()` is cut.
    peak_ras_mm: highest cell moved by a parabola through its neighbours per axis, clamped to that cell.
    confidence: calibrated P(finding present and the peak within 12 mm of it), or None when the model has no calibration.
    """

    sentence: Sentence
    heatmap: NDArray[np.float32] | None
    affine: Affine
    threshold: float | None
    peak_ras_mm: tuple[float, float, float] | None
    confidence: float | None
    tokens: int | None
    side_check: SideCheck
    reason: str | None
    weights_sha256: str

    def region(self) -> NDArray[np.bool_] | None:
        """The 6-connected island above `threshold` around the highest cell, a mask on the token grid; None without a heatmap."""
        if self.heatmap is None or self.threshold is None:
            return None
        return island_at_peak(self.heatmap, self.threshold)


def narrowed(grounding: Grounding, ras_mm: tuple[float, float, float], radius_mm: float) -> Grounding:
    """The same answer about one place alone: nothing is hot farther from it than `radius_mm`, and the hottest cell is the peak.

    The region is cut at the same share of the highest value. Unchanged where nothing is hot there.
    """
    if grounding.heatmap is None or grounding.threshold is None:
        return grounding
    index = np.moveaxis(np.indices(grounding.heatmap.shape), 0, -1).astype(np.float64)
    near = np.linalg.norm(apply_affine(grounding.affine, index) - np.asarray(ras_mm), axis=-1) <= radius_mm
    heatmap = np.where(near, grounding.heatmap, np.float32(0.0))
    if not heatmap.any():
        return grounding
    level = grounding.threshold / float(grounding.heatmap.max()) * float(heatmap.max())
    peak = peak_ras_mm(heatmap, grounding.affine, near)
    return replace(grounding, heatmap=heatmap, threshold=level, peak_ras_mm=peak)


def island_at_peak(heatmap: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
    """Cells above `threshold` connected to the highest cell (which always belongs)."""
    peak = np.unravel_index(int(heatmap.argmax()), heatmap.shape)
    above = heatmap >= threshold
    above[peak] = True
    labels, _ = ndimage.label(above)
    return np.asarray(labels == labels[peak], dtype=np.bool_)


def peak_ras_mm(
    heatmap: NDArray[np.float32], affine: Affine, inside: NDArray[np.bool_] | None = None
) -> tuple[float, float, float]:
    """Sub-cell peak in RAS+ mm: per axis a parabola through the highest cell and its two neighbours, clamped to half a cell.

    inside: cells that hold an answer; beside one that does not, as at the grid's edge, the axis keeps the cell's centre.
    """
    cell = np.unravel_index(int(heatmap.argmax()), heatmap.shape)
    offset = np.array([_parabola_vertex(heatmap, inside, cell, axis) for axis in range(3)])
    r, a, s = apply_affine(affine, np.asarray(cell, dtype=np.float64) + offset)
    return float(r), float(a), float(s)


def _parabola_vertex(
    heatmap: NDArray[np.float32], inside: NDArray[np.bool_] | None, cell: tuple[np.intp, ...], axis: int
) -> float:
    index = int(cell[axis])
    if index == 0 or index == heatmap.shape[axis] - 1:
        return 0.0
    through = tuple(slice(None) if a == axis else int(c) for a, c in enumerate(cell))
    if inside is not None and not inside[through][index - 1 : index + 2].all():
        return 0.0
    line = heatmap[through]
    before, here, after = (float(line[index + step]) for step in (-1, 0, 1))
    curvature = before - 2 * here + after
    if curvature >= 0:
        return 0.0
    return float(np.clip(0.5 * (before - after) / curvature, -0.5, 0.5))
