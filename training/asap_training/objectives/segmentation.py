"""Losses of label images. Axes: B batch, C classes (0 background), H W D voxels.

Sources: DiceCE of the published benchmark (asap-method 2.2); noise-robust Dice, Wang et al. 2020, and the Taylor series of
cross-entropy, Feng et al. 2020, as DLUNet uses them on pseudo-labels (asap-method 4).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

SMOOTH = 1e-6
NOISE_EXPONENT = 1.5
TAYLOR_ORDER = 2


def dice_ce_loss(logits_BCHWD: Tensor, labels_BHWD: Tensor) -> Tensor:
    """Soft Dice with squared denominators over all classes plus cross-entropy, each the mean: MONAI's DiceCE as published."""
    share, truth = _share_and_truth(logits_BCHWD, labels_BHWD)
    overlap = _sum(share * truth)
    total = _sum(share.square()) + _sum(truth.square())
    dice = 1 - (2 * overlap) / (total + SMOOTH)
    return dice.mean() + F.cross_entropy(logits_BCHWD.float(), labels_BHWD)


def noise_robust_dice_loss(logits_BCHWD: Tensor, labels_BHWD: Tensor, counted_BHWD: Tensor | None = None) -> Tensor:
    """|p - y|^1.5 over the sizes: between Dice (exponent 2) and mean absolute error (1), which wrong labels move less.

    The sizes take the same exponent, where Wang et al. square them: p^1.5 / p^2 grows without end as p falls, so that a class
    which the labels do not hold would be pulled up, by a loss of 3 at p = .01 and of 60 at p = 1e-5.
    counted: True where a voxel's label is believed; all where there is none.
    """
    share, truth = _share_and_truth(logits_BCHWD, labels_BHWD)
    if counted_BHWD is not None:
        share, truth = share * counted_BHWD[:, None], truth * counted_BHWD[:, None]
    apart = _sum((share - truth).abs().clamp_min(SMOOTH).pow(NOISE_EXPONENT))
    size = _sum(share.clamp_min(SMOOTH).pow(NOISE_EXPONENT)) + _sum(truth)
    return (apart / (size + SMOOTH)).mean()


def taylor_ce_loss(logits_BCHWD: Tensor, labels_BHWD: Tensor, counted_BHWD: Tensor | None = None) -> Tensor:
    """The first terms of -log p = sum_n (1 - p)^n / n: bounded, so that a wrong label cannot pull without end.

    counted: as above; the mean is over all voxels, so that a picture of few believed ones pulls little.
    """
    share = logits_BCHWD.float().softmax(dim=1).gather(1, labels_BHWD[:, None])
    wrong = 1 - share if counted_BHWD is None else (1 - share) * counted_BHWD[:, None]
    return torch.stack([wrong.pow(n) / n for n in range(1, TAYLOR_ORDER + 1)]).sum(dim=0).mean()


def robust_loss(logits_BCHWD: Tensor, labels_BHWD: Tensor, counted_BHWD: Tensor | None = None) -> Tensor:
    """What labels that may be wrong are learnt by."""
    dice = noise_robust_dice_loss(logits_BCHWD, labels_BHWD, counted_BHWD)
    return dice + taylor_ce_loss(logits_BCHWD, labels_BHWD, counted_BHWD)


def _share_and_truth(logits_BCHWD: Tensor, labels_BHWD: Tensor) -> tuple[Tensor, Tensor]:
    share = logits_BCHWD.float().softmax(dim=1)
    truth = F.one_hot(labels_BHWD, share.shape[1]).movedim(-1, 1).to(share.dtype)
    return share, truth


def _sum(x_BCHWD: Tensor) -> Tensor:
    return x_BCHWD.sum(dim=(2, 3, 4))
