"""`Prompt`: all a person has said about one lesion so far, in RAS+ millimetres."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from asap import limits
from asap.errors import InputError, LimitError
from asap.grounding import Grounding
from asap.segmentation import Segment

Point = tuple[float, float, float]
Stroke = tuple[Point, ...]
STROKE_STEP_MM = 2.0


@dataclass(frozen=True, eq=False)
class Prompt:
    """Clicks, strokes, a box, a sentence's grounding; at least one thing that says where, not only where not.

    include, exclude: points inside and outside, in the order they were made. include_strokes, exclude_strokes: scribbles as
    polylines. box: two opposite corners; nothing outside it belongs. grounding: where a sentence is true. previous: the
    segment as it stands, which the answer corrects.
    """

    include: tuple[Point, ...] = ()
    exclude: tuple[Point, ...] = ()
    include_strokes: tuple[Stroke, ...] = ()
    exclude_strokes: tuple[Stroke, ...] = ()
    box: tuple[Point, Point] | None = None
    grounding: Grounding | None = None
    previous: Segment | None = None

    def __post_init__(self) -> None:
        points = [*self.include, *self.exclude, *(self.box or ())]
        points += [point for stroke in (*self.include_strokes, *self.exclude_strokes) for point in stroke]
        if len(points) > limits.MAX_PROMPT_POINTS:
            raise LimitError(f"A prompt holds at most {limits.MAX_PROMPT_POINTS} points; draw shorter strokes.")
        if points and not np.isfinite(np.asarray(points, dtype=np.float64)).all():
            raise InputError("A point of the prompt is not a number; place it again.")
        located = self.grounding is not None and self.grounding.heatmap is not None
        if not (self.include or self.include_strokes or self.box or located or self.previous is not None):
            raise InputError("Say where the lesion is: a point inside it, a stroke, a box or a sentence that has a place.")

    def inside_ras_mm(self) -> NDArray[np.float64]:
        """Every point said to be inside, [n, 3]: clicks, and strokes a point every 2 mm."""
        return _points(self.include, self.include_strokes)

    def outside_ras_mm(self) -> NDArray[np.float64]:
        """Every point said to be outside, [n, 3]."""
        return _points(self.exclude, self.exclude_strokes)

    def seeds_ras_mm(self) -> NDArray[np.float64]:
        """Where to begin, [n, 3]: the points inside, else the box's centre, else the grounding's peak."""
        inside = self.inside_ras_mm()
        if len(inside):
            return inside
        if self.box is not None:
            return np.asarray(np.mean(np.asarray(self.box, dtype=np.float64), axis=0, keepdims=True))
        if self.grounding is not None and self.grounding.peak_ras_mm is not None:
            return np.asarray([self.grounding.peak_ras_mm], dtype=np.float64)
        return np.zeros((0, 3))


def _points(clicks: tuple[Point, ...], strokes: tuple[Stroke, ...]) -> NDArray[np.float64]:
    rows = [np.asarray(clicks, dtype=np.float64).reshape(-1, 3)]
    for stroke in strokes:
        line = np.asarray(stroke, dtype=np.float64).reshape(-1, 3)
        for start, end in pairwise(line):
            steps = max(1, int(np.linalg.norm(end - start) / STROKE_STEP_MM))
            rows.append(start + (end - start) * np.linspace(0, 1, steps, endpoint=False)[:, None])
        rows.append(line[-1:])
    return np.concatenate(rows)
