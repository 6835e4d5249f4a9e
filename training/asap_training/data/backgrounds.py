"""Real chest CTs that generated lesions are implanted into, and which of them may be trained, selected or tested on.

They are read from the reference material (ASAP_REFERENCE_DATA) and never stored here. A background becomes a body on an isotropic
3 mm grid: its lungs from `asap.lungs`, everything else left as it is.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from asap.errors import InputError
from asap.io.read import read_labels, read_volume
from asap.lungs import LungMasks, segment_lungs
from asap.phantom.anatomy import Anatomy
from asap.phantom.labels import LABELS
from asap.phantom.lungs import pleural_depth
from asap.report import Side
from asap.volume import Affine, Volume, apply_affine
from asap_training.data.image import ImageSettings, resampled
from asap_training.data.organ_masks import on_grid

Role = Literal["train", "select", "test"]
Mask = NDArray[np.bool_]

SPACING_MM = 3.0
# The whole range of a scanner: implants blend with what is there, and the model's own window comes later.
SETTINGS = ImageSettings(spacing_mm=(SPACING_MM,) * 3, window=(-1024.0, 3071.0), antialias=True)
SOFT_ABOVE_HU = -300.0
AROUND_LESION_MM = 12.0
TISSUE_HU = (0.0, 90.0)


@dataclass(frozen=True)
class Source:
    """Where a background lies below the reference material.

    slice_mm: thickness of its slices, which implants are blurred by. lesion: mask of a tumour it has of its own.
    closed: (concept, side) that are not implanted because it has something like them of its own.
    """

    role: Role
    volume: str
    slice_mm: float
    lesion: str | None = None
    closed: tuple[tuple[str, Side], ...] = ()


# Roles: which to train, select and test on. What was trained on must never be tested on, so they stand here and nowhere else.
SOURCES: dict[str, Source] = {
    "totalseg_cta": Source("train", "ct/totalseg_cta/ct.nii.gz", 1.5),
    "lung_dx_A0002": Source(
        "train",
        "ct/lung_dx_A0002_dicom",
        8.0,
        closed=(("mass", "right"), ("consolidation", "right"), ("atelectasis", "right"), ("nodule", "right")),
    ),
    "cip_copd64": Source("select", "ct/cip_copd64/ct-64.nrrd", 4.0),
    "lung2_tumour": Source(
        "test", "ct/lung2_tumour/lung2_image.nrrd", 5.0, "ct/lung2_tumour/lung2_label.nrrd", (("mass", "left"),)
    ),
}


@dataclass(frozen=True, eq=False)
class Background:
    """A real chest as a body to paint on. noise_hu: deviation of its soft tissue. tumour: its own lesion (i, j, k), if any."""

    name: str
    source: Source
    anatomy: Anatomy
    noise_hu: float
    tumour: Mask | None

    @property
    def volume(self) -> Volume:
        """The scan itself, int16 HU: the twin of everything that is implanted into it."""
        return Volume(self.anatomy.hu.astype(np.int16), self.anatomy.affine)

    def lung(self, side: Literal["left", "right"]) -> Mask:
        """The lung of one side."""
        return self.anatomy.mask(f"{side}_upper_lobe")


def reference_folder() -> Path:
    """Where the reference material lies. InputError where ASAP_REFERENCE_DATA does not say."""
    named = os.environ.get("ASAP_REFERENCE_DATA")
    if not named:
        raise InputError("Implants need the reference material; set ASAP_REFERENCE_DATA to its folder.")
    return Path(named)


def backgrounds(reference: Path, role: Role) -> list[Background]:
    """All backgrounds of a role. InputError where a file is missing."""
    return [load_background(reference, name) for name, source in SOURCES.items() if source.role == role]


def load_background(reference: Path, name: str) -> Background:
    """Read one background. InputError where it cannot be read, or has no two lungs."""
    source = SOURCES[name]
    path = reference / source.volume
    if not path.exists():
        raise InputError(f"The reference material has no {source.volume}; set ASAP_REFERENCE_DATA to its folder.")
    image = resampled(read_volume(path), None, SETTINGS)
    hu, affine = image.hu_HWD.astype(np.float32), image.grid.voxel_affine
    masks = segment_lungs(Volume(image.hu_HWD, affine))
    labels = _labels(hu, affine, masks)
    tumour = None
    if source.lesion is not None:
        numbers, lesion_affine = read_labels(reference / source.lesion)
        tumour = on_grid(numbers, lesion_affine, image.grid, image.hu_HWD.shape) > 0
    anatomy = Anatomy(hu, labels, pleural_depth(labels, SPACING_MM), affine, contrast_hu=0.0)
    return Background(name, source, anatomy, _noise(hu), tumour)


def around(mask: Mask, margin_mm: float) -> Mask:
    """The mask and everything within a distance of it."""
    return np.asarray(ndimage.distance_transform_edt(~mask, sampling=SPACING_MM) <= margin_mm, dtype=np.bool_)


def _labels(hu: NDArray[np.float32], affine: Affine, masks: LungMasks) -> NDArray[np.uint8]:
    """Lungs, airway, body and air. A real lung's fissures are not known: each lung carries one label, that of its upper lobe."""
    labels = np.zeros(hu.shape, dtype=np.uint8)
    labels[_fine(masks.body, masks.affine, affine, hu.shape)] = LABELS["soft_tissue"]
    for mask, name in ((masks.right, "right_upper_lobe"), (masks.left, "left_upper_lobe")):
        coarse = _fine(mask, masks.affine, affine, hu.shape)
        lung = coarse & ((hu < SOFT_ABOVE_HU) | ndimage.binary_erosion(coarse, iterations=2))
        if not lung.any():
            raise InputError("A background shows no left or no right lung; nothing can be implanted into it.")
        labels[lung] = LABELS[name]
    labels[_fine(masks.airway, masks.affine, affine, hu.shape)] = LABELS["trachea"]
    return labels


def _fine(mask: Mask, from_affine: Affine, to_affine: Affine, shape: tuple[int, ...]) -> Mask:
    """A coarse mask on a finer grid with the same axes, between its voxels by halves."""
    step = np.linalg.inv(from_affine) @ to_affine
    origin = apply_affine(step, np.zeros(3))
    share = ndimage.affine_transform(mask.astype(np.float32), np.diag(step)[:3], origin, output_shape=shape, order=1)
    return np.asarray(share > 0.5, dtype=np.bool_)


def _noise(hu: NDArray[np.float32]) -> float:
    """Deviation of soft tissue from its in-plane surroundings, HU: the median over the scan, edges left out."""
    smooth = ndimage.uniform_filter(hu, (3, 3, 1))
    flat = (smooth > TISSUE_HU[0]) & (smooth < TISSUE_HU[1])
    inside = ndimage.binary_erosion(flat, iterations=2)
    if not inside.any():
        return 0.0
    return float(np.median(np.abs((hu - smooth)[inside])) / 0.6745 * np.sqrt(9 / 8))
