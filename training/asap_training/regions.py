"""The image tokens a sentence is pooled from while training: a fixed number, a number that learns (asap-method 1.7, 5.3), or
those of its region where that is known.

Axes: B batch, S sentences, K image tokens, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from asap.models.asap import Asap
from asap_training.masking import rows_of

SOFTNESS = 0.15


def fixed_regions(asap: Asap, similarity_BSK: Tensor, tokens: int, image_BKD: Tensor) -> Tensor:
    """g [B, S, D]: mean of the `tokens` most similar image tokens, for every sentence the same number."""
    topk_BS = torch.full(similarity_BSK.shape[:2], tokens, dtype=torch.int64, device=similarity_BSK.device)
    return asap.region_features(similarity_BSK, topk_BS, image_BKD)


def soft_regions(similarity_BSK: Tensor, size_BS: Tensor, image_BKD: Tensor) -> Tensor:
    """g [B, S, D]: mean of the tokens weighted by sigmoid((size - rank - 1/2) / (SOFTNESS size)), which sums to about `size`.

    The rank of a token among the most similar ones carries no gradient, the size does: a sentence whose pooled feature would
    fit it better with more tokens asks for more. As SOFTNESS goes to 0 this is the mean of the `size` most similar tokens.
    """
    order_BSK = similarity_BSK.argsort(dim=-1, descending=True, stable=True)
    rank_K = torch.arange(similarity_BSK.shape[-1], device=size_BS.device, dtype=size_BS.dtype)
    size_BS1 = size_BS.unsqueeze(-1)
    by_rank_BSK = torch.sigmoid((size_BS1 - rank_K - 0.5) / (SOFTNESS * size_BS1))
    by_rank_BSK = by_rank_BSK / by_rank_BSK.sum(-1, keepdim=True)
    return torch.zeros_like(similarity_BSK).scatter(-1, order_BSK, by_rank_BSK) @ image_BKD


def known_regions(regions_BSN: Tensor, visible_BK: Tensor, image_BKD: Tensor, chosen_BSD: Tensor) -> Tensor:
    """g [B, S, D]: mean of the visible tokens weighted by the share of each that a sentence's region fills.

    A sentence without a region, or whose region is all hidden, keeps `chosen`.
    """
    share_BSK = rows_of(regions_BSN.transpose(1, 2), visible_BK).transpose(1, 2)
    mass_BS1 = share_BSK.sum(-1, keepdim=True)
    return torch.where(mass_BS1 > 0, share_BSK @ image_BKD / mass_BS1.clamp_min(1e-6), chosen_BSD)
