"""Opacities of the lung without a round shape: ground-glass, consolidation, atelectasis, micronodules.

Terms and densities follow the Fleischner glossary (Hansell et al., Radiology 2008;246:697).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from asap.phantom.canvas import Canvas, PlacedFinding
from asap.phantom.lung_focal import Generator, depth_word, log_uniform, lung_point, own_lobe, place_words, speckle
from asap.phantom.shapes import Field, Mask, Window, coverage, polyline_distance, random_rotation, rotated, smooth_field
from asap.report import Side


def ground_glass(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """A hazy area of 20-110 mm that lifts the lung by 100-350 HU and leaves vessels visible."""
    size = log_uniform(rng, 20, 110)
    point = lung_point(canvas, rng, side)
    if point is None:
        return []
    place, lobe = place_words(canvas, point)
    radius = size / 2
    window = canvas.window(point, radius * 1.5)
    distance = _ragged_distance(window, rng, radius, rng.uniform(0.25, 0.5), max(2.0, radius * 0.35 / canvas.spacing_mm))
    cover = coverage(distance, max(canvas.spacing_mm, rng.uniform(4, 12))) * own_lobe(canvas, window, place, lobe)
    words: tuple[str, ...] = ("patchy",) if rng.random() < 0.3 else ()
    lift = rng.uniform(110, 350) * (1 + 0.15 * smooth_field(rng, window.shape, 3))
    if rng.random() < 0.15:
        network = np.abs(smooth_field(rng, window.shape, 6 / canvas.spacing_mm)) < 0.25
        lift = lift + network * np.float32(rng.uniform(80, 160))
        words += ("crazy-paving",)
    before = canvas.hu[window.box]
    aerated = np.clip((np.float32(-350) - before) / np.float32(250), 0, 1)
    region, contrast = canvas.paint(window.box, cover, before + lift.astype(np.float32) * aerated, solid=True)
    words += depth_word(canvas, point) if rng.random() < 0.5 else ()
    return [PlacedFinding("ground_glass", place, lobe, size, region, contrast, words)] if region.any() else []


def consolidation(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """An airless area of 20-120 mm (patch, segment or most of a lobe) with open bronchi in it and a hazy rim."""
    point = lung_point(canvas, rng, side)
    if point is None:
        return []
    place, lobe = place_words(canvas, point)
    kind = str(rng.choice(["patch", "segmental", "lobar"], p=[0.5, 0.33, 0.17]))
    size = log_uniform(rng, 90, 150) if kind == "lobar" else log_uniform(rng, 20, 80)
    radius = size / 2
    window = canvas.window(point, radius * 1.5)
    roughness = rng.uniform(0.2, 0.4)
    distance = _ragged_distance(window, rng, radius, roughness, max(2.0, radius * 0.3 / canvas.spacing_mm))
    inward_mm = (canvas.hilum(place) - point) * canvas.spacing_mm
    if kind == "segmental":
        distance = np.maximum(distance, _cone_distance(window, inward_mm, radius))
    allowed = own_lobe(canvas, window, place, lobe)
    rim = coverage(distance - 5, rng.uniform(8, 16)) * allowed * np.float32(rng.uniform(0.15, 0.5))
    canvas.paint(window.box, rim, np.maximum(np.float32(-250), canvas.hu[window.box]))
    cover = coverage(distance, canvas.spacing_mm * rng.uniform(1.0, 2.5)) * allowed
    fill = rng.uniform(-20, 60) + 0.4 * canvas.anatomy.contrast_hu * rng.random()
    target = fill + speckle(rng, window, 14)
    words: tuple[str, ...] = (kind,) if kind != "patch" else ("patchy",) if rng.random() < 0.4 else ()
    if radius > 14 and rng.random() < 0.65:
        air = _open_bronchi(window, rng, inward_mm, radius, canvas.spacing_mm)
        target = target + air * (np.float32(-850) - target)
        words += ("air-bronchogram",)
    region, contrast = canvas.paint(window.box, cover, target, solid=True)
    canvas.close_rim(region, fill)
    return [PlacedFinding("consolidation", place, lobe, size, region, contrast, words)] if region.any() else []


def atelectasis(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """A band, plate, wedge or rounded area of collapsed lung; neighbours are drawn towards it."""
    point = lung_point(canvas, rng, side)
    if point is None:
        return []
    place, lobe = place_words(canvas, point)
    kind = str(rng.choice(["linear", "plate-like", "subsegmental", "round"], p=[0.3, 0.25, 0.35, 0.1]))
    thickness = {"linear": (2, 5), "plate-like": (3, 7), "subsegmental": (7, 16), "round": (22, 40)}[kind]
    half = rng.uniform(*thickness) / 2
    length = rng.uniform(25, 80) / 2 if kind != "round" else half * rng.uniform(1.0, 1.3)
    breadth = length * rng.uniform(0.35, 0.8)
    window = canvas.window(point, length * 1.15)
    turn = random_rotation(rng)
    if rng.random() < 0.6 and kind != "round":
        turn = turn[np.argsort(-np.abs(turn[:, 2]))]
    u, v, w = rotated(window, turn)
    u = u + np.float32(rng.uniform(-0.35, 0.35) / length) * v * v
    u = u + smooth_field(rng, window.shape, 5) * np.float32(min(half * 0.3, 1.2))
    taper = np.sqrt(np.clip(1 - (v / length) ** 2 - (w / breadth) ** 2, 0.02, 1))
    slab = np.abs(u) - np.float32(half) * (taper if kind in ("subsegmental", "round") else np.sqrt(taper))
    outline = (np.sqrt((v / length) ** 2 + (w / breadth) ** 2) - 1) * np.float32(breadth)
    distance = np.maximum(slab, outline)
    if kind == "subsegmental" and rng.random() < 0.7:
        pull_mm = rng.uniform(3, 7)
        _draw_together(canvas, window, turn[0], (u, outline), pull_mm=pull_mm, lobe=own_lobe(canvas, window, place, lobe))
    width = canvas.spacing_mm * rng.uniform(0.9, 1.3)
    share = np.float32(min(1.0, 2 * half / canvas.spacing_mm + 0.15))
    cover = coverage(distance, width) * own_lobe(canvas, window, place, lobe) * share
    target = rng.uniform(0, 55) + 0.5 * canvas.anatomy.contrast_hu * rng.random() + speckle(rng, window, 8)
    region, contrast = canvas.paint(window.box, cover, target, solid=True)
    return [PlacedFinding("atelectasis", place, lobe, 2 * length, region, contrast, (kind,))] if region.any() else []


def tree_in_bud(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """A cluster of 2-5 mm nodules joined by short branches, 30-80 mm across."""
    point = lung_point(canvas, rng, side)
    if point is None:
        return []
    place, lobe = place_words(canvas, point)
    radius = rng.uniform(15, 40)
    window = canvas.window(point, radius + 6)
    cover = np.zeros(window.shape, dtype=np.float32)
    for _ in range(int(rng.integers(14, 45))):
        bud = rng.normal(0, radius * 0.45, 3)
        branch = bud + rng.normal(0, 4, 3)
        distance = polyline_distance(window, np.stack([bud, branch])) - np.float32(rng.uniform(1.0, 2.2))
        np.maximum(cover, coverage(distance, canvas.spacing_mm), out=cover)
    cover *= own_lobe(canvas, window, place, lobe)
    target = np.maximum(np.float32(rng.uniform(-250, 0)), canvas.hu[window.box])
    region, contrast = canvas.paint(window.box, cover, target, solid=True, least=0.35)
    return [PlacedFinding("tree_in_bud", place, lobe, 2 * radius, region, contrast)] if region.any() else []


def _ragged_distance(window: Window, rng: Generator, radius: float, roughness: float, scale: float) -> Field:
    stretch = rng.uniform(0.7, 1.15, 3)
    u, v, w = rotated(window, random_rotation(rng))
    scaled = np.sqrt((u / stretch[0]) ** 2 + (v / stretch[1]) ** 2 + (w / stretch[2]) ** 2) - np.float32(radius)
    return np.asarray(scaled + smooth_field(rng, window.shape, scale) * np.float32(radius * roughness), dtype=np.float32)


def _cone_distance(window: Window, inward_mm: NDArray[np.float64], radius: float) -> Field:
    """Distance to a cone whose tip lies one radius towards the hilum and that opens by 35 degrees to the pleura."""
    axis = inward_mm / (np.linalg.norm(inward_mm) + 1e-6)
    tip = axis * radius
    x, y, z = (line - np.float32(t) for line, t in zip((window.x_mm, window.y_mm, window.z_mm), tip, strict=True))
    along = -(np.float32(axis[0]) * x + np.float32(axis[1]) * y + np.float32(axis[2]) * z)
    across = np.sqrt(np.maximum(x * x + y * y + z * z - along * along, 0))
    return np.asarray(
        (across - along * np.float32(np.tan(np.radians(35)))) * np.float32(np.cos(np.radians(35))), dtype=np.float32
    )


def _open_bronchi(window: Window, rng: Generator, inward_mm: NDArray[np.float64], radius: float, spacing_mm: float) -> Field:
    """Coverage of 2-5 air-filled branches that run from the hilar side outwards."""
    axis = inward_mm / (np.linalg.norm(inward_mm) + 1e-6)
    root = axis * radius * 0.8
    air = np.zeros(window.shape, dtype=np.float32)
    for _ in range(int(rng.integers(2, 6))):
        bend = rng.normal(0, radius * 0.25, 3)
        tip = -axis * radius * rng.uniform(0.2, 0.7) + rng.normal(0, radius * 0.45, 3)
        calibre = rng.uniform(0.8, 2.0)
        distance = polyline_distance(window, np.stack([root, bend, tip])) - np.float32(calibre)
        np.maximum(air, coverage(distance, spacing_mm) * np.float32(min(1.0, 0.9 * calibre / spacing_mm + 0.3)), out=air)
    return air


def _draw_together(
    canvas: Canvas, window: Window, normal: Field, slab_outline: tuple[Field, Field], *, pull_mm: float, lobe: Mask
) -> None:
    """Volume loss: lung within 15 mm of a plate moves towards it by up to pull_mm, so that vessels crowd there.

    normal: [3] unit vector across the plate. slab_outline: signed distance across it, and to its outline (negative inside).
    """
    across, outline = slab_outline
    near = np.clip(1 - np.abs(across) / np.float32(15), 0, 1) * np.clip(-outline / np.float32(8), 0, 1)
    step = np.sign(across) * near * np.float32(pull_mm / canvas.spacing_mm)
    index = [
        np.arange(n, dtype=np.float32).reshape([-1 if a == axis else 1 for a in range(3)]) for axis, n in enumerate(window.shape)
    ]
    source = np.stack([line + step * part for line, part in zip(index, normal, strict=True)])
    moved = ndimage.map_coordinates(canvas.hu[window.box], source, order=1, mode="nearest")
    from_lobe = ndimage.map_coordinates(lobe.astype(np.float32), source, order=1, mode="nearest") > 0.99
    canvas.hu[window.box] = np.where(lobe & from_lobe, moved, canvas.hu[window.box])
