"""The alignment losses against their formulas written out, sentence by sentence."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from asap.models.asap import alignment_loss as inference_alignment
from asap_training.data.batch import Batch, collate
from asap_training.objectives.report_alignment import alignment_loss, region_loss, study_loss
from asap_training.pretraining_model import Outputs, PretrainingModel
from asap_training.regions import known_regions, soft_regions
from tests.training.processes import small
from tests.training.synthetic import SyntheticReports

TEMPERATURE = 0.07


def batch_of(count: int = 4) -> Batch:
    source = SyntheticReports(small())
    return collate([source[number] for number in range(count)])


def outputs_for(batch: Batch, **given: Tensor) -> Outputs:
    """Random features of the batch's sentences, absent ones zero, and whatever the test sets itself."""
    torch.manual_seed(2)
    reports, sentences = batch.sentence_keys_BS.shape
    visible = batch.noise_BN.argsort(dim=1)[:, :6]
    values: dict[str, Any] = {
        "visible_BK": visible,
        "masked_BM": visible,
        "voxels_BMP": torch.zeros(()),
        "organ_logits_BTC": None,
        "sentence_BSD": torch.randn(reports, sentences, 8) * batch.valid_BS.unsqueeze(-1),
        "region_BSD": torch.randn(reports, sentences, 8),
        "similarity_BSK": torch.rand(reports, sentences, 6) * 2 - 1,
        "report_logits_TV": torch.zeros(()),
        "study_image_BD": F.normalize(torch.randn(reports, 8), dim=-1),
        "study_text_BD": F.normalize(torch.randn(reports, 8), dim=-1),
        "study_scale": torch.tensor(10.0),
    }
    return Outputs(**(values | given))


def aligned(outputs: Outputs, batch: Batch, **switches: Any) -> float:
    settings = {"temperature": TEMPERATURE, "padded_sentences": False, "negatives": "batch"} | switches
    return float(alignment_loss(outputs, batch, **settings)[0])


def by_hand(outputs: Outputs, batch: Batch, *, same_report_only: bool) -> float:
    """InfoNCE in both directions over existing sentences, one at a time."""
    places = [(b, s) for b, s in batch.valid_BS.nonzero().tolist()]
    e, g = F.normalize(outputs.sentence_BSD, dim=-1), F.normalize(outputs.region_BSD, dim=-1)
    total = 0.0
    for b, s in places:
        key = batch.sentence_keys_BS[b, s]
        others = [
            (c, t) for c, t in places if (c, t) == (b, s) or (c == b if same_report_only else batch.sentence_keys_BS[c, t] != key)
        ]
        own = float(e[b, s] @ g[b, s]) / TEMPERATURE
        to_regions = [float(e[b, s] @ g[c, t]) / TEMPERATURE for c, t in others]
        to_sentences = [float(g[b, s] @ e[c, t]) / TEMPERATURE for c, t in others]
        total += sum(math.log(sum(math.exp(x) for x in logits)) - own for logits in (to_regions, to_sentences))
    return total / len(places)


def test_negatives_of_one_report_and_of_the_batch() -> None:
    batch = batch_of()
    outputs = outputs_for(batch)
    assert aligned(outputs, batch, negatives="report") == pytest.approx(by_hand(outputs, batch, same_report_only=True), rel=1e-5)
    assert aligned(outputs, batch) == pytest.approx(by_hand(outputs, batch, same_report_only=False), rel=1e-5)


@pytest.mark.parametrize("padded_sentences", [True, False])
def test_within_reports_it_is_the_loss_inference_knows(padded_sentences: bool) -> None:
    batch = batch_of()
    outputs = outputs_for(batch)
    known = inference_alignment(
        outputs.sentence_BSD, outputs.region_BSD, batch.valid_BS, TEMPERATURE, mask_padding=not padded_sentences
    )
    found = aligned(outputs, batch, negatives="report", padded_sentences=padded_sentences)
    assert found == pytest.approx(float(known), rel=1e-5)


def test_sentences_that_say_the_same_never_oppose() -> None:
    """Two reports with the same only sentence, and nothing else in the batch: nothing is left to tell apart."""
    batch = batch_of(2)
    ones = torch.zeros_like(batch.sentence_keys_BS)
    ones[:, 0] = 77
    alike = replace(batch, sentence_keys_BS=ones, findings_sentences_BL=batch.findings_sentences_BL.clamp(max=1))
    assert aligned(outputs_for(alike), alike) == pytest.approx(0.0, abs=1e-6)
    ones[1, 0] = 78
    assert aligned(outputs_for(alike), alike) > 0.01


