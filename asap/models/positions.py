"""Fixed three-dimensional sine-cosine positions of the token grid (asap-method 1.3)."""

from __future__ import annotations

import torch
from torch import Tensor


def sincos_positions(grid: tuple[int, int, int], width: int) -> Tensor:
    """Positions [1, 1 + N, width], float32: row 0 (the cls token) is zero, then the tokens in (h, w, d) order.

    Per axis m = width // 6 frequencies omega_i = 10000^(-i/m); the columns are [sin h, cos h, sin w, cos w, sin d, cos d]
    and, where 6 does not divide the width, zeros. Always computed on the CPU, so that a model built on the meta device has them.
    """
    per_axis = width // 6
    omega = 10000.0 ** (-torch.arange(per_axis, dtype=torch.float64, device="cpu") / max(per_axis, 1))
    columns = []
    for axis, size in enumerate(grid):
        angle = torch.arange(size, dtype=torch.float64, device="cpu")[:, None] * omega
        waves = torch.cat([angle.sin(), angle.cos()], dim=1)
        shape = [1, 1, 1, waves.shape[1]]
        shape[axis] = size
        columns.append(waves.reshape(shape).expand(*grid, -1))
    positions = torch.zeros(1 + grid[0] * grid[1] * grid[2], width, dtype=torch.float64, device="cpu")
    positions[1:, : 6 * per_axis] = torch.cat(columns, dim=-1).flatten(0, 2)
    return positions.float().unsqueeze(0)
