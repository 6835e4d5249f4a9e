"""Points of a prompt as channels of the lesion head."""

from __future__ import annotations

import torch
from torch import Tensor

SIGMA_VOXELS = 1.5
# Less than this is nothing: the tails of a Gaussian are denormal numbers, with which convolutions take many times as long.
NOTHING = 1e-6


def point_map(points_N3: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """[H, W, D] in [0, 1]: a Gaussian about every point (fractional voxel indices), the highest where they overlap."""
    out = torch.zeros(shape)
    for point_3 in points_N3:
        i, j, k = (
            torch.exp(-((torch.arange(size) - centre) ** 2) / (2 * SIGMA_VOXELS**2))
            for size, centre in zip(shape, point_3.tolist(), strict=True)
        )
        out = torch.maximum(out, i[:, None, None] * j[:, None] * k)
    return torch.where(out < NOTHING, 0.0, out)
