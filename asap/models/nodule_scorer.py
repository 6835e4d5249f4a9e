"""Scores candidates for nodules (`asap.inference.lung_spots`): a small convolutional network over the image around each.

Axes: C candidates, P voxels along an edge of a patch, K what a candidate may be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asap.errors import WeightsError
from asap.models.catalog import folder_for_trunk
from asap.models.config import values_from_json
from asap.models.conv3d import Conv3d
from asap.models.load import fill, frozen
from asap.models.manifest import Manifest
from asap.models.mini_image import WINDOWS_HU, windowed
from asap.models.weights import read_weights, write_weights

ARCHITECTURE = "nodule-scorer"
SCORED = ("nodule", "calcified_nodule")  # a calcified one is a nodule too


@dataclass(frozen=True)
class NoduleScorerConfig:
    """Sizes. weight: of a score's log-odds beside the trunk's. least: below this log-odds a candidate counts no less."""

    fine_channels: int = 12
    coarse_channels: int = 32
    width: int = 48
    weight: float = 1.0
    least: float = -5.0

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> NoduleScorerConfig:
        """Read a manifest's entry with the allow-list of this class; WeightsError on anything else."""
        return cls(**values_from_json(cls, data))


class NoduleScorer(nn.Module):
    """Log-odds that a candidate is a nodule, and a calcified one, from the 39 mm around it."""

    def __init__(self, config: NoduleScorerConfig) -> None:
        super().__init__()
        self.config = config
        fine, coarse = config.fine_channels, config.coarse_channels
        self.voxels_in = Conv3d(len(WINDOWS_HU), fine, 3)
        self.fine = Conv3d(fine, fine, 3)
        self.fine_norm = nn.GroupNorm(1, fine)
        self.halved = Conv3d(fine, coarse, 2, stride=2, padding=1)
        self.coarse = Conv3d(coarse, coarse, 3)
        self.coarse_norm = nn.GroupNorm(1, coarse)
        self.joined = nn.Linear(3 * coarse, config.width)
        self.out = nn.Linear(config.width, len(SCORED))

    def forward(self, patches_CPPP: Tensor) -> Tensor:
        """Patches in [-1, 1] over HU -1000..1000 -> log-odds [C, K]."""
        x = F.gelu(self.voxels_in(windowed(patches_CPPP[:, None])))
        x = F.gelu(self.fine_norm(self.fine(x)))
        x = F.gelu(self.halved(x))
        x = F.gelu(self.coarse_norm(self.coarse(x)))
        middle = x[:, :, x.shape[2] // 2, x.shape[3] // 2, x.shape[4] // 2]
        pooled = torch.cat([middle, x.amax(dim=(2, 3, 4)), x.mean(dim=(2, 3, 4))], dim=1)
        scores: Tensor = self.out(F.gelu(self.joined(pooled)))
        return scores


@dataclass(frozen=True, eq=False)
class LoadedNoduleScorer:
    """The scorer in evaluation mode. weights_sha256 identifies it."""

    model: NoduleScorer
    weights_sha256: str


def nodule_scorer_folder(model: str, trunk_sha256: str) -> Path | None:
    """Folder of the scorer for these very weights of a model, None without one. Raises WeightsError as `folder_for_trunk`."""
    return folder_for_trunk(f"{model}-nodules", trunk_sha256)


def load_nodule_scorer(folder: Path) -> LoadedNoduleScorer:
    """The scorer of a folder. WeightsError when it is damaged."""
    stored = read_weights(folder)
    config = stored.manifest.config
    if stored.manifest.architecture != ARCHITECTURE or set(config) != {"trunk_sha256", "scorer"}:
        raise WeightsError("These weights are no nodule scorer of this version.")
    scorer = NoduleScorer(NoduleScorerConfig.from_json(config["scorer"]))
    fill(scorer, dict(stored.tensors))
    return LoadedNoduleScorer(frozen(scorer), stored.manifest.weights_sha256)


def write_nodule_scorer(folder: Path, scorer: NoduleScorer, trunk_sha256: str, *, source: str, licence: str) -> Manifest:
    """Write a scorer in float32 and return its manifest. Raises OutputError."""
    config = {"trunk_sha256": trunk_sha256, "scorer": asdict(scorer.config)}
    return write_weights(
        folder, scorer.state_dict(), name=folder.name, architecture=ARCHITECTURE, config=config, source=source, licence=licence
    )
