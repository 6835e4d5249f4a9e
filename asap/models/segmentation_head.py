"""Segmentation heads of `asap-mini`: organs of the whole grid, and one lesion around a prompt, from the trunk's cell features.

A small U-Net: 3 mm voxels folded into channels at 6 mm, one step down to 12 mm where the trunk's features join, and back; its
last step unfolds to 3 mm. The trunk has seen the whole chest, so the net itself only has to find edges. Eight voxels share the
channels of one folded place, too few to draw each of them sharply: `Edges` looks at the voxels themselves. The head of lesions
also has a level at 24 mm, and tells every voxel what was pointed at looks like: so the far end of a large lesion hears a click.
Axes: B batch, C channels, H W D voxels of 3 mm, a b c cells of 12 mm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asap.models.config import values_from_json
from asap.models.conv3d import Conv3d
from asap.models.mini_image import WINDOWS_HU, ChannelNorm, ResidualConv, space_to_depth, windowed

# Organ keys in the order of the organ head's outputs; 0 is none of them.
LABELS_OUT = (
    "background", "right_upper_lobe", "right_middle_lobe", "right_lower_lobe", "left_upper_lobe", "left_lower_lobe", "heart",
    "aorta", "pulmonary_artery", "trachea", "main_bronchi", "spine", "liver", "spleen", "stomach",
)  # fmt: skip
PROMPTS = 3  # channels: points inside, points outside, the mask before


@dataclass(frozen=True)
class HeadConfig:
    """Sizes of one head. trunk: channels of a cell. prompts, heats: channels beside the image at 3 mm, beside a cell at 12 mm.

    levels: 2, down to 12 mm; 3, down to 24 mm, and what was pointed at is told to the whole box. edges: channels of the layers
    that see single voxels; 0 for none.
    """

    trunk: int = 128
    prompts: int = 0
    heats: int = 0
    width: int = 24
    outputs: int = len(LABELS_OUT)
    levels: int = 2
    edges: int = 0

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> HeadConfig:
        """Read a manifest's entry with the allow-list of this class; WeightsError on anything else."""
        return cls(**values_from_json(cls, data))


ORGAN_HEAD = HeadConfig(width=32)
LESION_HEAD = HeadConfig(prompts=PROMPTS, heats=1, outputs=1, levels=3, edges=16)


class SegmentationHead(nn.Module):
    """Image and prompts at 3 mm, cells at 12 mm -> logits at 3 mm. Any box whose sides are multiples of 4 voxels."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.config = config
        fine, coarse = config.width, 2 * config.width
        self.voxels_in = Conv3d(8 * (len(WINDOWS_HU) + config.prompts), fine, 3, padding=1)
        self.fine = ResidualConv(fine)
        self.down = Conv3d(fine, coarse, 2, stride=2)
        self.cells_in = Conv3d(config.trunk + config.heats, coarse, 1)
        self.coarse = ResidualConv(coarse)
        self.far = Far(coarse) if config.levels > 2 else None
        self.told = Told(config.prompts, fine, coarse) if config.levels > 2 and config.prompts else None
        self.up = Conv3d(coarse, fine, 1)
        self.merge = ResidualConv(fine)
        self.norm = ChannelNorm(fine)
        self.out = Conv3d(fine, 8 * config.outputs, 1)
        self.edges = Edges(config) if config.edges else None

    def forward(self, image_B1HWD: Tensor, cells_BCabc: Tensor, prompts_BPHWD: Tensor | None = None) -> Tensor:
        """Logits [B, outputs, H, W, D] of an image in [-1, 1] over HU -1000..1000.

        cells_BCabc: the trunk's features of the same box, and the heat of the sentence where the head takes one.
        """
        windows = windowed(image_B1HWD)
        voxels = windows if prompts_BPHWD is None else torch.cat([windows, prompts_BPHWD], dim=1)
        x = space_to_depth(voxels).to(self.out.weight.dtype).contiguous(memory_format=torch.channels_last_3d)
        fine = self.fine(self.voxels_in(x))
        cells = self.down(fine) + self.cells_in(cells_BCabc.to(fine.dtype).contiguous(memory_format=torch.channels_last_3d))
        if self.told is not None and prompts_BPHWD is not None:
            to_fine, to_cells = self.told(fine, prompts_BPHWD)
            fine, cells = fine + to_fine, cells + to_cells
        cells = self.coarse(cells) if self.far is None else self.far(self.coarse(cells))
        context = F.interpolate(self.up(cells), scale_factor=2, mode="nearest")
        merged = self.norm(self.merge(fine + context.contiguous(memory_format=torch.channels_last_3d)))
        logits = depth_to_space(self.out(merged))
        return logits if self.edges is None else logits + self.edges(windows, prompts_BPHWD, merged)


class Edges(nn.Module):
    """What single voxels add, from their windows, how these differ from what was clicked, and the folded features."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        seen = len(WINDOWS_HU) + (config.prompts + 2 * len(WINDOWS_HU) if config.prompts else 0)
        self.features = Conv3d(config.width, config.edges - seen, 1)
        self.first = Conv3d(config.edges, config.edges, 3, padding=1)
        self.second = Conv3d(config.edges, config.edges, 1)
        self.out = Conv3d(config.edges, config.outputs, 1)
        begin_as_nothing(self.out)

    def forward(self, windows_BWHWD: Tensor, prompts_BPHWD: Tensor | None, merged_BChwd: Tensor) -> Tensor:
        """Logits to be added [B, outputs, H, W, D]."""
        seen = [windows_BWHWD, F.interpolate(self.features(merged_BChwd).float(), scale_factor=2, mode="nearest")]
        if prompts_BPHWD is not None:
            inside_outside = (prompts_BPHWD[:, :1], prompts_BPHWD[:, 1:2])
            seen += [prompts_BPHWD, *(contrast(windows_BWHWD, clicked) for clicked in inside_outside)]
        x = torch.cat(seen, dim=1).to(self.out.weight.dtype).contiguous(memory_format=torch.channels_last_3d)
        return self.out(F.relu(self.second(F.relu(self.first(x)))))  # type: ignore[no-any-return]


