"""Train, calibrate and write the finding head of a trunk: half an hour on one core with 300 cases.

asap-train finetune findings --cases DIR [DIR ...] --cells DIR [--model asap-mini] [--out FOLDER]

The cases must be drawn as they come (no --require) and from seeds the trunk has not seen: their share of each finding becomes
the prior of a finding that nobody asked about. Curves are fitted on evidence from heads that were trained without the case.
Axes: M cells of a volume, D of them drawn, C numbers, K findings.
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
from torch import Tensor, nn
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
    """How the head is trained. drawn_cells: of each volume at random, beside the likeliest of each finding. Weights of the terms:

    held_weight: cells that hold a finding. empty_weight: those that do not. side_weight: each side as a whole.
    """

    hidden: int = 64
    steps: int = 1500
    volumes: int = 4
    drawn_cells: int = 2000
    likeliest: int = 8
    rate: float = 3e-3
    decay: float = 0.05
    held_weight: float = 0.5
    empty_weight: float = 2.0
    side_weight: float = 1.0
    present_weight: float = 3.0  # few sides have a finding: they count this many times
    folds: int = 2
    seed: int = 0


def trained_head(volumes: list[VolumeCells], config: FindingHeadConfig, recipe: FindingRecipe) -> FindingHead:
    """A head trained on these volumes."""
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    head = FindingHead(config)
    reading = nn.Parameter(torch.tensor([[1.0], [0.0]]).repeat(1, len(CONCEPTS)))  # slope and offset the evidence is read at
    optimiser = torch.optim.AdamW([*head.parameters(), reading], lr=recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.rate, total_steps=recipe.steps, pct_start=0.1)
    for step in range(recipe.steps):
        drawn = rng.choice(len(volumes), size=min(recipe.volumes, len(volumes)), replace=False)
        loss = torch.stack([volume_loss(head, reading, volumes[n], recipe, rng) for n in drawn]).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step:4d} loss {loss.item():.3f}", flush=True)
    return head.eval().requires_grad_(False)


def volume_loss(
    head: FindingHead, reading: Tensor, volume: VolumeCells, recipe: FindingRecipe, rng: np.random.Generator
) -> Tensor:
    """Cells that hold a finding, cells that do not, and each side as a whole, on a draw of the cells."""
    rows_D = drawn_cells(volume, recipe, rng)
    logits_DK = logits_of(head, volume, rows_D)
    held_DK = torch.from_numpy(volume.held_MK[rows_D])
    holds_DK, empty_DK = held_DK == 1, held_DK == 0
    count_K = holds_DK.sum(dim=0)
    held_K = (F.softplus(-logits_DK) * holds_DK).sum(dim=0) / count_K.clamp(min=1)
    held = held_K.sum() / (count_K > 0).sum().clamp(min=1)
    empty = (F.softplus(logits_DK) * empty_DK).sum() / empty_DK.sum()
    slope_K, offset_K = reading
    evidence_K2 = side_evidence(logits_DK, volume.right_M[rows_D])
    side = F.binary_cross_entropy_with_logits(
        evidence_K2 * slope_K[:, None] + offset_K[:, None],
        torch.from_numpy(volume.present_K2).float(),
        pos_weight=torch.tensor(recipe.present_weight),
    )
    return recipe.held_weight * held + recipe.empty_weight * empty + recipe.side_weight * side


def drawn_cells(volume: VolumeCells, recipe: FindingRecipe, rng: np.random.Generator) -> NDArray[np.intp]:
    """Cells to look at in one step: the likeliest of each finding by its statement, some that hold any, some of the rest."""
    likeliest = np.argpartition(-volume.stated_MK, recipe.likeliest, axis=0)[: recipe.likeliest].ravel()
    holding = np.flatnonzero((volume.held_MK == 1).any(axis=1))
    if len(holding) > recipe.drawn_cells // 2:
        holding = rng.choice(holding, recipe.drawn_cells // 2, replace=False)
    anywhere = rng.integers(0, len(volume.cells_MC), recipe.drawn_cells)
    return np.unique(np.concatenate([likeliest, holding, anywhere]))


def logits_of(head: FindingHead, volume: VolumeCells, rows_D: NDArray[np.intp] | slice = slice(None)) -> Tensor:
    """The head on cells of a volume, [D, K]."""
    cells_DC, stated_DK = (torch.from_numpy(numbers[rows_D]).float() for numbers in (volume.cells_MC, volume.stated_MK))
    logits_DK: Tensor = head(cells_DC, stated_DK)
    return logits_DK


def side_evidence(logits_DK: Tensor, right_D: NDArray[np.bool_]) -> Tensor:
    """Mean of the best few cells on the left and on the right, [K, 2]; of all cells, twice, for findings without a side."""
    right = torch.from_numpy(right_D)
    left_K, right_K, all_K = (best_mean(logits_DK[rows].T) for rows in (~right, right, slice(None)))
    sided_K = torch.from_numpy(SIDED_K)
    return torch.stack([torch.where(sided_K, left_K, all_K), torch.where(sided_K, right_K, all_K)], dim=1)


def evidence_apart(volumes: list[VolumeCells], config: FindingHeadConfig, recipe: FindingRecipe) -> NDArray[np.float32]:
    """Evidence of each volume from a head that was trained without its case, [volumes, K, 2]."""
    fold = np.array([int(v.name.split("-")[1]) % recipe.folds for v in volumes])
    out = np.zeros((len(volumes), len(CONCEPTS), 2), dtype=np.float32)
    for number in range(recipe.folds):
        head = trained_head([v for v, f in zip(volumes, fold, strict=True) if f != number], config, recipe)
        for n in np.flatnonzero(fold == number):
            out[n] = evidence_of(head, volumes[n])
    return out


@torch.inference_mode()
def evidence_of(head: FindingHead, volume: VolumeCells) -> NDArray[np.float32]:
    """Evidence of one volume, [K, 2]."""
    return np.asarray(side_evidence(logits_of(head, volume), volume.right_M).numpy(), dtype=np.float32)


def corrections_that_help(
    stated_VK2: NDArray[np.float32], learnt_VK2: NDArray[np.float32], volumes: list[VolumeCells]
) -> NDArray[np.bool_]:
    """Findings [K] that heads trained without the case order better than the statements alone: few cases teach no rare one."""
    helps = np.zeros(len(CONCEPTS), dtype=np.bool_)
    for k, concept in enumerate(CONCEPTS):
        (before, y), (after, _) = (_asked(k, evidence, volumes) for evidence in (stated_VK2, learnt_VK2))
        if y.sum() >= FEWEST:
            areas = roc_auc_score(y, before), roc_auc_score(y, after)
            helps[k] = areas[1] > areas[0]
            print(f"{concept:24} n {int(y.sum()):4d}  AUROC of the statement {areas[0]:.3f}, corrected {areas[1]:.3f}")
    return helps


def _asked(
    k: int, evidence_VK2: NDArray[np.float32], volumes: list[VolumeCells]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Evidence and truth of one finding on every side (once where it has none) of every volume."""
    sides = slice(0, 2) if SIDED_K[k] else slice(0, 1)
    present_V2 = np.stack([volume.present_K2[k] for volume in volumes])
    return evidence_VK2[:, k, sides].ravel(), present_V2[:, sides].ravel()


def fitted_curves(evidence_VK2: NDArray[np.float32], volumes: list[VolumeCells]) -> dict[str, list[float]]:
    """Concept -> [slope, offset at even odds, prevalence]; findings seen fewer than five times get none.

    The prevalence is that of the cases; their twins, which have no finding, tell nothing of it.
    """
    curves = {}
    for k, concept in enumerate(CONCEPTS):
        x, y = _asked(k, evidence_VK2, volumes)
        if y.sum() < FEWEST:
            continue
        # Balanced weights are what even prior odds mean.
        curve = LogisticRegression(C=1.0, class_weight="balanced").fit(x[:, None], y)
        if curve.coef_[0, 0] <= 0.0:  # more evidence never means less: what the model cannot see gets no probability
            continue
        _, seen = _asked(k, evidence_VK2, [volume for volume in volumes if not volume.twin])
        numbers = (curve.coef_[0, 0], curve.intercept_[0], seen.mean())
        curves[concept] = [round(float(n), 4) for n in numbers]
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
    stated = np.stack([evidence_of(FindingHead(config), volume) for volume in volumes])
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
