"""Score a head or a UNETR that was taught the labels of a data set, on the CTs' own voxels: Dice, NSD at 2 mm and HD95."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite, isnan

import numpy as np

from asap.errors import InputError
from asap.inference.learnt_labels import nearest_labels
from asap.io.read import read_labels, read_volume
from asap.segmentation import Segmentation
from asap.volume import Volume
from asap_training.data.datasets.decathlon import ImageWithLabel
from asap_training.tasks.metrics import Overlap, overlap

Draw = Callable[[Volume], Segmentation]


@dataclass(frozen=True)
class LabelScore:
    """Means of one label over the cases that have it or in which it was found; None where there is none.

    hd95_mm: over the cases that have it and in which it was found, `found` of them; dice and nsd count the others as 0.
    """

    label: str
    cases: int
    found: int
    dice: float | None
    nsd: float | None
    hd95_mm: float | None


def score_cases(
    draw: Draw, labels: Sequence[str], cases: Sequence[ImageWithLabel], say: Callable[[str], None]
) -> list[LabelScore]:
    """Each label's scores. draw: segments of a CT, called as `labels`. Raises InputError for a case that cannot be read."""
    rows: list[list[Overlap]] = []
    for number, case in enumerate(cases, start=1):
        rows.append(_of_case(draw, labels, case))
        say(f"scoring {number}/{len(cases)}")
    return [_mean(name, [row[n] for row in rows]) for n, name in enumerate(labels)]


def table(scores: Sequence[LabelScore]) -> str:
    """A line a label."""
    lines = [f"{'label':20} cases found   Dice    NSD  HD95 mm"]
    for score in scores:
        numbers = [("-" if value is None else f"{value:.3f}") for value in (score.dice, score.nsd)]
        distance = "-" if score.hd95_mm is None else f"{score.hd95_mm:.1f}"
        lines.append(f"{score.label:20} {score.cases:5} {score.found:5} {numbers[0]:>6} {numbers[1]:>6} {distance:>8}")
    return "\n".join(lines)


def _of_case(draw: Draw, labels: Sequence[str], case: ImageWithLabel) -> list[Overlap]:
    if case.label is None:
        raise InputError("A case to score on has no label.")
    volume = read_volume(case.image)
    drawn, affine = read_labels(case.label)
    truth, found = nearest_labels(drawn, affine, volume.shape, volume.affine), draw(volume)
    return [overlap(found.mask(name), truth == value, volume.spacing_mm) for value, name in enumerate(labels, start=1)]


def _mean(name: str, rows: Sequence[Overlap]) -> LabelScore:
    there = [row for row in rows if not isnan(row.dice)]
    both = [row.hd95_mm for row in there if isfinite(row.hd95_mm)]
    dice, nsd = ([getattr(row, key) for row in there] for key in ("dice", "nsd"))
    return LabelScore(name, len(there), len(both), *(float(np.mean(v)) if v else None for v in (dice, nsd, both)))
