"""Generated cases on disk -> training samples: an augmented field of view, true sentences with regions, false ones without."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from asap.errors import InputError
from asap.models.mini import MINI_GRID
from asap.phantom.case import PhantomCase, absent_queries, retold
from asap.phantom.case_files import FILE_NAME, load_case
from asap.phantom.sentences import PhantomSentence
from asap.preprocess import GridConfig, GridMap, to_network_grid
from asap.report import Sentence
from asap.text.read import read_sentence
from asap.volume import Volume, apply_affine
from asap_training.config import MiniRecipe
from asap_training.data.cells import cell_fractions

MAX_ZOOM = 0.06


@dataclass(frozen=True, eq=False)
class Sample:
    """One volume and S sentences. fraction_SN: share of each cell; present_S: 1 true, 0 false; meaning_S: what is said."""

    image_1HWD: Tensor
    sentences: tuple[Sentence, ...]
    fraction_SN: Tensor
    present_S: Tensor
    meaning_S: Tensor


class GeneratedCases(Dataset[Sample]):
    """Sample number n of a run is a pure function of the recipe's seed and n: resuming needs no saved random state.

    Raises InputError for a folder without cases.
    """

    def __init__(self, folder: Path, recipe: MiniRecipe) -> None:
        self.paths = sorted(path.parent for path in folder.glob(f"case-*/{FILE_NAME}"))
        self.recipe = recipe
        if not self.paths:
            raise InputError("There are no generated cases in this folder; run `asap-train generate` first.")

    def __len__(self) -> int:
        return self.recipe.steps * self.recipe.volumes_per_step

    def __getitem__(self, number: int) -> Sample:
        rng = np.random.default_rng([self.recipe.seed, number])
        epoch, position = divmod(number, len(self.paths))
        order = np.random.default_rng([self.recipe.seed, epoch, 1]).permutation(len(self.paths))
        return training_sample(load_case(self.paths[int(order[position])]), self.recipe, rng)


def training_sample(case: PhantomCase, recipe: MiniRecipe, rng: np.random.Generator) -> Sample:
    """Augment one case: field of view, zoom, intensities; the twin without lesions now and then, so that absence is seen."""
    use_twin = bool(rng.random() < 0.15)
    told = [sentence for _ in range(recipe.tellings) for sentence in retold(case, rng).sentences]
    lesions = {finding.concept for finding in case.findings}
    asked = [s for s in {s.text: s for s in told}.values() if s.kind in lesions or rng.random() < recipe.organ_share]
    sentences = [*asked, *absent_queries(case, rng, recipe.absent_queries)]
    zoom = 1.0 + (rng.uniform(-MAX_ZOOM, MAX_ZOOM) if rng.random() < 0.5 else 0.0)
    grid_config = replace(MINI_GRID, spacing_mm=tuple(s * zoom for s in MINI_GRID.spacing_mm))
    centre = thorax_centre_ras_mm(case) + rng.uniform(-recipe.jitter_mm, recipe.jitter_mm, 3)
    volume = case.twin if use_twin else case.volume
    image, grid = to_network_grid(augmented(volume, rng), grid_config, centre_ras_mm=centre)
    rows = [row for s in sentences if (row := _query(s, in_image=not (use_twin and s.kind in lesions))) is not None]
    shares: dict[tuple[str | None, tuple[int, ...]], NDArray[np.float32]] = {}
    for phrase, _, _ in rows:
        if (phrase.organ, phrase.findings) not in shares:
            shares[phrase.organ, phrase.findings] = _fraction(phrase, case.volume, grid, grid_config)
    fractions = [shares[phrase.organ, phrase.findings] for phrase, _, _ in rows]
    present = [float(true and fraction.any()) for (_, true, _), fraction in zip(rows, fractions, strict=True)]
    return Sample(
        image[0],
        tuple(sentence for _, _, sentence in rows),
        torch.from_numpy(np.stack([f * p for f, p in zip(fractions, present, strict=True)])),
        torch.tensor(present),
        torch.tensor([_meaning(phrase) for phrase, _, _ in rows]),
    )


def thorax_centre_ras_mm(case: PhantomCase) -> NDArray[np.float64]:
    """Centre of the lungs' bounding box."""
    lungs = np.argwhere(case.organs["lung"])
    return apply_affine(case.volume.affine, (lungs.min(axis=0) + lungs.max(axis=0)) / 2.0)


@lru_cache(maxsize=100_000)
def _read(text: str) -> Sentence:
    return read_sentence(text)


def _query(phrase: PhantomSentence, *, in_image: bool) -> tuple[PhantomSentence, bool, Sentence] | None:
    """A sentence the model would be asked; sentences that the reader answers with a reason never reach it."""
    sentence = _read(phrase.text)
    if not sentence.localisable:
        return None
    return phrase, in_image and phrase.region is not None, sentence


def _fraction(phrase: PhantomSentence, volume: Volume, grid: GridMap, config: GridConfig) -> NDArray[np.float32]:
    if phrase.region is None:
        return np.zeros(int(np.prod(config.tokens)), dtype=np.float32)
    return cell_fractions(phrase.region, volume.affine, grid, config.tokens)


def _meaning(phrase: PhantomSentence) -> int:
    return zlib.crc32(repr((phrase.kind, phrase.side, phrase.anatomy)).encode())


def augmented(volume: Volume, rng: np.random.Generator) -> Volume:
    """Scanner calibration and noise: gain 4 %, offset 20 HU, white noise up to 25 HU in half of the cases."""
    hu = volume.hu.astype(np.float32) * np.float32(rng.uniform(0.96, 1.04)) + np.float32(rng.uniform(-20, 20))
    if rng.random() < 0.5:
        hu += rng.standard_normal(hu.shape, dtype=np.float32) * np.float32(rng.uniform(0, 25))
    return Volume(hu, volume.affine)
