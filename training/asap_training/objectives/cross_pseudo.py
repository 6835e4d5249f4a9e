"""Cross pseudo supervision with CutMix (DLUNet, SSHSNet; asap-method 4): two networks teach each other on unlabelled boxes.

Source: Chen et al. 2021 (cross pseudo supervision), French et al. 2020 (CutMix for segmentation).
Axes: B batch, C classes, H W D voxels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from asap_training.objectives.segmentation import robust_loss

CUT_SHARE = (0.25, 0.5)  # of a box's volume
CELL = 4  # a cut lies on whole cells, so that features of the box can be cut with it

Network = Callable[..., Tensor]


def cut_mask(shape: tuple[int, int, int], rng: np.random.Generator, cell: int = CELL) -> Tensor:
    """[H, W, D] bool, True in a random box of a quarter to a half of the volume, its faces on multiples of `cell`."""
    share = rng.uniform(*CUT_SHARE) ** (1 / 3)
    mask = torch.zeros(shape, dtype=torch.bool)
    box = []
    for size in shape:
        cells = size // cell
        width = min(cells, max(1, round(share * cells)))
        start = int(rng.integers(cells - width + 1))
        box.append(slice(start * cell, (start + width) * cell))
    mask[tuple(box)] = True
    return mask


def mixed(one: Tensor, other: Tensor, mask_HWD: Tensor) -> Tensor:
    """`other` inside the mask, `one` outside; both [..., H, W, D] of the mask's size or of its cells'."""
    steps = tuple(m // n for m, n in zip(mask_HWD.shape, one.shape[-3:], strict=True))
    mask = mask_HWD[tuple(slice(None, None, step) for step in steps)]
    return torch.where(mask, other, one)


def cross_pseudo_loss(
    networks: tuple[Network, Network], one: tuple[Tensor, ...], other: tuple[Tensor, ...], mask_HWD: Tensor, sure: float = 0.0
) -> Tensor:
    """Each network on a mixture of two unlabelled batches, against what the other one says of the batches apart.

    one, other: what a network takes (image, features), each [B, ..., H, W, D] or on the cells of the mask's grid.
    sure: voxels to whose label the other network gives less than this probability are not counted.
    """
    mixture = tuple(mixed(a, b, mask_HWD) for a, b in zip(one, other, strict=True))
    loss = torch.zeros(())
    for student, teacher in (networks, networks[::-1]):
        with torch.no_grad():
            share, labels = mixed(teacher(*one), teacher(*other), mask_HWD).softmax(dim=1).max(dim=1)
        loss = loss + robust_loss(student(*mixture), labels, share >= sure)
    return loss
