"""The finding head of a model: a folder of weights beside the trunk's, bound to the trunk whose stages it was trained on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from asap.errors import WeightsError
from asap.models.catalog import folder_for_trunk
from asap.models.finding_head import FindingHead, FindingHeadConfig
from asap.models.load import fill, frozen
from asap.models.manifest import Manifest
from asap.models.weights import read_weights, write_weights
from asap.text.statements import WORDINGS

ARCHITECTURE = "finding-head"


@dataclass(frozen=True, eq=False)
class LoadedFindingHead:
    """The head in evaluation mode. weights_sha256 identifies it."""

    model: FindingHead
    weights_sha256: str

    @property
    def findings(self) -> tuple[str, ...]:
        """Concepts in the order of its outputs."""
        return self.model.config.findings

    @cached_property
    def stated_scale_K(self) -> Tensor:
        """What the statements' log-odds are multiplied by before the correction is added; on the processor."""
        return self.model.stated_scale.detach().cpu()


def finding_head_folder(model: str, trunk_sha256: str) -> Path | None:
    """Folder of the head for these very weights of a model, None without one. Raises WeightsError as `folder_for_trunk`."""
    return folder_for_trunk(f"{model}-findings", trunk_sha256)


def load_finding_head(folder: Path, trunk_sha256: str) -> LoadedFindingHead:
    """The head of a folder. WeightsError when it is damaged, or was trained on another trunk."""
    stored = read_weights(folder)
    config = stored.manifest.config
    if stored.manifest.architecture != ARCHITECTURE or set(config) != {"trunk_sha256", "head"}:
        raise WeightsError("These weights are no finding head of this version.")
    if config["trunk_sha256"] != trunk_sha256:
        raise WeightsError("The finding head belongs to other weights of the model; install the one that belongs to these.")
    sizes = FindingHeadConfig.from_json(config["head"])
    if not set(sizes.findings) <= set(WORDINGS):
        raise WeightsError("The finding head names findings that this version does not know; install one that fits it.")
    head = FindingHead(sizes)
    fill(head, {name: value.float() for name, value in stored.tensors.items()})
    head.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return LoadedFindingHead(frozen(head), stored.manifest.weights_sha256)


def write_finding_head(folder: Path, head: FindingHead, trunk_sha256: str, *, source: str, licence: str) -> Manifest:
    """Write a head in bfloat16 and return its manifest. Raises OutputError."""
    tensors = {name: value.to(torch.bfloat16) for name, value in head.state_dict().items()}
    sizes = asdict(head.config) | {"findings": list(head.config.findings)}
    config = {"trunk_sha256": trunk_sha256, "head": sizes}
    return write_weights(
        folder, tensors, name=folder.name, architecture=ARCHITECTURE, config=config, source=source, licence=licence
    )
