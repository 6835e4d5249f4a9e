"""UNETR on the published encoder, as the published benchmark fine-tunes it (asap-method 2.2; Hatamizadeh et al., WACV 2022).

Skips after blocks 4, 7 and 10, the normalised output of block 12 below them, feature size 16. Each step up doubles all three
axes but the last, which resizes to the image, because patches of 16 x 16 x 8 voxels are not cubes.
Axes: B batch, N tokens, D width, C channels, H W D voxels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asap.models.config import EncoderConfig
from asap.models.vit import VisionTransformer

# Blocks counted from 1 whose outputs join on the way up.
SKIPS = (4, 7, 10)
ROI = (96, 96, 48)
FEATURES = 16
OVERLAP = 0.75


def window_config(encoder: EncoderConfig, window: tuple[int, int, int] = ROI) -> EncoderConfig:
    """The same encoder for a window of the benchmark: 96 x 96 x 48 voxels are 6 x 6 x 6 tokens."""
    a, b, c = (size // patch for size, patch in zip(window, encoder.patch, strict=True))
    return replace(encoder, grid=(a, b, c))


class ResidualBlock(nn.Module):
    """Two 3 x 3 x 3 convolutions with instance norm and a shortcut, which is a convolution where the channels change."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(channels_in, channels, 3, padding=1, bias=False)
        self.conv2 = nn.Conv3d(channels, channels, 3, padding=1, bias=False)
        self.norm1, self.norm2 = nn.InstanceNorm3d(channels), nn.InstanceNorm3d(channels)
        self.changes = channels_in != channels
        if self.changes:
            self.conv3 = nn.Conv3d(channels_in, channels, 1, bias=False)
            self.norm3 = nn.InstanceNorm3d(channels)

    def forward(self, x_BCHWD: Tensor) -> Tensor:
        """x_BCHWD -> [B, channels, H, W, D]."""
        out = F.leaky_relu(self.norm1(self.conv1(x_BCHWD)), 0.01)
        short = self.norm3(self.conv3(x_BCHWD)) if self.changes else x_BCHWD
        return F.leaky_relu(self.norm2(self.conv2(out)) + short, 0.01)


class Projection(nn.Module):
    """Tokens up to a skip's resolution: a doubling, then `steps` times a doubling and a residual block."""

    def __init__(self, width: int, channels: int, steps: int) -> None:
        super().__init__()
        self.first = _doubling(width, channels)
        self.blocks = nn.ModuleList(
            nn.Sequential(_doubling(channels, channels), ResidualBlock(channels, channels)) for _ in range(steps)
        )

    def forward(self, x_BCHWD: Tensor) -> Tensor:
        """x_BCHWD -> twice its size, 2^steps times over."""
        x: Tensor = self.first(x_BCHWD)
        for block in self.blocks:
            x = block(x)
        return x


class Up(nn.Module):
    """One step of the decoder: double, join the skip, residual block."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.doubling = _doubling(channels_in, channels)
        self.block = ResidualBlock(2 * channels, channels)

    def forward(self, x_BCHWD: Tensor, skip_BCHWD: Tensor) -> Tensor:
        """x at half the skip's size, and the skip -> the skip's size."""
        return self.block(torch.cat([self.doubling(x_BCHWD), skip_BCHWD], dim=1))  # type: ignore[no-any-return]


class ResizeUp(nn.Module):
    """The last step: trilinear resize to the image, a convolution, join the skip, residual block."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(channels_in, channels, 3, padding=1)
        self.block = ResidualBlock(2 * channels, channels)

    def forward(self, x_BCHWD: Tensor, skip_BCHWD: Tensor) -> Tensor:
        """x at any size, and the skip at the image's -> the image's size."""
        resized = F.interpolate(x_BCHWD, size=skip_BCHWD.shape[2:], mode="trilinear", align_corners=False)
        return self.block(torch.cat([self.conv(resized), skip_BCHWD], dim=1))  # type: ignore[no-any-return]


class Unetr(nn.Module):
    """Window [B, 1, H, W, D] in [-1, 1] -> logits [B, outputs, H, W, D]."""

    def __init__(self, encoder: EncoderConfig, outputs: int, features: int = FEATURES) -> None:
        super().__init__()
        self.grid = encoder.grid
        self.vit = VisionTransformer(encoder)
        self.fc_norm = nn.LayerNorm(encoder.width, eps=1e-6)
        self.image_in = ResidualBlock(1, features)
        self.skips = nn.ModuleList(
            Projection(encoder.width, features * 2 ** (3 - step), step) for step in range(len(SKIPS) - 1, -1, -1)
        )
        self.up5 = Up(encoder.width, 8 * features)
        self.up4 = Up(8 * features, 4 * features)
        self.up3 = Up(4 * features, 2 * features)
        self.up2 = ResizeUp(2 * features, features)
        self.out = nn.Conv3d(features, outputs, 1)

    def forward(self, window_B1HWD: Tensor) -> Tensor:
        """Logits of every voxel. The window's size is the encoder's patch times its grid."""
        *states_BND, last_BND = self.vit.states(window_B1HWD, SKIPS)
        skip4, skip7, skip10 = (block(self._as_grid(state)) for block, state in zip(self.skips, states_BND, strict=True))
        x = self.up5(self._as_grid(self.fc_norm(last_BND)), skip10)
        x = self.up3(self.up4(x, skip7), skip4)
        return self.out(self.up2(x, self.image_in(window_B1HWD)))  # type: ignore[no-any-return]

    def load_encoder(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over a pre-trained encoder; its cls token and positions belong to another grid, its final norm is not used."""
        own = self.vit.state_dict()
        kept = {name: value for name, value in tensors.items() if name in own and name != "cls_token"}
        self.vit.load_state_dict({**own, **kept})

    def _as_grid(self, state_BND: Tensor) -> Tensor:
        return state_BND.transpose(1, 2).reshape(state_BND.shape[0], -1, *self.grid)


def _doubling(channels_in: int, channels: int) -> nn.ConvTranspose3d:
    return nn.ConvTranspose3d(channels_in, channels, 2, stride=2, bias=False)
