"""Lung that holds no air: consolidated or collapsed parts, which a threshold misses and the organ head has learnt.

The classical lung mask is exact where there is air, on every CT. What the head says is lung besides is added only where it is a
body of its own: a rim between the two is nothing but their difference in drawing an edge. And only where it lies against air of
its side, if there is any: on a real CT angiography the head took muscle of the shoulder for lung.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from asap.lungs import LungMasks
from asap.models.segmentation_head import LABELS_OUT
from asap.resample import Mask, Triple, place
from asap.segment_types import GROUPS
from asap.volume import Affine, Volume

SMALLEST_ML = 20.0
# A rim as thick as this many voxels of 3 mm on either side is no body.
RIM_VOXELS = 2


def with_opaque_parts(
    ras: Volume,
    found: tuple[Mask, Triple] | None,
    lungs: LungMasks,
    shares: NDArray[np.float32],
    *,
    grid_affine: Affine,
    key: str,
) -> tuple[Mask, Triple] | None:
    """One lung of a volume in RAS order with the parts that hold no air.

    found: the aerated lung in a box and the box's first voxel. shares: the head's probabilities on its grid, [labels, H, W, D].
    key: "left_lung" or "right_lung".
    """
    side = key.split("_", maxsplit=1)[0]
    lobes = [LABELS_OUT.index(lobe) for lobe in GROUPS["lobes"] if lobe.startswith(side)]
    share = shares[lobes].sum(axis=0)
    h, w, d = share.shape
    voxel_ml = abs(float(np.linalg.det(grid_affine[:3, :3]))) / 1000
    ours = _on_grid(lungs.left if key == "left_lung" else lungs.right, lungs, (h, w, d), grid_affine)
    both = _on_grid(lungs.left | lungs.right, lungs, (h, w, d), grid_affine)
    opaque = against(bodies((share > 0.5) & ~both, voxel_ml), ours)
    placed = place((h, w, d), grid_affine, ras.shape, ras.affine) if opaque.any() else None
    if placed is None:
        return found
    added = (placed.mask(np.where(opaque, share, np.float32(0))), placed.start_ijk)
    return added if found is None else joined(found, added)


def bodies(mask: Mask, voxel_ml: float) -> Mask:
    """The parts of a mask that are thicker than a rim and not small, each with its own rim."""
    kernels = ndimage.binary_erosion(mask, iterations=RIM_VOXELS)
    thick = ndimage.binary_dilation(kernels, iterations=RIM_VOXELS, mask=mask)
    labels, count = ndimage.label(thick)
    sizes_ml = np.bincount(labels.ravel(), minlength=count + 1) * voxel_ml
    sizes_ml[0] = 0.0
    return np.asarray((sizes_ml >= SMALLEST_ML)[labels], dtype=np.bool_)


def joined(one: tuple[Mask, Triple], other: tuple[Mask, Triple]) -> tuple[Mask, Triple]:
    """Two masks, each in a box with its first voxel, as one."""
    starts = np.array([one[1], other[1]])
    ends = starts + np.array([one[0].shape, other[0].shape])
    low = starts.min(axis=0)
    whole = np.zeros(ends.max(axis=0) - low, dtype=np.bool_)
    for (mask, _), start in zip((one, other), starts - low, strict=True):
        whole[tuple(slice(a, a + n) for a, n in zip(start, mask.shape, strict=True))] |= mask
    i, j, k = (int(x) for x in low)
    return whole, (i, j, k)


def against(bodies: Mask, air: Mask) -> Mask:
    """The bodies no further from the air than a rim; all of them where there is no air."""
    if not air.any():
        return bodies
    labels, _ = ndimage.label(bodies)
    near = np.unique(labels[ndimage.binary_dilation(air, iterations=RIM_VOXELS)])
    return np.asarray(np.isin(labels, near[near > 0]), dtype=np.bool_)


def _on_grid(coarse: Mask, lungs: LungMasks, shape: Triple, grid_affine: Affine) -> Mask:
    """A classical lung mask on the head's grid."""
    whole = np.zeros(shape, dtype=np.bool_)
    placed = place(coarse.shape, lungs.affine, shape, grid_affine) if coarse.any() else None
    if placed is not None:
        whole[placed.box] = placed.mask(coarse.astype(np.float32))
    return whole
