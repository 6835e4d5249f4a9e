"""What only training needs of the published model: image decoder, anatomy head, report decoder (asap-method 1.4, 1.5, 1.8).

Axes: B batch, N tokens of the grid, K visible, M masked and decoded, T = K + M, D width, P voxels of a patch, C organ classes,
L text positions, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asap.models.config import EncoderConfig, TextConfig
from asap.models.positions import sincos_positions
from asap.models.text_encoder import BertLayer
from asap.models.vit import Block
from asap_training.bert_dropout import Dropout, bert_layer
from asap_training.masking import rows_of


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes of the decoders; defaults as published. Widths are those of the encoders.

    organ_block: the anatomy head reads the tokens after this many blocks of the image decoder.
    """

    image_depth: int = 4
    image_heads: int = 16
    image_mlp_ratio: float = 4.0
    organ_block: int = 2
    organ_classes: int = 9
    report_depth: int = 6
    report_heads: int = 6
    report_mlp_ratio: float = 2.0


@dataclass(frozen=True, eq=False)
class Decoded:
    """voxels_BMP: guesses at the masked patches. middle_BTD: visible, then masked tokens after block `organ_block`."""

    voxels_BMP: Tensor
    middle_BTD: Tensor


class ImageDecoder(nn.Module):
    """Latent tokens -> voxels of the masked patches.

    The published decoder puts all tokens back into grid order and predicts every patch; its loss reads the masked ones only.
    Attention does not care about order, so here tokens stay in the order visible, masked, and only the masked are predicted:
    the same loss to rounding. With a part of the masked tokens left out, the others are decoded without them.
    """

    pos_embed: Tensor

    def __init__(self, encoder: EncoderConfig, config: DecoderConfig) -> None:
        super().__init__()
        width = encoder.width
        self.organ_block = config.organ_block
        self.embed = nn.Linear(width, width)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.register_buffer("pos_embed", sincos_positions(encoder.grid, width), persistent=False)
        self.blocks = nn.ModuleList(Block(width, config.image_heads, config.image_mlp_ratio) for _ in range(config.image_depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.voxels = nn.Linear(width, encoder.patch_voxels)
        xavier(self)
        nn.init.normal_(self.mask_token, std=0.02)

    def forward(self, latent_BND: Tensor, visible_BK: Tensor, masked_BM: Tensor) -> Decoded:
        """latent_BND: cls and the K visible tokens in the order of `visible_BK`."""
        embedded_BND = self.embed(latent_BND)
        guess_BMD = self.mask_token.to(embedded_BND.dtype).expand(len(masked_BM), masked_BM.shape[1], -1)
        positions_BTD = self.pos_embed[0, 1 + torch.cat([visible_BK, masked_BM], dim=1)]
        tokens_BTD = torch.cat([embedded_BND[:, 1:], guess_BMD], dim=1) + positions_BTD
        cls_B1D = (embedded_BND[:, :1] + self.pos_embed[:, :1]).to(tokens_BTD.dtype)
        x_BTD, middle_BTD = torch.cat([cls_B1D, tokens_BTD], dim=1), tokens_BTD
        for number, block in enumerate(self.blocks, start=1):
            x_BTD = block(x_BTD)
            if number == self.organ_block:
                middle_BTD = x_BTD[:, 1:]
        return Decoded(self.voxels(self.norm(x_BTD[:, -masked_BM.shape[1] :])), middle_BTD)


class AnatomyHead(nn.Module):
    """Decoder states -> logits of each organ's share of the patch (1.5). Linear, LayerNorm, ReLU, Linear."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, classes)
        self.norm = nn.LayerNorm(classes, eps=1e-6)
        self.out = nn.Linear(classes, classes)
        xavier(self)

    def forward(self, middle_BTD: Tensor) -> Tensor:
        """[B, T, D] -> [B, T, C]."""
        return self.out(F.relu(self.norm(self.hidden(middle_BTD))))  # type: ignore[no-any-return]


class ReportDecoder(nn.Module):
    """Fused text states [B, L, D] -> decoded states, and logits over the vocabulary at the positions asked for (1.8)."""

    def __init__(self, text: TextConfig, config: DecoderConfig) -> None:
        super().__init__()
        width = text.width
        self.layers = nn.ModuleList(
            BertLayer(width, config.report_heads, config.report_mlp_ratio) for _ in range(config.report_depth)
        )
        self.dense = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.vocabulary = nn.Linear(width, text.vocab)
        bert_initial(self)

    def forward(self, x_BLD: Tensor, attend_B11L: Tensor, dropout: Dropout) -> Tensor:
        """Decoded states [B, L, D]."""
        for layer in self.layers:
            assert isinstance(layer, BertLayer)  # what a ModuleList holds is not known to the type checker
            x_BLD = bert_layer(layer, x_BLD, attend_B11L, dropout)
        return x_BLD

    def logits(self, states_TD: Tensor) -> Tensor:
        """[T, D] -> [T, V]."""
        return self.vocabulary(self.norm(F.gelu(self.dense(states_TD))))  # type: ignore[no-any-return]


def in_decoder_order(values_BND: Tensor, visible_BK: Tensor, masked_BM: Tensor) -> Tensor:
    """Values of the grid's tokens [B, N, D] in the decoder's order [B, K + M, D]."""
    return rows_of(values_BND, torch.cat([visible_BK, masked_BM], dim=1))


def xavier(module: nn.Module) -> None:
    """The published initialisation of everything on the image side: Xavier matrices, zero biases."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.xavier_uniform_(part.weight)
            nn.init.zeros_(part.bias)


def bert_initial(module: nn.Module) -> None:
    """BERT's initialisation: N(0, 0.02) matrices, zero biases."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, std=0.02)
            nn.init.zeros_(part.bias)
