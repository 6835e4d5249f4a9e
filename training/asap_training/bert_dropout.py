"""BERT layers of `asap.models` with the dropout of training, which inference leaves out.

Axes: B batch, L queries, N keys, D width.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from asap.models.text_encoder import BertLayer, TextEncoder
from asap.models.vit import Attention


@dataclass(frozen=True)
class Dropout:
    """hidden: share of each layer's output that is dropped. attention: share of the attention weights."""

    hidden: float = 0.0
    attention: float = 0.0


NO_DROPOUT = Dropout()


def dropped(x: Tensor, share: float) -> Tensor:
    """The tensor with a share of its values at zero and the rest scaled up; itself where the share is 0."""
    return F.dropout(x, share) if share else x


def mixed(q_BLD: Tensor, k_BND: Tensor, v_BND: Tensor, *, heads: int, bias: Tensor | None, dropout: float) -> Tensor:
    """Multi-head attention without its projections [B, L, D]. bias: added to the scores, or True where a key may be seen."""
    q, k, v = (x.view(*x.shape[:2], heads, -1).transpose(1, 2) for x in (q_BLD, k_BND, v_BND))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=dropout).transpose(1, 2).flatten(2)


def self_attention(attention: Attention, x_BLD: Tensor, attend_B11L: Tensor | None, dropout: Dropout) -> Tensor:
    """`Attention.forward` with dropout of the weights and of the result."""
    q, k, v = attention.qkv(x_BLD).chunk(3, dim=-1)
    out_BLD = attention.proj(mixed(q, k, v, heads=attention.heads, bias=attend_B11L, dropout=dropout.attention))
    return dropped(out_BLD, dropout.hidden)


def bert_layer(layer: BertLayer, x_BLD: Tensor, attend_B11L: Tensor | None, dropout: Dropout) -> Tensor:
    """`BertLayer.forward` with dropout."""
    x_BLD = layer.norm1(x_BLD + self_attention(layer.attn, x_BLD, attend_B11L, dropout))
    return layer.norm2(x_BLD + dropped(layer.mlp(x_BLD), dropout.hidden))  # type: ignore[no-any-return]


def encoded_text(encoder: TextEncoder, ids_BL: Tensor, mask_BL: Tensor, dropout: Dropout) -> Tensor:
    """Last hidden states of the frozen text encoder [B, L, D].

    The released training leaves the dropout of its frozen encoder on, since `model.train()` reaches it (1.6): features of one
    sentence then differ from step to step. With NO_DROPOUT this is the encoder itself.
    """
    if dropout == NO_DROPOUT:
        return encoder(ids_BL, mask_BL)  # type: ignore[no-any-return]
    embedded = encoder.word_embeddings(ids_BL) + encoder.position_embeddings.weight[: ids_BL.shape[1]]
    x_BLD = dropped(encoder.norm(embedded + encoder.token_type_embeddings.weight[0]), dropout.hidden)
    attend_B11L = mask_BL.bool()[:, None, None, :]
    for layer in encoder.layers:
        assert isinstance(layer, BertLayer)  # what a ModuleList holds is not known to the type checker
        x_BLD = bert_layer(layer, x_BLD, attend_B11L, dropout)
    return x_BLD
