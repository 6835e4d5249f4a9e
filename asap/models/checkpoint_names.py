"""The names of a published ASAP or SimCroP checkpoint and what becomes of each (asap-method 1.10): a literal mapping.

Every name of the 584 of ASAP falls into one of three lists: used by `Asap`, kept for further training, or known dead
(never read by the released model's losses, or a constant that is computed here).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from asap.errors import WeightsError
from asap.models.config import AsapConfig
from asap.models.positions import sincos_positions

Fate = Literal["used", "training", "dead"]

USED = (
    "cls_token",
    "pos_embed",
    "patch_embed.proj.",
    "blocks.",
    "norm.",
    "bert_encoder.bert.embeddings.",
    "bert_encoder.bert.encoder.",
    "finding_align_img_mlp.",
    "align_text_mlp.",
    "regression_head.",
)
KEPT_FOR_TRAINING = (
    "mask_token",
    "decoder_embed.",
    "decoder_blocks.",
    "decoder_norm.",
    "decoder_pred_layer.",
    "decoder_injection_pred_layer_0.",
    "decoder_injection_pred_norm.",
    "decoder_injection_pred_layer_1.",
    "bert_feature_proj.",
    "bert_decoder.bert.encoder.",
    "bert_decoder.bert.fusion_layer.",
    "bert_decoder.cls.predictions.",
    "bert_mlp.",
)
# Dead: the fixed decoder positions, heads of the frozen encoder no loss reads, and the report decoder's own embeddings and
# pooler, which receive no gradient because its inputs are features (1.8). position_ids is an index buffer of some versions.
KNOWN_DEAD = (
    "decoder_pos_embed",
    "bert_encoder.cls.predictions.",
    "bert_encoder.cls_projection_head.",
    "bert_encoder.bert.pooler.",
    "bert_encoder.bert.embeddings.position_ids",
    "bert_decoder.bert.embeddings.",
    "bert_decoder.bert.pooler.",
    "bert_topk_mlp.",
)

HEADS = {"finding_align_img_mlp": "image_head", "align_text_mlp": "text_head"}
HEAD_PARTS = {"dense_to_hidden": "dense_to_hidden", "LayerNorm": "norm", "dense_to_output": "dense_to_output"}
LAYER_PARTS = {
    "attention.output.dense": "attn.proj",
    "attention.output.LayerNorm": "norm1",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
    "output.LayerNorm": "norm2",
}
EMBEDDINGS = ("word_embeddings", "position_embeddings", "token_type_embeddings")
BLOCK_PARTS = ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")


def fate(name: str) -> Fate | None:
    """What becomes of a checkpoint entry; None for a name no released model has."""
    for prefixes, answer in ((KNOWN_DEAD, "dead"), (KEPT_FOR_TRAINING, "training"), (USED, "used")):
        if any(name == p or (p.endswith(".") and name.startswith(p)) for p in prefixes):
            return answer  # type: ignore[return-value]
    return None


def sources(config: AsapConfig) -> dict[str, tuple[str, ...]]:
    """For every parameter of `Asap`: the checkpoint entries it is made of (three for a fused query-key-value, else one)."""
    table: dict[str, tuple[str, ...]] = {"image_encoder.cls_token": ("cls_token",)}
    for kind in ("weight", "bias"):
        table[f"image_encoder.patch_embed.proj.{kind}"] = (f"patch_embed.proj.{kind}",)
        table[f"image_encoder.norm.{kind}"] = (f"norm.{kind}",)
        for i in range(config.encoder.depth):
            for part in BLOCK_PARTS:
                table[f"image_encoder.blocks.{i}.{part}.{kind}"] = (f"blocks.{i}.{part}.{kind}",)
        for old, new in HEADS.items():
            for old_part, new_part in HEAD_PARTS.items():
                table[f"{new}.{new_part}.{kind}"] = (f"{old}.{old_part}.{kind}",)
        table[f"regression_head.{kind}"] = (f"regression_head.{kind}",)
        table[f"text_encoder.norm.{kind}"] = (f"bert_encoder.bert.embeddings.LayerNorm.{kind}",)
        for i in range(config.text.depth):
            layer, ours = f"bert_encoder.bert.encoder.layer.{i}", f"text_encoder.layers.{i}"
            parts = ("query", "key", "value")
            table[f"{ours}.attn.qkv.{kind}"] = tuple(f"{layer}.attention.self.{part}.{kind}" for part in parts)
            for old_part, new_part in LAYER_PARTS.items():
                table[f"{ours}.{new_part}.{kind}"] = (f"{layer}.{old_part}.{kind}",)
    for name in EMBEDDINGS:
        table[f"text_encoder.{name}.weight"] = (f"bert_encoder.bert.embeddings.{name}.weight",)
    return table


def from_checkpoint(state: Mapping[str, Tensor], config: AsapConfig) -> dict[str, Tensor]:
    """The state of `Asap` from a checkpoint's entries, without copies where possible.

    Raises WeightsError when an entry is missing or its positions are not the fixed ones of this grid. Shapes are checked by
    whoever loads the result.
    """
    out: dict[str, Tensor] = {}
    for ours, theirs in sources(config).items():
        missing = [name for name in theirs if name not in state]
        if missing:
            raise WeightsError(f"The checkpoint has no entry {missing[0]}.")
        value = state[theirs[0]] if len(theirs) == 1 else torch.cat([state[name] for name in theirs])
        out[ours] = value.reshape(value.shape[0], -1) if ours == "image_encoder.patch_embed.proj.weight" else value
    positions = state.get("pos_embed")
    if positions is not None:
        expected = sincos_positions(config.encoder.grid, config.encoder.width)
        if positions.shape != expected.shape or not torch.allclose(positions.float(), expected, atol=1e-3):
            raise WeightsError("The checkpoint's position table is not the fixed sine-cosine table of this token grid.")
    return out
