"""Train, calibrate and write the finding head of a trunk: a few minutes on one core.

asap-train finetune findings --cases DIR [DIR ...] [--model asap-mini] [--out FOLDER] [--cells DIR]

The cases must be drawn as they come (no --require) and from seeds the trunk has not seen: their share of each finding becomes
the prior of a finding that nobody asked about. Curves are fitted on evidence from heads that were trained without the case.
Axes: M cells of a volume, C numbers, K findings.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn import functional as F

from asap.inference.calibration import best_mean
from asap.inference.load import load_engine
from asap.models.catalog import model_folder
from asap.models.finding_head import ARCHITECTURE, FOLDER, FindingHead, FindingHeadConfig
from asap.models.weights import write_weights
from asap.text.statements import WORDINGS
from asap_training.finding_cells import CONCEPTS, VolumeCells, prepared

SOURCE = "Trained by asap_training.fit_findings on the frozen cells of generated chest CTs (asap.phantom); no patient data."
LICENCE = "Apache-2.0"
FEWEST = 5  # cases with a finding before anything is fitted to it
SIDED_K = np.array([WORDINGS[concept].seat in ("lung", "pleura") for concept in CONCEPTS])


@dataclass(frozen=True)
class FindingRecipe:
    """How the head is trained. empty_cells: drawn of each volume. Weights: of held cells, empty cells, sides."""

    hidden: int = 96
    steps: int = 120
    volumes: int = 4
    empty_cells: int = 1500
    rate: float = 3e-3
    decay: float = 0.05
    held_weight: float = 0.5
    empty_weight: float = 5.0
    side_weight: float = 1.0
    present_weight: float = 3.0  # few sides have a finding: they count this many times
    folds: int = 2
    seed: int = 0


def trained_head(volumes: list[VolumeCells], config: FindingHeadConfig, recipe: FindingRecipe) -> FindingHead:
    """A head trained on these volumes."""
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    head = FindingHead(config)
    optimiser = torch.optim.AdamW(head.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.rate, total_steps=recipe.steps, pct_start=0.1)
    for step in range(recipe.steps):
        drawn = rng.choice(len(volumes), size=min(recipe.volumes, len(volumes)), replace=False)
        loss = torch.stack([volume_loss(head, volumes[n], recipe, rng) for n in drawn]).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 50 == 0:
            print(f"step {step:4d} loss {loss.item():.3f}", flush=True)
    return head.eval().requires_grad_(False)


def volume_loss(head: FindingHead, volume: VolumeCells, recipe: FindingRecipe, rng: np.random.Generator) -> Tensor:
    """Cells that hold a finding, a draw of the cells that do not, and each side as a whole."""
    logits_MK = logits_of(head, volume)
    held_MK = torch.from_numpy(volume.held_MK)
    at_2H = (held_MK == 1).nonzero(as_tuple=True)
    count_K = (held_MK == 1).sum(dim=0)
    held = (F.softplus(-logits_MK[at_2H]) / count_K[at_2H[1]]).sum() / (count_K > 0).sum().clamp(min=1)
    drawn_D = torch.from_numpy(rng.integers(0, len(held_MK), recipe.empty_cells))
    empty_DK = held_MK[drawn_D] == 0
    empty = (F.softplus(logits_MK[drawn_D]) * empty_DK).sum() / empty_DK.sum()
    side = F.binary_cross_entropy_with_logits(
        side_evidence(logits_MK, volume),
        torch.from_numpy(volume.present_K2).float(),
        pos_weight=torch.tensor(recipe.present_weight),
    )
    return recipe.held_weight * held + recipe.empty_weight * empty + recipe.side_weight * side


def logits_of(head: FindingHead, volume: VolumeCells) -> Tensor:
    """The head on a whole volume, [M, K]."""
    logits_MK: Tensor = head(torch.from_numpy(volume.cells_MC).float(), volume.stated_MK)
    return logits_MK


def side_evidence(logits_MK: Tensor, volume: VolumeCells) -> Tensor:
    """Mean of the best few cells on the left and on the right, [K, 2]; of all cells, twice, for findings without a side."""
    right_M = torch.from_numpy(volume.right_M)
    left_K, right_K, all_K = (best_mean(logits_MK[rows].T) for rows in (~right_M, right_M, slice(None)))
    sided_K = torch.from_numpy(SIDED_K)
    return torch.stack([torch.where(sided_K, left_K, all_K), torch.where(sided_K, right_K, all_K)], dim=1)


def evidence_apart(volumes: list[VolumeCells], config: FindingHeadConfig, recipe: FindingRecipe) -> NDArray[np.float32]:
    """Evidence of each volume from a head that was trained without its case, [volumes, K, 2]."""
    fold = np.array([int(v.name.split("-")[1]) % recipe.folds for v in volumes])
    out = np.zeros((len(volumes), len(CONCEPTS), 2), dtype=np.float32)
    for number in range(recipe.folds):
        head = trained_head([v for v, f in zip(volumes, fold, strict=True) if f != number], config, recipe)
        for n in np.flatnonzero(fold == number):
            out[n] = side_evidence(logits_of(head, volumes[n]), volumes[n]).numpy()
    return out


def corrections_that_help(
    stated_VK2: NDArray[np.float32], learnt_VK2: NDArray[np.float32], volumes: list[VolumeCells]
) -> NDArray[np.bool_]:
    """Findings [K] that heads trained without the case order better than the statements alone: few cases teach no rare one."""
    present_VK2 = np.stack([volume.present_K2 for volume in volumes])
    helps = np.zeros(len(CONCEPTS), dtype=np.bool_)
    for k, concept in enumerate(CONCEPTS):
        sides = slice(0, 2) if SIDED_K[k] else slice(0, 1)
        y = present_VK2[:, k, sides].ravel()
        if y.sum() >= FEWEST:
            before, after = (roc_auc_score(y, x[:, k, sides].ravel()) for x in (stated_VK2, learnt_VK2))
            helps[k] = after > before
            print(f"{concept:24} n {int(y.sum()):4d}  AUROC of the statement {before:.3f}, corrected {after:.3f}")
    return helps


def fitted_curves(evidence_VK2: NDArray[np.float32], volumes: list[VolumeCells]) -> dict[str, list[float]]:
    """Concept -> [slope, offset at even odds, prevalence]; findings seen fewer than five times get none."""
    present_VK2 = np.stack([volume.present_K2 for volume in volumes])
    curves = {}
    for k, concept in enumerate(CONCEPTS):
        sides = slice(0, 2) if SIDED_K[k] else slice(0, 1)
        x, y = evidence_VK2[:, k, sides].reshape(-1, 1), present_VK2[:, k, sides].reshape(-1)
        if y.sum() < FEWEST:
            continue
        # Balanced weights are what even prior odds mean.
        curve = LogisticRegression(C=1.0, class_weight="balanced").fit(x, y)
        if curve.coef_[0, 0] <= 0.0:  # more evidence never means less: what the model cannot see gets no probability
            continue
        prevalence = float(y.mean())
        curves[concept] = [round(float(n), 4) for n in (curve.coef_[0, 0], curve.intercept_[0], prevalence)]
    return curves


def main() -> None:
    """Encode, train, calibrate, write."""
    parser = argparse.ArgumentParser(description="Train the finding head of a trunk.")
    parser.add_argument("--cases", type=Path, nargs="+", required=True)
    parser.add_argument("--model", default="asap-mini")
    parser.add_argument("--cells", type=Path, required=True, help="where encoded cells are kept, for the next run")
    parser.add_argument("--out", type=Path, help="by default beside the model's weights")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    engine, recipe = load_engine(arguments.model), FindingRecipe()
    cases = [path for folder in arguments.cases for path in sorted(folder.glob("case-*")) if (path / "case.npz").is_file()]
    volumes = list(prepared(engine, cases, arguments.cells))
    trunk = engine.grounder.weights_sha256
    config = FindingHeadConfig(volumes[0].cells_MC.shape[1], recipe.hidden, trunk, CONCEPTS)
    stated = np.stack([side_evidence(logits_of(FindingHead(config), volume), volume).detach().numpy() for volume in volumes])
    learnt = evidence_apart(volumes, config, recipe)
    helps_K = corrections_that_help(stated, learnt, volumes)
    curves = fitted_curves(np.where(helps_K[None, :, None], learnt, stated), volumes)
    head = trained_head(volumes, config, recipe)
    head.outer.weight[~torch.from_numpy(helps_K)] = 0.0
    head.outer.bias[~torch.from_numpy(helps_K)] = 0.0
    manifest = write_weights(
        arguments.out or model_folder(arguments.model) / FOLDER,
        head.state_dict(),
        name=f"{engine.grounder.name}-findings",
        architecture=ARCHITECTURE,
        config=asdict(config) | {"concepts": list(CONCEPTS)},
        source=SOURCE,
        licence=LICENCE,
        calibration=curves,
    )
    print(f"{len(volumes)} volumes, {len(curves)} findings with a curve, sha256 {manifest.weights_sha256}")


if __name__ == "__main__":
    main()
