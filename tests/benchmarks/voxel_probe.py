"""The smallest thing that learns labels: one hidden layer over a 6 mm voxel's intensities and the trunk's features there.

It converges in seconds on one core, so that a hundred of them can be taught. Axes: N voxels, V intensities, C channels of a cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asap.models.load import frozen
from asap.models.mini_image import WINDOWS_HU, space_to_depth, windowed
from asap_training.tasks.metrics import dice
from tests.benchmarks.label_pool import LABELS, PoolCase

OUTPUTS = 1 + len(LABELS)
HIDDEN = 64
BATCH = 2048
CELL = 4
ROWS_OF_LABEL, ROWS_OF_NONE = 300, 1200  # voxels drawn of each case
LEARNING_RATE = 4e-3


class VoxelProbe(nn.Module):
    """Logits of voxels. prior_O: added to them, since rare labels are drawn oftener than they are."""

    def __init__(self, cell_channels: int) -> None:
        super().__init__()
        self.cells = nn.Sequential(nn.LayerNorm(cell_channels), nn.Linear(cell_channels, HIDDEN))
        self.voxels = nn.Linear(8 * len(WINDOWS_HU), HIDDEN)
        self.out = nn.Linear(HIDDEN, OUTPUTS)
        self.register_buffer("prior_O", torch.zeros(OUTPUTS))

    def forward(self, voxels_NV: Tensor, cells_NC: Tensor) -> Tensor:
        """Logits [N, outputs] as the rows were drawn, without the prior."""
        return self.out(F.relu(self.voxels(voxels_NV) + self.cells(cells_NC)))  # type: ignore[no-any-return]

    @torch.inference_mode()
    def shares(self, case: PoolCase, *, sparse: bool = False) -> Tensor:
        """Probabilities [outputs, h, w, d] of every voxel of 6 mm; sparse: of one of the eight in each cell."""
        hu = case.hu
        if sparse:
            a, b, c = (n // CELL for n in hu.shape)
            hu = hu.reshape(a, CELL, b, CELL, c, CELL)[:, :2, :, :2, :, :2].reshape(2 * a, 2 * b, 2 * c)
        a, b, c = case.cells_CABC.shape[1:]
        h, w, d = (n // 2 for n in hu.shape)
        hidden = self.cells(case.cells_CABC.flatten(1).T.float()) + self.voxels.bias
        x = (self.voxels.weight @ _intensities(hu)).reshape(HIDDEN, a, h // a, b, w // b, c, d // c)
        x += hidden.T.reshape(HIDDEN, a, 1, b, 1, c, 1).contiguous()  # a voxel takes its own cell's
        x = x.relu_().reshape(HIDDEN, -1)
        logits = self.out.weight @ x + (self.out.bias + self.prior_O)[:, None]
        return logits.softmax(dim=0).reshape(-1, h, w, d)


def taught(cases: Sequence[PoolCase], steps: int, seed: int) -> VoxelProbe:
    """A probe from scratch, by cross-entropy on voxels drawn of these cases."""
    torch.manual_seed(seed)
    rows = [_rows(case, seed) for case in cases]
    voxels, cells, labels = (torch.cat(parts) for parts in zip(*rows, strict=True))
    probe = VoxelProbe(cells.shape[1])
    optimizer = torch.optim.AdamW(probe.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        drawn = torch.randint(len(labels), (BATCH,))
        loss = F.cross_entropy(probe(voxels[drawn], cells[drawn]), labels[drawn])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    there = sum(torch.bincount(case.labels.flatten(), minlength=OUTPUTS).float() for case in cases)
    of_rows = torch.bincount(labels, minlength=OUTPUTS).float()
    probe.prior_O = torch.log((there + 1) / (of_rows + 1) * len(labels) / there.sum())  # type: ignore[union-attr]
    return frozen(probe)


def case_dice(probe: VoxelProbe, case: PoolCase) -> float:
    """Mean Dice over the labels that are there or found, on one voxel in eight (a lattice: one of each cell)."""
    answer = probe.shares(case, sparse=True).argmax(dim=0).numpy()
    truth = case.labels[::2, ::2, ::2].numpy()
    return float(np.nanmean([dice(answer == value, truth == value) for value in range(1, OUTPUTS)]))


def _intensities(hu_HWD: Tensor) -> Tensor:
    """[V, N]: the eight voxels of 3 mm in each window, of every voxel of 6 mm."""
    return space_to_depth(windowed(hu_HWD[None, None].float() / 1000))[0].flatten(1)


@lru_cache(maxsize=256)
def _rows(case: PoolCase, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    rng = np.random.default_rng([seed, int(case.name)])
    voxels, flat = _intensities(case.hu), case.labels.flatten()
    drawn = []
    for value in range(OUTPUTS):
        there = (flat == value).nonzero()[:, 0]
        count = min(len(there), ROWS_OF_LABEL if value else ROWS_OF_NONE)
        drawn.append(there[torch.from_numpy(rng.choice(len(there), count, replace=False))] if count else there)
    index = torch.cat(drawn)
    i, j, k = (torch.from_numpy(x) // 2 for x in np.unravel_index(index.numpy(), tuple(case.labels.shape)))
    return voxels[:, index].T.contiguous(), case.cells_CABC[:, i, j, k].float().T.contiguous(), flat[index].long()
