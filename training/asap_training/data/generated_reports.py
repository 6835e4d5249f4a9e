"""Generated cases on disk -> samples of pre-training: field of view, flips, organ shares, report tokens, regions of sentences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asap.errors import InputError
from asap.models.config import EncoderConfig
from asap.models.wordpiece import EncodedReport, WordPiece
from asap.preprocess import GridConfig
from asap_training.data.batch import Sample
from asap_training.data.fields_of_view import FieldsOfView, Floats, Seen
from asap_training.data.report_tokens import sentence_keys, text_fields
from asap_training.data.sampler import case_of, sample_rng
from asap_training.recipes import Recipe

FLIP_SHARE, SHIFT_SHARE, SHIFT = 0.2, 0.1, 0.1  # published augmentation (1.2)


def network_grid(encoder: EncoderConfig) -> GridConfig:
    """The grid an encoder is shown generated cases on."""
    return GridConfig(encoder.spacing_mm, encoder.volume_shape, encoder.patch, antialias=True)


def generated_reports(folder: Path, recipe: Recipe, tokenizer: WordPiece) -> GeneratedReports:
    """The generated cases of a folder, a new field of view around the thorax for every sample."""
    return GeneratedReports(FieldsOfView(folder, network_grid(recipe.model.encoder)), recipe, tokenizer)


class GeneratedReports:
    """Sample `number` is a pure function of the recipe, the cases in the folder and the number."""

    def __init__(self, fields: FieldsOfView, recipe: Recipe, tokenizer: WordPiece) -> None:
        self._fields, self._recipe, self._tokenizer = fields, recipe, tokenizer
        if tokenizer.vocabulary_size > recipe.model.text.vocab:
            raise InputError("The tokenizer has more tokens than the recipe's text encoder; name the tokenizer it belongs to.")

    @property
    def cases(self) -> int:
        """Number of cases of one epoch."""
        return len(self._fields)

    def for_text_encoder(self, sha256: str) -> GeneratedReports:
        """Itself."""
        return self

    def __getitem__(self, number: int) -> Sample:
        seed = self._recipe.optimisation.seed
        _, index = case_of(number, seed, self.cases)
        rng = sample_rng(seed, number)
        seen = self._fields.draw(index, rng)
        flips = self._flips(seen, rng)
        volume_1HWD = seen.volume_1HWD.flip([1 + axis for axis in flips])
        if rng.random() < SHIFT_SHARE:
            volume_1HWD = (volume_1HWD + float(rng.uniform(-SHIFT, SHIFT))).clamp(-1, 1)
        findings = self._tokenizer.encode_report(" ".join(seen.sentences))
        impression = seen.report.split("IMPRESSION:\n")[-1].strip()
        report = self._tokenizer.encode_report(" ".join([*seen.sentences, impression]))
        return Sample(
            volume_1HWD=volume_1HWD.contiguous(),
            organs_NC=_organs(_flipped(seen.organs_OABC, flips)),
            **text_fields(*_tokens(findings), _tokens(report)[0], self._recipe, rng),
            noise_N=torch.from_numpy(rng.random(self._recipe.model.encoder.tokens, dtype=np.float32)),
            regions_SN=self._regions(seen, flips, int(findings.sentence_ids.max())),
            sentence_keys_S=sentence_keys(findings.ids, findings.sentence_ids),
        )

    def _flips(self, seen: Seen, rng: np.random.Generator) -> list[int]:
        """Axes to flip, each with the published share; left-right not while a sentence names a side, if the recipe says so."""
        chosen = [axis for axis in range(3) if rng.random() < FLIP_SHARE]
        return [axis for axis in chosen if not (axis == 0 and seen.sided and self._recipe.keep_sides)]

    def _regions(self, seen: Seen, flips: list[int], sentences: int) -> Tensor:
        """Regions of the first `sentences` sentences [S, N]; none of them where the tokenizer's rule cut one in two."""
        whole = all(self._tokenizer.encode_report(text).sentence_ids.max() == 1 for text in seen.sentences)
        regions_SN = np.zeros((sentences, self._recipe.model.encoder.tokens), dtype=np.float32)
        if whole:
            known_SN = _flipped(seen.regions_SABC, flips)[:sentences]
            regions_SN[: len(known_SN)] = known_SN
        return torch.from_numpy(regions_SN)


def _flipped(shares_XABC: Floats, flips: list[int]) -> Floats:
    """Shares of the flipped grid's tokens, [X, N]."""
    return np.ascontiguousarray(np.flip(shares_XABC, [1 + axis for axis in flips])).reshape(len(shares_XABC), -1)


def _organs(known_ON: Floats) -> Tensor:
    """Share of each token [N, C] per class, the background first; classes of a token sum to 1."""
    background_1N = np.clip(1 - known_ON.sum(0, keepdims=True), 0, 1)
    return torch.from_numpy(np.concatenate([background_1N, known_ON]).T.copy())


def _tokens(text: EncodedReport) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids and sentence numbers without the padding."""
    words = int(text.mask.sum())
    return text.ids[:words], text.sentence_ids[:words]
