"""The body of a generated chest CT before anything is wrong with it: labelled organs and clean Hounsfield units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asap.volume import Affine

# Label values of `Anatomy.labels`. The lungs are the five lobes; vessels inside a lobe keep the lobe's label.
LABELS: dict[str, int] = {
    "background": 0,
    "soft_tissue": 1,
    "right_upper_lobe": 2,
    "right_middle_lobe": 3,
    "right_lower_lobe": 4,
    "left_upper_lobe": 5,
    "left_lower_lobe": 6,
    "heart": 7,
    "pericardium": 8,
    "aorta": 9,
    "pulmonary_artery": 10,
    "vena_cava": 11,
    "trachea": 12,
    "main_bronchi": 13,
    "esophagus": 14,
    "mediastinum": 15,
    "spine": 16,
    "ribs": 17,
    "sternum": 18,
    "liver": 19,
    "spleen": 20,
    "stomach": 21,
    "diaphragm": 22,
    "muscle": 23,
    "fat": 24,
    "breast": 25,
    "thyroid": 26,
    "kidney": 27,
    "scapula_clavicle": 28,
    "table": 29,
}


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A generated body on a regular grid whose axes run right, anterior, superior.

    hu: (i, j, k) float32 clean HU. labels: (i, j, k) uint8, values of LABELS. pleural_depth_mm: (i, j, k) float32, distance
    of a lung voxel to the nearest voxel outside that lung (0 elsewhere). affine: voxel index -> RAS+ mm.
    contrast: enhancement of blood in HU above plain blood (0 without contrast).
    """

    hu: NDArray[np.float32]
    labels: NDArray[np.uint8]
    pleural_depth_mm: NDArray[np.float32]
    affine: Affine
    contrast_hu: float

    def mask(self, *names: str) -> NDArray[np.bool_]:
        """Voxels that carry any of the named labels."""
        return np.isin(self.labels, [LABELS[name] for name in names])
