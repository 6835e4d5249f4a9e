"""Weights of a fine-tuned UNETR as a folder: the whole network, with what its labels are called and how it sees an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from asap.errors import WeightsError
from asap.models.config import EncoderConfig, values_from_json
from asap.models.load import fill, frozen
from asap.models.manifest import read_manifest
from asap.models.unetr import FEATURES, OVERLAP, Unetr
from asap.models.weights import read_weights, write_weights

ARCHITECTURE = "unetr"
MAX_LABELS = 64
MAX_LABEL_CHARS = 64
MAX_FEATURES = 64
HU_WINDOW = (-1000.0, 1000.0)


@dataclass(frozen=True)
class UnetrConfig:
    """How the network was trained. encoder: of one window. labels: outputs from 1. hu_window: what becomes -1 and 1.

    overlap: share of a window its neighbour covers too, when a whole image is segmented.
    """

    encoder: EncoderConfig
    labels: tuple[str, ...]
    features: int = FEATURES
    hu_window: tuple[float, float] = HU_WINDOW
    overlap: float = OVERLAP

    @property
    def window(self) -> tuple[int, int, int]:
        """Voxels of the network's input."""
        a, b, c = (size * cells for size, cells in zip(self.encoder.patch, self.encoder.grid, strict=True))
        return a, b, c

    def network(self) -> Unetr:
        """The network with random weights."""
        return Unetr(self.encoder, 1 + len(self.labels), self.features)


@dataclass(frozen=True, eq=False)
class LoadedUnetr:
    """A fine-tuned network in evaluation mode."""

    name: str
    config: UnetrConfig
    network: Unetr
    weights_sha256: str


def holds_unetr(folder: Path) -> bool:
    """Whether a folder's manifest says that it is one. WeightsError when it has none."""
    return read_manifest(folder).architecture == ARCHITECTURE


def write_unetr(folder: Path, config: UnetrConfig, state: Mapping[str, Tensor], *, source: str, licence: str) -> str:
    """Write in bfloat16; returns the digest of the weights. Raises OutputError; what was there before is then intact."""
    tensors = {name: value.to(torch.bfloat16) for name, value in state.items()}
    manifest = write_weights(
        folder, tensors, name=folder.name, architecture=ARCHITECTURE, config=asdict(config), source=source, licence=licence
    )
    return manifest.weights_sha256


def load_unetr(folder: Path) -> LoadedUnetr:
    """Raises WeightsError when the folder holds no such network, or a damaged one."""
    stored = read_weights(folder)
    if stored.manifest.architecture != ARCHITECTURE:
        raise WeightsError("These weights are no fine-tuned UNETR.")
    config = _config(stored.manifest.config)
    network = config.network()
    fill(network, {name: value.float() for name, value in stored.tensors.items()})
    return LoadedUnetr(stored.manifest.name, config, frozen(network), stored.manifest.weights_sha256)


def _config(data: Mapping[str, object]) -> UnetrConfig:
    encoder, labels, window = data.get("encoder"), data.get("labels"), data.get("hu_window")
    features, overlap = data.get("features"), data.get("overlap")
    _require(set(data) == {"encoder", "labels", "features", "hu_window", "overlap"} and isinstance(encoder, Mapping))
    _require(isinstance(labels, list) and 0 < len(labels) <= MAX_LABELS and all(_is_name(name) for name in labels))
    _require(isinstance(window, list) and len(window) == 2 and all(_is_number(n) for n in window) and window[0] < window[1])
    _require(type(features) is int and 1 <= features <= MAX_FEATURES)
    _require(_is_number(overlap) and 0 <= overlap < 1)  # type: ignore[operator]
    return UnetrConfig(
        EncoderConfig(**values_from_json(EncoderConfig, encoder)),  # type: ignore[arg-type]
        tuple(labels),  # type: ignore[arg-type]
        features,  # type: ignore[arg-type]
        (float(window[0]), float(window[1])),  # type: ignore[index]
        float(overlap),  # type: ignore[arg-type]
    )


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_LABEL_CHARS


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and abs(value) < 1e5  # type: ignore[arg-type]


def _require(ok: bool) -> None:
    if not ok:
        raise WeightsError("The configuration of these UNETR weights is not usable; train or copy them again.")
