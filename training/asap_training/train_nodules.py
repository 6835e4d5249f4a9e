"""Train the nodule scorer of a model: which of the candidates in a chest are nodules.

asap-train finetune nodules --cases DIR [DIR ...] --kept DIR [--model asap-mini] [--steps N] [--out FOLDER]

Generated cases give the candidates, kept in a folder for the next run: a second each. Then it is some ten minutes on one core.
The scorer sees no sentence and no trunk; its weight beside the trunk's statements was chosen on cases neither was trained on.
Axes: C candidates, B batch, P voxels along an edge of a patch, K what a candidate may be.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from asap.errors import InputError
from asap.inference.load import load_engine
from asap.models.catalog import PACKAGED_WEIGHTS
from asap.models.nodule_scorer import SCORED, NoduleScorer, NoduleScorerConfig, write_nodule_scorer
from asap_training.arguments import positive
from asap_training.data.nodule_candidates import NOTHING, LabelledCandidates, labelled_candidates
from asap_training.pace import Pace

SOURCE = "Trained by asap_training.train_nodules on generated chest CTs (asap.phantom); no patient data."
LICENCE = "Apache-2.0"
SHOWN_EVERY = 100


@dataclass(frozen=True)
class NoduleRecipe:
    """One run. there, nothing: candidates of a batch. small: below so many voxels a nodule comes twice as often."""

    steps: int = 2000
    there: int = 32
    nothing: int = 96
    rate: float = 2e-3
    weight_decay: float = 0.02
    average: float = 0.99
    small: int = 60
    nothing_weight: float = 2.0
    seed: int = 1


@dataclass(frozen=True, eq=False)
class Pool:
    """Candidates of all cases. hu_CPPP, kind_C: as of `LabelledCandidates`. chance_C: of being drawn as one of a nodule."""

    hu_CPPP: NDArray[np.int16]
    kind_C: NDArray[np.uint8]
    chance_C: NDArray[np.float64]


def pooled(cases: Sequence[LabelledCandidates], small: int) -> Pool:
    """All candidates; every nodule is drawn alike, however many candidates it has. InputError where there is none."""
    chances: list[NDArray[np.float64]] = []
    for case in cases:
        there = case.kind_C != NOTHING
        count_C = np.array([((case.lesion_C == lesion) & there).sum() for lesion in case.lesion_C])
        chances.append(np.where(there, np.where(case.voxels_C < small, 2.0, 1.0) / np.maximum(count_C, 1), 0.0))
    chance_C = np.concatenate(chances) if chances else np.zeros(0)
    if not chance_C.any():
        raise InputError("There is no generated case with a nodule here; `asap-train generate --require nodule` makes some.")
    hu_CPPP, kind_C = (np.concatenate([getattr(case, name) for case in cases]) for name in ("hu_CPPP", "kind_C"))
    return Pool(hu_CPPP, kind_C, chance_C / chance_C.sum())


def trained(pool: Pool, recipe: NoduleRecipe) -> NoduleScorer:
    """The running mean of a scorer trained from scratch; the same pool and recipe give the same weights."""
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    scorer = NoduleScorer(NoduleScorerConfig())
    mean = AveragedModel(scorer, multi_avg_fn=get_ema_multi_avg_fn(recipe.average))
    optimiser = torch.optim.AdamW(scorer.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.steps)
    nothing, losses = np.flatnonzero(pool.kind_C == NOTHING), list[float]()
    for step in range(recipe.steps):
        there = rng.choice(len(pool.kind_C), recipe.there, p=pool.chance_C)
        rows = np.concatenate([there, rng.choice(nothing, recipe.nothing)])
        loss = _loss(scorer(disturbed(pool.hu_CPPP[rows], rng)), torch.from_numpy(pool.kind_C[rows]), recipe.nothing_weight)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        mean.update_parameters(scorer)
        losses.append(loss.item())
        if (step + 1) % SHOWN_EVERY == 0:
            shown = f"loss {np.mean(losses[-SHOWN_EVERY:]):.4f}, {time.process_time():.0f} s of processor time"
            print(f"step {step + 1} of {recipe.steps}  {shown}", flush=True)
    scorer.load_state_dict(mean.module.state_dict())
    return scorer.eval()


def disturbed(hu_BPPP: NDArray[np.int16], rng: np.random.Generator) -> Tensor:
    """Patches as a scorer takes them, turned and mirrored together, each with a little other contrast, level and noise."""
    x = hu_BPPP.astype(np.float32) / 1000.0
    gain, level = (rng.normal(mean, spread, (len(x), 1, 1, 1)) for mean, spread in ((1.0, 0.02), (0.0, 0.01)))
    x = np.clip(x * gain + level + rng.normal(0.0, 0.015, x.shape), -1.0, 1.0).astype(np.float32)
    x = x.transpose(0, *(1 + rng.permutation(3)))
    mirrored = [axis for axis in (1, 2, 3) if rng.random() < 0.5]
    return torch.from_numpy(np.ascontiguousarray(np.flip(x, mirrored)))


def _loss(scores_BK: Tensor, kind_B: Tensor, nothing_weight: float) -> Tensor:
    """Cross-entropy: a nodule of any kind, and one of the later kinds."""
    kinds = torch.arange(1, len(SCORED) + 1)
    truth_BK = torch.where(kinds == 1, kind_B[:, None] != NOTHING, kind_B[:, None] == kinds).float()
    weight_B1 = torch.where(kind_B == NOTHING, nothing_weight, 1.0)[:, None]
    return F.binary_cross_entropy_with_logits(scores_BK, truth_BK, weight=weight_B1, reduction="sum") / len(kind_B)


def main() -> None:
    """Gather, train, write."""
    parser = argparse.ArgumentParser(description="Train the nodule scorer of a model.")
    parser.add_argument("--cases", type=Path, nargs="+", required=True)
    parser.add_argument("--kept", type=Path, required=True, help="where candidates are kept, for the next run")
    parser.add_argument("--model", default="asap-mini")
    parser.add_argument("--steps", type=positive, default=NoduleRecipe.steps)
    parser.add_argument("--out", type=Path, help="by default the package's own weights")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    grounder = load_engine(arguments.model).grounder
    folders = [path.parent for folder in arguments.cases for path in sorted(folder.glob("case-*/case.npz"))]
    cases, pace = [], Pace(len(folders), "Looking for candidates")
    for folder in folders:
        cases.append(labelled_candidates(folder, arguments.kept))
        pace.one_more()
    recipe = NoduleRecipe(steps=arguments.steps)
    pool = pooled(cases, recipe.small)
    print(f"{len(pool.kind_C)} candidates, {int((pool.kind_C != NOTHING).sum())} of them in nodules", flush=True)
    scorer = trained(pool, recipe)
    out = arguments.out or PACKAGED_WEIGHTS / f"{grounder.name}-nodules"
    manifest = write_nodule_scorer(out, scorer, grounder.weights_sha256, source=SOURCE, licence=LICENCE)
    print(f"sha256 {manifest.weights_sha256}")


if __name__ == "__main__":
    main()
