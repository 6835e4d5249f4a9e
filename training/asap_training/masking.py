"""Which image tokens are encoded and which are to be guessed, from a draw that is part of the batch (asap-method 1.3).

Axes: B batch, N tokens of the grid, K visible, M masked.
"""

from __future__ import annotations

import torch
from torch import Tensor


def visible_and_masked(noise_BN: Tensor, masked_share: float) -> tuple[Tensor, Tensor]:
    """Indices of the visible tokens [B, K] and of the masked ones [B, N - K], each in the order of the noise.

    The K = int(N (1 - masked_share)) tokens with the smallest noise are visible, as in a masked autoencoder (He et al. 2022).
    """
    visible = int(noise_BN.shape[1] * (1 - masked_share))
    order_BN = noise_BN.argsort(dim=1)
    return order_BN[:, :visible], order_BN[:, visible:]


def rows_of(values_BND: Tensor, index_BK: Tensor) -> Tensor:
    """values [B, N, D] at index [B, K] -> [B, K, D]."""
    return values_BND.gather(1, index_BK.unsqueeze(-1).expand(-1, -1, values_BND.shape[-1]))


def masked_report(ids_L: Tensor, draw_L: Tensor, share: float, mask_id: int, kept_ids: tuple[int, ...]) -> Tensor:
    """Report ids with [MASK] where the draw is below `share`; the first and the last position and `kept_ids` stay (1.6)."""
    chosen_L = draw_L < share
    chosen_L[0] = chosen_L[-1] = False
    for kept in kept_ids:
        chosen_L &= ids_L != kept
    return torch.where(chosen_L, torch.full_like(ids_L, mask_id), ids_L)
