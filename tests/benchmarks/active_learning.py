"""Dice on unseen generated cases against the number of labelled ones, for each way of choosing the next case to label.

Every strategy starts from the same few cases, trains a head anew in every round, and has the next ones labelled. A figure and a
table: labels needed to come within .01 of all labels.
Run: python -m tests.benchmarks.active_learning --work DIR [--pool 200 --test 20 --seeds 3 --steps 300]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np

from asap.inference.learnt_labels import LearntLabels, uncertainty
from asap.inference.load import load_engine
from asap.inference.next_case import STRATEGIES, CaseScore, Strategy, next_case
from asap.models.load import frozen
from asap.models.segmentation_head import SegmentationHead
from asap_training.data.labelled_cases import LabelledCase
from asap_training.finetune_segmentation import Recipe, case_dice, finetune
from asap_training.loop.head_steps import Schedule
from tests.benchmarks.label_pool import LABELS, TEST_SEED, labelled_pool, without_label

NEAR = 0.01


def trained(cases: Sequence[LabelledCase], recipe: Recipe, out: Path, unlabelled: Sequence[LabelledCase] = ()) -> LearntLabels:
    """A head taught by these cases."""
    config, state = finetune(cases, unlabelled, outputs=1 + len(LABELS), recipe=recipe, out=out, done=lambda *_: False)
    head = SegmentationHead(config)
    head.load_state_dict(state)
    return LearntLabels(frozen(head), LABELS, "", "")


def dice_of_cases(head: LearntLabels, test: Sequence[LabelledCase]) -> list[float]:
    """Mean Dice over the labels of each test case."""
    return [float(np.nanmean(case_dice(head, case))) for case in test]


def scores_of(head: LearntLabels, cases: Sequence[LabelledCase]) -> dict[str, CaseScore]:
    """What the head says of cases."""
    return {
        case.image: CaseScore(
            uncertainty(head.shares(case.image_11HWD, case.cells_CABC.float())),
            tuple(case.cells_CABC.float().mean(dim=(1, 2, 3)).tolist()),
        )
        for case in cases
    }


def curve(
    strategy: Strategy, pool: Sequence[LabelledCase], test: Sequence[LabelledCase], seed: int, args: argparse.Namespace
) -> list[tuple[int, float]]:
    """(labels, mean Dice) after every round of one strategy and seed."""
    rng = np.random.default_rng([seed, STRATEGIES.index(strategy)])
    by_name = {case.image: case for case in pool}
    labelled = [pool[n].image for n in np.random.default_rng(seed).permutation(len(pool))[: args.start]]
    recipe = Recipe(schedule=Schedule(steps=args.steps, seed=seed), width=args.width)
    points = []
    while True:
        out = args.work / f"{strategy}-{seed}-{len(labelled)}-{args.steps}"
        head = trained([by_name[name] for name in labelled], recipe, out)
        points.append((len(labelled), float(np.mean(dice_of_cases(head, test)))))
        print(f"{strategy:12} seed {seed}: {points[-1][0]:3} labels, Dice {points[-1][1]:.3f}", flush=True)
        if len(labelled) >= args.most:
            return points
        left = [case for case in pool if case.image not in labelled]
        scores = scores_of(head, [without_label(case) for case in left]) | scores_of(head, [by_name[n] for n in labelled])
        for _ in range(args.batch):
            names = [case.image for case in left if case.image not in labelled]
            chosen = next_case(strategy, scores, labelled, names, rng)
            labelled += [] if chosen is None else [chosen]


def main() -> None:
    """Run every strategy and seed, print the table, draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0] if __doc__ else "")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--pool", type=int, default=200)
    parser.add_argument("--test", type=int, default=20)
    parser.add_argument("--start", type=int, default=4)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--most", type=int, default=40)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    engine = load_engine("asap-mini")
    pool = labelled_pool(engine, args.work, args.pool)
    test = labelled_pool(engine, args.work, args.test, TEST_SEED)
    recipe = replace(Recipe(schedule=Schedule(steps=args.steps)), width=args.width)
    full = float(np.mean(dice_of_cases(trained(pool, recipe, args.work / f"full-{args.steps}"), test)))
    print(f"all {len(pool)} labels: Dice {full:.3f}", flush=True)
    curves = {s: [curve(s, pool, test, seed, args) for seed in range(args.seeds)] for s in STRATEGIES}
    (args.work / "active_learning.json").write_text(json.dumps({"full": full, "curves": curves}, indent=1))
    _table(curves, full)
    _figure(curves, full, args.work / "active_learning.png")


def _table(curves: dict[Strategy, list[list[tuple[int, float]]]], full: float) -> None:
    print(f"\n| strategy | labels to Dice {full - NEAR:.3f}, each seed | mean of the curve [lowest, highest seed] |")
    print("| --- | --- | --- |")
    for strategy, runs in curves.items():
        needed = [next((str(n) for n, dice in run if dice >= full - NEAR), f"> {run[-1][0]}") for run in runs]
        means = [float(np.mean([dice for _, dice in run])) for run in runs]
        print(f"| {strategy} | {', '.join(needed)} | {np.mean(means):.3f} [{min(means):.3f}, {max(means):.3f}] |")


def _figure(curves: dict[Strategy, list[list[tuple[int, float]]]], full: float, path: Path) -> None:
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    for strategy, runs in curves.items():
        labels = [n for n, _ in runs[0]]
        dice = np.array([[value for _, value in run] for run in runs])
        (line,) = axes.plot(labels, dice.mean(axis=0), marker="o", label=strategy)
        axes.fill_between(labels, dice.min(axis=0), dice.max(axis=0), alpha=0.15, color=line.get_color())
    axes.axhline(full, color="0.4", linestyle="--", label="all labels")
    axes.set(xlabel="labelled cases", ylabel="mean Dice on unseen cases", title="Which case to label next (generated cases)")
    axes.legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
