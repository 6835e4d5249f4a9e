"""The published model from its formulas equals what the released code computed (data/README.md, parity)."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from asap.models.asap import Asap, alignment_loss
from asap.models.checkpoint_names import fate, from_checkpoint
from asap.models.config import AsapConfig
from asap.models.load import fill
from tests.models.formula import formula_checkpoint, formula_volumes
from tests.reference import reference_data

pytestmark = pytest.mark.slow
BAR = 1e-4


@cache
def outputs() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Ours and the reference's arrays, computed once."""
    reference: dict[str, Any] = dict(np.load(reference_data("parity/asap_reference_dev.npz")))
    shapes = json.loads(reference_data("parity/asap_state_dict_shapes.json").read_text())
    config = AsapConfig()
    with torch.device("meta"):
        model = Asap(config)
    fill(model, from_checkpoint(formula_checkpoint({n: s for n, s in shapes.items() if fate(n) == "used"}), config))
    model.eval()
    ours: dict[str, torch.Tensor] = {}
    with torch.inference_mode():
        latent = torch.cat([model.image_encoder(volume[None]) for volume in torch.from_numpy(formula_volumes())])
        text = model.encode_text(torch.from_numpy(reference["ids_f"]).long(), torch.from_numpy(reference["attention_mask_f"]))
        e = model.sentence_features(text, torch.from_numpy(reference["sentence_mask_f"]))
        v = model.project_image(latent[:, 1:])
        similarity = model.similarity_BSN(e, v)
        topk = model.adaptive_k(e)
        regions = model.region_features(similarity, topk, v)
        loss = alignment_loss(e, regions, torch.from_numpy(reference["sentence_valid"]))
    ours |= {"latent_cls": latent[:, 0], "latent_mean": latent[:, 1:].mean(1), "latent_tokens": latent[:, 1::343]}
    ours |= {"text_tokens": text[:, :16], "sentence_features": e, "similarity": similarity, "topk": topk}
    ours |= {"region_features": regions, "align_loss_unmasked": loss}
    return {name: value.numpy() for name, value in ours.items()}, reference


@pytest.mark.parametrize(
    "name",
    [
        "latent_cls",
        "latent_mean",
        "latent_tokens",
        "text_tokens",
        "sentence_features",
        "similarity",
        "region_features",
        "align_loss_unmasked",
    ],
)
def test_output_equals_the_released_code(name: str) -> None:
    ours, reference = outputs()
    assert ours[name].shape == reference[name].shape
    assert np.abs(ours[name] - reference[name]).max() <= BAR * np.abs(reference[name]).max()


def test_top_k_regions_are_the_same_sets() -> None:
    ours, reference = outputs()
    np.testing.assert_array_equal(ours["topk"], reference["topk"])
    for batch, sentence in np.ndindex(*reference["topk"].shape):
        if reference["sentence_valid"][batch, sentence]:
            k = int(reference["topk"][batch, sentence])
            ours_set, theirs = (set(np.argsort(-m["similarity"][batch, sentence])[:k]) for m in (ours, reference))
            assert ours_set == theirs
