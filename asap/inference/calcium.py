"""Calcium of the aorta and of the coronary arteries, measured in the network's image: small spots brighter than the blood.

A fleck of 3 mm says nothing to a 12 mm cell, so the model tells where the organ is and the image whether there is calcium in it.
130 HU is the threshold of Agatston et al., J. Am. Coll. Cardiol. 15:827, 1990; in a scan with contrast the blood raises it.
Axes: N cells of one volume (grid in C order), K findings in the order of `BEDS`, H W D voxels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from asap.resample import Triple


@dataclass(frozen=True)
class Bed:
    """Where one finding lies. sentence: names the organ. share: of the organ in a cell, from which the cell is looked into.

    largest_ml, longest_mm: of one piece of calcium; bones, stents, catheters and filled vessels are larger.
    """

    sentence: str
    share: float
    largest_ml: float
    longest_mm: float


BEDS: dict[str, Bed] = {
    "arterial_calcification": Bed("The aorta is normal.", 0.5, largest_ml=3.0, longest_mm=45.0),
    "coronary_calcification": Bed("The heart is normal.", 0.3, largest_ml=1.0, longest_mm=24.0),
}
BONE_SENTENCE = "The spine is normal."

CALCIUM_ABOVE_HU = 130.0
ABOVE_BLOOD_HU = 100.0
INSIDE = 0.6  # of the organ's surest cell: from there on a cell is taken for blood alone
BRIGHTEST_BLOOD = 95.0  # percentile: chambers and vessels are not filled alike
BONE_SHARE = 0.1
# Calcium lies in a wall, so a fifth at least of what surrounds it holds no contrast; streaks of contrast lie in contrast.
SHELL_VOXELS, OUTSIDE_PERCENTILE = 2, 20.0
ROOM_VOXELS = 24  # around the organ, so that what reaches out of it is known in its whole size


def calcium_in_cells(image_11HWD: Tensor, shares_KN: Tensor, bone_N: Tensor, tokens: Triple, spacing_mm: float) -> Tensor:
    """Amount of calcium in each cell, [N, K] float16: the logarithm of 1 + the voxels of it.

    image_11HWD: network input, [-1, 1] over HU -1000..1000. shares_KN, bone_N: how much of each cell is of the organ, of bone.
    """
    hu = image_11HWD[0, 0].float().cpu().numpy() * 1000.0
    bone = bone_N.float().numpy().reshape(tokens)
    found = [
        _in_bed(hu, share_N.float().numpy().reshape(tokens), bone, bed, spacing_mm)
        for share_N, bed in zip(shares_KN, BEDS.values(), strict=True)
    ]
    return torch.from_numpy(np.log1p(np.stack([cells.ravel() for cells in found], axis=1))).to(torch.float16)


def _in_bed(
    hu: NDArray[np.float32], organ: NDArray[np.float32], bone: NDArray[np.float32], bed: Bed, spacing_mm: float
) -> NDArray[np.float32]:
    """Voxels of calcium in each cell of one organ, [a, b, c]."""
    cell = hu.shape[0] // organ.shape[0]
    searched = (organ > bed.share) & (bone < BONE_SHARE)
    counts = np.zeros(organ.shape, dtype=np.float32)
    boxes = ndimage.find_objects(searched.astype(np.int8))
    if not boxes:
        return counts
    box = tuple(slice(max(0, s.start * cell - ROOM_VOXELS), s.stop * cell + ROOM_VOXELS) for s in boxes[0])
    blood_hu = float(np.percentile(hu[_voxels(organ > INSIDE * organ.max(), cell)], BRIGHTEST_BLOOD))
    spots = np.zeros(hu.shape, dtype=np.bool_)
    spots[box] = _pieces(hu[box], max(CALCIUM_ABOVE_HU, blood_hu + ABOVE_BLOOD_HU), bed, spacing_mm)
    a, b, c = organ.shape
    return np.asarray(spots.reshape(a, cell, b, cell, c, cell).sum(axis=(1, 3, 5)) * searched, dtype=np.float32)


def _pieces(hu: NDArray[np.float32], above_hu: float, bed: Bed, spacing_mm: float) -> NDArray[np.bool_]:
    """The 6-connected bright components that may be calcium."""
    labels, count = ndimage.label(hu > above_hu)
    kept = np.bincount(labels.ravel(), minlength=count + 1) * spacing_mm**3 / 1000.0 <= bed.largest_ml
    kept[0] = False
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if kept[number] and max(side.stop - side.start for side in box) * spacing_mm <= bed.longest_mm:
            near = tuple(slice(max(0, side.start - SHELL_VOXELS), side.stop + SHELL_VOXELS) for side in box)
            piece = labels[near] == number
            shell = ndimage.binary_dilation(piece, iterations=SHELL_VOXELS) & ~piece
            kept[number] = np.percentile(hu[near][shell], OUTSIDE_PERCENTILE) < CALCIUM_ABOVE_HU
        else:
            kept[number] = False
    return np.asarray(kept[labels], dtype=np.bool_)


def _voxels(cells: NDArray[np.bool_], cell: int) -> NDArray[np.bool_]:
    """A mask of cells as one of voxels."""
    return np.asarray(cells.repeat(cell, axis=0).repeat(cell, axis=1).repeat(cell, axis=2))
