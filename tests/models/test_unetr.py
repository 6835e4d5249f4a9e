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


class MonaiAssembly(nn.Module):
    """UNETR as the benchmark has it, of MONAI's parts, in the order of ours: skips after blocks 4, 7, 10, the end normalised.

    Only the last step up, which MONAI does not have, is spelt out: resize to the image, convolve, join, residual block.
    """

    def __init__(self, encoder: EncoderConfig, outputs: int, features: int) -> None:
        super().__init__()
        from monai.networks.blocks import TransformerBlock, UnetOutBlock, UnetrPrUpBlock, UnetrUpBlock
        from monai.networks.blocks.dynunet_block import UnetResBlock

        width, self.grid, self.patch = encoder.width, encoder.grid, encoder.patch
        three = {"spatial_dims": 3, "kernel_size": 3, "norm_name": "instance"}
        self.embed = nn.Conv3d(1, width, encoder.patch, encoder.patch)
        self.blocks = nn.ModuleList(
            TransformerBlock(width, int(width * encoder.mlp_ratio), encoder.heads, qkv_bias=True) for _ in range(encoder.depth)
        )
        self.fc_norm = nn.LayerNorm(width, eps=1e-6)
        self.image_in = UnetResBlock(in_channels=1, out_channels=features, stride=1, **three)
        up = {"stride": 1, "upsample_kernel_size": 2, "conv_block": True, "res_block": True, **three}
        self.skips = nn.ModuleList(
            UnetrPrUpBlock(in_channels=width, out_channels=features * 2 ** (3 - steps), num_layer=steps, **up)
            for steps in (2, 1, 0)
        )
        double = {"upsample_kernel_size": 2, "res_block": True, **three}
        self.up5 = UnetrUpBlock(in_channels=width, out_channels=8 * features, **double)
        self.up4 = UnetrUpBlock(in_channels=8 * features, out_channels=4 * features, **double)
        self.up3 = UnetrUpBlock(in_channels=4 * features, out_channels=2 * features, **double)
        self.conv = nn.Conv3d(2 * features, features, 3, padding=1)
        self.last = UnetResBlock(in_channels=2 * features, out_channels=features, stride=1, **three)
        self.out = UnetOutBlock(spatial_dims=3, in_channels=features, out_channels=outputs)
        for block in self.blocks:
            block.norm1.eps = block.norm2.eps = 1e-6

    def forward(self, window: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        tokens = self.embed(window).flatten(2).transpose(1, 2) + positions
        after = {}
        for number, block in enumerate(self.blocks, start=1):
            tokens = block(tokens)
            after[number] = tokens
        skip4, skip7, skip10 = (up(self.picture(after[n])) for up, n in zip(self.skips, (4, 7, 10), strict=True))
        x = self.up5(self.picture(self.fc_norm(after[12])), skip10)
        x = self.up3(self.up4(x, skip7), skip4)
        resized = nn.functional.interpolate(x, size=window.shape[2:], mode="trilinear")
        return self.out(self.last(torch.cat([self.conv(resized), self.image_in(window)], dim=1)))  # type: ignore[no-any-return]

    def picture(self, tokens: torch.Tensor) -> torch.Tensor:
        return tokens.transpose(1, 2).unflatten(2, self.grid)


def taken_over(ours: Unetr, theirs: MonaiAssembly) -> None:
    """Theirs into ours, part by part, in the order both define a part's parameters."""
    parts: list[tuple[nn.Module, nn.Module]] = [
        *zip(ours.vit.blocks, theirs.blocks, strict=True),
        (ours.fc_norm, theirs.fc_norm),
        (ours.image_in, theirs.image_in),
        (ours.skips, theirs.skips),
        *((getattr(ours, name), getattr(theirs, name)) for name in ("up5", "up4", "up3")),
        (ours.up2, nn.ModuleList([theirs.conv, theirs.last])),
        (ours.out, theirs.out),
    ]
    for mine, its in parts:
        if hasattr(its, "attn"):  # MONAI names these otherwise, defines them in another order and keeps one it does not use
            own = {k: v for k, v in its.state_dict().items() if not k.startswith("norm_cross_attn")}
            state = {k.replace("attn.out_proj", "attn.proj").replace("mlp.linear", "mlp.fc"): v for k, v in own.items()}
            mine.load_state_dict(state)
        else:
            with_weights_of(mine, its)
    with torch.no_grad():
        ours.vit.patch_embed.proj.weight.copy_(theirs.embed.weight.flatten(1))
        ours.vit.patch_embed.proj.bias.copy_(theirs.embed.bias)  # type: ignore[arg-type]


def test_the_whole_network_equals_one_assembled_from_monais_blocks() -> None:
    pytest.importorskip("monai")
    torch.manual_seed(0)
    ours, theirs = Unetr(SMALL, outputs=3, features=4).eval(), MonaiAssembly(SMALL, outputs=3, features=4).eval()
    taken_over(ours, theirs)
    window = torch.randn(2, 1, 32, 32, 16)
    with torch.no_grad():
        mine, its = ours(window), theirs(window, ours.vit.pos_embed[:, 1:])
    assert mine.shape == its.shape == (2, 3, 32, 32, 16)
    assert float(its.std()) > 0.05
    assert torch.allclose(mine, its, atol=2e-5)
    ours.load_encoder({"cls_token": torch.full((1, 1, 48), 9.0)})
    with torch.no_grad():
        assert torch.equal(ours(window), mine), "a checkpoint's cls token has no part in it"


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
