"""Where a sentence is true, taught by exact regions: pointing, extent and presence.

Axes: S sentences of one volume, N cells. All losses are float32 and finite for any log-probability <= 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

FOCAL_POWER = 2.0
PRESENCE_CELLS = 2


def pointing_loss(log_match_SN: Tensor, fraction_SN: Tensor) -> Tensor:
    """Soft cross-entropy of the softmax over cells against the region's share of each cell. Sentences without a region give 0.

    Source: reference trial, soft cross-entropy against the normalised mask fraction.
    """
    mass_S1 = fraction_SN.sum(dim=1, keepdim=True)
    has_region_S = mass_S1[:, 0] > 0
    target_SN = fraction_SN / mass_S1.clamp_min(1e-6)
    loss_S = -(target_SN * log_match_SN.log_softmax(dim=1)).sum(dim=1)
    entropy_S = -(target_SN * target_SN.clamp_min(1e-12).log()).sum(dim=1)
    return ((loss_S - entropy_S) * has_region_S).sum() / has_region_S.sum().clamp_min(1)


def extent_loss(log_match_SN: Tensor, fraction_SN: Tensor) -> Tensor:
    """Focal cross-entropy per cell, normalised by the region's size, so that a map's value means "this cell belongs".

    A cell counts fully from half of the best-filled cell on: a nodule smaller than a cell still has a cell of its own.
    Focal weights: Lin et al. 2017, power 2.
    """
    best_S1 = fraction_SN.amax(dim=1, keepdim=True)
    target_SN = (2.0 * fraction_SN / best_S1.clamp_min(1e-6)).clamp(max=1.0)
    match_SN = log_match_SN.exp()
    log_other_SN = torch.log1p(-match_SN.clamp(max=1.0 - 1e-6))
    positive_S = -(target_SN * (1 - match_SN) ** FOCAL_POWER * log_match_SN).sum(dim=1)
    negative_S = -((1 - target_SN) * match_SN**FOCAL_POWER * log_other_SN).sum(dim=1)
    return ((positive_S + negative_S) / target_SN.sum(dim=1).clamp_min(8.0)).mean()


def presence_loss(log_match_SN: Tensor, present_S: Tensor) -> Tensor:
    """Cross-entropy of "the stated finding is here" from the best cells: what makes absence mean something.

    present_S: 1 where the sentence is true of this volume, 0 where it is not.
    """
    log_best_S = log_match_SN.topk(PRESENCE_CELLS, dim=1).values.mean(dim=1)
    log_none_S = torch.log1p(-log_best_S.exp().clamp(max=1.0 - 1e-6))
    return -(present_S * log_best_S + (1 - present_S) * log_none_S).mean()
