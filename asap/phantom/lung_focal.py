"""Focal lesions of the lung: nodules, masses, cavities and bullae. Centres are uniform over the lung's volume.

Sizes, densities and shapes follow the Fleischner glossary (Hansell et al., Radiology 2008;246:697; Bankier et al. 2024).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asap.phantom.canvas import LOBES, Canvas, PlacedFinding, lobes_of
from asap.phantom.shapes import Field, Window, coverage, lumpy_distance, smooth_field
from asap.report import Side

Generator = np.random.Generator


def log_uniform(rng: Generator, low: float, high: float) -> float:
    """A draw whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def lung_point(
    canvas: Canvas, rng: Generator, side: Side | None, max_depth_mm: float | None = None
) -> NDArray[np.float64] | None:
    """A point uniform over the free lung of one side (both for None)."""
    return canvas.random_voxel(rng, *lobes_of(side), max_depth_mm=max_depth_mm)


def place_words(canvas: Canvas, point_ijk: NDArray[np.float64]) -> tuple[Side, str]:
    """Side and lobe of a point in the lung; the half of the body if rounding has put it just outside."""
    label = canvas.label_at(point_ijk)
    if label in LOBES:
        return LOBES[label]
    return ("right" if point_ijk[0] > canvas.midline_i else "left"), "lower_lobe"


def own_lobe(canvas: Canvas, window: Window, side: Side, lobe: str) -> NDArray[np.bool_]:
    """Free voxels of the window in one lobe."""
    return canvas.where(window.box, f"{side}_{lobe}")


def speckle(rng: Generator, window: Window, hu: float) -> Field:
    """Inner texture of a lesion: a smooth field of the given standard deviation."""
    return smooth_field(rng, window.shape, 2.5) * np.float32(hu)


def depth_word(canvas: Canvas, point_ijk: NDArray[np.float64]) -> tuple[str, ...]:
    """("subpleural",) for a point within 10 mm of the pleura, else nothing."""
    i, j, k = np.clip(np.rint(point_ijk).astype(int), 0, np.array(canvas.labels.shape) - 1)
    depth = float(canvas.anatomy.pleural_depth_mm[i, j, k])
    return ("subpleural",) if 0 < depth < 9 else ()


