"""A model ready to answer, from a catalogue name or a folder of weights."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from asap.errors import WeightsError
from asap.models.asap import Asap
from asap.models.catalog import MODELS, TEST_CONFIG, TEST_WORDS, ModelEntry, model_folder
from asap.models.config import AsapConfig
from asap.models.weights import StoredWeights, read_weights
from asap.models.wordpiece import WordPiece

if TYPE_CHECKING:
    from asap.models.mini import AsapMini

PROCESSOR = torch.device("cpu")
Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True, eq=False)
class LoadedAsap:
    """`Asap` in evaluation mode with its tokenizer. weights_sha256 identifies the weights in caches and answers."""

    name: str
    model: Asap
    tokenizer: WordPiece
    weights_sha256: str
    calibration: Mapping[str, Any] | None


@dataclass(frozen=True, eq=False)
class LoadedMini:
    """`AsapMini` in evaluation mode; it reads sentences by itself."""

    name: str
    model: AsapMini
    weights_sha256: str
    calibration: Mapping[str, Any] | None


LoadedModel = LoadedAsap | LoadedMini


def load_model(source: str | Path, dtype: torch.dtype | None = None) -> LoadedModel:
    """Load by catalogue name ("asap-base", "asap-mini", "asap-test") or from a folder (Path) of weights.

    dtype: of the published architecture's matrices and embeddings; None takes bfloat16 where the processor multiplies it in
    hardware, else float32. The embedded model is small and computes in float32 unless told. Tensors stay memory-mapped when
    they are stored in that type. Raises WeightsError.
    """
    entry = MODELS.get(source) if isinstance(source, str) else None
    if entry is not None and entry.seed is not None:
        return _made_from_seed(entry, entry.seed, dtype or preferred_dtype())
    folder = source if isinstance(source, Path) else model_folder(source)
    stored = read_weights(folder)
    if stored.manifest.architecture == "asap-mini":
        return _assemble_mini(stored, dtype)
    return _assemble_asap(stored, dtype or preferred_dtype())


def fill(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put tensors into a model in place of its own, without copies. WeightsError unless names and shapes agree exactly."""
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    if {name: tuple(value.shape) for name, value in tensors.items()} != expected:
        raise WeightsError("The weights do not fit the sizes of the model they are said to be.")
    model.load_state_dict(dict(tensors), strict=True, assign=True)


def preferred_device() -> torch.device:
    """A GPU where torch finds one (CUDA_VISIBLE_DEVICES="" hides it), else the processor."""
    return torch.device("cuda") if torch.cuda.is_available() else PROCESSOR


def preferred_dtype(device: torch.device = PROCESSOR) -> torch.dtype:
    """bfloat16 where the device has instructions for it (AVX512-BF16, AMX; NVIDIA from Ampere on), else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # there is no public question for this
    return torch.bfloat16 if supported is not None and supported() else torch.float32


def seeded_state(model: nn.Module, seed: int) -> dict[str, Tensor]:
    """Random float32 weights that depend on the seed and the parameter's name only, not on the version of torch."""
    state = {}
    for name, value in model.state_dict().items():
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        x = rng.standard_normal(tuple(value.shape), dtype=np.float32)
        if value.dim() > 1:
            x *= value.shape[-1] ** -0.5
        elif name.endswith("weight"):
            x = 1 + np.float32(0.1) * x
        else:
            x *= np.float32(0.02)
        state[name] = torch.from_numpy(x)
    return state


def _assemble_asap(stored: StoredWeights, dtype: torch.dtype) -> LoadedAsap:
    manifest = stored.manifest
    if stored.tokenizer_json is None:
        raise WeightsError("The weights have no tokenizer beside them; import them again.")
    config = AsapConfig.from_json(manifest.config)
    with torch.device("meta"):
        model = Asap(config)
    fill(model, stored.tensors)
    tokenizer = WordPiece.from_json(stored.tokenizer_json, config.text.max_positions)
    if tokenizer.vocabulary_size > config.text.vocab:
        raise WeightsError("The tokenizer has more tokens than the model knows.")
    return LoadedAsap(manifest.name, frozen(model.set_precision(dtype)), tokenizer, manifest.weights_sha256, manifest.calibration)


def _assemble_mini(stored: StoredWeights, dtype: torch.dtype | None) -> LoadedMini:
    from asap.models.mini import AsapMini  # noqa: PLC0415 - its sentence rules are of no use to the published model
    from asap.models.mini_image import MiniConfig  # noqa: PLC0415

    manifest = stored.manifest
    config = MiniConfig.from_json(manifest.config)
    model = AsapMini(config)  # a few MB: built with its tables, then filled
    fill(model, stored.tensors)
    model = frozen(model.to(dtype or torch.float32))
    return LoadedMini(manifest.name, model, manifest.weights_sha256, manifest.calibration)


def _made_from_seed(entry: ModelEntry, seed: int, dtype: torch.dtype) -> LoadedAsap:
    with torch.device("meta"):
        model = Asap(TEST_CONFIG)
    state = seeded_state(model, seed)
    digest = hashlib.sha256(b"".join(value.numpy().tobytes() for value in state.values())).hexdigest()
    fill(model, state)
    tokenizer = WordPiece.from_vocabulary(TEST_WORDS, TEST_CONFIG.text.max_positions)
    return LoadedAsap(entry.name, frozen(model.set_precision(dtype)), tokenizer, digest, None)


def frozen(model: Module) -> Module:
    """The model in evaluation mode, asking for no gradients."""
    model.eval()
    model.requires_grad_(False)
    return model
