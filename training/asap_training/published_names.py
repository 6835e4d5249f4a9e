"""The rest of a published checkpoint's names: what `PretrainingModel` makes of the entries only training reads (1.10).

`asap.models.checkpoint_names` knows what becomes of all 584; this is the literal mapping of those it keeps for training.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from asap.errors import WeightsError
from asap.models.checkpoint_names import BLOCK_PARTS, HEAD_PARTS, LAYER_PARTS, from_checkpoint
from asap.models.manifest import Manifest
from asap.models.weights import read_weights, verified_file, write_weights
from asap.models.wordpiece import WordPiece
from asap_training.pretraining_model import PretrainingModel

FUSION = {
    "attn.proj": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "query": "cross_self_attention.query",
    "gap": "gap_mlp",
    "out": "out_layer.dense",
    "norm2": "out_layer.LayerNorm",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
    "norm3": "output.LayerNorm",
}
ANATOMY = {
    "hidden": "decoder_injection_pred_layer_0",
    "norm": "decoder_injection_pred_norm",
    "out": "decoder_injection_pred_layer_1",
}
# What the corrected recipe adds to the published model, kept under its own names; a published checkpoint leaves these at their
# first values.
ADDED = ("study_heads.", "fusion.similarity_scale_H")


def training_sources(model: PretrainingModel) -> dict[str, tuple[str, ...]]:
    """For every parameter that only training has: the published entries it is made of (several where a product is fused)."""
    decoders = model.recipe.decoders
    table: dict[str, tuple[str, ...]] = {"image_decoder.mask_token": ("mask_token",)}
    for kind in ("weight", "bias"):
        for ours, theirs in (("embed", "decoder_embed"), ("norm", "decoder_norm"), ("voxels", "decoder_pred_layer")):
            table[f"image_decoder.{ours}.{kind}"] = (f"{theirs}.{kind}",)
        for i in range(decoders.image_depth):
            for part in BLOCK_PARTS:
                table[f"image_decoder.blocks.{i}.{part}.{kind}"] = (f"decoder_blocks.{i}.{part}.{kind}",)
        if model.anatomy_head is not None:
            table |= {f"anatomy_head.{ours}.{kind}": (f"{theirs}.{kind}",) for ours, theirs in ANATOMY.items()}
        table |= {f"report_head.{ours}.{kind}": (f"bert_feature_proj.{old}.{kind}",) for old, ours in HEAD_PARTS.items()}
        table[f"image_to_report.{kind}"] = (f"bert_mlp.{kind}",)
        table |= _fusion(kind)
        for i in range(decoders.report_depth):
            table |= _report_layer(i, kind)
        head = "bert_decoder.cls.predictions"
        table[f"report_decoder.dense.{kind}"] = (f"{head}.transform.dense.{kind}",)
        table[f"report_decoder.norm.{kind}"] = (f"{head}.transform.LayerNorm.{kind}",)
        table[f"report_decoder.vocabulary.{kind}"] = (f"{head}.decoder.{kind}",)
    return table


def _fusion(kind: str) -> dict[str, tuple[str, ...]]:
    layer = "bert_decoder.bert.fusion_layer"
    table: dict[str, tuple[str, ...]] = {
        f"fusion.{ours}.{kind}": (f"{layer}.{theirs}.{kind}",) for ours, theirs in FUSION.items()
    }
    own, cross = f"{layer}.attention.self", f"{layer}.cross_self_attention"
    table[f"fusion.attn.qkv.{kind}"] = tuple(f"{own}.{part}.{kind}" for part in ("query", "key", "value"))
    table[f"fusion.key_value.{kind}"] = (f"{cross}.key.{kind}", f"{cross}.value.{kind}")
    return table


def _report_layer(i: int, kind: str) -> dict[str, tuple[str, ...]]:
    layer, ours = f"bert_decoder.bert.encoder.layer.{i}", f"report_decoder.layers.{i}"
    table: dict[str, tuple[str, ...]] = {f"{ours}.{new}.{kind}": (f"{layer}.{old}.{kind}",) for old, new in LAYER_PARTS.items()}
    table[f"{ours}.attn.qkv.{kind}"] = tuple(f"{layer}.attention.self.{part}.{kind}" for part in ("query", "key", "value"))
    return table


def load_published(model: PretrainingModel, entries: Mapping[str, Tensor]) -> None:
    """Fill the model from the entries of a published checkpoint. WeightsError when one is missing or has another shape."""
    state = {f"asap.{name}": value for name, value in from_checkpoint(entries, model.recipe.model).items()}
    load_state(model, state | training_state(model, entries))


def load_imported(model: PretrainingModel, folder: Path) -> None:
    """Fill the model from a folder that `asap weights import` wrote. WeightsError where it does not fit."""
    stored = read_weights(folder)
    if "training" not in stored.manifest.files:
        raise WeightsError("These weights have no training part beside them; import the published checkpoint, which has one.")
    try:
        entries = load_file(verified_file(folder, stored.manifest, "training"))
    except SafetensorError as error:
        raise WeightsError("The training part of the weights is damaged; import the checkpoint again.") from error
    load_state(model, {f"asap.{name}": value for name, value in stored.tensors.items()} | training_state(model, entries))


def write_trained(model: PretrainingModel, tokenizer: WordPiece, folder: Path, source: str) -> Manifest:
    """Write what a run trained as weights `asap` loads by their folder, with the part that only further training reads.

    Float32. OutputError when the disk refuses.
    """
    return write_weights(
        folder,
        {name: value.detach().cpu() for name, value in model.asap.state_dict().items()},
        name=model.recipe.name.replace("_", "-"),
        architecture="asap",
        config=model.recipe.model.to_json(),
        source=source,
        licence="that of the data it was trained on",
        tokenizer_json=tokenizer.to_json(),
        training={name: value.detach().cpu() for name, value in (published_state(model) | added_state(model)).items()},
    )


def training_state(model: PretrainingModel, entries: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of what only training has, from published entries."""
    out = {}
    for ours, theirs in training_sources(model).items():
        missing = [name for name in theirs if name not in entries]
        if missing:
            raise WeightsError(f"The checkpoint has no entry {missing[0]}.")
        out[ours] = entries[theirs[0]] if len(theirs) == 1 else torch.cat([entries[name] for name in theirs])
    return out | {name: entries[name] for name in added_state(model) if name in entries}


