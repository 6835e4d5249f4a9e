"""Segmentation heads of `asap-mini`: organs of the whole grid, and one lesion around a prompt, from the trunk's cell features.

A small U-Net: 3 mm voxels folded into channels at 6 mm, one step down to 12 mm where the trunk's features join, and back; its
last step unfolds to 3 mm. The trunk has seen the whole chest, so the net itself only has to find edges.
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
from asap.models.mini_image import WINDOWS_HU, ChannelNorm, ResidualConv, space_to_depth, windowed

# Organ keys in the order of the organ head's outputs; 0 is none of them.
LABELS_OUT = (
    "background", "right_upper_lobe", "right_middle_lobe", "right_lower_lobe", "left_upper_lobe", "left_lower_lobe", "heart",
    "aorta", "pulmonary_artery", "trachea", "main_bronchi", "spine", "liver", "spleen", "stomach",
)  # fmt: skip
# PyTorch takes its fast 3-D convolution for more than this many channels x rows x columns, or for two in a batch: then a small
# box is twice as quick done twice as once.
SMALL = 20_480
PROMPTS = 3  # channels: points inside, points outside, the mask before


@dataclass(frozen=True)
class HeadConfig:
    """Sizes of one head. trunk: channels of a cell. prompts, heats: channels beside the image at 3 mm, beside a cell at 12 mm."""

    trunk: int = 128
    prompts: int = 0
    heats: int = 0
    width: int = 24
    outputs: int = len(LABELS_OUT)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> HeadConfig:
        """Read a manifest's entry with the allow-list of this class; WeightsError on anything else."""
        return cls(**values_from_json(cls, data))


ORGAN_HEAD = HeadConfig()
LESION_HEAD = HeadConfig(prompts=PROMPTS, heats=1, outputs=1)


class SegmentationHead(nn.Module):
    """Image and prompts at 3 mm, cells at 12 mm -> logits at 3 mm. Any box whose sides are multiples of 4 voxels."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.config = config
        fine, coarse = config.width, 2 * config.width
        self.voxels_in = nn.Conv3d(8 * (len(WINDOWS_HU) + config.prompts), fine, 3, padding=1)
        self.fine = ResidualConv(fine)
        self.down = nn.Conv3d(fine, coarse, 2, stride=2)
        self.cells_in = nn.Conv3d(config.trunk + config.heats, coarse, 1)
        self.coarse = ResidualConv(coarse)
        self.up = nn.Conv3d(coarse, fine, 1)
        self.merge = ResidualConv(fine)
        self.norm = ChannelNorm(fine)
        self.out = nn.Conv3d(fine, 8 * config.outputs, 1)

    def forward(self, image_B1HWD: Tensor, cells_BCabc: Tensor, prompts_BPHWD: Tensor | None = None) -> Tensor:
        """Logits [B, outputs, H, W, D] of an image in [-1, 1] over HU -1000..1000.

        cells_BCabc: the trunk's features of the same box, and the heat of the sentence where the head takes one.
        """
        batch, _, height, breadth, _ = image_B1HWD.shape
        if batch == 1 and self.config.width * (height // 2) * (breadth // 2) <= SMALL:
            both = [None if x is None else torch.cat([x, x]) for x in (image_B1HWD, cells_BCabc, prompts_BPHWD)]
            return self(*both)[:1]  # type: ignore[no-any-return]
        x = windowed(image_B1HWD)
        if prompts_BPHWD is not None:
            x = torch.cat([x, prompts_BPHWD], dim=1)
        x = space_to_depth(x).to(self.out.weight.dtype).contiguous(memory_format=torch.channels_last_3d)
        fine = self.fine(self.voxels_in(x))
        cells = self.down(fine) + self.cells_in(cells_BCabc.to(fine.dtype).contiguous(memory_format=torch.channels_last_3d))
        context = F.interpolate(self.up(self.coarse(cells)), scale_factor=2, mode="nearest")
        merged = self.merge(fine + context.contiguous(memory_format=torch.channels_last_3d))
        return depth_to_space(self.out(self.norm(merged)))


def depth_to_space(x_BCHWD: Tensor) -> Tensor:
    """Inverse of `space_to_depth`: [B, 8C, H, W, D] -> [B, C, 2H, 2W, 2D]."""
    batch, channels, h, w, d = x_BCHWD.shape
    split = x_BCHWD.reshape(batch, channels // 8, 2, 2, 2, h, w, d)
    return split.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(batch, channels // 8, 2 * h, 2 * w, 2 * d)
