"""Gradients of the whole loss equal central differences, under the published and the corrected recipe, in float64."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor

from asap_training.data.batch import Batch, collate
from asap_training.pretraining_model import PretrainingModel
from asap_training.recipes import Recipe, asap_base_paper, asap_test
from asap_training.total_loss import total_loss
from tests.training.processes import small
from tests.training.synthetic import SyntheticReports

PARAMETERS = (
    "asap.image_encoder.patch_embed.proj.weight",
    "asap.image_encoder.cls_token",
    "asap.image_encoder.blocks.0.attn.qkv.weight",
    "asap.image_encoder.blocks.0.mlp.fc2.weight",
    "asap.image_encoder.norm.weight",
    "asap.image_head.dense_to_hidden.weight",
    "asap.image_head.norm.bias",
    "asap.text_head.dense_to_output.weight",
    "image_decoder.mask_token",
    "image_decoder.embed.weight",
    "image_decoder.blocks.0.attn.proj.weight",
    "image_decoder.voxels.bias",
    "anatomy_head.hidden.weight",
    "anatomy_head.out.weight",
    "report_head.dense_to_hidden.weight",
    "image_to_report.weight",
    "fusion.key_value.weight",
    "fusion.gap.weight",
    "report_decoder.layers.0.attn.qkv.weight",
    "report_decoder.vocabulary.weight",
)
ADDED = ("asap.regression_head.weight", "study_heads.log_scale", "study_heads.text.weight")
# The map added to the fusion's scores is detached on purpose: only what comes after it has the whole derivative.
AFTER_THE_MAP = ("fusion.similarity_scale_H", "fusion.out.weight", "report_decoder.vocabulary.bias")
STEP = 1e-5


def in_float64(batch: Batch) -> Batch:
    values = {f.name: getattr(batch, f.name) for f in fields(batch)}
    return Batch(**{k: v.double() if isinstance(v, Tensor) and v.is_floating_point() else v for k, v in values.items()})


def published_small() -> Recipe:
    """The released behaviour at the test's size. Its K must not jump between the two differences, so it is the fixed one."""
    paper, tiny = asap_base_paper(), small()
    return replace(paper, model=tiny.model, decoders=tiny.decoders, regions="fixed", fixed_region_tokens=3)


CASES = {
    "published": (published_small(), PARAMETERS),
    "corrected": (replace(small(), similarity_bias=False), PARAMETERS + ADDED),
    "similarity": (small(), AFTER_THE_MAP),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_gradients_equal_central_differences(case: str) -> None:
    recipe, names = CASES[case]
    torch.manual_seed(1)
    model = PretrainingModel(recipe).double().eval()
    source = SyntheticReports(recipe)
    batch = in_float64(collate([source[number] for number in range(3)]))
    total_loss(model(batch), batch, recipe)[0].backward()
    for name in names:
        parameter = model.get_parameter(name)
        assert parameter.grad is not None, name
        direction = torch.randn_like(parameter)
        direction /= direction.norm()
        expected = float((parameter.grad * direction).sum())
        losses = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter += sign * STEP * direction
                losses.append(float(total_loss(model(batch), batch, recipe)[0]))
                parameter -= sign * STEP * direction
        assert (losses[0] - losses[1]) / (2 * STEP) == pytest.approx(expected, rel=1e-5, abs=1e-9), name


@pytest.mark.slow
def test_every_trained_parameter_gets_a_gradient() -> None:
    """What does not would stop a run on several processes, and would be weight decay alone on one."""
    for recipe in (asap_test(), published_small()):
        model = PretrainingModel(recipe)
        batch = collate([SyntheticReports(recipe)[number] for number in range(2)])
        total_loss(model(batch), batch, recipe)[0].backward()
        assert [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