def test_more_padding_changes_nothing_but_the_published_loss() -> None:
    batch = batch_of()
    wider = replace(
        batch, sentence_keys_BS=F.pad(batch.sentence_keys_BS, (0, 2)), regions_BSN=F.pad(batch.regions_BSN, (0, 0, 0, 2))
    )
    narrow = outputs_for(batch)
    features = {"sentence_BSD": F.pad(narrow.sentence_BSD, (0, 0, 0, 2))}
    wide = replace(narrow, **features, region_BSD=F.pad(narrow.region_BSD, (0, 0, 0, 2), value=0.3))
    for negatives in ("report", "batch"):
        assert aligned(wide, wider, negatives=negatives) == pytest.approx(aligned(narrow, batch, negatives=negatives), rel=1e-6)
    published = {"negatives": "report", "padded_sentences": True}
    assert aligned(wide, wider, **published) > aligned(narrow, batch, **published) + 0.01


def test_region_loss_falls_as_the_similarity_follows_the_region() -> None:
    batch = batch_of()
    outputs = outputs_for(batch)
    visible = batch.regions_BSN.gather(2, outputs.visible_BK.unsqueeze(1).expand(-1, batch.regions_BSN.shape[1], -1))
    assert visible.sum() > 0
    right, wrong = outputs_for(batch, similarity_BSK=2 * visible - 1), outputs_for(batch, similarity_BSK=1 - 2 * visible)
    assert float(region_loss(right, batch, temperature=TEMPERATURE)[0]) == pytest.approx(0.0, abs=1e-4)
    assert float(region_loss(wrong, batch, temperature=TEMPERATURE)[0]) > 1.0
    nothing_known = replace(batch, regions_BSN=torch.zeros_like(batch.regions_BSN))
    assert float(region_loss(outputs, nothing_known, temperature=TEMPERATURE)[0]) == 0.0


def test_study_loss_is_the_cross_entropy_of_finding_ones_own_report() -> None:
    batch = batch_of()
    outputs = outputs_for(batch)
    assert outputs.study_image_BD is not None and outputs.study_text_BD is not None
    logits = 10.0 * outputs.study_image_BD @ outputs.study_text_BD.T
    target = torch.arange(4)
    expected = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
    assert float(study_loss(outputs, batch)[0]) == pytest.approx(float(expected), rel=1e-5)
    alike = replace(batch, sentence_keys_BS=torch.ones_like(batch.sentence_keys_BS))
    assert float(study_loss(outputs, alike)[0]) == pytest.approx(0.0, abs=1e-6)


def test_soft_regions_weigh_the_most_similar_tokens_and_ask_for_more_or_fewer() -> None:
    torch.manual_seed(0)
    similarity, image = torch.rand(1, 1, 40), torch.eye(40).unsqueeze(0)
    size = torch.tensor([[8.0]], requires_grad=True)
    weight = soft_regions(similarity, size, image)[0, 0]
    best = similarity[0, 0].topk(8).indices
    assert weight.sum().item() == pytest.approx(1.0)
    assert weight[best].sum().item() > 0.85
    assert set(weight.topk(8).indices.tolist()) == set(best.tolist())
    (gradient,) = torch.autograd.grad(weight[best].sum(), size)
    assert gradient.item() < 0  # the share of the first eight falls as more are asked for


def test_a_known_region_is_pooled_where_it_is_in_sight_and_no_other_token() -> None:
    """Tokens outside it get no gradient; a sentence without a visible region keeps what it chose."""
    image = torch.randn(1, 3, 5, requires_grad=True)
    visible = torch.tensor([[4, 1, 0]])
    regions, chosen = torch.zeros(1, 3, 6), torch.randn(1, 3, 5)
    regions[0, 0, [4, 1]] = torch.tensor([1.0, 0.5])
    regions[0, 1, 5] = 1.0  # hidden
    pooled = known_regions(regions, visible, image, chosen)
    assert torch.allclose(pooled[0, 0], (image[0, 0] + 0.5 * image[0, 1]) / 1.5)
    assert torch.equal(pooled[0, 1:], chosen[0, 1:])
    (gradient,) = torch.autograd.grad(pooled.sum(), image)
    assert gradient[0].abs().sum(-1).bool().tolist() == [True, True, False]


def test_the_corrected_recipe_pools_what_is_known() -> None:
    recipe, batch = replace(small(), pool_known=True), batch_of()
    own, known = (PretrainingModel(r).eval() for r in (replace(recipe, pool_known=False), recipe))
    known.load_state_dict(own.state_dict())
    with torch.no_grad():
        outputs, freely = known(batch), own(batch)
    seen = batch.regions_BSN.gather(2, outputs.visible_BK.unsqueeze(1).expand(-1, batch.regions_BSN.shape[1], -1)).sum(-1) > 0
    same = torch.isclose(outputs.region_BSD, freely.region_BSD, atol=1e-6).all(-1)
    assert seen.any()
    assert torch.equal(same, ~seen)
