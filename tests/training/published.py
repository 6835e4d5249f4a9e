"""The recorded training step of the released code: its weights by formula, its two volumes, texts and masking draw."""

from __future__ import annotations

import json

import numpy as np
import torch
from numpy.typing import NDArray

from asap_training.data.batch import Batch
from asap_training.objectives.anatomy_injection import organ_shares
from asap_training.pretraining_model import PretrainingModel
from asap_training.published_names import load_published
from asap_training.recipes import Recipe
from tests.models.formula import formula_checkpoint, formula_volumes
from tests.reference import reference_data

Recorded = dict[str, NDArray[np.generic]]


def recorded() -> Recorded:
    return dict(np.load(reference_data("parity/asap_reference_dev.npz")))


def published_model(recipe: Recipe) -> PretrainingModel:
    """The full-size model with the formula's weights, in evaluation mode."""
    shapes = json.loads(reference_data("parity/asap_state_dict_shapes.json").read_text())
    with torch.device("meta"):
        model = PretrainingModel(recipe)
    load_published(model, formula_checkpoint(shapes))
    return model.eval()


def recorded_batch(reference: Recorded, patch: tuple[int, int, int] = (16, 16, 8), classes: int = 9) -> Batch:
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n, dtype=np.float32) for n in (224, 224, 112)), indexing="ij")
    masks = np.stack([np.mod((3 * x + 2 * y + 4 * z + b) % 9, 9).astype(np.int64) % 9 for b in range(2)])
    ids = {name: torch.from_numpy(reference[name].astype(np.int64)) for name in ("ids", "ids_f", "masked_ids", "sentence_mask_f")}
    return Batch(
        volume_B1HWD=torch.from_numpy(formula_volumes()),
        organs_BNC=organ_shares(torch.from_numpy(masks), patch, classes),
        findings_ids_BL=ids["ids_f"],
        findings_sentences_BL=ids["sentence_mask_f"],
        report_ids_BL=ids["ids"],
        report_masked_BL=ids["masked_ids"],
        report_scored_BL=torch.ones_like(ids["ids"], dtype=torch.bool),
        noise_BN=torch.from_numpy(reference["mask_noise"].astype(np.float32)),
        regions_BSN=torch.zeros(2, reference["sentence_valid"].shape[1], reference["mask_noise"].shape[1]),
        sentence_keys_BS=torch.from_numpy(reference["sentence_valid"].astype(np.int64)),
    )
