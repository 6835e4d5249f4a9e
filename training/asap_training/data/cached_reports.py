"""Prepared cases -> samples of pre-training: random crop, reflection, flips, organ shares, tokens (asap-method 1.2-1.6)."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asap.errors import InputError
from asap.models.wordpiece import WordPiece
from asap_training.bert_dropout import NO_DROPOUT
from asap_training.data import cache
from asap_training.data.batch import HU_LIMIT, Batch, Sample, collated
from asap_training.data.cache import CaseRecord
from asap_training.data.case import Split
from asap_training.data.organ_shares import organ_shares
from asap_training.data.report_tokens import sentence_keys, text_fields, tokenizer_digest
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

    def flipped(self, window: int) -> AxisCrop:
        """The same voxels in a window that is turned round."""
        return AxisCrop(self.start, self.size, window - self.pad - self.size)

    @property
    def outer(self) -> slice:
        """The voxels in the stored array."""
        return slice(self.start, self.start + self.size)

    @property
    def inner(self) -> slice:
        """The voxels in the window."""
        return slice(self.pad, self.pad + self.size)

    def sources(self, window: int, *, flip: bool) -> NDArray[np.intp]:
        """The stored voxel each of the window's shows, those outside the crop mirrored as numpy's "reflect" padding does."""
        period = max(1, 2 * (self.size - 1))
        place = np.mod(np.arange(window) - self.pad, period)
        shown = self.start + np.minimum(place, period - place)
        return shown[::-1] if flip else shown


class CachedReports:
    """Sample `number` is a pure function of the recipe, the cache and the number.

    Raises InputError where the cache is unfinished, was made for another grid or tokenizer, or lacks the recipe's organs.
    """

    def __init__(self, folder: Path, recipe: Recipe, tokenizer: WordPiece, split: Split = "train") -> None:
        settings, _ = cache.read_settings(folder)
        self._folder, self._recipe = folder, recipe
        self._shape = recipe.model.encoder.volume_shape
        self._cases = cache.read_index(folder)[split]
        self._text_encoder: str | None = settings["text_encoder_sha256"]
        self._states = False
        self._organs = len(settings["organs"]["classes"]) + 1 if settings["organs"]["kind"] != "none" else 0
        if not self._cases:
            raise InputError(f"No prepared case is in the split {split}.")
        if tuple(settings["image"]["spacing_mm"]) != tuple(recipe.model.encoder.spacing_mm):
            raise InputError("The cases were prepared at another spacing than the recipe's; use the recipe's.")
        if tuple(settings["image"]["window"]) != (-HU_LIMIT, HU_LIMIT):
            raise InputError("The cases were prepared with another window than the published one; prepare them with that.")
        if settings["tokenizer_sha256"] != tokenizer_digest(tokenizer) or tokenizer.vocabulary_size > recipe.model.text.vocab:
            raise InputError("The cases were prepared with another tokenizer than the text encoder's; prepare them with it.")
        if self._organs > recipe.decoders.organ_classes:
            raise InputError("The cases have more organ classes than the recipe predicts.")
        if recipe.weights.anatomy and not self._organs:
            raise InputError("The recipe learns where organs are; prepare the cases with --organs, or take another recipe.")
        self._record = lru_cache(KEPT_RECORDS)(lambda case: cache.read_record(folder, case))

    @property
    def cases(self) -> int:
        """Number of cases of one epoch."""
        return len(self._cases)

    def for_text_encoder(self, sha256: str) -> CachedReports:
        """The same, with the kept text states; without where they are another encoder's, or the recipe drops parts of it."""
        other = copy(self)
        other._states = sha256 == self._text_encoder and self._recipe.text_dropout == NO_DROPOUT
        return other

    def __getitem__(self, number: int) -> Sample:
        return self._sample(number, np.empty(self._shape, np.int16))

    def __getitems__(self, numbers: Sequence[int]) -> Batch:
        """The batch of these samples, as `collate` makes it; PyTorch's loader asks for this. No volume is copied into it."""
        hu_BHWD = np.empty((len(numbers), *self._shape), np.int16)
        samples = [self._sample(number, hu_HWD) for number, hu_HWD in zip(numbers, hu_BHWD, strict=True)]
        return collated(samples, torch.from_numpy(hu_BHWD)[:, None])

    def _sample(self, number: int, window_HWD: NDArray[np.int16]) -> Sample:
        """The sample, its volume in the memory given."""
        seed = self._recipe.optimisation.seed
        _, index = case_of(number, seed, self.cases)
        rng = sample_rng(seed, number)
        record = self._record(self._cases[index])
        crops = [random_crop(size, wanted, rng) for size, wanted in zip(record.shape, self._shape, strict=True)]
        flips = self._flips(record, rng)
        self._fill(window_HWD, record, crops, flips)
        hu_HWD = torch.from_numpy(window_HWD)
        if rng.random() < SHIFT_SHARE:
            hu_HWD.add_(round(HU_LIMIT * rng.uniform(-SHIFT, SHIFT))).clamp_(-HU_LIMIT, HU_LIMIT)
        ids, sentences = record.findings
        organs_NC = self._organ_shares(record, crops, flips)
        return Sample(
            volume_1HWD=hu_HWD[None],
            organs_NC=organs_NC,
            **text_fields(ids, sentences, np.array(record.report_ids, dtype=np.int64), self._recipe, rng),
            noise_N=torch.from_numpy(rng.random(self._recipe.model.encoder.tokens, dtype=np.float32)),
            regions_SN=self._regions(record, organs_NC, crops, flips),
            sentence_keys_S=sentence_keys(ids, sentences),
            findings_states_LD=self._text_states(record),
        )

    def _text_states(self, record: CaseRecord) -> Tensor | None:
        if not self._states or record.text is None:
            return None
        return torch.from_numpy(cache.open_array(cache.text_path(self._folder, record.text))[:])

    def _flips(self, record: CaseRecord, rng: np.random.Generator) -> list[int]:
        """Axes to flip, each with the published share; left-right not while a sentence names a side, if the recipe says so."""
        chosen = [axis for axis in range(3) if rng.random() < FLIP_SHARE]
        return [axis for axis in chosen if not (axis == 0 and record.names_side and self._recipe.keep_sides)]

    def _fill(self, window_HWD: NDArray[np.int16], record: CaseRecord, crops: list[AxisCrop], flips: list[int]) -> None:
        """Put the crop of the stored HU, turned round along `flips`, in the window."""
        stored = cache.open_array(cache.case_path(self._folder, record.case, "volume.b2nd"))
        placed = [
            crop.flipped(n) if axis in flips else crop for axis, (crop, n) in enumerate(zip(crops, self._shape, strict=True))
        ]
        fill_window(window_HWD, np.flip(stored[tuple(crop.outer for crop in crops)], flips), placed)

    def _organ_shares(self, record: CaseRecord, crops: list[AxisCrop], flips: list[int]) -> Tensor | None:
        """Share of each token per class [N, C], the background first; classes the cache does not have are 0."""
        if record.organs is None:
            return None
        return self._shares(record, "organs.b2nd", crops, flips, self._recipe.decoders.organ_classes)

    def _regions(self, record: CaseRecord, organs_NC: Tensor | None, crops: list[AxisCrop], flips: list[int]) -> Tensor:
        """Share of each token that a sentence's region fills [S, N]; zeros where none is known or the recipe asks for none."""
        regions_SN = torch.zeros(len(record.spans), self._recipe.model.encoder.tokens)
        if not (self._recipe.weights.region or self._recipe.pool_known):
            return regions_SN
        if record.regions is not None:
            regions_SN += self._shares(record, "regions.b2nd", crops, flips, 1 + len(record.spans))[:, 1:].T
        if organs_NC is not None:
            for number, classes in enumerate(record.sentence_organs):
                if classes:
                    regions_SN[number] = organs_NC[:, list(classes)].sum(1)
        return regions_SN

    def _shares(self, record: CaseRecord, ending: str, crops: list[AxisCrop], flips: list[int], classes: int) -> Tensor:
        runs = cache.open_array(cache.case_path(self._folder, record.case, ending))[:]
        sources = [crop.sources(n, flip=axis in flips) for axis, (crop, n) in enumerate(zip(crops, self._shape, strict=True))]
        return torch.from_numpy(organ_shares(runs, record.shape, sources, self._recipe.model.encoder.patch, classes))


