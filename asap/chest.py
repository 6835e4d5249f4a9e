"""Is this volume a chest CT? A check in words, before any model is asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asap.lungs import AIR_BELOW_HU, LungMasks, coarse_hu, segment_lungs
from asap.volume import Volume, spacing_of

SMALLEST_EXTENT_MM = 90.0
FEWEST_VOXELS = 8
NO_AIR_ABOVE_HU = -300.0
ROUGHEST = 0.6
SMALLEST_BODY_ML = 500.0
SMALLEST_LUNGS_ML = 150.0
SMALLEST_LUNG_SHARE = 0.08
# Effusions on both sides leave a few per cent of air: then a trachea above two pieces of lung says that this is a chest.
SMALLEST_SHARE_UNDER_A_TRACHEA = 0.02
SHORTEST_TRACHEA_MM = 60.0
LUNG_MEDIAN_HU = (-985.0, -450.0)
LUNG_TEXTURE_HU = 25.0
# Between lung and fat there is little but partial volume: at most 15 % of the tissue in real and generated chests.
THIN_BELOW_HU = -150.0
LARGEST_THIN_SHARE = 0.25
BONE_ABOVE_HU = 150.0
SMALLEST_BONE_SHARE = 0.008
BASES_HEIGHT_MM = 100.0
BODY_BELOW_BASES_MM = 60.0


@dataclass(frozen=True)
class ChestCheck:
    """Whether a volume shows a chest, whole or in part.

    reason: why not, in a sentence for a clinician; None when it is one. aerated_ml: aerated lung found.
    lung_share: its share of the body's cross-section in the slices that hold lung, 0 to 1.
    """

    is_chest: bool
    reason: str | None
    aerated_ml: float
    lung_share: float


def chest_check(volume: Volume, masks: LungMasks | None = None) -> ChestCheck:
    """Check a volume; `masks` saves the segmentation where it is known already. Crops of one half of the chest are accepted."""
    reason = _geometry_reason(volume)
    if reason:
        return ChestCheck(False, reason, 0.0, 0.0)
    hu, affine = coarse_hu(volume)
    reason = _intensity_reason(hu)
    if reason:
        return ChestCheck(False, reason, 0.0, 0.0)
    masks = masks or segment_lungs(volume)
    lungs = masks.left | masks.right
    voxel_ml = float(np.prod(spacing_of(affine))) / 1000.0
    slices = lungs.any(axis=(0, 1))
    aerated_ml = float(lungs.sum()) * voxel_ml
    share = float(lungs.sum()) / max(1.0, float(masks.body[:, :, slices].sum()))
    reason = _anatomy_reason(hu, masks, aerated_ml, share)
    return ChestCheck(reason is None, reason, aerated_ml, share)


def _geometry_reason(volume: Volume) -> str | None:
    if min(volume.shape) < FEWEST_VOXELS:
        return f"This is not a volume: it holds fewer than {FEWEST_VOXELS} slices, and a chest CT is needed."
    extents = [n * s for n, s in zip(volume.shape, volume.spacing_mm, strict=True)]
    if min(extents) < SMALLEST_EXTENT_MM:
        return (
            f"This does not look like a chest CT: it covers only {min(extents):.0f} mm along one direction "
            f"({SMALLEST_EXTENT_MM:.0f} mm are needed)."
        )
    return None


def _intensity_reason(hu: NDArray[np.float32]) -> str | None:
    low, high = float(hu.min()), float(hu.max())
    if high < AIR_BELOW_HU or high - low < 1.0:
        return "This does not look like a chest CT: the image is empty."
    if low > NO_AIR_ABOVE_HU:
        return "This does not look like a CT in Hounsfield units: nothing in it is as dark as air (an MR image, or a mask?)."
    steps = [float(np.abs(np.diff(hu, axis=axis)).mean()) for axis in range(3)]
    if sum(steps) / 3.0 > ROUGHEST * float(hu.std()):
        return "This does not look like a chest CT: the image is mostly noise."
    return None


def _anatomy_reason(hu: NDArray[np.float32], masks: LungMasks, aerated_ml: float, share: float) -> str | None:
    spacing = spacing_of(masks.affine)
    lungs = masks.left | masks.right
    tissue = masks.body & (hu > AIR_BELOW_HU)
    reason = _tissue_reason(hu, tissue, float(np.prod(spacing)) / 1000.0)
    if reason:
        return reason
    smallest_share = SMALLEST_SHARE_UNDER_A_TRACHEA if _has_airway_and_both_lungs(masks) else SMALLEST_LUNG_SHARE
    if aerated_ml < SMALLEST_LUNGS_ML or share < smallest_share:
        return "This does not look like a chest CT: no aerated lungs were found, or only their lowest edge."
    if _only_the_bases(masks.body, lungs, spacing[2]):
        return "This does not look like a chest CT: only the bases of the lungs are in it, above an abdomen."
    inside = hu[lungs]
    if not LUNG_MEDIAN_HU[0] < float(np.median(inside)) < LUNG_MEDIAN_HU[1] or float(inside.std()) < LUNG_TEXTURE_HU:
        return "This does not look like a chest CT: the air in it does not look like lung."
    if float((tissue & (hu > BONE_ABOVE_HU)).sum()) < SMALLEST_BONE_SHARE * float(tissue.sum()):
        return "This does not look like a chest CT: no ribs and no spine were found."
    return None


def _tissue_reason(hu: NDArray[np.float32], tissue: NDArray[np.bool_], voxel_ml: float) -> str | None:
    if float(tissue.sum()) * voxel_ml < SMALLEST_BODY_ML:
        return "This does not look like a chest CT: no body was found in it."
    if float((tissue & (hu < THIN_BELOW_HU)).sum()) > LARGEST_THIN_SHARE * float(tissue.sum()):
        return "This does not look like a chest CT: its intensities are not those of tissue (an MR image, or noise?)."
    return None


def _has_airway_and_both_lungs(masks: LungMasks) -> bool:
    length_mm = float(masks.airway.any(axis=(0, 1)).sum()) * spacing_of(masks.affine)[2]
    return length_mm >= SHORTEST_TRACHEA_MM and bool(masks.left.any()) and bool(masks.right.any())


def _only_the_bases(body: NDArray[np.bool_], lungs: NDArray[np.bool_], slice_mm: float) -> bool:
    """Lung widest where the image ends above, gone within 100 mm below, and more body under it."""
    area = lungs.sum(axis=(0, 1))
    with_lung, with_body = np.nonzero(area)[0], np.nonzero(body.any(axis=(0, 1)))[0]
    top_is_wide = area[with_body[-1]] >= 0.5 * area.max()
    height_mm = (with_lung[-1] - with_lung[0] + 1) * slice_mm
    below_mm = (with_lung[0] - with_body[0]) * slice_mm
    return bool(top_is_wide and height_mm < BASES_HEIGHT_MM and below_mm >= BODY_BELOW_BASES_MM)
