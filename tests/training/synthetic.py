"""Samples for the loop's tests: noise, random words in sentences, random regions and organs, all functions of a number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from asap.models.wordpiece import MASK
from asap_training.data.batch import Sample
from asap_training.data.sampler import case_of, sample_rng
from asap_training.masking import masked_report
from asap_training.recipes import Recipe

FULL_STOP = 5


@dataclass(frozen=True)
class SyntheticReports:
    """A source of `cases` cases for a recipe. nan_at: sample numbers whose volume is not a number."""

    recipe: Recipe
    cases: int = 12
    nan_at: frozenset[int] = frozenset()

    def for_text_encoder(self, sha256: str) -> SyntheticReports:
        """Itself: no states are kept."""
        return self

    def __getitem__(self, number: int) -> Sample:
        recipe = self.recipe
        _, index = case_of(number, recipe.optimisation.seed, self.cases)
        rng = sample_rng(1000 + index, number)
        sentences = 1 + index % 3
        words = [rng.integers(6, recipe.model.text.vocab, int(rng.integers(2, 5))) for _ in range(sentences)]
        ids = np.concatenate([[2], *([*w, FULL_STOP] for w in words)])
        sentence_ids = np.concatenate([[1], *([s] * (len(w) + 1) for s, w in enumerate(words, start=1))])
        report = torch.from_numpy(np.concatenate([ids, rng.integers(6, recipe.model.text.vocab, 1 + index % 4)]))
        masked = masked_report(report, torch.from_numpy(rng.random(len(report))), recipe.report_masked_share, MASK, ())
        encoder = recipe.model.encoder
        volume = torch.from_numpy(rng.uniform(-1, 1, (1, *encoder.volume_shape)).astype(np.float32))
        regions = (rng.random((sentences, encoder.tokens)) < 0.1).astype(np.float32)
        regions[0] *= index % 2
        return Sample(
            volume_1HWD=volume * float("nan") if number in self.nan_at else volume,
            organs_NC=torch.from_numpy(rng.dirichlet(np.ones(recipe.decoders.organ_classes), encoder.tokens).astype(np.float32)),
            findings_ids_L=torch.from_numpy(ids),
            findings_sentences_L=torch.from_numpy(sentence_ids),
            report_ids_L=report,
            report_masked_L=masked,
            report_scored_L=masked != report,
            noise_N=torch.from_numpy(rng.random(encoder.tokens, dtype=np.float32)),
            regions_SN=torch.from_numpy(regions),
            sentence_keys_S=torch.arange(1, sentences + 1) + 100 * index,
        )
