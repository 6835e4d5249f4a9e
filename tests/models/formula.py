"""Formula-made weights and inputs of the parity reference (data/README.md, parity): no checkpoint is needed."""

from __future__ import annotations

import zlib

import numpy as np
import torch
from numpy.typing import NDArray

from asap.models.positions import sincos_positions


def formula_tensor(name: str, shape: tuple[int, ...], draw: str = "dev") -> torch.Tensor:
    """The value of one entry of the released state dict."""
    seed = zlib.crc32((draw + name).encode())
    x = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    if ("LayerNorm" in name or "norm" in name) and name.endswith("weight"):
        return torch.from_numpy(1 + 0.1 * x)
    return torch.from_numpy((0.02 if name.endswith("bias") else 0.04) * x)


def formula_checkpoint(
    shapes: dict[str, list[int]], draw: str = "dev", grid: tuple[int, int, int] = (14, 14, 14)
) -> dict[str, torch.Tensor]:
    """A whole state dict: positions keep their sine-cosine values, prediction heads are tied to the word embeddings."""
    state: dict[str, torch.Tensor] = {}
    for name, shape in shapes.items():
        if name in ("pos_embed", "decoder_pos_embed"):
            state[name] = sincos_positions(grid, shape[-1])
        elif not name.endswith("cls.predictions.decoder.weight") and not name.endswith("cls.predictions.decoder.bias"):
            state[name] = formula_tensor(name, tuple(shape), draw)
    for tower in ("bert_encoder", "bert_decoder"):
        if f"{tower}.cls.predictions.decoder.weight" in shapes:
            state[f"{tower}.cls.predictions.decoder.weight"] = state[f"{tower}.bert.embeddings.word_embeddings.weight"]
            state[f"{tower}.cls.predictions.decoder.bias"] = state[f"{tower}.cls.predictions.bias"]
    return {name: state[name] for name in shapes}


def formula_volumes(count: int = 2, shape: tuple[int, int, int] = (224, 224, 112)) -> NDArray[np.float32]:
    """The reference's input volumes [count, 1, H, W, D]."""
    rng = np.random.default_rng(zlib.crc32(b"devinput"))
    axes = [np.linspace(-1, 1, n, dtype=np.float32) for n in shape]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    volumes = []
    for _ in range(count):
        f = rng.uniform(1, 9, 3).astype(np.float32)
        p = rng.uniform(0, 6, 3).astype(np.float32)
        wave = 0.6 * np.sin(f[0] * x + p[0]) * np.cos(f[1] * y + p[1]) + 0.4 * np.sin(f[2] * z + p[2])
        volumes.append(np.clip(wave, -1, 1)[None])
    return np.stack(volumes).astype(np.float32)
