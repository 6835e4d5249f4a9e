"""Few labels, with and without the unlabelled cases beside them: supervised against cross pseudo supervision, the same steps.

Run: python -m tests.benchmarks.semi_supervised --work DIR [--pool 100 --share .05 --seeds 3 --steps 600]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from asap.inference.load import load_engine
from asap_training.finetune_segmentation import Recipe
from asap_training.loop.head_steps import Schedule
from asap_training.tasks.statistics import bootstrap_by_case
from tests.benchmarks.active_learning import dice_of_cases, trained
from tests.benchmarks.label_pool import TEST_SEED, labelled_pool, without_label


def main() -> None:
    """Train both for every seed and print the paired difference with its interval over test cases."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0] if __doc__ else "")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--pool", type=int, default=100)
    parser.add_argument("--test", type=int, default=30)
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    engine = load_engine("asap-mini")
    pool = labelled_pool(engine, args.work, args.pool)
    test = labelled_pool(engine, args.work, args.test, TEST_SEED)
    count = max(1, round(args.share * len(pool)))
    dice: dict[str, list[list[float]]] = {"supervised": [], "semi-supervised": []}
    for seed in range(args.seeds):
        order = np.random.default_rng(seed).permutation(len(pool))
        labelled = [pool[n] for n in order[:count]]
        others = [without_label(pool[n]) for n in order[count:]]
        recipe = Recipe(schedule=Schedule(steps=args.steps, seed=seed), width=args.width)
        for name, unlabelled in (("supervised", []), ("semi-supervised", others)):
            head = trained(labelled, recipe, args.work / f"{name}-{seed}-{count}-{args.steps}", unlabelled)
            dice[name].append(dice_of_cases(head, test))
            print(f"{name:16} seed {seed}, {count} labels: Dice {np.mean(dice[name][-1]):.3f}", flush=True)
    (args.work / "semi_supervised.json").write_text(json.dumps(dice, indent=1))
    plain, semi = (np.array(dice[name]).mean(axis=0) for name in dice)
    low, high = bootstrap_by_case(list(range(len(test))), lambda rows: float((semi - plain)[rows].mean()))
    print(f"\n| {count} of {len(pool)} labels | Dice, mean of {args.seeds} seeds |\n| --- | --- |")
    print(f"| supervised | {plain.mean():.3f} |\n| semi-supervised | {semi.mean():.3f} |")
    print(f"| gain [95 % over test cases] | {(semi - plain).mean():+.3f} [{low:+.3f}, {high:+.3f}] |")


if __name__ == "__main__":
    main()
