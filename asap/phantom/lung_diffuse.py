"""Findings that change the lung's texture over a zone: emphysema, fibrosis, thickened septa, wide bronchi, mosaic attenuation."""

from __future__ import annotations

import numpy as np

from asap.phantom.canvas import Canvas, PlacedFinding, lobes_of
from asap.phantom.lung_focal import Generator, lung_point, own_lobe, place_words
from asap.phantom.shapes import Field, Mask, coverage, polyline_distance, smooth_field
from asap.report import Side


def emphysema(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """Centrilobular holes (upper-lobe predominant) or panlobular low density, in one lung, one lobe or both lungs."""
    sides: tuple[Side, ...] = (side,) if side else ("right", "left") if rng.random() < 0.6 else (_any_side(rng),)
    panlobular = rng.random() < 0.35
    lobe = str(rng.choice(["upper_lobe", "lower_lobe"], p=[0.75, 0.25])) if rng.random() < 0.3 else None
    cut = rng.uniform(0.0, 1.1)
    hole_hu = rng.uniform(-1000, -955)
    region: Mask | None = None
    contrasts: list[float] = []
    for one in sides:
        names = (f"{one}_{lobe}",) if lobe else lobes_of(one)
        window = canvas.window_of(*names)
        if window is None:
            continue
        allowed = canvas.where(window.box, *names)
        before = canvas.hu[window.box]
        spare = np.clip((np.float32(-450) - before) / np.float32(250), 0, 1) * allowed
        if panlobular:
            cover = spare * np.float32(rng.uniform(0.55, 0.9))
        else:
            height = (window.z_mm - window.z_mm.min()) / np.float32(np.ptp(window.z_mm) + 1)
            slope = np.float32(0 if lobe else rng.uniform(0.6, 1.6))
            field = smooth_field(rng, window.shape, rng.uniform(5, 9) / canvas.spacing_mm)
            cover = np.clip((field - np.float32(cut) - slope * (np.float32(0.6) - height)) / np.float32(0.5), 0, 1) * spare
        mask, contrast = canvas.paint(window.box, cover.astype(np.float32), hole_hu)
        region = mask if region is None else region | mask
        contrasts.append(contrast)
    if region is None or not region.any():
        return []
    words = ("panlobular",) if panlobular else ("centrilobular",)
    place: Side = "bilateral" if len(sides) == 2 else sides[0]
    return [PlacedFinding("emphysema", place, lobe, None, region, float(np.mean(contrasts)), words)]


def fibrosis(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """Subpleural reticulation with honeycombing, strongest at the bases (or the apices after old infection)."""
    apical = rng.random() < 0.25
    sides: tuple[Side, ...] = (side,) if side else (_any_side(rng),) if apical or rng.random() < 0.25 else ("right", "left")
    thick = rng.uniform(9, 24)
    honeycomb = rng.random() < 0.45
    region: Mask | None = None
    contrasts: list[float] = []
    for one in sides:
        surface = canvas.depth_below_pleura(one)
        if surface is None:
            continue
        window, depth = surface
        height = (window.z_mm - window.z_mm.min()) / np.float32(np.ptp(window.z_mm) + 1)
        rank = height if apical else 1 - height
        reach = np.float32(thick) * np.clip((rank - np.float32(0.55)) * 3, 0, 1)
        ragged = smooth_field(rng, window.shape, 15 / canvas.spacing_mm) * np.float32(4)
        cover = coverage((depth - reach + ragged).astype(np.float32), 4.0) * canvas.lung(window.box, one) * (reach > 2)
        fine = smooth_field(rng, window.shape, max(1.2, 4.5 / canvas.spacing_mm))
        before = canvas.hu[window.box]
        mesh = np.where(np.abs(fine) < 0.5, np.float32(rng.uniform(250, 420)), np.float32(rng.uniform(60, 140)))
        if honeycomb:
            mesh = np.where(fine > 0.9, np.float32(-90), mesh)
        mask, contrast = canvas.paint(
            window.box, cover.astype(np.float32), np.minimum(before + mesh, np.maximum(before, 0)), solid=True
        )
        region = mask if region is None else region | mask
        contrasts.append(contrast)
    if region is None or not region.any():
        return []
    words = (("honeycombing",) if honeycomb else ("reticular",)) + (("apical",) if apical else ("basal",))
    place: Side = "bilateral" if len(sides) == 2 else sides[0]
    return [PlacedFinding("fibrosis", place, None, None, region, float(np.mean(contrasts)), words)]


def septal_thickening(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """A network of thickened interlobular septa in a lobe, a lung or both lungs."""
    sides: tuple[Side, ...] = (side,) if side else ("right", "left") if rng.random() < 0.5 else (_any_side(rng),)
    lobe = str(rng.choice(["upper_lobe", "lower_lobe"])) if rng.random() < 0.6 else None
    lift, haze = rng.uniform(180, 330), rng.uniform(10, 60)
    region: Mask | None = None
    contrasts: list[float] = []
    for one in sides:
        names = (f"{one}_{lobe}",) if lobe else lobes_of(one)
        window = canvas.window_of(*names)
        if window is None:
            continue
        depth = canvas.anatomy.pleural_depth_mm[window.box]
        zone = coverage(depth - np.float32(rng.uniform(25, 40)), 15.0) * canvas.where(window.box, *names)
        cells = np.abs(smooth_field(rng, window.shape, 11 / canvas.spacing_mm))
        network = np.clip((np.float32(0.3) - cells) / np.float32(0.15), 0, 1)
        before = canvas.hu[window.box]
        after = np.minimum(before + np.float32(haze) + network * np.float32(lift), np.maximum(before, 0))
        mask, contrast = canvas.paint(window.box, zone.astype(np.float32), after)
        region = mask if region is None else region | mask
        contrasts.append(contrast)
    if region is None or not region.any():
        return []
    place: Side = "bilateral" if len(sides) == 2 else sides[0]
    return [PlacedFinding("septal_thickening", place, lobe, None, region, float(np.mean(contrasts)), ())]


def bronchiectasis(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """A bundle of widened, thick-walled bronchi (lumen 4-12 mm) running outwards in one lobe."""
    point = lung_point(canvas, rng, side)
    if point is None:
        return []
    place, lobe = place_words(canvas, point)
    length = rng.uniform(25, 55)
    window = canvas.window(point, length * 0.9)
    axis = (canvas.hilum(place) - point) * canvas.spacing_mm
    axis /= np.linalg.norm(axis) + 1e-6
    distance = np.full(window.shape, np.inf, dtype=np.float32)
    wall = rng.uniform(1.5, 3)
    for _ in range(int(rng.integers(3, 9))):
        root = axis * length * 0.5 + rng.normal(0, length * 0.18, 3)
        tip = -axis * length * rng.uniform(0.1, 0.5) + rng.normal(0, length * 0.3, 3)
        lumen = rng.uniform(2.0, 5.5)
        line = np.stack([root, (root + tip) / 2 + rng.normal(0, 4, 3), tip])
        np.minimum(distance, polyline_distance(window, line) - np.float32(lumen), out=distance)
    cover = coverage(distance - np.float32(wall), canvas.spacing_mm) * own_lobe(canvas, window, place, lobe)
    air = coverage(distance, canvas.spacing_mm)
    target = np.float32(rng.uniform(-50, 60)) + air * np.float32(rng.uniform(-1000, -900))
    region, contrast = canvas.paint(window.box, cover, target.astype(np.float32), solid=True)
    return [PlacedFinding("bronchiectasis", place, lobe, None, region, contrast, ())] if region.any() else []


def mosaic_attenuation(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """Sharply bounded lucent areas between denser lung; the region is the lucent part."""
    sides: tuple[Side, ...] = (side,) if side else ("right", "left")
    dark, bright, share = rng.uniform(60, 110), rng.uniform(30, 90), rng.uniform(-0.1, 0.6)
    region: Mask | None = None
    contrasts: list[float] = []
    for one in sides:
        window = canvas.window_of(*lobes_of(one))
        if window is None:
            continue
        field = smooth_field(rng, window.shape, 22 / canvas.spacing_mm)
        before = canvas.hu[window.box]
        aerated = np.clip((np.float32(-450) - before) / np.float32(250), 0, 1) * canvas.lung(window.box, one)
        aerated = aerated.astype(np.float32)
        lucent: Field = np.clip((field - np.float32(share)) / np.float32(0.12) + np.float32(0.5), 0, 1)
        canvas.paint(window.box, aerated * (1 - lucent), before + np.float32(bright))
        mask, contrast = canvas.paint(window.box, aerated * lucent, np.maximum(before - np.float32(dark), -1000))
        region = mask if region is None else region | mask
        contrasts.append(contrast)
    if region is None or not region.any():
        return []
    place: Side = "bilateral" if len(sides) == 2 else sides[0]
    return [PlacedFinding("mosaic_attenuation", place, None, None, region, float(np.mean(contrasts)), ())]


def _any_side(rng: Generator) -> Side:
    return "right" if rng.random() < 0.5 else "left"
