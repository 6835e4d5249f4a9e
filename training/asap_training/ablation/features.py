"""What a trained encoder makes of a case, frozen: the whole image as one vector, tokens with their organs, the report as another.

Axes: R cases, N tokens, D width, C organ classes, F findings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asap.models.asap import Asap
from asap.models.wordpiece import WordPiece
from asap.phantom.case import PhantomCase
from asap.phantom.findings import CONCEPTS
from asap.preprocess import GridConfig, GridMap, to_network_grid
from asap_training.ablation.boxes import box_centre_ras_mm, boxes_in
from asap_training.data.cells import cell_fractions
from asap_training.data.fields_of_view import ORGANS

TOKENS_PER_CASE = 64
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Shown:
    """A box as a model sees it, and what is known of it: the organs' share of each token, the findings of `CONCEPTS`."""

    image_11HWD: Tensor
    organs_NC: Floats
    findings_F: NDArray[np.bool_]
    report: str


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


def shown_boxes(boxes: Path, grid: GridConfig, count: int | None = None) -> list[Shown]:
    """The first `count` boxes of a folder on a grid around their middle, in order of name."""
    out = []
    for _, box in islice(boxes_in(boxes), count):
        image_11HWD, placed = to_network_grid(box.volume, grid, centre_ras_mm=box_centre_ras_mm(box))
        present = {finding.concept for finding in box.findings}
        findings_F = np.array([concept in present for concept in CONCEPTS])
        out.append(Shown(image_11HWD, _organs(box, placed, grid), findings_F, box.report))
    return out


@torch.inference_mode()
def frozen_features(model: Asap, tokenizer: WordPiece, shown: Sequence[Shown]) -> Frozen:
    """What a model makes of boxes on its own grid."""
    images, reports, tokens, organs = [], [], [], []
    for number, box in enumerate(shown):
        tokens_ND = model.encode_image(box.image_11HWD)[0].numpy()
        images.append(tokens_ND.mean(axis=0))
        reports.append(text_vector(model, tokenizer, box.report))
        rng = np.random.default_rng([number, 7])
        chosen = rng.choice(len(tokens_ND), min(TOKENS_PER_CASE, len(tokens_ND)), replace=False)
        tokens.append(tokens_ND[chosen])
        organs.append(box.organs_NC[chosen])
    findings_RF = np.stack([box.findings_F for box in shown])
    return Frozen(np.stack(images), np.stack(reports), findings_RF, np.concatenate(tokens), np.concatenate(organs))


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