def added_state(model: PretrainingModel) -> dict[str, Tensor]:
    """What the corrected recipe has and no published checkpoint, under its own names."""
    return {name: value for name, value in model.state_dict().items() if name.startswith(ADDED)}


def published_state(model: PretrainingModel) -> dict[str, Tensor]:
    """Inverse of `training_state`: what only training has, under its published names, so that training can go on elsewhere."""
    state = model.state_dict()
    out: dict[str, Tensor] = {}
    for ours, theirs in training_sources(model).items():
        out |= dict(zip(theirs, state[ours].chunk(len(theirs)), strict=True))
    return out


def load_state(model: PretrainingModel, state: Mapping[str, Tensor]) -> None:
    """Take copies of a state in float32; only what the corrected recipe adds may be absent. WeightsError otherwise.

    The model may be on the meta device, its fixed positions excepted.
    """
    expected = model.state_dict()
    absent = [name for name in expected if name not in state and not name.startswith(ADDED)]
    wrong = [name for name, value in state.items() if name not in expected or expected[name].shape != value.shape]
    if absent or wrong:
        raise WeightsError(f"The weights do not fit the recipe's model, for example {(absent + wrong)[0]}.")
    copies = {name: value.to(torch.float32, copy=True) for name, value in state.items()}
    model.load_state_dict(copies, strict=False, assign=True)
