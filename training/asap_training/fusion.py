"""How the report decoder sees the image: one layer of self-attention, cross-attention and feed-forward (asap-method 1.8).

Axes: B batch, L text positions, K image tokens, G extra tokens (0 or 1), H heads, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asap.models.vit import Attention, Mlp
from asap_training.bert_dropout import Dropout, dropped, mixed, self_attention
from asap_training.decoders import DecoderConfig, bert_initial

REGION_TOKEN_SCALE = 0.2


class FusionLayer(nn.Module):
    """Text states look at the image tokens and, where the recipe says so, at the mean region feature.

    similarity_bias: the cosine of a position's sentence with each image token, times a learnt factor per head, is added to the
    scores. The released code computes such a map, 0.02 in scale, and never adds it; one factor for all heads that small could
    not steer a softmax, so here each head learns its own, from 1.
    """

    def __init__(self, width: int, config: DecoderConfig, *, similarity_bias: bool) -> None:
        super().__init__()
        self.heads = config.report_heads
        self.attn = Attention(width, config.report_heads)
        self.norm1 = nn.LayerNorm(width, eps=1e-12)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.gap = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, eps=1e-12)
        self.mlp = Mlp(width, int(width * config.report_mlp_ratio))
        self.norm3 = nn.LayerNorm(width, eps=1e-12)
        self.similarity_scale_H = nn.Parameter(torch.ones(config.report_heads)) if similarity_bias else None
        bert_initial(self)

    def forward(
        self,
        text_BLD: Tensor,
        attend_B11L: Tensor,
        image_BKD: Tensor,
        extra_BGD: Tensor,
        *,
        similarity_BLK: Tensor | None,
        dropout: Dropout,
    ) -> Tensor:
        """Fused states [B, L, D]. extra_BGD: tokens beside the image's. similarity_BLK: read where the layer has the bias."""
        a_BLD = self.norm1(text_BLD + self_attention(self.attn, text_BLD, attend_B11L, dropout))
        key, value = self.key_value(torch.cat([extra_BGD, image_BKD], dim=1)).chunk(2, dim=-1)
        bias = None
        if self.similarity_scale_H is not None and similarity_BLK is not None:
            bias_BHLK = self.similarity_scale_H[:, None, None] * similarity_BLK.clamp(min=0).unsqueeze(1)
            bias = F.pad(bias_BHLK, (extra_BGD.shape[1], 0)).to(key.dtype)
        seen_BLD = mixed(self.query(a_BLD), key, value, heads=self.heads, bias=bias, dropout=dropout.attention)
        gap_B1D = self.gap(image_BKD.mean(dim=1, keepdim=True))
        f_BLD = self.norm2(a_BLD + dropped(self.out(seen_BLD + gap_B1D), dropout.hidden))
        return self.norm3(f_BLD + dropped(self.mlp(f_BLD), dropout.hidden))  # type: ignore[no-any-return]
