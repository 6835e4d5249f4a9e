"""The 3-D vision transformer of ASAP (asap-method 1.3): pre-norm blocks on 24 mm patches with fixed positions.

Axes: B batch, N tokens, D width, H W D voxels, K kept tokens.
Precision: matrix products and attention run in the dtype of the weights (bfloat16 on CPUs that have it); the residual
stream, layer norms and positions stay float32, which is what keeps the heatmap of the bfloat16 model equal to float32.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asap.models.config import EncoderConfig
from asap.models.patches import patchify
from asap.models.positions import sincos_positions
from asap.pause import Pause, no_pause


class Attention(nn.Module):
    """Multi-head self-attention with one fused query-key-value product.

    exact: scores and their softmax in float32 whatever the dtype of the weights; free for a sentence, dear for a volume.
    """

    def __init__(self, width: int, heads: int, exact: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.exact = exact
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x_BND: Tensor, attend_B11N: Tensor | None = None, rows: int | None = None) -> Tensor:
        """x_BND -> same shape. attend_B11N: True where a key may be attended to; None attends everywhere.

        rows: queries at a time, so that no table of all tokens by all tokens is held; None takes them together.
        """
        batch, tokens, width = x_BND.shape
        qkv = self.qkv(x_BND).view(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = (qkv.float() if self.exact else qkv).permute(2, 0, 3, 1, 4).unbind(0)
        if rows is None:
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=attend_B11N)
        else:
            parts = torch.split(q, rows, dim=2)
            mixed = torch.cat([F.scaled_dot_product_attention(part, k, v, attn_mask=attend_B11N) for part in parts], dim=2)
        return self.proj(mixed.transpose(1, 2).reshape(batch, tokens, width).to(qkv.dtype))  # type: ignore[no-any-return]


class Mlp(nn.Module):
    """Linear, exact GELU, Linear."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x_BND: Tensor, rows: int | None = None) -> Tensor:
        """x_BND -> same shape. rows: tokens at a time, so that the wide layer of all tokens is never held."""
        if rows is not None:
            return torch.cat([self(part_BnD) for part_BnD in torch.split(x_BND, rows, dim=1)], dim=1)
        return self.fc2(F.gelu(self.fc1(x_BND)))  # type: ignore[no-any-return]


class Block(nn.Module):
    """One pre-norm transformer block: x + attention(norm1(x)), then x + mlp(norm2(x)). LayerNorm eps 1e-6, biases everywhere."""

    def __init__(self, width: int, heads: int, mlp_ratio: float = 4.0) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width, int(width * mlp_ratio))

    def forward(self, x_BND: Tensor, attend_B11N: Tensor | None = None, rows: int | None = None) -> Tensor:
        """x_BND -> same shape and dtype; the residual may be float32 while the weights are bfloat16.

        attend_B11N: True where a key may be attended to (padded sentences need it); None attends everywhere.
        rows: tokens at a time where memory is short, at the same result to rounding; None computes all together.
        """
        dtype = self.attn.qkv.weight.dtype
        x_BND = x_BND + self.attn(self.norm1(x_BND).to(dtype), attend_B11N, rows)
        return x_BND + self.mlp(self.norm2(x_BND).to(dtype), rows)  # type: ignore[no-any-return]


class PatchEmbed(nn.Module):
    """The strided convolution of the published model as one matrix product: weight [D, p*q*r]."""

    def __init__(self, patch: tuple[int, int, int], width: int) -> None:
        super().__init__()
        self.patch = patch
        self.proj = nn.Linear(patch[0] * patch[1] * patch[2], width)

    def forward(self, patches_BNP: Tensor) -> Tensor:
        """Patches [B, N, p*q*r] -> tokens [B, N, D]."""
        return self.proj(patches_BNP.to(self.proj.weight.dtype))  # type: ignore[no-any-return]


class VisionTransformer(nn.Module):
    """Volume [B, 1, H, W, D] in [-1, 1] -> latent tokens [B, 1 + N, D] (cls first), after the final norm."""

    pos_embed: Tensor

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.patch_embed = PatchEmbed(config.patch, config.width)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.width))
        self.register_buffer("pos_embed", sincos_positions(config.grid, config.width), persistent=False)
        self.blocks = nn.ModuleList(Block(config.width, config.heads, config.mlp_ratio) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width, eps=1e-6)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """The published initialisation: Xavier for every matrix, N(0, 0.02) for the cls token."""
        nn.init.normal_(self.cls_token, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(
        self, volume_B1HWD: Tensor, keep_BK: Tensor | None = None, *, pause: Pause = no_pause, rows: int | None = None
    ) -> Tensor:
        """Latent tokens [B, 1 + N, D], or [B, 1 + K, D] of the kept tokens in the order of `keep_BK` (masked training).

        keep_BK: int64 token indices per sample; only these patches are embedded at all. pause: called after each block.
        rows: tokens at a time where memory is short.
        """
        patches_BNP = patchify(volume_B1HWD, self.config.patch)
        positions = self.pos_embed[:, 1:]
        if keep_BK is not None:
            patches_BNP = patches_BNP.gather(1, keep_BK.unsqueeze(-1).expand(-1, -1, patches_BNP.shape[-1]))
            positions = positions[0, keep_BK]
        x_BND = self.patch_embed(patches_BNP) + positions
        cls = (self.cls_token + self.pos_embed[:, :1]).expand(x_BND.shape[0], -1, -1)
        x_BND = torch.cat([cls.to(x_BND.dtype), x_BND], dim=1)
        for block in self.blocks:
            x_BND = block(x_BND, rows=rows)
            pause()
        return self.norm(x_BND)  # type: ignore[no-any-return]

    def states(self, volume_B1HWD: Tensor, after: tuple[int, ...]) -> list[Tensor]:
        """Tokens [B, N, D] after the blocks named (counted from 1, in order) and after the last, without cls token and norm."""
        x_BND = self.patch_embed(patchify(volume_B1HWD, self.config.patch)) + self.pos_embed[:, 1:]
        out = []
        for number, block in enumerate(self.blocks, start=1):
            x_BND = block(x_BND)
            out += [x_BND] if number in after else []
        return [*out, x_BND]
