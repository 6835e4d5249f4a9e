"""What a nodule scorer says of each cell, and how it is joined to what the trunk says of a statement about nodules.

The trunk knows the words, the side and the lobe; of a nodule smaller than its cells it sees little. So the log-odds that the
surest candidate in a cell is a nodule, times the scorer's weight, are added to the statement's own.
Axes: N cells of one volume (grid in C order), S sentences, K what is scored (`SCORED`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from asap.inference.calibration import log_odds
from asap.inference.lung_spots import candidates, patches
from asap.models.nodule_scorer import SCORED, NoduleScorer
from asap.report import Sentence
from asap.resample import Triple


@torch.inference_mode()
def nodules_in_cells(image_11HWD: Tensor, scorer: NoduleScorer, tokens: Triple) -> Tensor:
    """What is added to the log-odds of a statement about nodules in each cell, [N, K] float16.

    image_11HWD: network input of 3 mm voxels, [-1, 1] over HU -1000..1000.
    """
    config = scorer.config
    hu = image_11HWD[0, 0].float().cpu().numpy() * 1000.0
    voxels_C3 = candidates(hu)
    best_NK = np.full((int(np.prod(tokens)), len(SCORED)), config.least, dtype=np.float32)
    if len(voxels_C3):
        scores_CK = scorer(torch.from_numpy(patches(hu, voxels_C3) / 1000.0)).numpy()
        cells_C = np.ravel_multi_index(tuple(voxels_C3.T // (hu.shape[0] // tokens[0])), tokens)
        np.maximum.at(best_NK, cells_C, scores_CK)
    return (torch.from_numpy(best_NK) * config.weight).to(torch.float16)


def scored_concept(sentence: Sentence) -> str | None:
    """What the scorer tells of that the sentence is about; None for a sentence about something else as well."""
    concepts = {finding.concept for finding in sentence.findings if finding.assertion != "absent"}
    return min(concepts) if concepts and concepts <= set(SCORED) else None


def with_nodules(log_odds_SN: Tensor, concept: str | None, nodules_NK: Tensor | None) -> Tensor:
    """Log-odds of statements about one finding, and what its candidates look like where it is one that is scored."""
    if nodules_NK is None or concept not in SCORED:
        return log_odds_SN
    return log_odds_SN + nodules_NK[:, SCORED.index(concept)].float()


def joined(log_match_SN: Tensor, sentences: Sequence[Sentence], nodules_NK: Tensor | None) -> Tensor:
    """Log-probabilities of sentences, those about nodules with what their candidates look like, [S, N]."""
    if nodules_NK is None:
        return log_match_SN
    rows = []
    for row_N, sentence in zip(log_match_SN, sentences, strict=True):
        concept = scored_concept(sentence)
        rows.append(row_N if concept is None else F.logsigmoid(with_nodules(log_odds(row_N), concept, nodules_NK)))
    return torch.stack(rows)
