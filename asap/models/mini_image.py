"""Image side of `asap-mini`: the same transformer blocks as ASAP on 24 mm tokens, with a convolutional stem below them and
12 mm cells above, because 24 mm patches of 3 mm voxels cannot see a nodule.

Axes: B batch, C channels, H W D voxels or cells, N cells, F features, P parts of the match.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asap.errors import WeightsError
from asap.models.config import values_from_json
from asap.models.conv3d import Conv3d
from asap.models.positions import sincos_positions
from asap.models.vit import Block
from asap.pause import Pause, no_pause
from asap.text.concepts import CONCEPT_VOCABULARY

# Intensity windows in HU that become input channels: everything, soft tissue, aerated lung.
WINDOWS_HU = ((-1000.0, 1000.0), (-150.0, 250.0), (-1000.0, -500.0))


@dataclass(frozen=True)
class MiniConfig:
    """Sizes of the embedded model. grid: 24 mm tokens along each axis; the input has 8 and the answer 2 cells per token.

    concepts: the closed language its text side was trained with, in the order of its table.
    """

    grid: tuple[int, int, int] = (14, 14, 14)
    stem_channels: int = 32
    cell_channels: int = 64
    width: int = 192
    depth: int = 4
    heads: int = 2
    parts: int = 2
    features: int = 64
    text_width: int = 128
    text_depth: int = 2
    word_buckets: int = 4096
    concepts: tuple[str, ...] = CONCEPT_VOCABULARY

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Voxels of 3 mm along each axis."""
        a, b, c = (8 * n for n in self.grid)
        return a, b, c

    @property
    def cells(self) -> tuple[int, int, int]:
        """12 mm cells along each axis."""
        a, b, c = (2 * n for n in self.grid)
        return a, b, c

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> MiniConfig:
        """Read a manifest's entry with the allow-list of this class; WeightsError on anything else."""
        concepts = data.get("concepts")
        if (
            not isinstance(concepts, list)
            or not all(isinstance(c, str) and len(c) < 80 for c in concepts)
            or len(concepts) > 2000
        ):
            raise WeightsError("The model's list of concepts cannot be read; import or download the weights again.")
        return cls(**values_from_json(cls, data, skip=("concepts",)), concepts=tuple(concepts))


class ChannelNorm(nn.Module):
    """LayerNorm over the channels of each voxel: independent of the batch and of how much air surrounds the patient."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels, eps=1e-6)

    def forward(self, x_BCHWD: Tensor) -> Tensor:
        """x_BCHWD -> same shape; free of copies in channels-last memory."""
        normed: Tensor = self.norm(x_BCHWD.permute(0, 2, 3, 4, 1))
        return normed.permute(0, 4, 1, 2, 3)


class ResidualConv(nn.Module):
    """x + conv(gelu(conv(norm(x)))), 3 x 3 x 3."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.conv1 = Conv3d(channels, channels, 3, padding=1)
        self.conv2 = Conv3d(channels, channels, 3, padding=1)

    def forward(self, x_BCHWD: Tensor) -> Tensor:
        """x_BCHWD -> same shape."""
        return x_BCHWD + self.conv2(F.gelu(self.conv1(self.norm(x_BCHWD))))  # type: ignore[no-any-return]


@dataclass(frozen=True, eq=False)
class ImageStages:
    """What the image side computes on its way to the cell features; heads read it.

    stem_BCHWD: 6 mm voxels. cells_BChwd, merged_BChwd: 12 mm cells before and after the tokens' context.
    """

    stem_BCHWD: Tensor
    cells_BChwd: Tensor
    merged_BChwd: Tensor