def random_crop(size: int, window: int, rng: np.random.Generator) -> AxisCrop:
    """80 to 100 % of the axis at random, the window at random in it; centred where the part is smaller (asap-method 1.2)."""
    part = int(rng.integers(max(1, int(size * SMALLEST_PART)), size + 1))
    kept = min(part, window)
    start = int(rng.integers(0, size - part + 1)) + int(rng.integers(0, part - kept + 1))
    return AxisCrop(start, kept, (window - kept) // 2)


def fill_window(window: NDArray[Any], part: NDArray[Any], crops: list[AxisCrop]) -> None:
    """Put `part` at its place in the window; what lies outside is mirrored, as numpy's "reflect" padding does.

    Plane by plane, so that what is written twice is still in the processor's cache.
    """
    across, along, up = (mirrored(crop, n) for crop, n in zip(crops, window.shape, strict=True))
    columns, slices = crops[1].inner, crops[2].inner
    for source, plane in zip(part, window[crops[0].inner], strict=True):
        plane[columns, slices] = source
        for to, shown in up:
            plane[columns, to] = plane[columns, shown]
        for to, shown in along:
            plane[to] = plane[shown]
    for to, shown in across:
        window[to] = window[shown]


def mirrored(crop: AxisCrop, window: int) -> list[tuple[slice, slice]]:
    """What to copy, (to, from) one after the other, until the whole axis of the window is filled from the crop's voxels.

    More than one copy to a side where the crop is narrower than what it must fill.
    """
    start, stop = crop.inner.start, crop.inner.stop
    copies = []
    while start > 0:
        count = min(start, max(1, stop - start - 1))
        shown = slice(start + count, start, -1) if crop.size > 1 else slice(start, start + 1)
        copies.append((slice(start - count, start), shown))
        start -= count
    while stop < window:
        count = min(window - stop, max(1, stop - start - 1))
        last = stop - 2 - count
        shown = slice(stop - 2, last if last >= 0 else None, -1) if crop.size > 1 else slice(stop - 1, stop)
        copies.append((slice(stop, stop + count), shown))
        stop += count
    return copies
