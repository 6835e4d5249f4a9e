"""Dice on unseen generated cases against the number of labelled ones, for each way of choosing the next case to label.

Every strategy, by the very code the server chooses with, starts from the same few cases, and a small head (`voxel_probe`, on the
trunk's features) is taught anew in every round. A table and a figure: labels needed to come within .01 of all labels.
Run: python -m tests.benchmarks.active_learning --work DIR [--cache DIR --pool 200 --test 36 --seeds 3 --steps 300]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from asap.inference.learnt_labels import uncertainty
from asap.inference.load import load_engine
from asap.inference.next_case import STRATEGIES, CaseScore, Strategy, next_case
from asap.io.atomic import write_bytes
from asap_training.tasks.statistics import bootstrap_by_case
from tests.benchmarks.label_pool import TEST_SEED, PoolCase, labelled_pool
from tests.benchmarks.voxel_probe import VoxelProbe, case_dice, taught

NEAR = 0.01
ROUNDS = (4, 8, 12, 16, 24, 32, 48, 64)
Curve = NDArray[np.float64]  # [rounds, test cases]
Cases = tuple[Sequence[PoolCase], Sequence[PoolCase]]  # to draw from, to test on


@dataclass(frozen=True)
class Runs:
    """Dice of all runs. full: [seeds, test cases] with every label; curves: [seeds, rounds, test cases] of each strategy."""

    full: Curve
    curves: dict[Strategy, Curve]

    def target(self, rows: NDArray[np.int64]) -> float:
        """What is wanted of these test cases."""
        return float(self.full[:, rows].mean()) - NEAR

    def needed(self, strategy: Strategy, rows: NDArray[np.int64]) -> float:
        """Labels at which the mean curve first reaches the target, between rounds along a straight line; inf when it does not."""
        dice, target = self.curves[strategy][:, :, rows].mean(axis=(0, 2)), self.target(rows)
        for at, value in enumerate(dice):
            if value >= target:
                share = 1.0 if at == 0 else (target - dice[at - 1]) / (value - dice[at - 1])
                return float(ROUNDS[at] if at == 0 else ROUNDS[at - 1] + share * (ROUNDS[at] - ROUNDS[at - 1]))
        return float("inf")


def scores_of(probe: VoxelProbe, cases: Sequence[PoolCase], features: dict[str, tuple[float, ...]]) -> dict[str, CaseScore]:
    """What the server's training notes of cases without a label: how unsure the head is, and what they look like to the trunk."""
    return {case.name: CaseScore(uncertainty(probe.shares(case, sparse=True)), features[case.name]) for case in cases}


def chosen(
    strategy: Strategy, pool: Sequence[PoolCase], labelled: list[str], probe: VoxelProbe, *, count: int, seed: int
) -> list[str]:
    """The labelled cases and `count` more, one after the other, all by what the last head said."""
    rng = np.random.default_rng([seed, len(labelled)])
    features = {case.name: _feature(case) for case in pool}
    left = [case for case in pool if case.name not in labelled]
    if strategy in ("uncertainty", "combined"):
        scores = scores_of(probe, left, features)
    else:  # neither reads what the head says
        scores = {case.name: CaseScore(0.0, features[case.name]) for case in left}
    scores |= {name: CaseScore(0.0, features[name]) for name in labelled}
    out = list(labelled)
    for _ in range(count):
        name = next_case(strategy, scores, out, [case.name for case in left if case.name not in out], rng)
        out += [] if name is None else [name]
    return out


def run(strategy: Strategy, seed: int, cases: Cases, steps: int, path: Path) -> Curve:
    """One strategy from one beginning; goes on after the last round that `path` holds."""
    pool, test = cases
    rounds = json.loads(path.read_text()) if path.exists() else []
    by_name = {case.name: case for case in pool}
    labelled = [pool[n].name for n in np.random.default_rng(seed).permutation(len(pool))[: ROUNDS[0]]]
    probe = None
    for count in ROUNDS[len(rounds) :]:
        if rounds:
            labelled = rounds[-1]["labelled"]
            probe = probe or taught([by_name[name] for name in labelled], steps, seed)
            labelled = chosen(strategy, pool, labelled, probe, count=count - len(labelled), seed=seed)
        probe = taught([by_name[name] for name in labelled], steps, seed)
        rounds.append({"labelled": labelled, "dice": [case_dice(probe, case) for case in test]})
        write_bytes(path, json.dumps(rounds).encode(), "rounds")
        print(f"{strategy:12} seed {seed}: {count:3} labels, Dice {np.mean(rounds[-1]['dice']):.4f}", flush=True)
    return np.array([row["dice"] for row in rounds])