def nodule(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """One round opacity of 4-30 mm: solid, spiculated, lobulated, part-solid or ground-glass."""
    size = log_uniform(rng, 4, 30) if rng.random() < 0.4 else log_uniform(rng, 8, 30)
    point = lung_point(canvas, rng, side)
    if point is None:
        return []
    kinds = ["solid", "spiculated", "lobulated", "part-solid", "ground-glass"]
    odds = [0.52, 0.14, 0.16, 0.11, 0.07] if size >= 8 else [1.0, 0, 0, 0, 0]
    kind = str(rng.choice(kinds, p=odds))
    radius = size / 2
    window = canvas.window(point, radius * (1.9 if kind == "spiculated" else 1.5))
    radii = tuple(radius * rng.uniform(0.8, 1.05, 3))
    distance = lumpy_distance(
        window,
        rng,
        (radii[0], radii[1], radii[2]),
        lobulation=0.35 if kind == "lobulated" else 0.12,
        spikes=14 if kind == "spiculated" else 0,
    )
    place, lobe = place_words(canvas, point)
    allowed = own_lobe(canvas, window, place, lobe)
    fuzz = canvas.spacing_mm * rng.uniform(0.9, 1.5)
    cover = coverage(distance, fuzz) * allowed
    solid_hu = rng.uniform(0, 60) + 0.3 * canvas.anatomy.contrast_hu * rng.random()
    target: Field | float = solid_hu + speckle(rng, window, 12)
    if kind in ("part-solid", "ground-glass"):
        haze = rng.uniform(-650, -420)
        core = coverage(distance + radius * rng.uniform(0.35, 0.6), fuzz) if kind == "part-solid" else np.float32(0)
        target = np.maximum(haze + (solid_hu - haze) * core, canvas.hu[window.box])
    region, contrast = canvas.paint(window.box, cover, target, solid=True)
    if not region.any():
        return []
    words = (() if kind == "solid" and rng.random() < 0.6 else (kind,)) + depth_word(canvas, point)
    return [PlacedFinding("nodule", place, lobe, size, region, contrast, words)]


def calcified_nodule(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """A dense granuloma of 4-14 mm."""
    size = log_uniform(rng, 4, 14)
    point = lung_point(canvas, rng, side)
    if point is None:
        return []
    place, lobe = place_words(canvas, point)
    window = canvas.window(point, size)
    radius = size / 2
    distance = lumpy_distance(window, rng, (radius, radius * 0.9, radius * 0.9), lobulation=0.1)
    cover = coverage(distance, canvas.spacing_mm) * own_lobe(canvas, window, place, lobe)
    region, contrast = canvas.paint(window.box, cover, rng.uniform(250, 1000), solid=True)
    return [PlacedFinding("calcified_nodule", place, lobe, size, region, contrast)] if region.any() else []


def mass(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """An irregular solid tumour of 30-100 mm, at times necrotic, spiculated or hazy at its edge."""
    size = log_uniform(rng, 31, 95)
    point = lung_point(canvas, rng, side)
    if point is None:
        return []
    radius = size / 2
    spiculated = rng.random() < 0.3
    window = canvas.window(point, radius * 1.6)
    radii = tuple(radius * rng.uniform(0.65, 1.05, 3))
    distance = lumpy_distance(
        window,
        rng,
        (radii[0], radii[1], radii[2]),
        lobulation=rng.uniform(0.1, 0.45),
        spikes=24 if spiculated else 0,
        spike_length=0.35,
    )
    distance += smooth_field(rng, window.shape, 6 / canvas.spacing_mm + 1) * np.float32(radius * 0.07)
    place, lobe = place_words(canvas, point)
    allowed = canvas.lung(window.box, place)
    edge = canvas.spacing_mm * rng.uniform(1.0, 2.2)
    cover = coverage(distance, edge) * allowed
    wall_hu = rng.uniform(20, 60) + 0.35 * canvas.anatomy.contrast_hu * rng.random()
    target = wall_hu + speckle(rng, window, 10)
    words: tuple[str, ...] = ("spiculated",) if spiculated else ("lobulated",) if rng.random() < 0.3 else ()
    if rng.random() < 0.35:
        core = coverage(distance + radius * rng.uniform(0.3, 0.5), 8.0)
        target = target + core * np.float32(rng.uniform(5, 20) - wall_hu)
        words += ("necrotic",)
    if rng.random() < 0.35:
        halo = coverage(distance - 6, 14.0) * allowed * np.float32(rng.uniform(0.1, 0.3))
        canvas.paint(window.box, halo, np.maximum(np.float32(-300), canvas.hu[window.box]))
    region, contrast = canvas.paint(window.box, cover, target, solid=True)
    canvas.close_rim(region, wall_hu)
    return [PlacedFinding("mass", place, _main_lobe(canvas, window, region, place, lobe), size, region, contrast, words)]


def _main_lobe(canvas: Canvas, window: Window, region: NDArray[np.bool_], side: Side, lobe: str) -> str | None:
    inside = region[window.box]
    labels = canvas.labels[window.box][inside]
    shares = {name: float(np.mean(labels == label)) for label, (s, name) in LOBES.items() if s == side} if labels.size else {}
    best = max(shares, key=lambda name: shares[name], default=lobe)
    return best if shares.get(best, 0.0) >= 0.75 else None


def cavity(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """A thick-walled air space of 18-70 mm, at times with a fluid level behind."""
    size = log_uniform(rng, 18, 70)
    point = lung_point(canvas, rng, side)
    if point is None:
        return []
    place, lobe = place_words(canvas, point)
    radius = size / 2
    window = canvas.window(point, radius * 1.5)
    radii = tuple(radius * rng.uniform(0.75, 1.05, 3))
    distance = lumpy_distance(window, rng, (radii[0], radii[1], radii[2]), lobulation=0.2)
    wall = max(canvas.spacing_mm, radius * rng.uniform(0.18, 0.5))
    inner = coverage(distance + wall + smooth_field(rng, window.shape, 4) * np.float32(wall * 0.2), canvas.spacing_mm)
    air_hu = np.full(window.shape, rng.uniform(-980, -880), dtype=np.float32)
    words: tuple[str, ...] = ("thick-walled",) if wall > 5 else ()
    if rng.random() < 0.3:
        level = np.float32(radius * rng.uniform(-0.5, 0.2))
        air_hu = np.where(np.broadcast_to(window.y_mm < level, window.shape), np.float32(rng.uniform(5, 30)), air_hu)
    wall_hu = rng.uniform(10, 60)
    target = wall_hu + inner * (air_hu - np.float32(wall_hu))
    cover = coverage(distance, canvas.spacing_mm * 1.3) * own_lobe(canvas, window, place, lobe)
    region, contrast = canvas.paint(window.box, cover, target, solid=True)
    return [PlacedFinding("cavity", place, lobe, size, region, contrast, words)] if region.any() else []


def bulla(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """A thin-walled air space of 15-80 mm, usually below the pleura."""
    size = log_uniform(rng, 15, 80)
    point = lung_point(canvas, rng, side, max_depth_mm=14.0 if rng.random() < 0.7 else None)
    if point is None:
        return []
    place, lobe = place_words(canvas, point)
    radius = size / 2
    window = canvas.window(point, radius * 1.3)
    radii = tuple(radius * rng.uniform(0.8, 1.05, 3))
    distance = lumpy_distance(window, rng, (radii[0], radii[1], radii[2]), lobulation=0.1)
    allowed = own_lobe(canvas, window, place, lobe)
    shell = np.clip(1 - np.abs(distance) / np.float32(canvas.spacing_mm), 0, 1) * allowed
    canvas.paint(window.box, shell * np.float32(min(1.0, 1.2 / canvas.spacing_mm)), np.maximum(-350, canvas.hu[window.box]))
    cover = coverage(distance + canvas.spacing_mm / 2, canvas.spacing_mm) * allowed
    region, contrast = canvas.paint(window.box, cover, rng.uniform(-1000, -980), solid=True)
    return [PlacedFinding("bulla", place, lobe, size, region, contrast)] if region.any() else []
