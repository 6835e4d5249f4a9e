"""What a run starts from: imported weights, or a text encoder and, if wanted, the blocks of an image model (1.3, 1.6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from asap.errors import WeightsError
from asap.models.checkpoint_names import sources
from asap.models.import_checkpoint import read_foreign
from asap_training.pretraining_model import PretrainingModel
from asap_training.published_names import load_imported

BERT_PREFIX = "bert_encoder.bert."


@dataclass(frozen=True)
class Start:
    """weights: a folder `asap weights import` or an earlier run wrote. text_encoder: folder or file of a BERT (CXR-BERT).

    image_blocks: file with `blocks.*` and `norm.*` of a vision transformer of the same width, as the published run took them from
    a masked autoencoder of photographs (`mae_pretrain_vit_base.pth`). Files are safetensors, or `.pth` and `.bin`, which a
    confined child process opens (`asap.models.import_checkpoint`). Whatever is not named starts at random.
    """

    weights: Path | None = None
    text_encoder: Path | None = None
    image_blocks: Path | None = None


def start_from(model: PretrainingModel, start: Start) -> None:
    """Fill the model with what there is to start from. WeightsError where a file cannot be read or does not fit."""
    if start.weights is not None:
        load_imported(model, start.weights)
    if start.text_encoder is not None:
        entries = {_bert_name(name): value for name, value in read_foreign(start.text_encoder).items()}
        _take(model, {BERT_PREFIX + name: value for name, value in entries.items()}, "text_encoder.")
    if start.image_blocks is not None:
        _take(model, read_foreign(start.image_blocks), "image_encoder.blocks.", "image_encoder.norm.")


def _bert_name(name: str) -> str:
    return name.removeprefix("bert.").replace(".gamma", ".weight").replace(".beta", ".bias")


def _take(model: PretrainingModel, entries: Mapping[str, Tensor], *prefixes: str) -> None:
    """Copy the parameters below the prefixes from published entries; every one of them must be there."""
    for ours, theirs in sources(model.recipe.model).items():
        if not ours.startswith(prefixes):
            continue
        parameter = model.asap.get_parameter(ours)
        missing = [name for name in theirs if name not in entries]
        if missing or sum(entries[name].numel() for name in theirs) != parameter.numel():
            raise WeightsError(f"The weights to start from do not fit the recipe's model, for example {theirs[0]}.")
        with torch.no_grad():
            parameter.copy_(torch.cat([entries[name] for name in theirs]).reshape(parameter.shape))
