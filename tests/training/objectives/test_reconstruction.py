"""Masked image, masked report and anatomy injection against their formulas."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from asap.models.patches import patchify
from asap_training.data.batch import Counts, collate
from asap_training.masking import masked_report, visible_and_masked
from asap_training.objectives.anatomy_injection import anatomy_injection_loss, organ_shares
from asap_training.objectives.masked_image import masked_image_loss
from asap_training.objectives.masked_report import masked_report_loss
from asap_training.pretraining_model import PretrainingModel
from tests.training.processes import small
from tests.training.synthetic import SyntheticReports


def test_losses_are_the_formulas_over_the_whole_grid() -> None:
    """As published, image loss is a mean over all voxels with the visible ones at zero, and organs count on every token."""
    recipe = replace(small(), decoded_share=1.0)
    model = PretrainingModel(recipe).eval()
    batch = collate([SyntheticReports(recipe)[n] for n in range(2)])
    with torch.no_grad():
        outputs = model(batch)
    patch, patches = recipe.model.encoder.patch, patchify(batch.volume_B1HWD, recipe.model.encoder.patch)
    guess = patches.clone().scatter(1, outputs.masked_BM.unsqueeze(-1).expand_as(outputs.voxels_BMP), outputs.voxels_BMP)
    assert float(masked_image_loss(outputs, batch, patch)[0]) == pytest.approx(float((guess - patches).square().mean()), rel=1e-4)
    assert batch.organs_BNC is not None and outputs.organ_logits_BTC is not None
    order = torch.cat([outputs.visible_BK, outputs.masked_BM], dim=1).argsort(dim=1)
    logits = outputs.organ_logits_BTC.gather(1, order.unsqueeze(-1).expand_as(outputs.organ_logits_BTC))
    expected = F.binary_cross_entropy_with_logits(logits, batch.organs_BNC)
    assert float(anatomy_injection_loss(outputs, batch)[0]) == pytest.approx(float(expected), rel=1e-5)
    report = F.cross_entropy(outputs.report_logits_TV, batch.report_ids_BL[batch.report_scored_BL])
    assert float(masked_report_loss(outputs, batch)[0]) == pytest.approx(float(report), rel=1e-5)
    halved = batch.with_counts(Counts(1, 2 * float(batch.report_scored_BL.sum()), 1, 1))
    assert float(masked_report_loss(outputs, halved)[0]) == pytest.approx(float(report) / 2, rel=1e-5)


def test_half_the_masked_tokens_are_a_sample_of_the_same_loss() -> None:
    torch.manual_seed(0)  # another untrained model's loss may well lie elsewhere on the other half of the tokens
    recipe = small()
    model = PretrainingModel(recipe).eval()
    batch = collate([SyntheticReports(recipe)[n] for n in range(2)])
    with torch.no_grad():
        half = model(batch)
        model.recipe = replace(recipe, decoded_share=1.0)
        whole = model(batch)
    assert half.masked_BM.shape[1] == round(whole.masked_BM.shape[1] / 2)
    patch = recipe.model.encoder.patch
    few, all_of_them = (float(masked_image_loss(outputs, batch, patch)[0]) for outputs in (half, whole))
    assert few == pytest.approx(all_of_them, rel=0.1)


def test_organ_masks_are_asked_for_in_words() -> None:
    recipe = small()
    batch = replace(collate([SyntheticReports(recipe)[0]]), organs_BNC=None)
    with torch.no_grad(), pytest.raises(ValueError, match="organ masks"):
        anatomy_injection_loss(PretrainingModel(recipe)(batch), batch)


def test_organ_shares_count_voxels_of_each_class() -> None:
    mask = torch.zeros(1, 4, 4, 2, dtype=torch.int64)
    mask[0, :2, :2] = 2
    mask[0, 0, 0, 0] = 1
    shares = organ_shares(mask, (2, 2, 2), 3)
    assert shares.shape == (1, 4, 3)
    assert shares[0, 0].tolist() == [0.0, 0.125, 0.875]
    assert shares[0, 1:, 0].tolist() == [1.0, 1.0, 1.0]


def test_a_quarter_is_visible_and_every_token_is_one_or_the_other() -> None:
    noise = torch.rand(3, 216)
    visible, masked = visible_and_masked(noise, 0.75)
    assert visible.shape == (3, 54)
    assert torch.cat([visible, masked], dim=1).sort(dim=1).values.equal(torch.arange(216).expand(3, -1))
    assert float(noise.gather(1, visible).max(1).values.max()) <= float(noise.gather(1, masked).min(1).values.max())


def test_report_masking_spares_the_ends_and_what_it_is_told_to() -> None:
    ids = torch.tensor([2, 7, 3, 8, 0, 9])
    assert masked_report(ids, torch.zeros(6), 0.75, 4, (3,)).tolist() == [2, 4, 3, 4, 4, 9]
    assert masked_report(ids, torch.zeros(6), 0.75, 4, (3, 0)).tolist() == [2, 4, 3, 4, 0, 9]
    assert masked_report(ids, torch.ones(6), 0.75, 4, ()).equal(ids)
