"""Generated cases -> candidates for nodules, the image around each and what it is, kept on disk one file a case.

Axes: C candidates, P voxels along an edge of a patch.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from scipy import ndimage

from asap.inference.lung_spots import candidates, patches
from asap.models.mini import MINI_GRID
from asap.models.nodule_scorer import SCORED
from asap.phantom.case import PhantomCase
from asap.phantom.case_files import load_case
from asap.preprocess import to_network_grid
from asap.volume import apply_affine
from asap_training.data.generated_cases import augmented, thorax_centre_ras_mm

AUGMENTATION_STREAM = 11
AROUND_VOXELS = 1  # of a region: a maximum of the smoothed image may lie beside it
NOTHING = 0  # what is no nodule; kinds 1 and on are `SCORED`


@dataclass(frozen=True, eq=False)
class LabelledCandidates:
    """hu_CPPP: int16. kind_C: NOTHING, or 1 + the number in `SCORED`. lesion_C: number of the finding. voxels_C: its size."""

    hu_CPPP: NDArray[np.int16]
    kind_C: NDArray[np.uint8]
    lesion_C: NDArray[np.uint8]
    voxels_C: NDArray[np.int32]


def labelled_candidates(folder: Path, kept: Path) -> LabelledCandidates:
    """Of one generated case, augmented as in training; read from `kept` where they are there already."""
    path = kept / f"{folder.name}.safetensors"
    if not path.exists():
        made = _labelled(load_case(folder), np.random.default_rng([int(folder.name[-7:]), AUGMENTATION_STREAM]))
        kept.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        save_file({field.name: torch.from_numpy(getattr(made, field.name)) for field in fields(made)}, part)
        part.rename(path)
    stored = load_file(path)
    return LabelledCandidates(**{name: value.numpy() for name, value in stored.items()})


def _labelled(case: PhantomCase, rng: np.random.Generator) -> LabelledCandidates:
    image, grid = to_network_grid(augmented(case.volume, rng), MINI_GRID, centre_ras_mm=thorax_centre_ras_mm(case))
    hu = image[0, 0].numpy() * 1000.0
    voxels_C3 = candidates(hu)
    index = np.rint(case.volume.voxel_from_world(apply_affine(grid.voxel_affine, voxels_C3.astype(np.float64))))
    where = tuple(np.clip(index, 0, np.array(case.volume.shape) - 1).astype(np.int64).T)
    kind_C, lesion_C = (np.full(len(voxels_C3), NOTHING, dtype=np.uint8) for _ in range(2))
    voxels_C = np.zeros(len(voxels_C3), dtype=np.int32)
    for number, finding in enumerate(case.findings):
        if finding.concept in SCORED:
            near_C = ndimage.binary_dilation(finding.region, iterations=AROUND_VOXELS)[where]
            kind_C[near_C] = 1 + SCORED.index(finding.concept)
            lesion_C[near_C], voxels_C[near_C] = number, int(finding.region.sum())
    return LabelledCandidates(patches(hu, voxels_C3).round().astype(np.int16), kind_C, lesion_C, voxels_C)
