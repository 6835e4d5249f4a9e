"""Organs without a prompt: classical lungs drawn out to the image's own voxels, and what the model's organ head has learnt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from asap.errors import InputError
from asap.inference.course import Progress
from asap.inference.features import StudyFeatures
from asap.inference.lesions import cells_of
from asap.inference.network_image import NetworkImages
from asap.inference.opaque_lung import with_opaque_parts
from asap.lungs import LungMasks
from asap.models.load_segmentation import SegmentationHeads
from asap.models.segmentation_head import LABELS_OUT
from asap.pause import Pause
from asap.resample import Mask, Triple, in_stored_order, place
from asap.segment_types import GROUPS, ORGANS
from asap.segmentation import Segmentation, make_segment
from asap.volume import Affine, Volume, apply_affine

LUNGS = ("right_lung", "left_lung")
LOBES = GROUPS["lobes"]
AERATED_BELOW_HU = -400.0
# Of the interpolated coarse mask: surely lung whatever its HU (vessels, closed bays), and as far as air may reach beyond it.
SURELY, AT_MOST = 0.85, 0.12
CLASSICAL, LEARNT = "classical lung mask", "model, unasked"
COMPLETED = "classical lung mask, with the parts without air as the model sees them"
BOTH = "model's lobes within the lung mask"
# Islands smaller than this part of an organ's largest are noise.
ISLAND_SHARE = 0.1
# Organs that are the sum of what the head tells apart.
PARTS: dict[str, tuple[str, ...]] = {"airway": ("trachea", "main_bronchi")}


@dataclass(frozen=True, eq=False)
class OrganSegmenter:
    """What can be segmented without a prompt. heads: None where the model has none; then it is the lungs."""

    images: NetworkImages
    heads: SegmentationHeads | None

    @property
    def known(self) -> tuple[str, ...]:
        """Keys of the organs that can be asked for."""
        return LUNGS if self.heads is None else (*LUNGS, *LABELS_OUT[1:], *PARTS)

    def require(self, keys: tuple[str, ...]) -> None:
        """InputError for organs this model has not learnt."""
        if not set(keys) <= set(self.known):
            raise InputError(f"This model segments {', '.join(self.known)}; ask for those, or choose another model.")

    def segment(
        self, volume: Volume, features: StudyFeatures, keys: tuple[str, ...], *, progress: Progress, pause: Pause
    ) -> Segmentation:
        """The organs of a volume, from its features."""
        ras = volume.reoriented_to_ras()
        lungs = {key: lung_mask(ras, features.lungs, key) for key in LUNGS if set(keys) & {key, *LOBES}}
        shares, affine = None, features.windows[0].grid.voxel_affine
        if self.heads is not None and keys:
            progress("looking for organs", 0.0)
            shares = organ_shares(self.heads, self.images, ras, features)
            pause()
            lungs = {
                key: with_opaque_parts(ras, found, features.lungs, shares, grid_affine=affine, key=key)
                for key, found in lungs.items()
            }
        segments = []
        for number, key in enumerate(keys):
            progress("drawing segments", number / len(keys))
            pause()
            found, source = lungs.get(key), CLASSICAL if shares is None else COMPLETED
            if key in LOBES and shares is not None:
                found, source = lobe_mask(ras, shares, features, lungs[f"{key.split('_')[0]}_lung"], key), BOTH
            elif key not in LUNGS and shares is not None:
                found, source = learnt_mask(ras, shares, affine, key), LEARNT
            if found is not None:
                mask, start = in_stored_order(*found, volume)
                segment = make_segment(volume, mask, ORGANS[key], source=source, start_ijk=start)
                segments += [segment] if segment is not None else []
        progress("drawing segments", 1.0)
        return Segmentation(volume.shape, volume.affine, tuple(segments))


@torch.inference_mode()
def organ_shares(heads: SegmentationHeads, images: NetworkImages, ras: Volume, features: StudyFeatures) -> NDArray[np.float32]:
    """Probability of every label on the network's grid, [labels, H, W, D]."""
    logits = heads.organs(images.of(ras, features), cells_of(features)[None])
    return np.asarray(logits[0].float().softmax(dim=0).numpy())


def learnt_mask(ras: Volume, shares: NDArray[np.float32], affine: Affine, key: str) -> tuple[Mask, Triple] | None:
    """One organ on the voxels of a volume in RAS order: its likely islands, their edge at even odds, interpolated."""
    share = np.sum([shares[LABELS_OUT.index(part)] for part in PARTS.get(key, (key,))], axis=0, dtype=np.float32)
    kept = main_islands(share > 0.5)
    where = np.argwhere(kept)
    if not len(where):
        return None
    low, high = np.maximum(where.min(axis=0) - 1, 0), np.minimum(where.max(axis=0) + 2, kept.shape)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    own = affine.copy()
    own[:3, 3] = apply_affine(affine, low.astype(np.float64))
    part = np.where(kept[box] | (share[box] <= 0.5), share[box], np.float32(0))
    placed = place(part.shape, own, ras.shape, ras.affine)
    return (placed.mask(part), placed.start_ijk) if placed is not None else None


def main_islands(mask: Mask) -> Mask:
    """The islands of a mask that are not small beside its largest."""
    labels, count = ndimage.label(mask)
    if count <= 1:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray((sizes >= ISLAND_SHARE * sizes.max())[labels], dtype=np.bool_)


def lobe_mask(
    ras: Volume, shares: NDArray[np.float32], features: StudyFeatures, lung: tuple[Mask, Triple] | None, key: str
) -> tuple[Mask, Triple] | None:
    """The voxels of a lung whose likeliest lobe of that side is this one."""
    if lung is None:
        return None
    mask, start = lung
    i, j, k = mask.shape
    side = key.split("_", maxsplit=1)[0]
    image_affine = ras.affine.copy()
    image_affine[:3, 3] = apply_affine(ras.affine, np.asarray(start, dtype=np.float64))
    placed = place(shares.shape[1:], features.windows[0].grid.voxel_affine, (i, j, k), image_affine)
    if placed is None:
        return None
    ours = shares[LABELS_OUT.index(key)]
    others = np.max([shares[LABELS_OUT.index(lobe)] for lobe in LOBES if lobe.startswith(side) and lobe != key], axis=0)
    out = np.zeros(mask.shape, dtype=np.bool_)
    out[placed.box] = placed.mask(ours - others, 0.0)
    return out & mask, start


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
