"""From a trunk's cells to the first tokens a language model reads: the published Q-Former, and a 3-D convolution projector.

Q-Former: 64 queries, one cross-attention of 8 heads, then 4 encoder layers, 768 wide, and an MLP to the language model's width
(asap-method 2.6). Convolution: cells halved along each axis, then projected, 343 tokens from 14 x 14 x 14 (Med3D-R1, E3D-GPT).
Axes: B batch, N cells, C numbers of a cell, Q prefix tokens, D width, L language width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from asap.errors import WeightsError
from asap.models.config import values_from_json


@dataclass(frozen=True)
class PrefixConfig:
    """Sizes. grid: cells along each axis; cell_numbers: C; language_width: L. The rest are the published sizes."""

    kind: Literal["queries", "convolution"] = "queries"
    grid: tuple[int, int, int] = (14, 14, 14)
    cell_numbers: int = 768
    language_width: int = 2560
    width: int = 768
    queries: int = 64
    layers: int = 4
    heads: int = 8
    inner: int = 2048

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PrefixConfig:
        """Read a manifest's entry; WeightsError on anything else."""
        kind = data.get("kind")
        if kind not in PREFIXES:
            raise WeightsError("The decoder's visual prefix is of an unknown kind; install the weights again.")
        return cls(kind=kind, **values_from_json(cls, data, skip=("kind",)))


class QueryPrefix(nn.Module):
    """Learnt queries look at the cells once, then at each other."""

    def __init__(self, config: PrefixConfig) -> None:
        super().__init__()
        width = config.width
        self.queries = nn.Parameter(torch.randn(config.queries, width) * 0.02)
        self.cells_in = nn.Linear(config.cell_numbers, width)
        self.look = nn.MultiheadAttention(width, config.heads, batch_first=True)
        self.norm = nn.LayerNorm(width)
        layer = nn.TransformerEncoderLayer(width, config.heads, 4 * width, dropout=0.0, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.out = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, config.inner),
            nn.GELU(),
            nn.Linear(config.inner, config.inner),
            nn.GELU(),
            nn.Linear(config.inner, config.language_width),
            nn.LayerNorm(config.language_width),
        )

    def forward(self, cells_BNC: Tensor) -> Tensor:
        """Cells [B, N, C] -> prefix [B, Q, L]."""
        cells_BND = self.cells_in(cells_BNC)
        queries_BQD = self.queries.expand(cells_BNC.shape[0], -1, -1)
        seen_BQD, _ = self.look(queries_BQD, cells_BND, cells_BND, need_weights=False)
        return self.out(self.layers(self.norm(queries_BQD + seen_BQD)))  # type: ignore[no-any-return]


class ConvolutionPrefix(nn.Module):
    """A convolution of stride 2 over the grid of cells; every eighth becomes a token at its own place."""

    def __init__(self, config: PrefixConfig) -> None:
        super().__init__()
        self.grid = config.grid
        self.halve = nn.Conv3d(config.cell_numbers, config.width, 2, stride=2)
        self.out = nn.Sequential(nn.GELU(), nn.Linear(config.width, config.language_width), nn.LayerNorm(config.language_width))

    def forward(self, cells_BNC: Tensor) -> Tensor:
        """Cells [B, N, C] -> prefix [B, N / 8, L]."""
        cells_BCHWD = cells_BNC.transpose(1, 2).reshape(cells_BNC.shape[0], -1, *self.grid)
        return self.out(self.halve(cells_BCHWD).flatten(2).transpose(1, 2))  # type: ignore[no-any-return]


PREFIXES: dict[str, type[QueryPrefix] | type[ConvolutionPrefix]] = {"queries": QueryPrefix, "convolution": ConvolutionPrefix}
