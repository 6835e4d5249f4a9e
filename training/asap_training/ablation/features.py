"""What a trained encoder makes of a case, frozen: the whole image as one vector, tokens with their organs, the report as another.

Axes: R cases, N tokens, D width, C organ classes, F findings.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from asap.models.asap import Asap
from asap.models.wordpiece import WordPiece
from asap.phantom.case import PhantomCase
from asap.phantom.case_files import load_case
from asap.phantom.findings import CONCEPTS
from asap.preprocess import GridConfig, GridMap, to_network_grid
from asap_training.data.cells import cell_fractions
from asap_training.data.generated_cases import thorax_centre_ras_mm
from asap_training.data.generated_reports import ORGANS

TOKENS_PER_CASE = 160
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Frozen:
    """image_RD: mean token after the final norm. report_RD: mean state of the report's words. findings_RF: 1 where a case has
    it, in the order of `CONCEPTS`. tokens_TD, organs_TC: some tokens of every case and the organs' shares in them.
    """

    image_RD: Floats
    report_RD: Floats
    findings_RF: NDArray[np.bool_]
    tokens_TD: Floats
    organs_TC: Floats

    def part(self, rows: NDArray[np.int64]) -> Frozen:
        """Some of the cases; the tokens stay."""
        return Frozen(self.image_RD[rows], self.report_RD[rows], self.findings_RF[rows], self.tokens_TD, self.organs_TC)


@torch.inference_mode()
def frozen_features(model: Asap, tokenizer: WordPiece, folder: Path, count: int) -> Frozen:
    """Features of the first `count` cases of a folder."""
    encoder = model.config.encoder
    grid = GridConfig(encoder.spacing_mm, encoder.volume_shape, encoder.patch, antialias=True)
    images, reports, findings, tokens, organs = [], [], [], [], []
    for number, path in enumerate(sorted(folder.glob("case-*"))[:count]):
        case = load_case(path)
        image, placed = to_network_grid(case.volume, grid, centre_ras_mm=thorax_centre_ras_mm(case))
        tokens_ND = model.encode_image(image)[0].numpy()
        images.append(tokens_ND.mean(axis=0))
        reports.append(text_vector(model, tokenizer, case.report))
        findings.append([any(f.concept == concept for f in case.findings) for concept in CONCEPTS])
        chosen = np.random.default_rng([number, 7]).choice(len(tokens_ND), TOKENS_PER_CASE, replace=False)
        tokens.append(tokens_ND[chosen])
        organs.append(_organs(case, placed, grid)[chosen])
    return Frozen(
        np.stack(images), np.stack(reports), np.array(findings, dtype=np.bool_), np.concatenate(tokens), np.concatenate(organs)
    )


@torch.inference_mode()
def text_vector(model: Asap, tokenizer: WordPiece, text: str) -> Floats:
    """Mean last hidden state of a text's words, [D]."""
    ids_L = torch.from_numpy(tokenizer.encode_sentence(text).ids)
    return np.asarray(model.encode_text(ids_L[None])[0, 1:].mean(dim=0).numpy(), dtype=np.float32)


def _organs(case: PhantomCase, placed: GridMap, grid: GridConfig) -> Floats:
    shares = [
        cell_fractions(case.organs[organ], case.volume.affine, placed, grid.tokens)
        if organ in case.organs
        else np.zeros(int(np.prod(grid.tokens)), dtype=np.float32)
        for organ in ORGANS
    ]
    return np.stack(shares, axis=-1)
