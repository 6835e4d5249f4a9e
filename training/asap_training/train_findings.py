"""Train the finding head of `asap-mini` on generated cases, the trunk frozen.

asap-train finetune finding-head --cases DIR [DIR ...] --inputs DIR --out DIR [--twins-every N] [--steps N] [--model asap-mini]

The trunk's stages are kept in --inputs, one file a volume: a run that was killed goes on there. Every eighth case is held out;
its weights are those of the evaluation at which the findings were best told from other chests.
Axes: B boxes, K findings, N cells, V volumes.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from asap.errors import InputError
from asap.inference.calibration import best_mean
from asap.models.catalog import MODELS
from asap.models.finding_head import FindingHead, FindingHeadConfig
from asap.models.load import LoadedMini, load_model
from asap.models.load_finding_head import write_finding_head
from asap.phantom.case_files import FILE_NAME, load_case
from asap_training.arguments import positive
from asap_training.data.finding_crops import CropBatch, FindingCrops
from asap_training.data.finding_inputs import FrozenTrunk, prepare_case, read_case
from asap_training.tasks.statistics import auroc

LICENCE = "Apache-2.0"
HELD_OUT_EVERY = 8
FEWEST = 4  # held-out volumes with a finding before it counts
BEST_OF_LESION = 2  # cells of a lesion that must say so
WORST_ELSEWHERE = 8  # cells without a finding that must not
PRESENT_WEIGHT = 4.0
EXTENT_WEIGHT = 3.0
DROPPED = 0.1  # of the trunk's channels


@dataclass(frozen=True)
class FindingRecipe:
    """One run. side: cells along each axis of a box."""

    steps: int = 6000
    batch: int = 3
    side: int = 10
    rate: float = 3e-3
    weight_decay: float = 0.02
    warm_up: int = 60
    average: float = 0.99
    evaluations: int = 4
    seed: int = 0


def cell_loss(logits_BKhwd: Tensor, batch: CropBatch) -> Tensor:
    """Each lesion is seen in its best cells, no finding in the worst cells without it, and extents are as they are."""
    total = logits_BKhwd.new_zeros(())
    for logits_Khwd, shares_Lhwd, concepts, fullest_L in zip(
        logits_BKhwd, batch.shares_BL, batch.concepts_BL, batch.fullest_BL, strict=True
    ):
        share_Khwd = torch.zeros_like(logits_Khwd)
        for lesion, (k, share_hwd) in enumerate(zip(concepts, shares_Lhwd, strict=True)):
            share_Khwd[k] = torch.maximum(share_Khwd[k], share_hwd)
            of_lesion = logits_Khwd[k][(share_hwd >= 0.5 * fullest_L[lesion]) & (share_hwd > 0)]
            if len(of_lesion):
                best = of_lesion.topk(min(BEST_OF_LESION, len(of_lesion))).values
                total = total + PRESENT_WEIGHT * F.softplus(-best).mean()
        near_Khwd = F.max_pool3d(share_Khwd[None], 3, stride=1, padding=1)[0] > 0
        elsewhere_KN = logits_Khwd.masked_fill(near_Khwd, -math.inf).flatten(1)
        total = total + F.softplus(elsewhere_KN.topk(WORST_ELSEWHERE, dim=1).values).mean(dim=1).sum()
        extent = F.binary_cross_entropy_with_logits(logits_Khwd, share_Khwd, reduction="none")
        total = total + EXTENT_WEIGHT * extent.flatten(1).mean(dim=1).sum()
    return total / len(logits_BKhwd)


def train(head: FindingHead, taught: Sequence[Path], held_out: Sequence[Path], recipe: FindingRecipe) -> FindingHead:
    """The running mean of the head's weights at the evaluation where it was best."""
    torch.manual_seed(recipe.seed)
    standardise(head, taught)
    crops = FindingCrops(taught, head.config.findings, side=recipe.side, seed=recipe.seed)
    mean = copy.deepcopy(head).requires_grad_(False)
    optimiser = torch.optim.AdamW(head.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay)
    best, best_score, running = mean, -1.0, 0.0
    head.train()
    for step in range(recipe.steps):
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * min(1.0, (step + 1) / recipe.warm_up) * _cosine(step / recipe.steps)
        batch = crops.batch(step, recipe.batch)
        loss = cell_loss(head.joined(batch.stated_BKhwd, head(*_disturbed(batch, head))), batch)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(head.parameters(), 5.0)
        optimiser.step()
        keep = min(recipe.average, (step + 1) / (step + 10))
        for ours, theirs in zip(mean.parameters(), head.parameters(), strict=True):
            ours.lerp_(theirs, 1.0 - keep)
        running += (loss.item() - running) / min(step + 1, 100)
        if step % 50 == 0:
            print(f"step {step:5d} loss {running:.3f}, {time.process_time():.0f} s of processor time", flush=True)
        if (step + 1) % max(1, recipe.steps // recipe.evaluations) == 0:
            told = told_apart(mean, held_out)
            score = float(np.mean([others for others, _ in told.values()]))
            print(f"step {step + 1:5d} held out: AUROC against other chests {score:.4f}", flush=True)
            print("  " + ", ".join(f"{c} {a:.2f}/{b:.2f}" for c, (a, b) in told.items()), flush=True)
            if score > best_score:
                best, best_score = copy.deepcopy(mean), score
    return best


def told_apart(head: FindingHead, volumes: Sequence[Path]) -> dict[str, tuple[float, float]]:
    """Finding -> AUROC of its evidence against other chests and against twins, whole volumes, in the order of the head."""
    evidence_VK, present_VK, twin_V = [], [], []
    for path in volumes:
        case = read_case(path)
        with torch.inference_mode():
            correction = head(case.fine_CHWD[None].float(), case.cells_Chwd[None].float())
            logits = head.joined(case.stated_Khwd[None].float(), correction)
        evidence_VK.append(best_mean(logits[0].flatten(1)).numpy())
        present_VK.append([concept in case.concepts for concept in head.config.findings])
        twin_V.append(path.stem.endswith("-twin"))
    evidence, present, twin = np.array(evidence_VK), np.array(present_VK), np.array(twin_V)
    told = {}
    for k, concept in enumerate(head.config.findings):
        there, without = evidence[present[:, k], k], evidence[~present[:, k] & ~twin, k]
        if len(there) >= FEWEST:
            told[concept] = (auroc(there, without), auroc(there, evidence[twin, k]))
    return told


def standardise(head: FindingHead, volumes: Sequence[Path], count: int = 24) -> None:
    """Set mean and spread of the trunk's channels from a few volumes."""
    chosen = [read_case(path) for path in volumes[:: max(1, len(volumes) // count)]]
    for name in ("fine", "cell"):
        told = [case.fine_CHWD if name == "fine" else case.cells_Chwd for case in chosen]
        values_CN = torch.cat([x.float().flatten(1)[:, ::7] for x in told], dim=1)
        getattr(head, f"{name}_mean").copy_(values_CN.mean(dim=1))
        getattr(head, f"{name}_spread").copy_(values_CN.std(dim=1).clamp_min(1e-3))


def _disturbed(batch: CropBatch, head: FindingHead) -> tuple[Tensor, Tensor]:
    """Some channels left out, at their mean: the features are frozen, so little else can be varied."""
    out = []
    for x, mean_C in ((batch.fine_BCHWD, head.fine_mean), (batch.cells_BChwd, head.cell_mean)):
        kept = (torch.rand(len(x), x.shape[1], 1, 1, 1) >= DROPPED).float()
        out.append(torch.lerp(mean_C[:, None, None, None], x, kept).contiguous(memory_format=torch.channels_last_3d))
    return out[0], out[1]


def _cosine(done: float) -> float:
    return 0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * done))


def split(volumes: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Taught and held out; a twin goes where its case goes."""
    number = {path: int(path.stem.removesuffix("-twin")[-7:]) for path in volumes}
    held_out = [path for path in volumes if number[path] % HELD_OUT_EVERY == 0]
    return [path for path in volumes if path not in set(held_out)], held_out


def main() -> None:
    """Keep the trunk's stages, train, write."""
    parser = argparse.ArgumentParser(description="Train a finding head on a frozen trunk.")
    parser.add_argument("--cases", type=Path, nargs="+", required=True)
    parser.add_argument("--inputs", type=Path, required=True, help="where the trunk's stages are kept, 15 MB a volume")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default="asap-mini")
    parser.add_argument("--twins-every", type=int, default=4, help="of every how manyth case the twin is learnt from too")
    parser.add_argument("--steps", type=positive, default=FindingRecipe.steps)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    loaded = load_model(arguments.model if arguments.model in MODELS else Path(arguments.model))
    if not isinstance(loaded, LoadedMini):
        raise InputError("Only the embedded model's trunk has the stages a finding head reads.")
    folder = arguments.inputs / loaded.weights_sha256[:16]
    volumes = kept_inputs(loaded, arguments.cases, folder, arguments.twins_every)
    taught, held_out = split(volumes)
    if not taught or not held_out:
        raise InputError(
            f"There must be cases to learn from and to hold out: those whose seed is divisible by {HELD_OUT_EVERY} are held out."
        )
    image = loaded.model.config
    sizes = FindingHeadConfig(stem=image.stem_channels, cells=image.cell_channels)
    head = train(FindingHead(sizes), taught, held_out, FindingRecipe(steps=arguments.steps))
    source = (
        f"Finding head trained by asap_training.train_findings on {len(taught)} generated volumes, {len(held_out)} held out; "
        "no patient data."
    )
    write_finding_head(arguments.out, head, loaded.weights_sha256, source=source, licence=LICENCE)


def kept_inputs(loaded: LoadedMini, cases: Sequence[Path], folder: Path, twins_every: int) -> list[Path]:
    """Files of all volumes, made where they are missing."""
    paths = [path for one in cases for path in sorted(one.glob("case-*")) if (path / FILE_NAME).is_file()]
    trunk = FrozenTrunk(loaded)
    out: list[Path] = []
    for number, path in enumerate(paths):
        names = [path.name, *([f"{path.name}-twin"] if number % twins_every == 0 else [])]
        files = [folder / f"{name}.safetensors" for name in names]
        if not all(file.is_file() for file in files):
            prepare_case(trunk, load_case(path), folder, path.name, twin=len(names) > 1)
        out += files
        if number % 50 == 0:
            print(f"{number} of {len(paths)} cases looked at, {time.process_time():.0f} s of processor time", flush=True)
    return out


if __name__ == "__main__":
    main()
