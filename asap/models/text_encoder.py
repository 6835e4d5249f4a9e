"""The BERT text encoder of ASAP (asap-method 1.6): CXR-BERT's architecture, frozen, last hidden states.

Axes: B batch, L token positions, D width. Post-norm layers, LayerNorm eps 1e-12, exact GELU, no dropout (evaluation).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from asap.models.config import TextConfig
from asap.models.vit import Attention, Mlp


class BertLayer(nn.Module):
    """norm1(x + attention(x)), then norm2(x + mlp(x))."""

    def __init__(self, width: int, heads: int, mlp_ratio: float) -> None:
        super().__init__()
        self.attn = Attention(width, heads, exact=True)
        self.norm1 = nn.LayerNorm(width, eps=1e-12)
        self.mlp = Mlp(width, int(width * mlp_ratio))
        self.norm2 = nn.LayerNorm(width, eps=1e-12)

    def forward(self, x_BLD: Tensor, attend_B11L: Tensor | None) -> Tensor:
        """x_BLD -> same shape and dtype."""
        dtype = self.attn.qkv.weight.dtype
        x_BLD = self.norm1(x_BLD + self.attn(x_BLD.to(dtype), attend_B11L))
        return self.norm2(x_BLD + self.mlp(x_BLD.to(dtype)))  # type: ignore[no-any-return]


class TextEncoder(nn.Module):
    """Token ids [B, L] -> last hidden states [B, L, D]. Token types are always zero, as in the published model."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.config = config
        self.word_embeddings = nn.Embedding(config.vocab, config.width)
        self.position_embeddings = nn.Embedding(config.max_positions, config.width)
        self.token_type_embeddings = nn.Embedding(2, config.width)
        self.norm = nn.LayerNorm(config.width, eps=1e-12)
        self.layers = nn.ModuleList(BertLayer(config.width, config.heads, config.mlp_ratio) for _ in range(config.depth))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """BERT's initialisation: N(0, 0.02) for matrices and embeddings, zero biases."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def forward(self, ids_BL: Tensor, mask_BL: Tensor | None = None) -> Tensor:
        """Last hidden states. mask_BL: 1 where a position holds a token; None when all do (faster for one sentence)."""
        positions_L = torch.arange(ids_BL.shape[1], device=ids_BL.device)
        embedded = self.word_embeddings(ids_BL) + self.position_embeddings(positions_L) + self.token_type_embeddings.weight[0]
        x_BLD = self.norm(embedded.to(self.norm.weight.dtype))
        attend = None if mask_BL is None else mask_BL.bool()[:, None, None, :]
        for layer in self.layers:
            x_BLD = layer(x_BLD, attend)
        return x_BLD  # type: ignore[no-any-return]
