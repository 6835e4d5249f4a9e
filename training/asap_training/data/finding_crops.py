"""Boxes of cached volumes for the finding head: every concept has its turn, and what it is mistaken for comes as it comes.

Axes: B boxes, K findings of the head, L lesions of a box, h w d cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor
from torch.nn import functional as F

from asap_training.data.finding_inputs import concepts_of

ON_A_LESION = 0.65  # of the boxes are laid around a lesion


@dataclass(frozen=True, eq=False)
class CropBatch:
    """fine_BCHWD, cells_BChwd: as of `head_inputs`. stated_BKhwd: what the statements say.

    shares_BL: of each box, its lesions' share of each cell [L, h, w, d].

    concepts_BL: number of each lesion's concept among the head's findings. fullest_BL: the highest share of each whole lesion.
    """

    fine_BCHWD: Tensor
    cells_BChwd: Tensor
    stated_BKhwd: Tensor
    shares_BL: list[Tensor]
    concepts_BL: list[list[int]]
    fullest_BL: list[Tensor]


class FindingCrops:
    """Boxes of `side` cells along each axis. Batch number n is a pure function of the seed and n."""

    def __init__(self, paths: Sequence[Path], findings: Sequence[str], *, side: int, seed: int) -> None:
        self._paths, self._side, self._seed = list(paths), side, seed
        self._number = {concept: k for k, concept in enumerate(findings)}
        held = [concepts_of(path) for path in self._paths]
        self._having = [[n for n, concepts in enumerate(held) if concept in concepts] for concept in findings]
        counts = np.array([len(having) for having in self._having], dtype=np.float64)
        self._turns = np.sqrt(counts) / np.sqrt(counts).sum()  # rare ones oftener than they come

    def batch(self, number: int, size: int) -> CropBatch:
        """`size` boxes."""
        rng = np.random.default_rng([self._seed, number])
        boxes = [self._box(rng) for _ in range(size)]
        fine, cells, stated, shares, concepts, fullest = (list(part) for part in zip(*boxes, strict=True))
        fine_BCHWD, cells_BChwd, stated_BKhwd = (torch.stack(part).float() for part in (fine, cells, stated))
        return CropBatch(fine_BCHWD, cells_BChwd, stated_BKhwd, shares, concepts, fullest)

    def _box(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor, list[int], Tensor]:
        wanted = int(rng.choice(len(self._turns), p=self._turns)) if rng.random() < ON_A_LESION else None
        path = self._paths[int(rng.choice(self._having[wanted])) if wanted is not None else int(rng.integers(len(self._paths)))]
        concepts = [self._number[concept] for concept in concepts_of(path)]
        with safe_open(path, framework="pt") as file:
            shares_Lhwd = file.get_tensor("shares").float() / 255.0
            lesion = None if wanted is None else shares_Lhwd[int(rng.choice(np.flatnonzero(np.array(concepts) == wanted)))]
            low = self._low(rng, shares_Lhwd.shape[1:], lesion)
            cells = (slice(None), *(slice(a, a + self._side) for a in low))
            voxels = (slice(None), *(slice(2 * a, 2 * (a + self._side)) for a in low))
            fine, around, stated = (file.get_slice(n)[at] for n, at in (("fine", voxels), ("cells", cells), ("stated", cells)))
        fullest_L = shares_Lhwd.amax(dim=(1, 2, 3)) if concepts else torch.zeros(0)
        filled = (self._filled(x, step) for x, step in ((fine, 2), (around, 1), (stated, 1), (shares_Lhwd[cells], 1)))
        return *filled, concepts, fullest_L

    def _low(self, rng: np.random.Generator, size: Sequence[int], lesion: Tensor | None) -> list[int]:
        highest = np.maximum(np.array(size) - self._side, 0)
        if lesion is None or not bool((lesion > 0).any()):
            return [int(n) for n in rng.integers(0, highest + 1)]
        at = np.argwhere((lesion >= 0.5 * lesion.max()).numpy())
        corner = at[int(rng.integers(len(at)))] - rng.integers(2, self._side - 2, 3)
        return [int(n) for n in np.clip(corner, 0, highest)]

    def _filled(self, x_CHWD: Tensor, step: int) -> Tensor:
        """Zeros behind the last cells of a small body, so that boxes of one batch are alike."""
        missing = [step * self._side - n for n in x_CHWD.shape[1:]]
        return F.pad(x_CHWD, [0, missing[2], 0, missing[1], 0, missing[0]]) if any(missing) else x_CHWD
