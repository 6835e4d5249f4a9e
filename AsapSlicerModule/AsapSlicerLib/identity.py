"""Which CT a review is about: the sha256 by which `asap.volume.Volume.identity` names the same voxels. numpy only."""

from __future__ import annotations

import hashlib

import numpy as np

from .resample import ras_axes
from .volume_nodes import SourceImage

HASHED_ROWS = 16
LOWEST, HIGHEST = -32768, 32767


def voxel_identity(image: SourceImage) -> str:
    """sha256 of the shape and the voxels as int16 HU, axes towards right, anterior, superior. Takes a second for a large CT."""
    axes, flips = ras_axes(image.affine_ras_mm)
    canonical = image.voxels_ijk.transpose(axes)[tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)]
    digest = hashlib.sha256(repr(canonical.shape).encode())
    for start in range(0, canonical.shape[0], HASHED_ROWS):
        slab = canonical[start : start + HASHED_ROWS]
        if slab.dtype != np.int16:
            slab = np.clip(np.rint(slab), LOWEST, HIGHEST)
        digest.update(np.ascontiguousarray(slab, dtype=np.int16).data.cast("B"))
    return digest.hexdigest()
