"""CT in grey with a heatmap over it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from asap.figures.planes import Plane, sample_heatmap, sample_hu
from asap.figures.windows import Window
from asap.grounding import Grounding
from asap.volume import Affine, Volume

Picture = NDArray[np.float32]

COLOURS_FROM = 0.35
FADE_FROM = 0.6
STRONGEST = 0.62


@dataclass(frozen=True, eq=False)
class Heat:
    """What of a grounding is drawn: its heatmap, and the levels between which colour and opacity rise.

    region: the heatmap with every island but the peak's pushed under `threshold`, so that its contour is the region's outline.
    """

    heatmap: NDArray[np.float32]
    region: NDArray[np.float32]
    affine: Affine
    threshold: float
    highest: float

    @property
    def lowest(self) -> float:
        """Heatmap value at which colour begins to show."""
        return FADE_FROM * self.threshold


def heat_of(grounding: Grounding) -> Heat | None:
    """The drawable part of a grounding; None when it has no heatmap or the heatmap is flat zero."""
    heatmap, island = grounding.heatmap, grounding.region()
    if heatmap is None or float(heatmap.max()) <= 0.0:
        return None
    highest = float(heatmap.max())
    wanted = 0.5 * highest if grounding.threshold is None else grounding.threshold
    threshold = min(max(float(wanted), 0.05 * highest), 0.95 * highest)
    under = np.minimum(heatmap, np.float32(0.98 * threshold))
    region = heatmap if island is None else np.where(island, heatmap, under)
    return Heat(heatmap, region.astype(np.float32), grounding.affine, threshold, highest)


def colour_of(share: NDArray[np.float32]) -> Picture:
    """RGB [..., 3] of heat given as a share 0 to 1 of the drawn range: inferno without its dark end (perceptually uniform)."""
    rgba = colormaps["inferno"](COLOURS_FROM + (1 - COLOURS_FROM) * np.clip(share, 0, 1))
    return np.asarray(rgba[..., :3], dtype=np.float32)


def picture(volume: Volume, heat: Heat | None, plane: Plane, window: Window) -> Picture:
    """RGB [rows, columns, 3] of the CT in a window, the heatmap over it, more opaque where it is higher."""
    grey = window.grey(sample_hu(volume, plane))
    rgb = np.repeat(grey[..., None], 3, axis=2)
    if heat is None:
        return rgb
    value = sample_heatmap(heat.heatmap, heat.affine, plane)
    share = np.clip((value - heat.lowest) / (heat.highest - heat.lowest), 0, 1).astype(np.float32)
    alpha = (STRONGEST * share**0.8)[..., None]
    return np.asarray(rgb * (1 - alpha) + colour_of(share) * alpha, dtype=np.float32)
