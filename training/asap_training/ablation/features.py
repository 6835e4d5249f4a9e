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

from asap.inference.calibration import best_mean
from asap.models.asap import Asap
from asap.models.wordpiece import WordPiece
from asap.phantom.case import PhantomCase
from asap.phantom.findings import CONCEPTS
from asap.preprocess import GridConfig, GridMap, to_network_grid
from asap.text.statements import wordings_of
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
    it, in the order of `CONCEPTS`. stated_RF: how well its best tokens fit "there is such a finding". tokens_TD, organs_TC: some
    tokens of every case and the organs' shares in them.
    """

    image_RD: Floats
    report_RD: Floats
    findings_RF: NDArray[np.bool_]
    stated_RF: Floats
    tokens_TD: Floats
    organs_TC: Floats

    def part(self, rows: NDArray[np.int64]) -> Frozen:
        """Some of the cases; the tokens stay."""
        cases = (self.image_RD[rows], self.report_RD[rows], self.findings_RF[rows], self.stated_RF[rows])
        return Frozen(*cases, self.tokens_TD, self.organs_TC)


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
    images, reports, stated, tokens, organs = [], [], [], [], []
    statements = [_statements(model, tokenizer, concept) for concept in CONCEPTS]
    for number, box in enumerate(shown):
        encoded_1ND = model.encode_image(box.image_11HWD)
        tokens_ND = encoded_1ND[0].numpy()
        images.append(tokens_ND.mean(axis=0))
        stated.append(_stated(model, statements, encoded_1ND))
        reports.append(text_vector(model, tokenizer, box.report))
        rng = np.random.default_rng([number, 7])
        chosen = rng.choice(len(tokens_ND), min(TOKENS_PER_CASE, len(tokens_ND)), replace=False)
        tokens.append(tokens_ND[chosen])
        organs.append(box.organs_NC[chosen])
    findings_RF = np.stack([box.findings_F for box in shown])
    cases = (np.stack(images), np.stack(reports), findings_RF, np.stack(stated))
    return Frozen(*cases, np.concatenate(tokens), np.concatenate(organs))


@torch.inference_mode()
def text_vector(model: Asap, tokenizer: WordPiece, text: str) -> Floats:
    """Mean last hidden state of a text's words, [D]."""
    ids_L = torch.from_numpy(tokenizer.encode_sentence(text).ids)
    return np.asarray(model.encode_text(ids_L[None])[0, 1:].mean(dim=0).numpy(), dtype=np.float32)


def _statements(model: Asap, tokenizer: WordPiece, concept: str) -> Tensor:
    """A finding stated in every wording, as the model compares sentences, [1, S, D]."""
    encoded = [tokenizer.encode_sentence(text) for text in wordings_of(concept)]
    features = [
        model.sentence_features(model.encode_text(torch.from_numpy(e.ids[None])), torch.from_numpy(e.sentence_ids[None]))
        for e in encoded
    ]
    return torch.cat(features, dim=1)


def _stated(model: Asap, statements: list[Tensor], encoded_1ND: Tensor) -> Floats:
    """Of every finding the evidence that a confidence is read at: the mean of the best cosines, over its wordings [F]."""
    projected_1ND = model.project_image(encoded_1ND)
    return np.array(
        [best_mean(model.similarity_BSN(text_1SD, projected_1ND)[0]).mean().item() for text_1SD in statements], np.float32
    )


def _organs(case: PhantomCase, placed: GridMap, grid: GridConfig) -> Floats:
    shares = [
        cell_fractions(case.organs[organ], case.volume.affine, placed, grid.tokens)
        if organ in case.organs
        else np.zeros(int(np.prod(grid.tokens)), dtype=np.float32)
        for organ in ORGANS
    ]
    return np.stack(shares, axis=-1)
