"""The vision transformer: patches are a strided convolution, masking picks tokens, positions follow the grid."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from asap.models.config import EncoderConfig
from asap.models.patches import patchify
from asap.models.positions import sincos_positions
from asap.models.vit import Attention, Block, VisionTransformer

CONFIG = EncoderConfig(width=24, depth=2, heads=2, patch=(4, 3, 2), grid=(3, 4, 5))


def volume(batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, 1, *CONFIG.volume_shape, generator=torch.Generator().manual_seed(0))


def test_patch_embedding_is_a_strided_convolution() -> None:
    kernel = torch.randn(7, 1, *CONFIG.patch)
    expected = F.conv3d(volume(), kernel, stride=CONFIG.patch).flatten(2).transpose(1, 2)
    torch.testing.assert_close(patchify(volume(), CONFIG.patch) @ kernel.flatten(1).T, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("width", [24, 25, 48])
def test_positions_follow_the_formula(width: int) -> None:
    grid, m = (3, 4, 5), width // 6
    positions = sincos_positions(grid, width)[0].numpy()
    assert positions.shape == (61, width) and not positions[0].any() and not positions[:, 6 * m :].any()
    a, b, c = 2, 1, 4
    row = positions[1 + (a * 4 + b) * 5 + c]
    for axis, place in enumerate((a, b, c)):
        for i in range(m):
            omega = 10000 ** (-i / m)
            np.testing.assert_allclose(row[2 * axis * m + i], np.sin(place * omega), atol=1e-6)
            np.testing.assert_allclose(row[(2 * axis + 1) * m + i], np.cos(place * omega), atol=1e-6)


def test_positions_are_real_on_the_meta_device() -> None:
    with torch.device("meta"):
        model = VisionTransformer(CONFIG)
    assert model.cls_token.is_meta and torch.equal(model.pos_embed, sincos_positions(CONFIG.grid, CONFIG.width))


def test_keeping_every_token_in_order_changes_nothing() -> None:
    model = VisionTransformer(CONFIG).eval()
    everything = torch.arange(CONFIG.tokens).expand(2, -1)
    with torch.inference_mode():
        full, kept = model(volume()), model(volume(), everything)
    assert full.shape == (2, 61, 24)
    torch.testing.assert_close(kept, full, atol=1e-6, rtol=1e-6)


def test_masked_tokens_have_no_influence() -> None:
    model = VisionTransformer(CONFIG).eval()
    keep = torch.tensor([[5, 0, 17], [1, 2, 3]])
    changed = volume()
    changed[0, 0, -4:, -3:, -2:] += 3.0  # the last token, kept by no sample
    with torch.inference_mode():
        assert model(volume(), keep).shape == (2, 4, 24)
        torch.testing.assert_close(model(changed, keep), model(volume(), keep), atol=0, rtol=0)
        permuted = model(volume(), keep.flip(1))
        torch.testing.assert_close(permuted[:, 1:].flip(1), model(volume(), keep)[:, 1:], atol=1e-5, rtol=1e-5)


def test_each_sample_stands_alone() -> None:
    model = VisionTransformer(CONFIG).eval()
    with torch.inference_mode():
        torch.testing.assert_close(model(volume())[1:], model(volume()[1:]), atol=1e-5, rtol=1e-5)


def test_attention_equals_its_formula_and_leaves_padding_out() -> None:
    attention = Attention(24, 2).eval()
    x = torch.randn(1, 6, 24)
    with torch.inference_mode():
        q, k, v = attention.qkv(x).view(6, 3, 2, 12).permute(1, 2, 0, 3)
        weights = (q @ k.transpose(1, 2) / 12**0.5).softmax(-1)
        expected = attention.proj((weights @ v).transpose(0, 1).reshape(1, 6, 24))
        torch.testing.assert_close(attention(x), expected, atol=1e-5, rtol=1e-5)
        mask = torch.tensor([True] * 4 + [False] * 2)[None, None, None]
        torch.testing.assert_close(attention(x, mask)[:, :4], attention(x[:, :4]), atol=1e-5, rtol=1e-5)


def test_a_block_keeps_a_float32_residual_beside_bfloat16_products() -> None:
    torch.manual_seed(3)
    block = Block(24, 2).eval()
    x = 100 * torch.randn(1, 5, 24)
    with torch.inference_mode():
        exact = block(x)
        for part in (block.attn, block.mlp):
            part.to(torch.bfloat16)
        fast = block(x)
    assert fast.dtype == torch.float32
    assert (fast - exact).abs().max() < 0.05 < (x - x.bfloat16()).abs().max()


def test_gradients_reach_every_parameter() -> None:
    model = VisionTransformer(CONFIG)
    model(volume(), torch.tensor([[0, 1, 2], [3, 4, 5]])).square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in model.parameters())
