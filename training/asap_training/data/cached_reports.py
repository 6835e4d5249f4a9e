"""Prepared cases -> samples of pre-training: random crop, reflection, flips, organ shares, tokens (asap-method 1.2-1.6)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asap.errors import InputError
from asap_training.data import cache
from asap_training.data.batch import Sample
from asap_training.data.cache import CaseRecord
from asap_training.data.case import Split
from asap_training.data.organ_shares import organ_shares
from asap_training.data.report_tokens import sentence_keys, text_fields
from asap_training.data.sampler import case_of, sample_rng
from asap_training.recipes import Recipe

SMALLEST_PART = 0.8  # the published random crop keeps 80 to 100 % of each axis before the window is placed
FLIP_SHARE, SHIFT_SHARE, SHIFT = 0.2, 0.1, 0.1  # published augmentation (1.2)
KEPT_RECORDS = 4096


@dataclass(frozen=True)
class AxisCrop:
    """Voxels [start, start + size) of one axis, set down at `pad` in a window they may not fill."""

    start: int
    size: int
    pad: int


class CachedReports:
    """Sample `number` is a pure function of the recipe, the cache and the number.

    Raises InputError where the cache is unfinished, was made for another grid or vocabulary, or has more organs than the recipe.
    """

    def __init__(self, folder: Path, recipe: Recipe, split: Split = "train") -> None:
        settings, _ = cache.read_settings(folder)
        self._folder, self._recipe = folder, recipe
        self._cases = cache.read_index(folder)[split]
        self._window: tuple[float, float] = tuple(settings["image"]["window"])
        self._organs = len(settings["organs"]["classes"]) + 1 if settings["organs"]["kind"] != "none" else 0
        if not self._cases:
            raise InputError(f"No prepared case is in the split {split}.")
        if tuple(settings["image"]["spacing_mm"]) != tuple(recipe.model.encoder.spacing_mm):
            raise InputError("The cases were prepared at another spacing than the recipe's; use the recipe's.")
        if settings["vocabulary"] > recipe.model.text.vocab:
            raise InputError("The cases were prepared with a tokenizer of more tokens than the recipe's text encoder knows.")
        if self._organs > recipe.decoders.organ_classes:
            raise InputError("The cases have more organ classes than the recipe predicts.")
        self._record = lru_cache(KEPT_RECORDS)(lambda case: cache.read_record(folder, case))

    @property
    def cases(self) -> int:
        """Number of cases of one epoch."""
        return len(self._cases)

    def __getitem__(self, number: int) -> Sample:
        seed = self._recipe.optimisation.seed
        _, index = case_of(number, seed, self.cases)
        rng = sample_rng(seed, number)
        record = self._record(self._cases[index])
        window = self._recipe.model.encoder.volume_shape
        crops = [random_crop(size, wanted, rng) for size, wanted in zip(record.shape, window, strict=True)]
        flips = self._flips(record, rng)
        volume_HWD = torch.from_numpy(flipped(self._volume(record, crops, window), flips))
        if rng.random() < SHIFT_SHARE:
            volume_HWD = volume_HWD.add_(float(rng.uniform(-SHIFT, SHIFT))).clamp_(-1, 1)
        ids, sentences = record.findings
        return Sample(
            volume_1HWD=volume_HWD[None],
            organs_NC=self._organ_shares(record, crops, flips),
            **text_fields(ids, sentences, np.array(record.report_ids, dtype=np.int64), self._recipe, rng),
            noise_N=torch.from_numpy(rng.random(self._recipe.model.encoder.tokens, dtype=np.float32)),
            regions_SN=torch.zeros(len(record.spans), self._recipe.model.encoder.tokens),
            sentence_keys_S=sentence_keys(ids, sentences),
        )

    def _flips(self, record: CaseRecord, rng: np.random.Generator) -> list[int]:
        """Axes to flip, each with the published share; left-right not while a sentence names a side, if the recipe says so."""
        chosen = [axis for axis in range(3) if rng.random() < FLIP_SHARE]
        return [axis for axis in chosen if not (axis == 0 and record.names_side and self._recipe.keep_sides)]

    def _volume(self, record: CaseRecord, crops: list[AxisCrop], window: tuple[int, int, int]) -> NDArray[np.float32]:
        """The window in [-1, 1]; only the crop's blocks are inflated."""
        stored = cache.open_array(cache.case_path(self._folder, record.case, "volume.b2nd"))
        low, high = self._window
        out = np.empty(window, dtype=np.float32)
        inside = out[inner(crops)]
        np.multiply(stored[outer(crops)], np.float32(2 / (high - low)), out=inside, casting="unsafe")
        inside -= np.float32(2 * low / (high - low) + 1)
        return reflected(out, crops)

    def _organ_shares(self, record: CaseRecord, crops: list[AxisCrop], flips: list[int]) -> Tensor | None:
        """Share of each token per class [N, C], the background first; classes the cache does not have are 0."""
        if record.organs is None:
            return None
        encoder = self._recipe.model.encoder
        stored = cache.open_array(cache.case_path(self._folder, record.case, "organs.b2nd"))
        labels = np.empty(encoder.volume_shape, dtype=np.uint8)
        labels[inner(crops)] = stored[outer(crops)]
        labels = flipped(reflected(labels, crops), flips)
        return torch.from_numpy(organ_shares(labels, encoder.patch, self._recipe.decoders.organ_classes))


def random_crop(size: int, window: int, rng: np.random.Generator) -> AxisCrop:
    """80 to 100 % of the axis at random, the window at random in it; centred where the part is smaller (asap-method 1.2)."""
    part = int(rng.integers(max(1, int(size * SMALLEST_PART)), size + 1))
    kept = min(part, window)
    start = int(rng.integers(0, size - part + 1)) + int(rng.integers(0, part - kept + 1))
    return AxisCrop(start, kept, (window - kept) // 2)


def outer(crops: list[AxisCrop]) -> tuple[slice, ...]:
    """The crop in the stored array."""
    return tuple(slice(c.start, c.start + c.size) for c in crops)


def inner(crops: list[AxisCrop]) -> tuple[slice, ...]:
    """The crop in the window."""
    return tuple(slice(c.pad, c.pad + c.size) for c in crops)


def reflected(window: NDArray[Any], crops: list[AxisCrop]) -> NDArray[Any]:
    """Fill what lies outside the crop by mirroring it, in place, as numpy's "reflect" padding does."""
    for axis, crop in enumerate(crops):
        count = window.shape[axis]
        if crop.size == count:
            continue
        outside = np.r_[0 : crop.pad, crop.pad + crop.size : count]
        period = max(1, 2 * (crop.size - 1))
        folded = np.mod(outside - crop.pad, period)
        source = crop.pad + np.minimum(folded, period - folded) if crop.size > 1 else np.full_like(outside, crop.pad)
        moved = np.moveaxis(window, axis, 0)
        moved[outside] = moved[source]
    return window


def flipped(array: NDArray[Any], axes: list[int]) -> NDArray[Any]:
    """The array mirrored along axes, contiguous."""
    return np.ascontiguousarray(np.flip(array, axes)) if axes else array
