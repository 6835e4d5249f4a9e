"""Sentence alignment of the published method (asap-method 1.7) with two corrections: sentences of the other volumes in the batch
are negatives too, and sentences that mean the same are no negatives of each other.

Axes: T sentences of the whole batch, F features.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

TEMPERATURE = 0.07


def sentence_alignment_loss(sentence_TF: Tensor, region_TF: Tensor, meaning_T: Tensor) -> Tensor:
    """Symmetric InfoNCE between sentence features and the pooled features of their own top-K cells.

    meaning_T: int64, equal for sentences that say the same (they leave each other's denominator).
    """
    logits_TT = F.normalize(sentence_TF, dim=-1) @ F.normalize(region_TF, dim=-1).T / TEMPERATURE
    same_TT = meaning_T[:, None] == meaning_T[None, :]
    same_TT.fill_diagonal_(False)
    logits_TT = logits_TT.masked_fill(same_TT, float("-inf"))
    target_T = torch.arange(len(sentence_TF), device=sentence_TF.device)
    return F.cross_entropy(logits_TT, target_T) + F.cross_entropy(logits_TT.T, target_T)
