"""Organs without a prompt: lungs from the classical masks, drawn out to the image's own voxels by its HU."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asap.errors import InputError
from asap.inference.course import Progress
from asap.inference.features import StudyFeatures
from asap.lungs import LungMasks
from asap.pause import Pause
from asap.resample import Mask, Triple, in_stored_order, place
from asap.segment_types import ORGANS
from asap.segmentation import Segmentation, make_segment
from asap.volume import Volume

LUNGS = ("right_lung", "left_lung")
AERATED_BELOW_HU = -400.0
# Of the interpolated coarse mask: surely lung whatever its HU (vessels, closed bays), and as far as air may reach beyond it.
SURELY, AT_MOST = 0.85, 0.12
CLASSICAL = "classical lung mask"


class OrganSegmenter:
    """What can be segmented without a prompt."""

    @property
    def known(self) -> tuple[str, ...]:
        """Keys of the organs that can be asked for."""
        return LUNGS

    def require(self, keys: tuple[str, ...]) -> None:
        """InputError for organs this model has not learnt."""
        if not set(keys) <= set(self.known):
            raise InputError(f"This model segments {', '.join(self.known)}; ask for those, or choose another model.")

    def segment(
        self, volume: Volume, features: StudyFeatures, keys: tuple[str, ...], *, progress: Progress, pause: Pause
    ) -> Segmentation:
        """The organs of a volume, from its features."""
        ras = volume.reoriented_to_ras()
        segments = []
        for number, key in enumerate(keys):
            progress("segmenting", number / len(keys))
            pause()
            found = lung_mask(ras, features.lungs, key)
            if found is None:
                continue
            mask, start = in_stored_order(*found, volume)
            segment = make_segment(volume, mask, ORGANS[key], source=CLASSICAL, start_ijk=start)
            segments += [segment] if segment is not None else []
        progress("segmenting", 1.0)
        return Segmentation(volume.shape, volume.affine, tuple(segments))


def lung_mask(ras: Volume, lungs: LungMasks, key: str) -> tuple[Mask, Triple] | None:
    """One lung of a volume in RAS order: its mask in a box and the box's first voxel; None when it was not found."""
    coarse: NDArray[np.bool_] = lungs.left if key == "left_lung" else lungs.right
    placed = place(coarse.shape, lungs.affine, ras.shape, ras.affine) if coarse.any() else None
    if placed is None:
        return None
    mask = np.empty(placed.shape, dtype=np.bool_)
    hu = ras.hu[placed.box]
    for k, share in enumerate(placed.planes(coarse.astype(np.float32))):
        mask[:, :, k] = (share > SURELY) | ((share > AT_MOST) & (hu[:, :, k] < AERATED_BELOW_HU))
    return mask, placed.start_ijk
