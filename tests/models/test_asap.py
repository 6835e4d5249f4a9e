"""Sentence features, adaptive K, pooled regions and the alignment loss against direct formulas."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from asap.models.asap import Asap, alignment_loss
from asap.models.config import AsapConfig, EncoderConfig, TextConfig
from tests.benchmarks.bf16_agreement import measure

CONFIG = AsapConfig(
    encoder=EncoderConfig(width=24, depth=1, heads=2, patch=(2, 2, 2), grid=(4, 5, 6)),
    text=TextConfig(vocab=50, width=16, depth=1, heads=2, max_positions=32),
    projection=20,
)


def model() -> Asap:
    torch.manual_seed(0)
    return Asap(CONFIG).eval()


def test_sentence_features_are_means_of_projected_tokens_without_cls() -> None:
    asap, tokens = model(), torch.randn(2, 8, 16)
    ids = torch.tensor([[1, 1, 1, 2, 2, 0, 0, 0], [1, 1, 2, 2, 3, 3, 3, 0]])
    with torch.inference_mode():
        e = asap.sentence_features(tokens, ids)
        projected = asap.text_head(tokens)
    assert e.shape == (2, 3, 20)
    torch.testing.assert_close(e[0, 0], projected[0, 1:3].mean(0))
    torch.testing.assert_close(e[1, 2], projected[1, 4:7].mean(0))
    assert not e[0, 2].any()


def test_text_padding_changes_nothing() -> None:
    asap, ids = model(), torch.randint(5, 50, (1, 9))
    padded, mask = F.pad(ids, (0, 7)), F.pad(torch.ones_like(ids), (0, 7))
    with torch.inference_mode():
        torch.testing.assert_close(asap.encode_text(padded, mask)[:, :9], asap.encode_text(ids), atol=1e-5, rtol=1e-5)


def test_regions_are_means_over_the_k_most_similar_tokens() -> None:
    asap, e, v = model(), torch.randn(2, 3, 20), torch.randn(2, 120, 20)
    similarity = asap.similarity_BSN(e, v)
    torch.testing.assert_close(similarity[1, 2, 7], F.cosine_similarity(e[1, 2], v[1, 7], dim=0))
    k = torch.tensor([[16, 32, 64], [64, 128, 16]])
    regions = asap.region_features(similarity, k, v)
    for b in range(2):
        for s in range(3):
            best = similarity[b, s].argsort(descending=True)[: int(k[b, s])]
            torch.testing.assert_close(regions[b, s], v[b, best].mean(0), atol=1e-6, rtol=1e-5)


def test_k_is_a_power_of_two_from_the_sentence_and_has_no_gradient() -> None:
    asap = model()
    e = torch.randn(1, 200, 20, requires_grad=True)
    with torch.no_grad():
        asap.regression_head.weight.mul_(10)
    k = asap.adaptive_k(e)
    share = torch.sigmoid(e @ asap.regression_head.weight.T + asap.regression_head.bias).squeeze(-1)
    torch.testing.assert_close(k, 2 ** torch.floor(3 * share + 4).long())
    assert set(k.flatten().tolist()) == {16, 32, 64} and not k.requires_grad


def direct_loss(e: torch.Tensor, g: torch.Tensor, valid: torch.Tensor, padding_counts: bool) -> torch.Tensor:
    """The formula of 1.7 by cross-entropy, one sentence at a time."""
    rows, columns = [], []
    for b in range(e.shape[0]):
        keep = torch.arange(e.shape[1]) if padding_counts else valid[b].nonzero()[:, 0]
        a = F.normalize(e[b, keep], dim=-1) @ F.normalize(g[b, keep], dim=-1).T / 0.07
        for i, s in enumerate(keep):
            if valid[b, s]:
                rows.append(F.cross_entropy(a[i], torch.tensor(i)))
                columns.append(F.cross_entropy(a[:, i], torch.tensor(i)))
    return torch.stack(rows).mean() + torch.stack(columns).mean()


@pytest.mark.parametrize("mask_padding", [False, True])
def test_alignment_loss_equals_its_formula(mask_padding: bool) -> None:
    e, g = torch.randn(2, 4, 20), torch.randn(2, 4, 20)
    valid = torch.tensor([[True, True, True, False], [True, True, False, False]])
    e = e * valid[..., None]
    ours = alignment_loss(e, g, valid, mask_padding=mask_padding)
    torch.testing.assert_close(ours, direct_loss(e, g, valid, padding_counts=not mask_padding), atol=1e-5, rtol=1e-5)


def test_alignment_loss_of_empty_reports_is_zero_and_trainable() -> None:
    e = torch.randn(1, 2, 20, requires_grad=True)
    loss = alignment_loss(e, torch.randn(1, 2, 20), torch.zeros(1, 2))
    loss.backward()
    assert loss.item() == 0 and e.grad is not None and not e.grad.any()


@pytest.mark.slow
def test_bfloat16_heatmaps_agree_with_float32() -> None:
    config = AsapConfig(
        encoder=EncoderConfig(width=192, depth=4, heads=3, patch=(16, 16, 8), grid=(7, 7, 7)),
        text=TextConfig(vocab=1000, width=192, depth=4, heads=3),
        projection=192,
    )
    figures = measure(config, 3, 8, lambda asap: asap.set_precision(torch.bfloat16), lambda _: None)
    assert figures["maps"] == 48 and figures["pearson_min"] >= 0.999 and figures["share_within_2_percent"] >= 0.99
