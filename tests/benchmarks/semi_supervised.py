"""Few labels, with and without the unlabelled cases beside them: supervised against cross pseudo supervision, the same steps.

A head of the embedded model's kind, learnt from scratch by `asap-train finetune segmentation`'s own code, on 6 mm voxels. Both
draw the same labelled boxes from the same start. A supervised head with twice the steps tells what more steps alone would give.
Run: python -m tests.benchmarks.semi_supervised --work DIR [--cache DIR --pool 200 --share .05 --seeds 3 --steps 1500]
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from asap.inference.learnt_labels import LearntLabels
from asap.inference.load import load_engine
from asap.io.atomic import write_bytes
from asap.models.load import frozen
from asap.models.segmentation_head import SegmentationHead
from asap_training.data.labelled_cases import LabelledCase
from asap_training.finetune_segmentation import Recipe, case_dice, finetune, shorter
from asap_training.loop.head_steps import Schedule
from asap_training.tasks.statistics import bootstrap_by_case
from tests.benchmarks.label_pool import LABELS, TEST_SEED, coarse_cases, labelled_pool

SIDE, WIDTH = 24, 16
PLAIN, SEMI, LONGER = "supervised", "semi-supervised", "supervised, twice the steps"


def dice_of(
    labelled: Sequence[LabelledCase], unlabelled: Sequence[LabelledCase], test: Sequence[LabelledCase], recipe: Recipe, out: Path
) -> list[list[float]]:
    """Dice of each label of each test case; goes on where `out` stands."""
    result = out / "dice.json"
    if not result.exists():
        config, state = finetune(labelled, unlabelled, outputs=1 + len(LABELS), recipe=recipe, out=out, done=lambda *_: False)
        head = SegmentationHead(config)
        head.load_state_dict(state)
        learnt = LearntLabels(frozen(head), LABELS, "", "")
        write_bytes(result, json.dumps([case_dice(learnt, case) for case in test]).encode(), "dice")
    rows: list[list[float]] = json.loads(result.read_text())
    return rows


def main() -> None:
    """Train both for every seed and print the paired difference with its interval over test cases."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0] if __doc__ else "")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="encoded cases, made where they are missing (default: in --work)")
    parser.add_argument("--test-cache", type=Path, help="the same of the test cases")
    parser.add_argument("--pool", type=int, default=200)
    parser.add_argument("--test", type=int, default=36)
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    engine = load_engine("asap-mini")
    pool = labelled_pool(engine, args.cache or args.work / "cases", args.pool)
    test = coarse_cases(
        labelled_pool(engine, args.test_cache or args.cache or args.work / "cases", args.test, TEST_SEED), labels=True
    )
    count = max(1, round(args.share * len(pool)))
    dice: dict[str, list[list[list[float]]]] = {}
    for arms in ((PLAIN, SEMI), (LONGER,)):
        for seed in range(args.seeds):
            order = np.random.default_rng(seed).permutation(len(pool))
            labelled = coarse_cases([pool[n] for n in order[:count]], labels=True)
            others = coarse_cases([pool[n] for n in order[count:]], labels=False)
            recipe = Recipe(schedule=Schedule(steps=args.steps, seed=seed), side=SIDE, width=WIDTH)
            for name in arms:
                chosen = shorter(recipe, 2 * args.steps) if name == LONGER else recipe
                out = args.work / f"{name.split(',')[0]}-{seed}-{count}-{recipe_digest(chosen)}"
                dice.setdefault(name, []).append(dice_of(labelled, others if name == SEMI else [], test, chosen, out))
                print(f"{name:28} seed {seed}, {count} labels: Dice {np.nanmean(dice[name][-1]):.4f}", flush=True)
        title = f"{count} of {len(pool)} labels, {args.steps} steps"
        print(table({name: np.array(rows) for name, rows in dice.items()}, title), flush=True)


def recipe_digest(recipe: Recipe) -> str:
    """A run goes on only under the settings it began with."""
    return hashlib.sha256(json.dumps(asdict(recipe), sort_keys=True).encode()).hexdigest()[:12]


def table(dice: dict[str, np.ndarray], title: str) -> str:
    """Each [seeds, test cases, labels]; the gain over either supervised head with its interval over test cases."""
    lines = [f"\n| {title} | {' | '.join(LABELS)} | mean of a case, each seed | mean |", "| --- " * (len(LABELS) + 3) + "|"]
    of_case = {name: np.nanmean(rows, axis=2) for name, rows in dice.items()}
    for name, rows in dice.items():
        labels = " | ".join(f"{value:.3f}" for value in np.nanmean(rows, axis=(0, 1)))
        seeds = ", ".join(f"{value:.3f}" for value in of_case[name].mean(axis=1))
        lines.append(f"| {name} | {labels} | {seeds} | {of_case[name].mean():.4f} |")
    for name in (name for name in (PLAIN, LONGER) if name in dice):
        gain = (of_case[SEMI] - of_case[name]).mean(axis=0)
        low, high = bootstrap_by_case(list(range(len(gain))), lambda rows, gain=gain: float(gain[rows].mean()))
        lines.append(f"gain over {name} [95 % over test cases]: {gain.mean():+.4f} [{low:+.4f}, {high:+.4f}]")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
