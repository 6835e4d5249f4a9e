"""UNETR as the published benchmark defines it: the blocks are MONAI's, the shapes are the protocol's."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from asap.models.config import EncoderConfig
from asap.models.unetr import OVERLAP, ROI, Projection, ResidualBlock, Unetr, Up, window_config
from asap.models.vit import VisionTransformer

SMALL = EncoderConfig(width=48, depth=12, heads=4, patch=(16, 16, 8), grid=(2, 2, 2))


def with_weights_of(ours: nn.Module, theirs: nn.Module) -> nn.Module:
    """Ours with theirs' parameters, in the order both define them."""
    pairs = list(zip(ours.parameters(), theirs.parameters(), strict=True))
    assert [tuple(a.shape) for a, _ in pairs] == [tuple(b.shape) for _, b in pairs]
    with torch.no_grad():
        for mine, its in pairs:
            mine.copy_(its)
    return ours


def test_every_block_equals_monais() -> None:
    blocks = pytest.importorskip("monai.networks.blocks")
    dynamic = pytest.importorskip("monai.networks.blocks.dynunet_block")
    torch.manual_seed(0)
    three = {"spatial_dims": 3, "kernel_size": 3, "norm_name": "instance"}
    tokens, skip = torch.randn(1, 48, 2, 2, 3), torch.randn(1, 16, 4, 4, 6)
    residual = dynamic.UnetResBlock(in_channels=48, out_channels=16, stride=1, **three)
    assert torch.allclose(with_weights_of(ResidualBlock(48, 16), residual)(tokens), residual(tokens), atol=1e-6)
    for steps in range(3):
        projection = blocks.UnetrPrUpBlock(
            in_channels=48,
            out_channels=16,
            num_layer=steps,
            stride=1,
            upsample_kernel_size=2,
            conv_block=True,
            res_block=True,
            **three,
        )
        ours = with_weights_of(Projection(48, 16, steps), projection)
        assert torch.allclose(ours(tokens), projection(tokens), atol=1e-5)
    up = blocks.UnetrUpBlock(in_channels=48, out_channels=16, upsample_kernel_size=2, res_block=True, **three)
    assert torch.allclose(with_weights_of(Up(48, 16), up)(tokens, skip), up(tokens, skip), atol=1e-6)


def test_the_benchmarks_sizes() -> None:
    published = window_config(EncoderConfig())
    assert (published.grid, ROI, OVERLAP) == ((6, 6, 6), (96, 96, 48), 0.75)
    with torch.device("meta"):
        model = Unetr(published, outputs=14)
    channels = [model.up5.block.conv2.out_channels, model.up4.block.conv2.out_channels, model.up3.block.conv2.out_channels]
    assert channels == [128, 64, 32]
    assert model.up2.block.conv2.out_channels == 16
    assert tuple(p * g for p, g in zip(published.patch, published.grid, strict=True)) == ROI
    assert model.out.weight.shape == (14, 16, 1, 1, 1)


def test_skips_are_what_leaves_blocks_4_7_and_10() -> None:
    torch.manual_seed(0)
    vit = VisionTransformer(SMALL)
    volume = torch.randn(1, 1, 32, 32, 16)
    states = vit.states(volume, (4, 7, 10))
    assert [tuple(state.shape) for state in states] == [(1, 8, 48)] * 4
    outputs: list[torch.Tensor] = []
    for number in (3, 6, 9, 11):
        vit.blocks[number].register_forward_hook(lambda _m, _i, out: outputs.append(out))
    vit.states(volume, ())
    assert all(torch.equal(a, b) for a, b in zip(outputs, states, strict=True))


def test_a_pre_trained_encoder_moves_in_whatever_its_grid() -> None:
    torch.manual_seed(0)
    pretrained = VisionTransformer(EncoderConfig(width=48, depth=12, heads=4, patch=(16, 16, 8), grid=(3, 3, 3)))
    model = Unetr(SMALL, outputs=2)
    positions = model.vit.pos_embed.clone()
    model.load_encoder(pretrained.state_dict())
    assert torch.equal(model.vit.blocks[11].mlp.fc2.weight, pretrained.blocks[11].mlp.fc2.weight)
    assert torch.equal(model.vit.pos_embed, positions)
    logits = model(torch.randn(1, 1, 32, 32, 16))
    assert logits.shape == (1, 2, 32, 32, 16)
    logits.mean().backward()
    assert model.vit.patch_embed.proj.weight.grad is not None
