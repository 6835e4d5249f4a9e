"""What is learnt on top of a language model, on disk: visual prefix and low-rank adapters, pinned to that model's revision."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from asap.errors import WeightsError
from asap.models.language_decoder import LanguageDecoder, load_language_model, revision_of, with_lora
from asap.models.manifest import Manifest
from asap.models.visual_prefix import PrefixConfig
from asap.models.weights import read_weights, write_weights

ARCHITECTURE = "language-decoder"
SOURCE = "Visual prefix and low-rank adapters fine-tuned by asap_training.finetune; the language model itself is not part of it."


@dataclass(frozen=True)
class LoraConfig:
    """Rank and scale of the adapters; rank 0 means none."""

    rank: int = 8
    alpha: int = 32


def new_decoder(language_folder: Path, prefix: PrefixConfig, lora: LoraConfig) -> LanguageDecoder:
    """An untrained decoder over a local language model. Raises InputError or WeightsError."""
    language, tokenizer = load_language_model(language_folder)
    language.requires_grad_(False)
    if lora.rank:
        language = with_lora(language, rank=lora.rank, alpha=lora.alpha)
    return LanguageDecoder(language, tokenizer, prefix)


def learnt_tensors(decoder: LanguageDecoder) -> dict[str, Tensor]:
    """Prefix and adapters: every tensor that training changes."""
    return {name: value.detach().float() for name, value in decoder.named_parameters() if value.requires_grad}


def save_adapter(
    folder: Path, decoder: LanguageDecoder, lora: LoraConfig, *, language_folder: Path, trunk_sha256: str, name: str
) -> Manifest:
    """Write what was learnt. Raises OutputError when the disk refuses."""
    return write_weights(
        folder,
        learnt_tensors(decoder),
        name=name,
        architecture=ARCHITECTURE,
        config={
            "prefix": asdict(decoder.config),
            "lora": asdict(lora),
            "language_revision": revision_of(language_folder),
            "trunk_sha256": trunk_sha256,
        },
        source=SOURCE,
        licence="Apache-2.0",
    )


def load_adapter(folder: Path, *, language_folder: Path, trunk_sha256: str) -> LanguageDecoder:
    """A decoder as it was saved.

    Raises WeightsError when the files are damaged, or belong to another language model or another trunk.
    """
    stored = read_weights(folder)
    config = stored.manifest.config
    if stored.manifest.architecture != ARCHITECTURE or set(config) != {"prefix", "lora", "language_revision", "trunk_sha256"}:
        raise WeightsError("These weights are not an adapter of a language model.")
    if config["language_revision"] != revision_of(language_folder):
        raise WeightsError("The adapter belongs to another revision of the language model; use the one it was trained on.")
    if config["trunk_sha256"] != trunk_sha256:
        raise WeightsError("The adapter belongs to another image model; fine-tune it again for this one.")
    lora = _lora(config["lora"])
    decoder = new_decoder(language_folder, PrefixConfig.from_json(config["prefix"]), lora)
    missing = set(learnt_tensors(decoder)) ^ set(stored.tensors)
    if missing:
        raise WeightsError("The adapter does not fit the language model it is said to be for.")
    own = dict(decoder.named_parameters())
    with torch.no_grad():
        for key, value in stored.tensors.items():
            if own[key].shape != value.shape:
                raise WeightsError("The adapter does not fit the language model it is said to be for.")
            own[key].copy_(value)
    return decoder.eval()


def _lora(entry: Any) -> LoraConfig:
    usable = (
        isinstance(entry, dict) and set(entry) == {"rank", "alpha"} and all(type(n) is int and n >= 0 for n in entry.values())
    )
    if not usable:
        raise WeightsError("The adapter's sizes cannot be read; install it again.")
    return LoraConfig(**entry)
