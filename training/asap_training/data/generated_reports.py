"""Generated cases on disk -> samples of pre-training: field of view, flips, organ shares, report tokens, regions of sentences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asap.errors import InputError
from asap.models.wordpiece import EncodedReport, WordPiece
from asap.phantom.case import PhantomCase
from asap.phantom.case_files import FILE_NAME, load_case
from asap.phantom.labels import LOBES
from asap.preprocess import GridConfig, GridMap, to_network_grid
from asap_training.data.batch import Sample
from asap_training.data.cells import cell_fractions
from asap_training.data.generated_cases import thorax_centre_ras_mm
from asap_training.data.report_tokens import sentence_keys, text_fields
from asap_training.data.sampler import case_of, sample_rng
from asap_training.recipes import Recipe

# Classes of anatomy injection after the background (asap-method 5.2: the published list is not named).
ORGANS = (*LOBES, "heart", "aorta", "trachea")
JITTER_MM = 24.0
FLIP_SHARE, SHIFT_SHARE, SHIFT = 0.2, 0.1, 0.1  # published augmentation (1.2)


class GeneratedReports:
    """Sample `number` is a pure function of the recipe, the cases in the folder and the number."""

    def __init__(self, folder: Path, recipe: Recipe, tokenizer: WordPiece) -> None:
        self._paths = sorted(path.parent for path in folder.glob(f"case-*/{FILE_NAME}"))
        self._recipe, self._tokenizer = recipe, tokenizer
        if not self._paths:
            raise InputError("There are no generated cases in this folder; run `asap-train generate` first.")
        if tokenizer.vocabulary_size > recipe.model.text.vocab:
            raise InputError("The tokenizer has more tokens than the recipe's text encoder; name the tokenizer it belongs to.")
        encoder = recipe.model.encoder
        self._grid = GridConfig(encoder.spacing_mm, encoder.volume_shape, encoder.patch, antialias=True)

    @property
    def cases(self) -> int:
        """Number of cases of one epoch."""
        return len(self._paths)

    def for_text_encoder(self, sha256: str) -> GeneratedReports:
        """Itself."""
        return self

    def __getitem__(self, number: int) -> Sample:
        seed = self._recipe.optimisation.seed
        _, index = case_of(number, seed, self.cases)
        rng = sample_rng(seed, number)
        case = load_case(self._paths[index])
        centre = thorax_centre_ras_mm(case) + rng.uniform(-JITTER_MM, JITTER_MM, 3)
        image, grid = to_network_grid(case.volume, self._grid, centre_ras_mm=centre)
        flips = self._flips(case, rng)
        volume_1HWD = image[0].flip([1 + axis for axis in flips])
        if rng.random() < SHIFT_SHARE:
            volume_1HWD = (volume_1HWD + float(rng.uniform(-SHIFT, SHIFT))).clamp(-1, 1)
        findings = self._tokenizer.encode_report(" ".join(s.text for s in case.sentences))
        impression = case.report.split("IMPRESSION:\n")[-1].strip()
        report = self._tokenizer.encode_report(" ".join([*(s.text for s in case.sentences), impression]))
        return Sample(
            volume_1HWD=volume_1HWD.contiguous(),
            organs_NC=self._organs(case, grid, flips),
            **text_fields(*_tokens(findings), _tokens(report)[0], self._recipe, rng),
            noise_N=torch.from_numpy(rng.random(self._recipe.model.encoder.tokens, dtype=np.float32)),
            regions_SN=self._regions(case, grid, flips, int(findings.sentence_ids.max())),
            sentence_keys_S=sentence_keys(findings.ids, findings.sentence_ids),
        )

    def _flips(self, case: PhantomCase, rng: np.random.Generator) -> list[int]:
        """Axes to flip, each with the published share; left-right not while a sentence names a side, if the recipe says so."""
        chosen = [axis for axis in range(3) if rng.random() < FLIP_SHARE]
        sided = any(s.side in ("left", "right") for s in case.sentences)
        return [axis for axis in chosen if not (axis == 0 and sided and self._recipe.keep_sides)]

    def _organs(self, case: PhantomCase, grid: GridMap, flips: list[int]) -> Tensor:
        """Share of each token [N, C] per class, the background first; classes of a token sum to 1."""
        shares = [self._share(case.organs.get(organ), case, grid, flips) for organ in ORGANS]
        known = np.stack(shares, axis=-1)
        background = np.clip(1 - known.sum(-1, keepdims=True), 0, 1)
        return torch.from_numpy(np.concatenate([background, known], axis=-1).astype(np.float32))

    def _regions(self, case: PhantomCase, grid: GridMap, flips: list[int], sentences: int) -> Tensor:
        """Regions of the first `sentences` sentences [S, N]; none of them where the tokenizer's rule cut one in two."""
        whole = all(self._tokenizer.encode_report(s.text).sentence_ids.max() == 1 for s in case.sentences)
        regions = [s.region if whole else None for s in case.sentences[:sentences]]
        shares = [self._share(region, case, grid, flips) for region in regions]
        shares += [self._share(None, case, grid, flips)] * (sentences - len(shares))
        return torch.from_numpy(np.stack(shares)) if shares else torch.zeros(0, self._recipe.model.encoder.tokens)

    def _share(self, mask: NDArray[np.bool_] | None, case: PhantomCase, grid: GridMap, flips: list[int]) -> NDArray[np.float32]:
        tokens = self._grid.tokens
        if mask is None:
            return np.zeros(int(np.prod(tokens)), dtype=np.float32)
        share = cell_fractions(mask, case.volume.affine, grid, tokens).reshape(tokens)
        return np.ascontiguousarray(np.flip(share, flips)).ravel()


def _tokens(text: EncodedReport) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids and sentence numbers without the padding."""
    words = int(text.mask.sum())
    return text.ids[:words], text.sentence_ids[:words]
