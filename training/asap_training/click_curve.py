"""Dice against clicks as a picture: the model, region growing with the same clicks, and what needs no click."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from asap_training.tasks.statistics import bootstrap_by_case

WANTED = {1: 0.78, 5: 0.88}  # mean Dice on generated lesions
CURVES = {"model": "asap-mini", "growing": "region growing"}
POINTS = {"unasked": "without being asked", "sentence": "by its sentence"}


def curve_png(rows: Sequence[tuple[int, str, float]], clicks: int, path: Path) -> None:
    """rows: (case, "model 3" or as in `POINTS`, Dice). Shaded: 95 % intervals over cases."""
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    for how, label in CURVES.items():
        drawn = [(n, values) for n in range(1, clicks + 1) if (values := _values(rows, f"{how} {n}"))]
        if drawn:
            means = [np.mean([dice for _, dice in values]) for _, values in drawn]
            low, high = zip(*(_interval(values) for _, values in drawn), strict=True)
            count = len(drawn[0][1])
            (line,) = axes.plot([n for n, _ in drawn], means, marker="o", label=f"{label}, {count} lesions")
            axes.fill_between([n for n, _ in drawn], low, high, alpha=0.15, color=line.get_color())
    for (how, label), marker in zip(POINTS.items(), "sD", strict=True):
        values = _values(rows, how)
        if values:
            mean, (low_, high_) = np.mean([dice for _, dice in values]), _interval(values)
            at = 0.1 if how == "sentence" else 0.0
            axes.errorbar([at], [mean], [[mean - low_], [high_ - mean]], fmt=marker, capsize=3, label=label)
    axes.plot(list(WANTED), list(WANTED.values()), "k_", markersize=14, label="wanted of generated lesions")
    axes.set(xlabel="clicks", ylabel="Dice, mean over lesions", ylim=(0, 1), title="Lesions of 1 ml and more, simulated users")
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=120)


def _values(rows: Sequence[tuple[int, str, float]], how: str) -> list[tuple[int, float]]:
    return [(case, dice) for case, told, dice in rows if told == how]


def _interval(values: Sequence[tuple[int, float]]) -> tuple[float, float]:
    dice = np.array([value for _, value in values])
    return bootstrap_by_case([case for case, _ in values], lambda rows: float(dice[rows].mean()))
