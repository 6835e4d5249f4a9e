"""The extent of a dense lesion of the lung, at half its height above the lung around it: what its size is measured on.

The image blurs an edge, and half the height is where the edge was (full width at half maximum). The lesion is the densest place
near the peak of a sentence's map; its extent is what is denser than midway between it and the lung, connected with it and
within the sentence's place, thin bridges to vessels and the wall cut. numpy and scipy only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from asap.grounding import Grounding
from asap.region_growing import ball, near_region
from asap.resample import Mask, Triple
from asap.volume import Volume, apply_affine

AROUND_MM = 75.0  # no lesion reaches further from its peak
NEAR_PEAK_MM = 9.0  # the peak of a 12 mm cell lies this near to what it means
LEVEL_MM = 3.5  # around the densest place, whose middle value is the lesion's level
LUNG_MM, AERATED_BELOW_HU, USUAL_LUNG_HU = 50.0, -600.0, -850.0
LEAST_CONTRAST_HU = 200.0
SMOOTHING_MM = 3.0
DENSEST_HU = 100.0  # bone and contrast are no denser than soft tissue here, or they would be taken for the lesion
BRIDGE_MM = 3.0


def outline(ras: Volume, grounding: Grounding) -> tuple[Mask, Triple] | None:
    """The lesion and its first voxel in a volume in RAS order; None where nothing denser than lung is near the peak."""
    if grounding.peak_ras_mm is None:
        return None
    peak = ras.voxel_from_world(np.asarray(grounding.peak_ras_mm)[None])[0]
    margin = AROUND_MM / np.asarray(ras.spacing_mm)
    i, j, k = (int(x) for x in np.clip(np.floor(peak - margin), 0, ras.shape))
    a, b, c = (int(x) for x in np.clip(np.ceil(peak + margin) + 1, 0, ras.shape))
    if a <= i or b <= j or c <= k:
        return None
    crop = ras.cropped((i, j, k), (a, b, c))
    from_peak_mm = _distance_mm(crop, np.asarray(grounding.peak_ras_mm))
    if from_peak_mm.min() > NEAR_PEAK_MM:
        return None
    hu = crop.hu.astype(np.float32)
    seed = _densest(hu, from_peak_mm, crop)
    around_seed = _distance_mm(crop, apply_affine(crop.affine, np.asarray(seed, dtype=np.float64)[None])[0]) <= LEVEL_MM
    level = min(float(np.median(hu[around_seed])), DENSEST_HU)
    lung = hu[(from_peak_mm < LUNG_MM) & (hu < AERATED_BELOW_HU)]
    background = float(np.median(lung)) if lung.size else USUAL_LUNG_HU
    if level - background < LEAST_CONTRAST_HU:
        return None
    dense = (hu > (level + background) / 2) & near_region(crop, grounding)
    found = _connected(dense, seed, from_peak_mm, crop)
    return (found, (i, j, k)) if found is not None else None


def _distance_mm(crop: Volume, point_ras_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of every voxel's centre from a point."""
    places = apply_affine(crop.affine, np.moveaxis(np.indices(crop.shape), 0, -1).astype(np.float64))
    return np.asarray(np.linalg.norm(places - point_ras_mm, axis=-1))


def _densest(hu: NDArray[np.float32], from_peak_mm: NDArray[np.float64], crop: Volume) -> Triple:
    """The densest place near the peak; of equally dense ones the nearest."""
    smooth = ndimage.gaussian_filter(hu, [SMOOTHING_MM / s for s in crop.spacing_mm])
    score = np.where(from_peak_mm <= NEAR_PEAK_MM, np.minimum(smooth, DENSEST_HU) - 2.0 * from_peak_mm, -np.inf)
    i, j, k = (int(n) for n in np.unravel_index(int(score.argmax()), hu.shape))
    return i, j, k


def _connected(dense: Mask, seed: Triple, from_peak_mm: NDArray[np.float64], crop: Volume) -> Mask | None:
    """The part of what is dense that holds the seed or is nearest to the peak, bridges cut; a thinner one as it is."""
    bridge = ball(crop.spacing_mm, BRIDGE_MM)
    labels, count = ndimage.label(ndimage.binary_opening(dense, bridge))
    if count:
        nearest = np.unravel_index(int(np.where(labels > 0, from_peak_mm, np.inf).argmin()), labels.shape)
        chosen = labels[seed] or labels[nearest]
        if labels[seed] or from_peak_mm[nearest] <= NEAR_PEAK_MM:
            return np.asarray(ndimage.binary_dilation(labels == chosen, bridge) & dense, dtype=np.bool_)
    labels, _ = ndimage.label(dense)
    return np.asarray(labels == labels[seed], dtype=np.bool_) if labels[seed] else None
