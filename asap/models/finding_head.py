"""Finding head of `asap-mini`: what each 12 mm cell holds beyond what a finding's statement says of it, from the trunk's stages.

The trunk was trained to match sentences, which tells a finding from a healthy chest better than from another finding. The head
is trained on the findings themselves, on top of the statements: it starts at what they say, and learns only what they miss. It
looks at the 6 mm stem too: a nodule is lost in the mean over a 12 mm cell.
Axes: B batch, C channels, H W D voxels of 6 mm, h w d cells of 12 mm, K findings.
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
from asap.models.mini_image import ChannelNorm, ImageStages, ResidualConv
from asap.text.statements import WORDINGS

STATED_SCALE = 0.35  # to start from: a statement that misses a finding says -12, which no correction would reach
EXTREMES = 2  # channels beside the stem's: the highest and the lowest HU of each 6 mm voxel


@dataclass(frozen=True)
class FindingHeadConfig:
    """Sizes. stem, cells: channels of the trunk's 6 mm voxels and 12 mm cells. findings: concepts in the order of the outputs."""

    findings: tuple[str, ...] = tuple(WORDINGS)
    stem: int = 32
    cells: int = 64
    fine_width: int = 32
    width: int = 64
    depth: int = 1

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FindingHeadConfig:
        """Read a manifest's entry with the allow-list of this class; WeightsError on anything else."""
        findings = data.get("findings")
        if not isinstance(findings, list) or not all(isinstance(c, str) and len(c) < 80 for c in findings) or len(findings) > 200:
            raise WeightsError("The finding head's list of findings cannot be read; install the weights again.")
        return cls(**values_from_json(cls, data, skip=("findings",)), findings=tuple(findings))


class FindingHead(nn.Module):
    """Voxels at 6 mm and cells at 12 mm -> what is added to the log-odds of every finding in every cell. Any box of whole cells.

    `joined` adds it to what the statements say.
    """

    fine_mean: Tensor
    fine_spread: Tensor
    cell_mean: Tensor
    cell_spread: Tensor

    def __init__(self, config: FindingHeadConfig) -> None:
        super().__init__()
        self.config = config
        fine, cells, width = config.stem + EXTREMES, 2 * config.cells, config.width
        for name, channels in (("fine", fine), ("cell", cells)):
            self.register_buffer(f"{name}_mean", torch.zeros(channels))
            self.register_buffer(f"{name}_spread", torch.ones(channels))
        self.fine_in = nn.Conv3d(fine, config.fine_width, 1)
        self.subcells = nn.Conv3d(config.fine_width, width, 2, stride=2)
        self.strongest = nn.Conv3d(config.fine_width, width, 1)
        self.cells_in = nn.Conv3d(cells, width, 1)
        self.blocks = nn.ModuleList(ResidualConv(width) for _ in range(config.depth))
        self.norm = ChannelNorm(width)
        self.out = nn.Conv3d(width, len(config.findings), 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]
        self.stated_scale = nn.Parameter(torch.full((len(config.findings),), STATED_SCALE))

    def forward(self, fine_BCHWD: Tensor, cells_BChwd: Tensor) -> Tensor:
        """What `head_inputs` gives -> correction of the log-odds [B, K, h, w, d]."""
        fine = F.gelu(self.fine_in(_standard(fine_BCHWD, self.fine_mean, self.fine_spread)))
        x = self.cells_in(_standard(cells_BChwd, self.cell_mean, self.cell_spread))
        x = x + self.subcells(fine) + self.strongest(F.max_pool3d(fine, 2))
        for block in self.blocks:
            x = block(x)
        return self.out(self.norm(x))  # type: ignore[no-any-return]

    def joined(self, stated_BKhwd: Tensor, correction_BKhwd: Tensor) -> Tensor:
        """Log-odds of the findings: what their statements say of each cell, and the correction. Any axes after K, or none."""
        scale = self.stated_scale.reshape(-1, *[1] * (stated_BKhwd.ndim - 2))
        return scale * stated_BKhwd + correction_BKhwd


def head_inputs(stages: ImageStages, image_B1HWD: Tensor) -> tuple[Tensor, Tensor]:
    """Of a volume [-1, 1] at 3 mm and the trunk's stages: 6 mm voxels [B, stem + 2, ...] and 12 mm cells [B, 2 cells, ...]."""
    extremes = [F.max_pool3d(image_B1HWD, 2), -F.max_pool3d(-image_B1HWD, 2)]
    fine = torch.cat([stages.stem_BCHWD.float(), *extremes], dim=1)
    cells = torch.cat([stages.cells_BChwd.float(), stages.merged_BChwd.float()], dim=1)
    layout = torch.channels_last_3d
    return fine.contiguous(memory_format=layout), cells.contiguous(memory_format=layout)


def _standard(x_BCHWD: Tensor, mean_C: Tensor, spread_C: Tensor) -> Tensor:
    return (x_BCHWD - mean_C[:, None, None, None]) / spread_C[:, None, None, None]