def contrast(windows_BWHWD: Tensor, clicked_B1HWD: Tensor) -> Tensor:
    """How much each voxel differs from the mean of the clicked ones, [B, W, H, W, D]; 0 where nothing was clicked."""
    total = clicked_B1HWD.sum(dim=(2, 3, 4), keepdim=True)
    mean = (windows_BWHWD * clicked_B1HWD).sum(dim=(2, 3, 4), keepdim=True) / total.clamp_min(1e-3)
    return (windows_BWHWD - mean) * (total > 0)


class Told(nn.Module):
    """What the places of each prompt look like, as one vector for the whole box: voxels can be compared with what was clicked."""

    def __init__(self, prompts: int, fine: int, coarse: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(fine, eps=1e-6)
        self.to_fine = nn.Linear(prompts * (fine + 1), fine)
        self.to_cells = nn.Linear(prompts * (fine + 1), coarse)
        begin_as_nothing(self.to_fine, self.to_cells)

    def forward(self, fine_BChwd: Tensor, prompts_BPHWD: Tensor) -> tuple[Tensor, Tensor]:
        """[B, C, 1, 1, 1] for fine voxels and for cells: means of the features under each prompt, and whether it is there."""
        weight_BPN = F.avg_pool3d(prompts_BPHWD.to(fine_BChwd.dtype), 2).flatten(2)
        total_BP1 = weight_BPN.sum(dim=2, keepdim=True)
        normed_BNC = self.norm(fine_BChwd.flatten(2).transpose(1, 2))
        mean_BPC = weight_BPN @ normed_BNC / total_BP1.clamp_min(1e-3)
        told = torch.cat([mean_BPC, (total_BP1 > 0).to(mean_BPC.dtype)], dim=2).flatten(1)
        return self.to_fine(told)[:, :, None, None, None], self.to_cells(told)[:, :, None, None, None]


class Far(nn.Module):
    """A level at twice the cells' size and back: same shape; its two blocks reach 8 cells."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.widen = Conv3d(channels, channels, 2, stride=2)
        self.wide = nn.Sequential(ResidualConv(channels), ResidualConv(channels))
        self.narrow = Conv3d(channels, channels, 1)
        self.again = ResidualConv(channels)
        begin_as_nothing(self.narrow, self.again.conv2)

    def forward(self, cells_BCabc: Tensor) -> Tensor:
        """cells_BCabc -> same shape, any number of cells."""
        odd = [n % 2 for n in cells_BCabc.shape[:1:-1]]
        even = F.pad(cells_BCabc, [end for n in odd for end in (0, n)]) if any(odd) else cells_BCabc
        wide = F.interpolate(self.narrow(self.wide(self.widen(even))), scale_factor=2, mode="nearest")
        a, b, c = cells_BCabc.shape[2:]
        wide = wide[:, :, :a, :b, :c].contiguous(memory_format=torch.channels_last_3d)
        return self.again(cells_BCabc + wide)  # type: ignore[no-any-return]


def begin_as_nothing(*layers: nn.Linear | Conv3d) -> None:
    """Zero the last layers of what is added to a network: from a random beginning it drowned the voxels' own features."""
    for layer in layers:
        nn.init.zeros_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def depth_to_space(x_BCHWD: Tensor) -> Tensor:
    """Inverse of `space_to_depth`: [B, 8C, H, W, D] -> [B, C, 2H, 2W, 2D]."""
    batch, channels, h, w, d = x_BCHWD.shape
    split = x_BCHWD.reshape(batch, channels // 8, 2, 2, 2, h, w, d)
    return split.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(batch, channels // 8, 2 * h, 2 * w, 2 * d)
