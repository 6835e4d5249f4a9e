"""The lungs as a faint surface: where in the chest a region floats. Classical masks, no model."""

from __future__ import annotations

from typing import Any

import numpy as np
from AsapSlicerLib.heat_maps import HeatMap
from AsapSlicerLib.heatmap_display import closed_surface
from scipy import ndimage

from asap.lungs import segment_lungs
from asap.volume import Volume

SMOOTHING_CELLS = 0.8
SURFACE_SHARE = 0.5


def lung_surface(volume: Volume) -> Any | None:
    """vtkPolyData in RAS+ mm around both lungs; None where no lung was found. Takes about a second; for a worker thread."""
    masks = segment_lungs(volume)
    lungs = (masks.left | masks.right).astype(np.float32)
    if not lungs.any():
        return None
    smooth = ndimage.gaussian_filter(lungs, SMOOTHING_CELLS)
    return closed_surface(HeatMap(smooth, masks.affine, 1.0, SURFACE_SHARE), SURFACE_SHARE)
