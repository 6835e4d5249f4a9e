"""What the engine found as the few kilobytes of JSON a viewer gets: a record a sentence, its heatmap as a box of levels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from asap.client import wire
from asap.commands.folder import grounding_record
from asap.grounding import Grounding
from asap.inference.engine import Engine
from asap.inference.features import StudyFeatures
from asap.volume import Affine

FLOOR = 0.25  # share of a map's peak under which nothing is sent
FINE_SIDE = 24
SENTENCE_BYTES = 16_000
# A quantised map of noise hardly deflates: every second level is left out, then every second of the rest, until it fits.
STEPS = (1, 2, 4, 8, 16, 32)

Index = tuple[int, int, int]
Box = tuple[slice, slice, slice]


def answer_record(grounding: Grounding, *, fine: bool, in_report: bool) -> dict[str, Any]:
    """One entry of "sentences" in a ground job's result; its maps take at most `SENTENCE_BYTES` of JSON together.

    fine: the heatmap is on half cells (`Engine.encode(fine=True)`); "map" is then every second of them, which are the model's own
    cells, and "fine_map" the half cells around the peak. in_report: the sentence's span counts characters of the report asked.
    """
    record = grounding_record(grounding)
    record["span"] = list(grounding.sentence.span) if in_report else None
    record["map"] = record["fine_map"] = None
    if grounding.heatmap is None or grounding.threshold is None:
        return record
    budget = SENTENCE_BYTES - len(wire.to_json(record))
    if not fine:
        return record | {"map": _smallest(grounding.heatmap, grounding.affine, grounding.threshold, budget)}
    cells, affine = model_cells(grounding.heatmap, grounding.affine)
    coarse = _smallest(cells, affine, grounding.threshold, budget // 2)
    budget -= len(wire.to_json(coarse))
    around = _window(grounding.heatmap)
    return record | {
        "map": coarse,
        "fine_map": _smallest(grounding.heatmap, grounding.affine, grounding.threshold, budget, around),
    }


def coverage_record(engine: Engine, features: StudyFeatures) -> dict[str, Any]:
    """The box the model saw."""
    corners = engine.coverage_corners_ras_mm(features)
    return {"model": engine.grounder.name, "corner_ras_mm": corners.round(2).tolist()}


def model_cells(heatmap: NDArray[np.float32], affine: Affine) -> tuple[NDArray[np.float32], Affine]:
    """The model's own cells of a map on half cells: those of the field of view that was not shifted, with their affine."""
    doubled = affine.copy()
    doubled[:3, :3] *= 2
    return heatmap[::2, ::2, ::2], doubled


def heatmap_box(
    heatmap: NDArray[np.float32], affine: Affine, threshold: float, *, within: Box | None = None, step: int = 1
) -> wire.HeatmapBox:
    """Quantise a heatmap (a, b, c) and cut out the box of what is warm, one cold cell around it where the grid goes on.

    within: the box may not leave this part of the grid. step: only every step-th level is used. The highest cell of the box is
    the highest of `heatmap` there, and alone at the top level unless others are exactly as high.
    """
    whole = within or (slice(0, heatmap.shape[0]), slice(0, heatmap.shape[1]), slice(0, heatmap.shape[2]))
    levels, peak = _levels(heatmap[whole], step)
    start, stop = _warm(levels)
    cut = levels[tuple(slice(first, last) for first, last in zip(start, stop, strict=True))]
    first_cell = [part.start + offset for part, offset in zip(whole, start, strict=True)]
    moved = affine.copy()
    moved[:3, 3] = affine[:3, :3] @ np.asarray(first_cell, dtype=np.float64) + affine[:3, 3]
    return wire.HeatmapBox(
        shape=_triple(cut.shape),
        affine_ras_mm=tuple(tuple(float(x) for x in row) for row in moved),
        grid_shape=_triple(heatmap.shape),
        grid_start=_triple(first_cell),
        peak=peak,
        threshold=float(threshold),
        levels=cut.tobytes(),
    )


def _smallest(
    heatmap: NDArray[np.float32], affine: Affine, threshold: float, budget: int, within: Box | None = None
) -> dict[str, Any]:
    """The record with the finest levels that fit the budget; with the coarsest when none does."""
    record: dict[str, Any] = {}
    for step in STEPS:
        record = wire.pack_map(heatmap_box(heatmap, affine, threshold, within=within, step=step))
        if len(wire.to_json(record)) <= budget:
            break
    return record


def _levels(heat: NDArray[np.float32], step: int) -> tuple[NDArray[np.uint8], float]:
    """Levels of every cell, and the heat of the top level.

    With the highest heat at the top level, half of it lies between two levels: the region cut there stays what it was. Only where
    a lower cell would round to the top as well, the scale grows by half a level so that the highest cell stays alone.
    """
    top = float(heat.max())
    if top <= 0.0:
        return np.zeros(heat.shape, dtype=np.uint8), 0.0
    scaled = heat.astype(np.float64) / top * wire.TOP_LEVEL
    peak = top
    rivals = scaled[heat < top]
    if rivals.size and rivals.max() >= wire.TOP_LEVEL - step / 2:
        # The next heat below the top lands just under the rounding point, the top on it.
        shrink = (wire.TOP_LEVEL - step / 2) / wire.TOP_LEVEL
        scaled *= shrink
        scaled[heat == top] = wire.TOP_LEVEL
        peak = top / shrink
    levels = wire.TOP_LEVEL - step * np.ceil((wire.TOP_LEVEL - scaled) / step - 0.5)  # half a level rounds up
    levels[heat < FLOOR * top] = 0
    return np.clip(levels, 0, wire.TOP_LEVEL).astype(np.uint8), peak


def _warm(levels: NDArray[np.uint8]) -> tuple[Index, Index]:
    """First and last + 1 of the cells above 0 along each axis, grown by one cell within the array; one cell when all are 0."""
    warm = levels > 0
    if not warm.any():
        return (0, 0, 0), (1, 1, 1)
    start, stop = [], []
    for axis in range(3):
        hit = np.flatnonzero(warm.any(axis=tuple(a for a in range(3) if a != axis)))
        start.append(max(0, int(hit[0]) - 1))
        stop.append(min(levels.shape[axis], int(hit[-1]) + 2))
    return _triple(start), _triple(stop)


def _window(heatmap: NDArray[np.float32]) -> Box:
    """At most `FINE_SIDE` cells a side around the highest cell, moved inwards at the grid's edge."""
    peak = np.unravel_index(int(heatmap.argmax()), heatmap.shape)
    parts = []
    for cell, size in zip(peak, heatmap.shape, strict=True):
        start = max(0, min(int(cell) - FINE_SIDE // 2, size - FINE_SIDE))
        parts.append(slice(start, min(size, start + FINE_SIDE)))
    return parts[0], parts[1], parts[2]


def _triple(values: Any) -> Index:
    a, b, c = (int(n) for n in values)
    return a, b, c
