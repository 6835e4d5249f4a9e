"""A pool of generated cases with labels in 6 mm voxels: what the learning benchmarks draw from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from asap.inference.engine import Engine
from asap.models.segmentation_head import LABELS_OUT
from asap_training.data.labelled_cases import LabelledCase
from asap_training.data.segmentation_cache import CachedCase, prepare_seeds, read_cached

ORGANS = ("heart", "aorta", "liver", "trachea")
LESIONS = ("mass", "consolidation", "ground_glass")
LABELS = (*ORGANS, "lesion")
FIRST_SEED = 70_000
TEST_SEED = 78_000


@dataclass(frozen=True, eq=False)
class PoolCase:
    """hu: [H, W, D] int16 at 3 mm. cells: [C, a, b, c] of 12 mm. labels: [h, w, d] uint8 at 6 mm, 0 none. name: its seed."""

    name: str
    hu: Tensor
    cells_CABC: Tensor
    labels: Tensor


def labelled_pool(engine: Engine, folder: Path, count: int, first_seed: int = FIRST_SEED) -> list[PoolCase]:
    """`count` cases from consecutive seeds; those that are not yet in `folder` are made (two seconds each) and kept there."""
    seeds = range(first_seed, first_seed + count)
    paths = prepare_seeds(seeds, folder, engine.grounder)
    return [pool_case(read_cached(path), str(seed)) for seed, path in zip(seeds, paths, strict=True)]


def pool_case(case: CachedCase, name: str) -> PoolCase:
    """The labels that are taught; a coarse voxel takes the one most of its eight have."""
    labels = torch.zeros_like(case.labels)
    for value, organ in enumerate(ORGANS, start=1):
        labels[case.labels == LABELS_OUT.index(organ)] = value
    for region, concept in zip(case.regions, case.concepts, strict=True):
        if concept in LESIONS:
            labels[region] = len(LABELS)
    h, w, d = (n // 2 for n in labels.shape)
    votes = torch.stack([(labels == v).reshape(h, 2, w, 2, d, 2).sum(dim=(1, 3, 5)) for v in range(1 + len(LABELS))])
    return PoolCase(name, case.hu, case.cells_CABC, votes.argmax(dim=0).to(torch.uint8))


def coarse_cases(cases: Sequence[PoolCase], *, labels: bool) -> list[LabelledCase]:
    """The cases on the embedded model's grid halved (6 mm voxels, 24 mm cells), where its own kind of head learns in minutes."""
    return [
        LabelledCase(
            f"{case.name:0>32}",
            case.name,
            F.avg_pool3d(case.hu[None].float(), 2)[0].round().to(torch.int16),
            F.avg_pool3d(case.cells_CABC[None].float(), 2)[0],
            case.labels if labels else None,
        )
        for case in cases
    ]
