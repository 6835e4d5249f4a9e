"""A causal language model that reads a chest CT: visual prefix, prompt, answer. Local safetensors only, no remote code.

`transformers` and `peft` are imported by the functions that need them; they come with `asap-ct[report]`.
Axes: B batch, N cells, C numbers of a cell, Q prefix tokens, T text tokens, L language width, V vocabulary.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asap.errors import InputError, WeightsError
from asap.models.manifest import sha256_of
from asap.models.visual_prefix import PREFIXES, PrefixConfig
from asap.torchvision_guard import guard_torchvision

NOT_INSTALLED = 'Language models need the extra "report": pip install "asap-ct[report]".'
# Attention and feed-forward matrices, the seven linear kinds the published recipe adapts.
LORA_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
EXECUTABLE = (".py", ".bin", ".pt", ".pth", ".pkl", ".ckpt")


class LanguageDecoder(nn.Module):
    """Prefix and language model. The language model's own weights stay as they are; adapters and prefix learn."""

    def __init__(self, language: Any, tokenizer: Any, config: PrefixConfig) -> None:
        super().__init__()
        self.language = language
        self.tokenizer = tokenizer
        self.config = config
        self.prefix = PREFIXES[config.kind](config)

    def embedded(self, cells_BNC: Tensor, ids_BT: Tensor) -> Tensor:
        """Prefix and text in the language model's own space, [B, Q + T, L]."""
        text_BTL = self.language.get_input_embeddings()(ids_BT)
        prefix_BQL = self.prefix(cells_BNC.to(text_BTL.dtype)).to(text_BTL.dtype)
        return torch.cat([prefix_BQL, text_BTL], dim=1)

    def loss(self, cells_BNC: Tensor, ids_BT: Tensor, mask_BT: Tensor, weight_BT: Tensor) -> Tensor:
        """Weighted mean of the cross-entropy of the next token: sum of weight * CE / sum of weights (Med3D-R1).

        mask_BT: 1 where there is text. weight_BT: 0 for the prompt and the padding, above 1 for tokens that name something
        abnormal.
        """
        inputs_BSL = self.embedded(cells_BNC, ids_BT)
        prefix = inputs_BSL.shape[1] - ids_BT.shape[1]
        mask_BS = F.pad(mask_BT, (prefix, 0), value=1)
        logits_BTV = self.language(inputs_embeds=inputs_BSL, attention_mask=mask_BS).logits[:, prefix - 1 : -1].float()
        each_BT = F.cross_entropy(logits_BTV.flatten(0, 1), ids_BT.flatten(), reduction="none").view_as(ids_BT)
        return (each_BT * weight_BT).sum() / weight_BT.sum().clamp(min=1e-6)


def load_language_model(folder: Path) -> tuple[Any, Any]:
    """(language model, tokenizer) from a local folder in Hugging Face's layout, in evaluation mode.

    Raises InputError when the folder holds no safetensors, or files that could run code; WeightsError when they do not load.
    """
    transformers = _transformers()
    check_folder(folder)
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        language = transformers.AutoModelForCausalLM.from_pretrained(str(folder), use_safetensors=True, **options)
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder), **options)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise WeightsError("The language model's files do not load; download them again.") from error
    return language.eval(), tokenizer


def check_folder(folder: Path) -> None:
    """InputError unless the folder holds a language model in files that cannot run code."""
    if not (folder / "config.json").is_file() or not list(folder.glob("*.safetensors")):
        raise InputError("This folder holds no language model: config.json and *.safetensors are needed, on this machine.")
    if any(path.suffix in EXECUTABLE for path in folder.iterdir()):
        raise InputError("The language model's folder holds files that can run code (.py, .bin, .pt); keep safetensors only.")


def revision_of(folder: Path) -> str:
    """Digest over the folder's configuration, tokenizer and weights: the revision an adapter is pinned to."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", ".safetensors", ".txt", ".model"):
            digest.update(f"{path.name} {sha256_of(path)}\n".encode())
    return digest.hexdigest()


def with_lora(language: Any, *, rank: int = 8, alpha: int = 32, dropout: float = 0.1) -> Any:
    """The language model with low-rank adapters on its linear layers (defaults as published); all else frozen."""
    guard_torchvision()
    try:
        import peft  # noqa: PLC0415 - heavy, and an extra
    except ImportError as error:
        raise InputError(NOT_INSTALLED) from error
    named = {name.rsplit(".", 1)[-1] for name, module in language.named_modules() if isinstance(module, nn.Linear)}
    targets: Sequence[str] = [name for name in LORA_TARGETS if name in named]
    if not targets:
        raise InputError("This language model has none of the linear layers adapters are made for.")
    config = peft.LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=list(targets), task_type="CAUSAL_LM")
    return peft.get_peft_model(language, config)


def _transformers() -> Any:
    guard_torchvision()
    try:
        import transformers  # noqa: PLC0415 - heavy, and an extra
    except ImportError as error:
        raise InputError(NOT_INSTALLED) from error
    return transformers