class MiniImageEncoder(nn.Module):
    """Volume [B, 1, H, W, D] in [-1, 1] over HU -1000..1000 at 3 mm -> cell features [B, N, P, F] at 12 mm, unit length."""

    positions: Tensor

    def __init__(self, config: MiniConfig) -> None:
        super().__init__()
        self.config = config
        stem, cell, width = config.stem_channels, config.cell_channels, config.width
        self.voxels_in = nn.Conv3d(8 * len(WINDOWS_HU), stem, 3, padding=1)
        self.fine = ResidualConv(stem)
        self.finer = ResidualConv(stem)
        self.to_cells = nn.Conv3d(stem, cell, 2, stride=2)
        self.cell_blocks = ResidualConv(cell)
        self.to_tokens = nn.Conv3d(cell, width, 2, stride=2)
        self.register_buffer("positions", sincos_positions(config.grid, width)[:, 1:], persistent=False)
        self.blocks = nn.ModuleList(Block(width, config.heads) for _ in range(config.depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.from_tokens = nn.Linear(width, cell)
        self.merge = ResidualConv(cell)
        self.out_norm = nn.LayerNorm(cell, eps=1e-6)
        self.out = nn.Linear(cell, config.parts * config.features)

    def forward(self, volume_B1HWD: Tensor, *, pause: Pause = no_pause, rows: int | None = None) -> Tensor:
        """Cell features [B, N, P, F]; cells run as the grid (a, b, c) in C order.

        pause: called `pauses` times between the stages. rows: where memory is short, tokens at a time in the blocks.
        """
        return self.features(self.stages(volume_B1HWD, pause=pause, rows=rows))

    def stages(self, volume_B1HWD: Tensor, *, pause: Pause = no_pause, rows: int | None = None) -> ImageStages:
        """Everything before the cell features; arguments as of `forward`."""
        batch = volume_B1HWD.shape[0]
        stem = self._stem(volume_B1HWD)
        before = self.to_cells(stem)
        pause()
        before = self.cell_blocks(before)
        pause()
        tokens = self.to_tokens(before).flatten(2).transpose(1, 2) + self.positions.to(before.dtype)
        for block in self.blocks:
            tokens = block(tokens, rows=rows)
            pause()
        context: Tensor = self.from_tokens(self.norm(tokens))
        context = context.transpose(1, 2).reshape(batch, -1, *self.config.grid)
        cells = before + F.interpolate(context, scale_factor=2, mode="nearest")
        return ImageStages(stem, before, self.merge(cells.contiguous(memory_format=torch.channels_last_3d)))

    def features(self, stages: ImageStages) -> Tensor:
        """Cell features [B, N, P, F], unit length."""
        features: Tensor = self.out(self.out_norm(stages.merged_BChwd.permute(0, 2, 3, 4, 1)))
        shape = (features.shape[0], -1, self.config.parts, self.config.features)
        return F.normalize(features.reshape(shape).float(), dim=-1)

    @property
    def pauses(self) -> int:
        """How often one forward pass pauses."""
        return self.config.depth + 2

    def _stem(self, volume_B1HWD: Tensor) -> Tensor:
        x = space_to_depth(windowed(volume_B1HWD))
        x = x.to(self.out.weight.dtype).contiguous(memory_format=torch.channels_last_3d)
        return self.finer(self.fine(self.voxels_in(x)))  # type: ignore[no-any-return]


def windowed(volume_B1HWD: Tensor) -> Tensor:
    """[-1, 1] over HU -1000..1000 -> one channel per entry of WINDOWS_HU, each scaled to [-1, 1] and clipped."""
    hu = volume_B1HWD * 1000.0
    channels = [((hu - low) * (2.0 / (high - low)) - 1.0).clamp(-1.0, 1.0) for low, high in WINDOWS_HU]
    return torch.cat(channels, dim=1)


def space_to_depth(x_BCHWD: Tensor) -> Tensor:
    """Fold 2 x 2 x 2 voxels into channels: [B, C, H, W, D] -> [B, 8C, H/2, W/2, D/2]."""
    batch, channels, h, w, d = x_BCHWD.shape
    folded = x_BCHWD.reshape(batch, channels, h // 2, 2, w // 2, 2, d // 2, 2)
    return folded.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(batch, 8 * channels, h // 2, w // 2, d // 2)
