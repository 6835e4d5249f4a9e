"""A model ready to answer, from a catalogue name or a folder of weights."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from asap.errors import WeightsError
from asap.models.asap import Asap
from asap.models.catalog import MODELS, TEST_CONFIG, TEST_WORDS, ModelEntry, model_folder
from asap.models.config import AsapConfig
from asap.models.weights import StoredWeights, read_weights
from asap.models.wordpiece import WordPiece


@dataclass(frozen=True, eq=False)
class LoadedAsap:
    """`Asap` in evaluation mode with its tokenizer. weights_sha256 identifies the weights in caches and answers."""

    name: str
    model: Asap
    tokenizer: WordPiece
    weights_sha256: str
    calibration: Mapping[str, Any] | None


def load_asap(source: str | Path, dtype: torch.dtype | None = None) -> LoadedAsap:
    """Load by catalogue name ("asap-base", "asap-test") or from a folder of weights.

    dtype: of matrices and embeddings; None takes bfloat16 where the processor multiplies it in hardware, else float32.
    Tensors stay memory-mapped when they are stored in that dtype. Raises WeightsError.
    """
    dtype = dtype or preferred_dtype()
    entry = MODELS.get(source) if isinstance(source, str) else None
    if entry is not None and entry.seed is not None:
        return _made_from_seed(entry, entry.seed, dtype)
    folder = source if isinstance(source, Path) else model_folder(source)
    return assemble(read_weights(folder), dtype)


def assemble(stored: StoredWeights, dtype: torch.dtype) -> LoadedAsap:
    """The model of verified weights. WeightsError when they are of another architecture or do not fit their own config."""
    manifest = stored.manifest
    if manifest.architecture != "asap" or stored.tokenizer_json is None:
        raise WeightsError("These weights are not those of an ASAP model with its tokenizer.")
    config = AsapConfig.from_json(manifest.config)
    with torch.device("meta"):
        model = Asap(config)
    fill(model, stored.tensors)
    tokenizer = WordPiece.from_json(stored.tokenizer_json, config.text.max_positions)
    if tokenizer.vocabulary_size > config.text.vocab:
        raise WeightsError("The tokenizer has more tokens than the model knows.")
    model.set_precision(dtype)
    return LoadedAsap(manifest.name, _frozen(model), tokenizer, manifest.weights_sha256, manifest.calibration)


def fill(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put tensors into a model built on the meta device, without copies. WeightsError unless names and shapes agree exactly."""
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    if {name: tuple(value.shape) for name, value in tensors.items()} != expected:
        raise WeightsError("The weights do not fit the sizes their manifest names.")
    model.load_state_dict(dict(tensors), strict=True, assign=True)


def preferred_dtype() -> torch.dtype:
    """bfloat16 where the processor has instructions for it (AVX512-BF16, AMX), else float32."""
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


def _made_from_seed(entry: ModelEntry, seed: int, dtype: torch.dtype) -> LoadedAsap:
    with torch.device("meta"):
        model = Asap(TEST_CONFIG)
    state = seeded_state(model, seed)
    digest = hashlib.sha256(b"".join(value.numpy().tobytes() for value in state.values())).hexdigest()
    fill(model, state)
    tokenizer = WordPiece.from_vocabulary(TEST_WORDS, TEST_CONFIG.text.max_positions)
    return LoadedAsap(entry.name, _frozen(model.set_precision(dtype)), tokenizer, digest, None)


def _frozen(model: Asap) -> Asap:
    model.eval()
    model.requires_grad_(False)
    return model
