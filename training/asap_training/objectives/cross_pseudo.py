"""Cross pseudo supervision with CutMix (DLUNet, SSHSNet; asap-method 4): two networks teach each other on unlabelled boxes.

Source: Chen et al. 2021 (cross pseudo supervision), French et al. 2020 (CutMix for segmentation).
Axes: B batch, C classes, H W D voxels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from asap_training.objectives.segmentation import robust_loss

CUT_SHARE = (0.25, 0.5)  # of a box's volume
CELL = 4  # a cut lies on whole cells, so that features of the box can be cut with it

Network = Callable[..., Tensor]


@dataclass(frozen=True)
class Unlabelled:
    """How much unlabelled boxes count, and from when.

    weight: at its highest; less than half of DLUNet's .8, which gave less with ten labels in a trial on generated cases (.737
    against .743). alone, rise: shares of the steps; a network of a few steps calls everything background and would teach that,
    so first labels alone, then a slow rise that ends while the learning rate is still half of its highest. sure: probability
    from which a network's label is one for the other to learn; .5 is the likelier side of any two.
    """

    weight: float = 0.3
    alone: float = 0.2
    rise: float = 0.3
    sure: float = 0.5

    def weight_at(self, step: int, steps: int) -> float:
        """Weight at a step: 0 while there are labels alone, then a rise as exp(-5 (1 - t)^2).

        The rise is that of Laine and Aila 2017, which semi-supervised segmentation took over.
        """
        if step < self.alone * steps:
            return 0.0
        t = min(1.0, (step - self.alone * steps) / max(1.0, self.rise * steps))
        return self.weight * math.exp(-5 * (1 - t) ** 2)


class TwoNetworks(nn.Module):
    """Two networks of one shape and different beginnings; the first is the one that is kept."""

    def __init__(self, one: nn.Module, two: nn.Module) -> None:
        super().__init__()
        self.one = one
        self.two = two


def of_the_first(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The first network's part of the weights of two."""
    return {name.removeprefix("one."): value for name, value in state.items() if name.startswith("one.")}


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
