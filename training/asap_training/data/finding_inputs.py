"""What a finding head trains from: the frozen trunk's stages inside the body of generated cases, and which cell holds what.

One file a volume, resumable; twins, which have no finding, beside some of their cases. A folder belongs to one trunk.
Axes: C channels, H W D voxels of 6 mm, h w d cells of 12 mm, F placed findings.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from asap.inference.finding_maps import FindingRows
from asap.inference.grounder import MiniGrounder
from asap.models.finding_head import head_inputs
from asap.models.load import LoadedMini
from asap.models.mini import MINI_GRID
from asap.models.mini_image import ImageStages
from asap.phantom.canvas import PlacedFinding
from asap.phantom.case import PhantomCase
from asap.preprocess import to_network_grid
from asap.text.statements import WORDINGS
from asap.volume import Volume
from asap_training.data.cells import cell_fractions
from asap_training.data.generated_cases import thorax_centre_ras_mm

NOT_AIR = -0.5  # on the network's scale, -500 HU
MARGIN = 1  # cells around the body


@dataclass(frozen=True, eq=False)
class HeadCase:
    """One volume. fine_CHWD, cells_Chwd: float16, as of `head_inputs`.

    stated_Khwd: float16, log-odds of the statements. shares_Fhwd: of each cell, of each placed finding.

    concepts: of the placed findings, in order; none for a twin.
    """

    fine_CHWD: Tensor
    cells_Chwd: Tensor
    stated_Khwd: Tensor
    shares_Fhwd: Tensor
    concepts: tuple[str, ...]


class FrozenTrunk:
    """The trunk as the head is to meet it: its stages, and what its statements of all findings say of each cell."""

    def __init__(self, loaded: LoadedMini) -> None:
        self.model = loaded.model
        self._grounder = MiniGrounder(loaded.model, name=loaded.name, weights_sha256=loaded.weights_sha256, calibration=None)
        self._rows = FindingRows.of(self._grounder)

    def stated(self, stages: ImageStages) -> Tensor:
        """Log-odds of the statements [K, h, w, d], findings in the order of WORDINGS."""
        cells_NC = self.model.image.features(stages)[0].flatten(1).to(torch.bfloat16)
        stated_NK = self._rows.stated(self._grounder, cells_NC, tuple(WORDINGS))
        return stated_NK.T.reshape(-1, *stages.merged_BChwd.shape[2:])


def prepare_case(trunk: FrozenTrunk, case: PhantomCase, folder: Path, name: str, *, twin: bool) -> None:
    """Write the file of a case and, where asked for, that of its twin, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    centre = thorax_centre_ras_mm(case)
    told: list[tuple[str, Volume, tuple[PlacedFinding, ...]]] = [(name, case.volume, case.findings)]
    if twin:
        told.append((f"{name}-twin", case.twin, ()))
    for stem, volume, findings in told:
        path = folder / f"{stem}.safetensors"
        if not path.is_file():
            tensors = _tensors(trunk, volume, findings, centre)
            save_file(tensors, path.with_suffix(".part"), {"concepts": json.dumps([f.concept for f in findings])})
            path.with_suffix(".part").replace(path)


def read_case(path: Path) -> HeadCase:
    """One volume, mapped from its file."""
    with safe_open(path, framework="pt") as file:
        shares = file.get_tensor("shares").float() / 255.0
        fine, cells, stated = (file.get_tensor(name) for name in ("fine", "cells", "stated"))
        return HeadCase(fine, cells, stated, shares, concepts_of(path))


def concepts_of(path: Path) -> tuple[str, ...]:
    """Concepts of the findings placed in one volume, without reading more of its file."""
    with safe_open(path, framework="pt") as file:
        return tuple(json.loads(file.metadata()["concepts"]))


@torch.inference_mode()
def _tensors(
    trunk: FrozenTrunk, volume: Volume, findings: Iterable[PlacedFinding], centre_ras_mm: NDArray[np.float64]
) -> dict[str, Tensor]:
    image_11HWD, grid = to_network_grid(volume, MINI_GRID, centre_ras_mm=centre_ras_mm)
    stages = trunk.model.image.stages(image_11HWD)
    fine_1CHWD, cells_1Chwd = head_inputs(stages, image_11HWD)
    low, high = body_box(image_11HWD)
    cells = (slice(None), *(slice(a, b) for a, b in zip(low, high, strict=True)))
    voxels = (slice(None), *(slice(2 * a, 2 * b) for a, b in zip(low, high, strict=True)))
    tokens = MINI_GRID.tokens
    shares = [cell_fractions(f.region, volume.affine, grid, tokens).reshape(tokens)[cells[1:]] for f in findings]
    size = tuple(b - a for a, b in zip(low, high, strict=True))
    shares_Fhwd = np.rint(255 * np.stack(shares)) if shares else np.zeros((0, *size))
    return {
        "fine": fine_1CHWD[0][voxels].to(torch.float16).contiguous(),
        "cells": cells_1Chwd[0][cells].to(torch.float16).contiguous(),
        "stated": trunk.stated(stages)[cells].to(torch.float16).contiguous(),
        "shares": torch.from_numpy(shares_Fhwd.astype(np.uint8)),
    }


def body_box(image_11HWD: Tensor) -> tuple[list[int], list[int]]:
    """First and one past the last cell along each axis that hold tissue, with a margin, within the grid."""
    tissue = (F.avg_pool3d(image_11HWD, 4)[0, 0] > NOT_AIR).numpy()
    held = np.argwhere(tissue) if tissue.any() else np.array([[0, 0, 0], np.array(tissue.shape) - 1])
    low = np.maximum(held.min(axis=0) - MARGIN, 0)
    high = np.minimum(held.max(axis=0) + 1 + MARGIN, tissue.shape)
    return [int(n) for n in low], [int(n) for n in high]
