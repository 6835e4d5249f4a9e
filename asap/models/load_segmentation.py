"""The segmentation heads of a model: one folder of weights for both, bound to the trunk whose features they were trained on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from asap.errors import WeightsError
from asap.models.catalog import PACKAGED_WEIGHTS, user_weights
from asap.models.load import fill, frozen
from asap.models.manifest import MANIFEST_NAME, Manifest, read_manifest
from asap.models.segmentation_head import HeadConfig, SegmentationHead
from asap.models.weights import read_weights, write_weights

ARCHITECTURE = "asap-mini-segmentation"
HEADS = ("organs", "lesions")


@dataclass(frozen=True, eq=False)
class SegmentationHeads:
    """Both heads in evaluation mode. weights_sha256 identifies them."""

    organs: SegmentationHead
    lesions: SegmentationHead
    weights_sha256: str


def segmentation_folder(model: str) -> Path | None:
    """Folder of a model's segmentation heads, the user's before the package's; None when there is none."""
    for root in (user_weights(), PACKAGED_WEIGHTS):
        if (root / f"{model}-segmentation" / MANIFEST_NAME).is_file():
            return root / f"{model}-segmentation"
    return None


def belongs_to(folder: Path, trunk_sha256: str) -> bool:
    """Whether a folder's heads were trained on the features of these weights. WeightsError when it cannot be read."""
    return read_manifest(folder).config.get("trunk_sha256") == trunk_sha256


def load_segmentation(folder: Path, trunk_sha256: str) -> SegmentationHeads:
    """Both heads of a folder. WeightsError when they are damaged, or were trained on the features of another trunk."""
    stored = read_weights(folder)
    config = stored.manifest.config
    if stored.manifest.architecture != ARCHITECTURE or set(config) != {"trunk_sha256", *HEADS}:
        raise WeightsError("These weights are no segmentation heads of this version.")
    if config["trunk_sha256"] != trunk_sha256:
        raise WeightsError("The segmentation heads belong to other weights of the model; install those that belong to these.")
    heads = {name: _head(config[name], stored.tensors, f"{name}.") for name in HEADS}
    return SegmentationHeads(**heads, weights_sha256=stored.manifest.weights_sha256)


def write_segmentation(
    folder: Path, heads: dict[str, tuple[HeadConfig, dict[str, Tensor]]], trunk_sha256: str, *, source: str, licence: str
) -> Manifest:
    """Write both heads (name -> sizes and weights) in bfloat16 and return their manifest. Raises OutputError."""
    tensors = {f"{name}.{key}": value.to(torch.bfloat16) for name, (_, state) in heads.items() for key, value in state.items()}
    config: dict[str, Any] = {"trunk_sha256": trunk_sha256} | {name: asdict(sizes) for name, (sizes, _) in heads.items()}
    return write_weights(
        folder, tensors, name=folder.name, architecture=ARCHITECTURE, config=config, source=source, licence=licence
    )


def _head(config: Any, tensors: Any, prefix: str) -> SegmentationHead:
    head = SegmentationHead(HeadConfig.from_json(config))
    fill(head, {name.removeprefix(prefix): value.float() for name, value in tensors.items() if name.startswith(prefix)})
    head.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return frozen(head)
