"""Medical material: lines, tubes, pacemakers, wires and stents, all far denser than tissue."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from asap.phantom.canvas import Canvas, PlacedFinding, lobes_of
from asap.phantom.labels import LABELS
from asap.phantom.lung_focal import Generator
from asap.phantom.shapes import Mask, coverage, polyline_distance
from asap.report import Side

KINDS = ("central venous catheter", "pacemaker", "chest tube", "sternal wires", "nasogastric tube", "endotracheal tube")


def medical_material(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """One device; its first modifier names it."""
    kind = str(rng.choice(KINDS, p=[0.3, 0.2, 0.15, 0.15, 0.1, 0.1]))
    place: Side = side if side in ("right", "left") else ("right" if rng.random() < 0.6 else "left")
    if kind == "central venous catheter":
        region, contrast, paired = *_line(canvas, rng, _venous_course(canvas, rng, place), rng.uniform(1.0, 1.6)), True
    elif kind == "pacemaker":
        region, contrast, paired = *_pacemaker(canvas, rng, place), True
    elif kind == "chest tube":
        region, contrast, paired = *_line(canvas, rng, _chest_tube_course(canvas, rng, place), rng.uniform(2.5, 4.5)), True
    elif kind == "sternal wires":
        region, contrast, paired = *_sternal_wires(canvas, rng), False
    else:
        organ, calibre = ("esophagus", 2.0) if kind == "nasogastric tube" else ("trachea", 3.5)
        region, contrast, paired = *_line(canvas, rng, _along(canvas, organ), calibre), False
    if not region.any():
        return []
    return [PlacedFinding("medical_material", place if paired else None, None, None, region, contrast, (kind,))]


def _line(canvas: Canvas, rng: Generator, points_ijk: NDArray[np.float64], radius_mm: float) -> tuple[Mask, float]:
    """A dense tube through points [n, 3] (voxel indices)."""
    region = np.zeros(canvas.labels.shape, dtype=np.bool_)
    if len(points_ijk) < 2:
        return region, 0.0
    hu, contrasts = rng.uniform(900, 2600), []
    share = np.float32(min(1.0, 1.6 * radius_mm / canvas.spacing_mm))
    for start, stop in pairwise(points_ijk):
        middle = (start + stop) / 2
        half_mm = (stop - start) * canvas.spacing_mm / 2
        window = canvas.window(middle, float(np.abs(half_mm).max()) + radius_mm)
        distance = polyline_distance(window, np.stack([-half_mm, half_mm])) - np.float32(radius_mm)
        target = np.maximum(np.float32(hu), canvas.hu[window.box])
        inside = canvas.labels[window.box] != LABELS["background"]
        mask, contrast = canvas.paint(window.box, coverage(distance, canvas.spacing_mm) * share * inside, target)
        region |= mask
        contrasts.append(contrast)
    return region, float(np.mean(contrasts))


def _venous_course(canvas: Canvas, rng: Generator, side: Side) -> NDArray[np.float64]:
    cava, trachea = canvas.centroid("vena_cava"), canvas.box_of("trachea")
    heart = canvas.centroid("heart")
    if trachea is None or heart is None:
        return np.zeros((0, 3))
    mm = 1 / canvas.spacing_mm
    outward = 1.0 if side == "right" else -1.0
    top = min(trachea[2].stop - 1, canvas.labels.shape[2] - 2)
    middle = np.array([(trachea[0].start + trachea[0].stop) / 2, (trachea[1].start + trachea[1].stop) / 2, top])
    target = cava if cava is not None else middle + np.array([22 * mm, 12 * mm, -60 * mm])
    entry = middle + np.array([outward * rng.uniform(35, 75), rng.uniform(15, 35), rng.uniform(-15, 0)]) * mm
    turn = np.array([target[0], target[1] + 3 * mm, top - rng.uniform(15, 30) * mm])
    tip = np.array([target[0], target[1], heart[2] + rng.uniform(0, 45) * mm])
    return np.stack([entry, (entry + turn) / 2 + np.array([0, 0, 5 * mm]), turn, tip])


def _chest_tube_course(canvas: Canvas, rng: Generator, side: Side) -> NDArray[np.float64]:
    box = canvas.box_of(*lobes_of(side))
    if box is None:
        return np.zeros((0, 3))
    lateral = box[0].stop if side == "right" else box[0].start
    inward = -1.0 if side == "right" else 1.0
    height = rng.uniform(0.25, 0.5)
    z = box[2].start + height * (box[2].stop - box[2].start)
    top = box[2].start + rng.uniform(0.6, 0.9) * (box[2].stop - box[2].start)
    y = box[1].start + rng.uniform(0.25, 0.75) * (box[1].stop - box[1].start)
    width = box[0].stop - box[0].start
    entry = np.array([lateral - inward * 6, y, z])
    bend = np.array([lateral + inward * width * 0.12, y, z + 4])
    tip = np.array([lateral + inward * width * rng.uniform(0.2, 0.4), y + rng.uniform(-8, 8), top])
    return np.stack([entry, bend, tip])


def _along(canvas: Canvas, organ: str) -> NDArray[np.float64]:
    """Centre line of a tube-shaped organ, a point every few slices."""
    box = canvas.box_of(organ)
    if box is None:
        return np.zeros((0, 3))
    mask = canvas.anatomy.mask(organ)
    points = []
    for k in np.linspace(box[2].start, box[2].stop - 1, 6).astype(int):
        spots = np.argwhere(mask[:, :, k])
        if len(spots):
            points.append([*spots.mean(axis=0), k])
    return np.array(points, dtype=np.float64)


def _pacemaker(canvas: Canvas, rng: Generator, side: Side) -> tuple[Mask, float]:
    """A flat metal box in front of the upper lung of one side and a lead through the great veins into the heart."""
    lung, heart = canvas.box_of(*lobes_of(side)), canvas.centroid("heart")
    if lung is None or heart is None:
        return np.zeros(canvas.labels.shape, dtype=np.bool_), 0.0
    mm = 1 / canvas.spacing_mm
    i = (lung[0].start + lung[0].stop) / 2
    k = lung[2].stop - rng.uniform(35, 55) * mm
    column = np.flatnonzero(canvas.hu[int(i), :, int(k)] > -250)
    j = (column[-1] if column.size else lung[1].stop + 6) - 13 * mm
    box_centre = np.array([i, j, k])
    window = canvas.window(box_centre, 28)
    distance = np.maximum(
        np.maximum(np.abs(window.x_mm) - np.float32(rng.uniform(18, 23)), np.abs(window.y_mm) - np.float32(4)),
        np.abs(window.z_mm) - np.float32(rng.uniform(18, 24)),
    )
    region, contrast = canvas.paint(window.box, coverage(distance.astype(np.float32), canvas.spacing_mm), 3000.0)
    course = _venous_course(canvas, rng, side)
    if len(course):
        lead = np.concatenate([box_centre[None], course[1:], heart[None] + np.array([[0, 8, -18]]) * mm])
        line, _ = _line(canvas, rng, lead, 1.1)
        region |= line
    return region, contrast


def _sternal_wires(canvas: Canvas, rng: Generator) -> tuple[Mask, float]:
    """Four to seven closed wire loops around the sternum."""
    box = canvas.box_of("sternum")
    region = np.zeros(canvas.labels.shape, dtype=np.bool_)
    if box is None:
        return region, 0.0
    contrasts = []
    for k in np.linspace(box[2].start + 2, box[2].stop - 3, int(rng.integers(4, 8))):
        spots = np.argwhere(canvas.labels[box[0], box[1], int(k)] == LABELS["sternum"])
        if not len(spots):
            continue
        corner = np.array([box[0].start, box[1].start])
        low, high = corner + spots.min(axis=0), corner + spots.max(axis=0)
        middle = (low + high) / 2
        half = np.minimum((high - low) / 2, 9)
        turns = np.linspace(0, 2 * np.pi, 9)
        loop = np.stack([middle[0] + half[0] * np.cos(turns), middle[1] + half[1] * np.sin(turns), np.full(9, k)], axis=1)
        mask, contrast = _line(canvas, rng, loop, 0.9)
        region |= mask
        contrasts.append(contrast)
    return region, float(np.mean(contrasts)) if contrasts else 0.0
