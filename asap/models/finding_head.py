"""The finding head: a small network over a trunk's cells that tells findings apart, cell by cell.

Grounding asks how well a cell fits one sentence; the head compares all findings at once, so that a consolidation is not also a
mass. It is trained on the frozen cells of one trunk and belongs to that trunk alone.
Axes: N cells, C numbers of a cell, K findings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asap.errors import WeightsError
from asap.models.load import fill, frozen
from asap.models.weights import read_weights
from asap.text.statements import WORDINGS

FOLDER = "findings"
ARCHITECTURE = "finding-head"


@dataclass(frozen=True)
class FindingHeadConfig:
    """Sizes. cell_numbers: C of the trunk. trunk_sha256: digest of the trunk's weights. concepts: the K findings in order."""

    cell_numbers: int
    hidden: int
    trunk_sha256: str
    concepts: tuple[str, ...]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FindingHeadConfig:
        """Read a manifest's entry; WeightsError on anything else."""
        concepts = data.get("concepts")
        usable = (
            set(data) == {"cell_numbers", "hidden", "trunk_sha256", "concepts"}
            and all(type(data[key]) is int and 0 < data[key] <= 4096 for key in ("cell_numbers", "hidden"))
            and isinstance(data["trunk_sha256"], str)
            and isinstance(concepts, list)
            and all(concept in WORDINGS for concept in concepts)
        )
        if not usable:
            raise WeightsError("The finding head's sizes cannot be read; install the weights again.")
        return cls(data["cell_numbers"], data["hidden"], data["trunk_sha256"], tuple(data["concepts"]))


class FindingHead(nn.Module):
    """Two linear layers on every cell, which correct what the findings' statements say of it."""

    def __init__(self, config: FindingHeadConfig) -> None:
        super().__init__()
        self.config = config
        self.inner = nn.Linear(config.cell_numbers, config.hidden)
        self.outer = nn.Linear(config.hidden, len(config.concepts))
        nn.init.zeros_(self.outer.weight)  # untrained it says what the statements say
        nn.init.zeros_(self.outer.bias)

    def forward(self, cells_NC: Tensor, stated_NK: Tensor) -> Tensor:
        """Cells [..., C] and the log-odds of each finding's statement [..., K] -> log-odds of each finding [..., K]."""
        correction_NK: Tensor = self.outer(F.gelu(self.inner(cells_NC.to(self.inner.weight.dtype))))
        return stated_NK + correction_NK


@dataclass(frozen=True, eq=False)
class LoadedFindingHead:
    """A head ready to use. curves: the manifest's calibration, concept -> [slope, offset, prevalence]."""

    head: FindingHead
    curves: Mapping[str, Any]
    weights_sha256: str


def load_finding_head(model_folder: Path, trunk_sha256: str) -> LoadedFindingHead | None:
    """The head beside a model's weights; None when there is none, or the one there was made for another trunk.

    Raises WeightsError when the files are damaged.
    """
    folder = model_folder / FOLDER
    if not folder.is_dir():
        return None
    stored = read_weights(folder)
    if stored.manifest.architecture != ARCHITECTURE or stored.manifest.calibration is None:
        raise WeightsError("The finding head beside the weights is not one; install the weights again.")
    config = FindingHeadConfig.from_json(stored.manifest.config)
    if config.trunk_sha256 != trunk_sha256:
        return None
    with torch.device("meta"):
        head = FindingHead(config)
    fill(head, stored.tensors)
    return LoadedFindingHead(frozen(head.float()), stored.manifest.calibration, stored.manifest.weights_sha256)
