"""Random boxes of cached cases: with the organs, or with one lesion and its sentence."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from asap.inference.lesion_grid import HEAT_LEVEL
from asap_training.data.segmentation_cache import CachedCase, read_cached

CELL = 4
# Shares of the lesions drawn: with a sentence; of those, with a click as well; of those without, where the sentence only seems
# to be true; of all, turned and without features; smoothed.
NAMED, POINTED_AT_TOO, ELSEWHERE, TURNED, SMOOTHED = 0.3, 0.75, 0.3, 0.1, 0.3
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
        self.lesions = [(case, number) for case in self.cases for number in range(len(case.concepts))]
        kinds = Counter(case.concepts[number] for case, number in self.lesions)
        weights = np.array([1 / math.sqrt(kinds[case.concepts[number]]) for case, number in self.lesions])
        self._up_to = np.cumsum(weights) / max(weights.sum(), 1e-9)

    def organs(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """image [1, H, W, D], cells, labels [H, W, D] of a random box."""
        case = self.cases[int(rng.integers(len(self.cases)))]
        start = self._start(rng, None, case)
        return self._image(case, start, rng), self._cells(start, case.cells_CABC), _box(case.labels, start, self.side).long()

    def lesion(self, rng: np.random.Generator) -> LesionSample:
        """One lesion to be pointed at, named, or both; rare kinds are drawn more often than they occur."""
        case, number = self.lesions[int(np.searchsorted(self._up_to, rng.random() * self._up_to[-1]))]
        named = rng.random() < NAMED
        pointed_at = not named or rng.random() < POINTED_AT_TOO
        places = case.regions[number].nonzero()
        if not pointed_at and rng.random() < ELSEWHERE:
            places = CELL * (case.heats[number] >= HEAT_LEVEL * case.heats[number].amax()).nonzero()
        start = self._start(rng, places, case)
        heat = case.heats[number] / case.heats[number].amax().clamp_min(1e-3)
        sample = LesionSample(
            self._image(case, start, rng),
            self._cells(start, case.cells_CABC),
            self._cells(start, (heat if named else torch.zeros_like(heat))[None]),
            _box(case.regions[number], start, self.side),
            pointed_at,
        )
        return _turned(sample, rng) if rng.random() < TURNED else sample

    def _start(self, rng: np.random.Generator, places_N3: Tensor | None, case: CachedCase) -> Triple:
        """A box on whole cells: anywhere, or so that one of the places lies in its middle half."""
        highest = np.array(case.hu.shape) - self.side
        if places_N3 is None:
            wanted = rng.integers(0, highest + 1)
        else:
            place = places_N3[int(rng.integers(len(places_N3)))].numpy()
            wanted = place - self.side // 2 + rng.integers(-self.side // 4, self.side // 4 + 1, 3)
        i, j, k = (int(x) for x in np.clip(np.rint(wanted / CELL) * CELL, 0, highest))
        return i, j, k

    def _image(self, case: CachedCase, start: Triple, rng: np.random.Generator) -> Tensor:
        image = _box(case.hu, start, self.side).float() / 1000
        image = image * float(rng.uniform(0.97, 1.03)) + float(rng.uniform(-0.015, 0.015))
        if rng.random() < SMOOTHED:
            image = torch.from_numpy(ndimage.gaussian_filter(image.numpy(), float(rng.uniform(0.3, 0.9))))
        noise = torch.from_numpy(rng.standard_normal(image.shape, dtype=np.float32)) * float(rng.uniform(0, 0.03))
        return (image + noise).clamp(-1, 1)[None]

    def _cells(self, start: Triple, values: Tensor) -> Tensor:
        first, side = [s // CELL for s in start], self.side // CELL
        return values[:, first[0] : first[0] + side, first[1] : first[1] + side, first[2] : first[2] + side].float()


def _turned(sample: LesionSample, rng: np.random.Generator) -> LesionSample:
    """The box mirrored and its axes exchanged, without the trunk's features, which know what is up: the image must do."""
    axes = [int(axis) for axis in rng.permutation(3)]
    mirrored = [axis for axis in range(3) if rng.random() < 0.5]

    def turn(values: Tensor) -> Tensor:
        first = values.dim() - 3
        order = [*range(first), *(first + axis for axis in axes)]
        return values.permute(order).flip([first + axis for axis in mirrored]).contiguous()

    return LesionSample(
        turn(sample.image), torch.zeros_like(sample.cells), turn(sample.heat), turn(sample.target), sample.pointed_at
    )


def _box(values: Tensor, start: Triple, side: int) -> Tensor:
    i, j, k = start
    return values[i : i + side, j : j + side, k : k + side]
