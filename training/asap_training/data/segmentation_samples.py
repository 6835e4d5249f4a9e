"""Random boxes of cached cases: with the organs, or with one lesion and its sentence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from asap_training.data.segmentation_cache import CachedCase, read_cached

CELL = 4
Triple = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class LesionSample:
    """A box: image [1, H, W, D], cells [C, a, b, c], heat [1, a, b, c], the mask wanted [H, W, D] bool.

    pointed_at: whether the user clicks; else the heat alone says where.
    """

    image: Tensor
    cells: Tensor
    heat: Tensor
    target: Tensor
    pointed_at: bool


class SegmentationCases:
    """Cached cases in memory maps; every draw is a pure function of the generator given."""

    def __init__(self, folder: Path, side: int) -> None:
        self.cases = [read_cached(path) for path in sorted(folder.glob("case-*.safetensors"))]
        self.side = side
        if not self.cases:
            raise ValueError("no prepared cases here; run `asap-train segmentation prepare` first")

    def organs(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """image [1, H, W, D], cells, labels [H, W, D] of a random box."""
        case = self.cases[int(rng.integers(len(self.cases)))]
        start = self._start(rng, None, case)
        return self._image(case, start, rng), self._cells(start, case.cells_CABC), _box(case.labels, start, self.side).long()

    def lesion(self, rng: np.random.Generator) -> LesionSample:
        """One lesion to be pointed at, named, or both."""
        case = self.cases[int(rng.integers(len(self.cases)))]
        while not case.concepts:
            case = self.cases[int(rng.integers(len(self.cases)))]
        number = int(rng.integers(len(case.concepts)))
        start = self._start(rng, case.regions[number], case)
        named = rng.random() < 0.45
        pointed_at = not named or rng.random() < 0.45
        heat = case.heats[number] / case.heats[number].amax().clamp_min(1e-3)
        return LesionSample(
            self._image(case, start, rng),
            self._cells(start, case.cells_CABC),
            self._cells(start, (heat if named else torch.zeros_like(heat))[None]),
            _box(case.regions[number], start, self.side),
            pointed_at,
        )

    def _start(self, rng: np.random.Generator, region: Tensor | None, case: CachedCase) -> Triple:
        """A box on whole cells: anywhere, or so that a voxel of the region lies in its middle half."""
        highest = np.array(case.hu.shape) - self.side
        if region is None:
            wanted = rng.integers(0, highest + 1)
        else:
            voxels = region.nonzero()
            voxel = voxels[int(rng.integers(len(voxels)))].numpy()
            wanted = voxel - self.side // 2 + rng.integers(-self.side // 4, self.side // 4 + 1, 3)
        i, j, k = (int(x) for x in np.clip(np.rint(wanted / CELL) * CELL, 0, highest))
        return i, j, k

    def _image(self, case: CachedCase, start: Triple, rng: np.random.Generator) -> Tensor:
        image = _box(case.hu, start, self.side).float() / 1000
        image = image * float(rng.uniform(0.97, 1.03)) + float(rng.uniform(-0.015, 0.015))
        noise = torch.from_numpy(rng.standard_normal(image.shape, dtype=np.float32)) * float(rng.uniform(0, 0.02))
        return (image + noise).clamp(-1, 1)[None]

    def _cells(self, start: Triple, values: Tensor) -> Tensor:
        first, side = [s // CELL for s in start], self.side // CELL
        return values[:, first[0] : first[0] + side, first[1] : first[1] + side, first[2] : first[2] + side].float()


def _box(values: Tensor, start: Triple, side: int) -> Tensor:
    i, j, k = start
    return values[i : i + side, j : j + side, k : k + side]
