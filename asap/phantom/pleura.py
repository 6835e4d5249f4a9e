"""Findings of the pleural space: effusion, pneumothorax, thickening, plaques. The body lies on its back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asap.phantom.canvas import Canvas, PlacedFinding
from asap.phantom.lung_focal import Generator
from asap.phantom.shapes import Field, Window, coverage, smooth_field
from asap.report import Side


@dataclass(frozen=True)
class Sheet:
    """Look of a pleural patch: thickness and extent in mm, range of HU, number of patches."""

    thick_mm: float
    extent_mm: float
    hu: tuple[float, float]
    count: int


def pleural_effusion(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """A crescent of fluid behind the lung that thins upwards and forwards, with collapsed lung beside it when large."""
    place: Side = side if side in ("right", "left") else ("right" if rng.random() < 0.5 else "left")
    surface = canvas.depth_below_pleura(place)
    if surface is None:
        return []
    window, depth = surface
    allowed = canvas.lung(window.box, place)
    thick = float(np.exp(rng.uniform(np.log(8), np.log(65))))
    reach, top = _dependent_reach(window, rng, thick)
    sheet = np.float32(thick) * np.minimum(reach, top)
    sheet = sheet + smooth_field(rng, window.shape, 20 / canvas.spacing_mm) * np.float32(min(2.0, thick * 0.08))
    distance = np.maximum(depth - sheet, np.where(sheet > 1.0, np.float32(-50), np.float32(50))).astype(np.float32)
    fluid_hu = rng.uniform(-5, 28)
    found: list[PlacedFinding] = []
    rim_mm = rng.uniform(6, 18) if thick > 14 and rng.random() < 0.65 else 0.0
    cover = coverage(distance, canvas.spacing_mm) * allowed
    region, contrast = canvas.paint(window.box, cover, fluid_hu, solid=True)
    canvas.close_rim(region, fluid_hu)
    if not region.any():
        return []
    amount = "small" if thick < 16 else "moderate" if thick < 38 else "large"
    found.append(PlacedFinding("pleural_effusion", place, None, thick, region, contrast, (amount,)))
    if rim_mm:
        rim = coverage(distance - np.float32(rim_mm) + smooth_field(rng, window.shape, 5) * 2, canvas.spacing_mm * 1.5)
        rim = rim * canvas.lung(window.box, place)
        target = np.maximum(np.float32(rng.uniform(15, 60) + 0.4 * canvas.anatomy.contrast_hu), canvas.hu[window.box])
        mask, change = canvas.paint(window.box, rim.astype(np.float32), target, solid=True)
        if mask.any():
            found.append(PlacedFinding("atelectasis", place, None, None, mask, change, ("compressive",)))
    return found


def pneumothorax(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """Free air in front of the lung and at its apex, bounded by the thin line of the visceral pleura."""
    place: Side = side if side in ("right", "left") else ("right" if rng.random() < 0.5 else "left")
    surface = canvas.depth_below_pleura(place)
    if surface is None:
        return []
    window, depth = surface
    allowed = canvas.lung(window.box, place)
    thick = float(np.exp(rng.uniform(np.log(7), np.log(45))))
    forward = (window.y_mm - window.y_mm.min()) / np.float32(np.ptp(window.y_mm) + 1)
    upward = (window.z_mm - window.z_mm.min()) / np.float32(np.ptp(window.z_mm) + 1)
    start = rng.uniform(0.35, 0.65)
    rank = np.clip((forward - np.float32(start)) / np.float32(1 - start), 0, 1)
    rank = np.maximum(rank, np.clip((upward - np.float32(0.8)) / np.float32(0.2), 0, 1))
    sheet = np.float32(thick) * np.sqrt(rank)
    distance = np.where(sheet > 1.5, depth - sheet, np.float32(50)).astype(np.float32)
    line = np.clip(1 - np.abs(distance - np.float32(1.5)) / np.float32(canvas.spacing_mm), 0, 1) * allowed
    canvas.paint(window.box, line * np.float32(min(1.0, 1.5 / canvas.spacing_mm)), np.maximum(-250, canvas.hu[window.box]))
    cover = coverage(distance, canvas.spacing_mm) * allowed
    region, contrast = canvas.paint(window.box, cover, -1000.0, solid=True)
    amount = "small" if thick < 15 else "moderate" if thick < 28 else "large"
    return [PlacedFinding("pneumothorax", place, None, thick, region, contrast, (amount,))] if region.any() else []


def pleural_thickening(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """A soft sheet of 3-9 mm on the pleura over 25-70 mm."""
    return _sheet(canvas, rng, side, "pleural_thickening", Sheet(rng.uniform(4, 10), rng.uniform(25, 75), (20.0, 60.0), 1))


def pleural_plaque(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """Two to five calcified patches of 3-6 mm thickness on the pleura of one side."""
    look = Sheet(rng.uniform(3, 6), rng.uniform(12, 30), (180.0, 700.0), int(rng.integers(2, 6)))
    return _sheet(canvas, rng, side, "pleural_plaque", look)


def _sheet(canvas: Canvas, rng: Generator, side: Side | None, concept: str, look: Sheet) -> list[PlacedFinding]:
    """Patches of the pleura of one side, each thinning out towards its edge."""
    place: Side = side if side in ("right", "left") else ("right" if rng.random() < 0.5 else "left")
    surface = canvas.depth_below_pleura(place)
    if surface is None:
        return []
    window, depth = surface
    free = canvas.lung(window.box, place)
    spots = np.argwhere(free & (depth < 1.2 * canvas.spacing_mm))
    if not len(spots):
        return []
    cover = np.zeros(window.shape, dtype=np.float32)
    for spot in spots[rng.integers(0, len(spots), look.count)]:
        x, y, z = (line.ravel()[n] for line, n in zip((window.x_mm, window.y_mm, window.z_mm), spot, strict=True))
        reach = np.float32(look.extent_mm / 2)
        spread = ((window.x_mm - x) ** 2 + (window.y_mm - y) ** 2 + (window.z_mm - z) ** 2) / reach**2
        local = np.float32(look.thick_mm) * np.sqrt(np.clip(1 - spread, 0, 1))
        distance = np.where(local > 1, depth - local, np.float32(50)).astype(np.float32)
        np.maximum(cover, coverage(distance, canvas.spacing_mm), out=cover)
    region, contrast = canvas.paint(window.box, cover * free, rng.uniform(*look.hu), solid=True)
    canvas.close_rim(region, 40.0)
    return [PlacedFinding(concept, place, None, look.thick_mm, region, contrast)] if region.any() else []


def _dependent_reach(window: Window, rng: Generator, thick: float) -> tuple[Field, Field]:
    """How much of the full thickness fluid reaches: by height above the back (meniscus) and by level above the base."""
    back = window.y_mm - window.y_mm.min()
    level = np.ptp(window.y_mm) * np.clip(rng.uniform(0.15, 0.42) + thick / 130, 0, 0.85)
    base = window.z_mm - window.z_mm.min()
    height = np.ptp(window.z_mm) * np.clip(rng.uniform(0.2, 0.6) + thick / 90, 0, 1.2)
    forward = np.clip(1 - back / np.float32(level), 0, 1) ** np.float32(0.6)
    upward = np.clip(1 - base / np.float32(height), 0, 1) ** np.float32(0.5)
    return forward.astype(np.float32), upward.astype(np.float32)