def full(seed: int, cases: Cases, steps: int, path: Path) -> Curve:
    """Dice of each test case with every label."""
    if not path.exists():
        probe = taught(cases[0], steps, seed)
        write_bytes(path, json.dumps([case_dice(probe, case) for case in cases[1]]).encode(), "full")
    return np.array(json.loads(path.read_text()))


def main() -> None:
    """Run every strategy and seed, or what is left of them; print the table, draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0] if __doc__ else "")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="encoded cases, made where they are missing (default: in --work)")
    parser.add_argument("--test-cache", type=Path, help="the same of the test cases")
    parser.add_argument("--pool", type=int, default=200)
    parser.add_argument("--test", type=int, default=36)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    engine = load_engine("asap-mini")
    pool = labelled_pool(engine, args.cache or args.work / "cases", args.pool)
    test = labelled_pool(engine, args.test_cache or args.cache or args.work / "cases", args.test, TEST_SEED)
    done = args.work / f"pool-{args.pool}-test-{args.test}-steps-{args.steps}"
    done.mkdir(parents=True, exist_ok=True)
    seeds = range(args.seeds)
    everything = np.array([full(seed, (pool, test), args.steps, done / f"full-{seed}.json") for seed in seeds])
    print(f"all {len(pool)} labels: Dice {everything.mean():.4f}", flush=True)
    curves = {
        strategy: np.array([run(strategy, seed, (pool, test), args.steps, done / f"{strategy}-{seed}.json") for seed in seeds])
        for strategy in STRATEGIES
    }
    runs = Runs(everything, curves)
    print(table(runs, len(pool)))
    figure(runs, len(pool), args.work / "active_learning.png")


def table(runs: Runs, pool: int) -> str:
    """Labels needed and the mean of the curve, each with a 95 % interval over test cases; the last against random."""
    rows = np.arange(runs.full.shape[1])

    def within(value: Callable[[NDArray[np.int64]], float], digits: int, sign: str = "") -> str:
        low, high = bootstrap_by_case(rows.tolist(), value)
        return f"{value(rows):{sign}.{digits}f} [{low:{sign}.{digits}f}, {high:{sign}.{digits}f}]"

    lines = [
        f"\nall {pool} labels: {runs.full.mean():.4f}; wanted {runs.target(rows):.4f}; "
        f"{len(rows)} test cases, {len(runs.full)} seeds",
        f"| strategy | labels needed [95 %] | each seed | Dice at {', '.join(map(str, ROUNDS))} labels | mean against random |",
        "| --- | --- | --- | --- | --- |",
    ]
    for strategy, dice in runs.curves.items():
        seeds = [Runs(runs.full[n : n + 1], {strategy: dice[n : n + 1]}) for n in range(len(dice))]
        each = ", ".join(f"{one.needed(strategy, rows):.0f}" for one in seeds)
        points = ", ".join(f"{value:.3f}" for value in dice.mean(axis=(0, 2)))
        labels = within(lambda n, s=strategy: min(runs.needed(s, n), float(ROUNDS[-1])), 0)
        gain = within(lambda n, d=dice: float((d - runs.curves["random"])[:, :, n].mean()), 4, "+")
        lines.append(f"| {strategy} | {labels} | {each} | {points} | {gain} |")
    saved = within(lambda n: min(runs.needed("random", n), 64.0) - min(runs.needed("combined", n), 64.0), 0, "+")
    return "\n".join([*lines, f"labels that the combined strategy saves against random: {saved} (inf counted as {ROUNDS[-1]})"])


def figure(runs: Runs, pool: int, path: Path) -> None:
    """Mean curves, the spread of the seeds shaded."""
    drawing = Figure(figsize=(7, 4.6), layout="constrained")
    axes = drawing.subplots()
    for strategy, dice in runs.curves.items():
        by_seed = dice.mean(axis=2)
        (line,) = axes.plot(ROUNDS, by_seed.mean(axis=0), marker="o", markersize=4, label=strategy)
        axes.fill_between(ROUNDS, by_seed.min(axis=0), by_seed.max(axis=0), alpha=0.12, color=line.get_color())
    axes.axhline(runs.full.mean(), color="0.3", label=f"all {pool} labels")
    axes.axhline(runs.full.mean() - NEAR, color="0.3", linestyle="--", label=f"less {NEAR:g}")
    axes.set(xscale="log", xlabel="labelled cases", ylabel="mean Dice on unseen cases", title="Which case to label next")
    axes.set_xticks(ROUNDS, [str(n) for n in ROUNDS])
    axes.minorticks_off()
    axes.legend()
    drawing.savefig(path, dpi=120)


def _feature(case: PoolCase) -> tuple[float, ...]:
    return tuple(case.cells_CABC.float().mean(dim=(1, 2, 3)).tolist())


if __name__ == "__main__":
    main()
