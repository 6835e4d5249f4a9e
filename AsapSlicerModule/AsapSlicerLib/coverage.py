"""What the model saw of a CT, in words: it looks at a box, and what lies outside was not looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .i18n import _
from .resample import ras_axes
from .volume_nodes import Point, SourceImage

WHOLE = 0.995
EDGE_MM = 1.0


@dataclass(frozen=True)
class Seen:
    """share: of the CT's volume, 0 to 1. sentence: the same for the reader, with the sides that are missing."""

    share: float
    sentence: str


def seen(corner_ras_mm: Sequence[Point], image: SourceImage) -> Seen:
    """Compare the model's box (eight corners, RAS+ mm) with a CT's."""
    corners = np.array([[*corner, 1.0] for corner in corner_ras_mm])
    index = (np.linalg.inv(image.affine_ras_mm) @ corners.T)[:3]
    low, high = index.min(axis=1) + 0.5, index.max(axis=1) + 0.5  # in voxels from the CT's own edge
    size = np.asarray(image.shape, dtype=np.float64)
    inside = np.clip(np.minimum(high, size) - np.maximum(low, 0), 0, None)
    share = float(np.prod(inside / size))
    if share >= WHOLE:
        return Seen(share, _("The model saw all of this CT."))
    names = ((_("left"), _("right")), (_("back"), _("front")), (_("bottom"), _("top")))
    axes, flips = ras_axes(image.affine_ras_mm)
    missing = []
    for world_axis, (axis, flip) in enumerate(zip(axes, flips, strict=True)):
        first, last = (max(0.0, value) * image.spacing_mm[axis] for value in (low[axis], size[axis] - high[axis]))
        if flip:
            first, last = last, first
        missing += [
            _("{mm} mm at the {side}").format(mm=round(mm), side=side)
            for mm, side in zip((first, last), names[world_axis], strict=True)
            if mm >= EDGE_MM
        ]
    text = _("The model saw {percent} % of this CT; not {places}.")
    return Seen(share, text.format(percent=int(100 * share), places=", ".join(missing)))
