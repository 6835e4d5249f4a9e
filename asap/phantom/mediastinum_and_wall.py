"""Findings between and around the lungs: nodes, masses, hernia, bones, liver."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asap.phantom.canvas import Canvas, PlacedFinding
from asap.phantom.heart_and_vessels import SOFT_NEIGHBOURS
from asap.phantom.labels import LABELS
from asap.phantom.lung_focal import Generator, log_uniform, speckle
from asap.phantom.shapes import coverage, lumpy_distance
from asap.report import Side


def lymphadenopathy(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """One to four enlarged nodes (short axis 10-28 mm) of one station: paratracheal, subcarinal, hilar or prevascular."""
    station = str(rng.choice(["paratracheal", "subcarinal", "hilar", "prevascular"], p=[0.3, 0.25, 0.35, 0.1]))
    if side is not None and station in ("subcarinal", "prevascular"):
        station = "hilar"
    place: Side | None = side if side else ("right" if rng.random() < 0.5 else "left")
    middle = _station(canvas, rng, station, place or "right")
    if middle is None:
        return []
    names = (*SOFT_NEIGHBOURS, "main_bronchi") if station == "hilar" else SOFT_NEIGHBOURS
    region = np.zeros(canvas.labels.shape, dtype=np.bool_)
    contrasts: list[float] = []
    largest = 0.0
    for n in range(int(rng.integers(1, 5))):
        size = rng.uniform(10, 28)
        point = middle + (rng.normal(0, 9, 3) / canvas.spacing_mm if n else 0)
        window = canvas.window(point, size)
        distance = lumpy_distance(window, rng, (size * 0.7, size / 2, size / 2), lobulation=0.1)
        cover = coverage(distance, canvas.spacing_mm) * canvas.where(window.box, *names)
        hu = rng.uniform(30, 65) + 0.35 * canvas.anatomy.contrast_hu * rng.random()
        mask, contrast = canvas.paint(window.box, cover, hu + speckle(rng, window, 6))
        if mask.any():
            region |= mask
            contrasts.append(contrast)
            largest = max(largest, size)
    if not region.any():
        return []
    canvas.occupied |= region
    paired = station in ("hilar", "paratracheal")
    anatomy = "hilum" if station == "hilar" else "mediastinum"
    return [
        PlacedFinding(
            "lymphadenopathy", place if paired else None, anatomy, largest, region, float(np.mean(contrasts)), (station,)
        )
    ]


def _station(canvas: Canvas, rng: Generator, station: str, side: Side) -> NDArray[np.float64] | None:
    trachea, aorta = canvas.box_of("trachea"), canvas.centroid("aorta")
    outward = 1.0 if side == "right" else -1.0
    mm = 1 / canvas.spacing_mm
    if station == "hilar":
        return canvas.hilum(side) + np.array([outward * rng.uniform(4, 14), rng.uniform(-6, 8), rng.uniform(-14, 8)]) * mm
    centre = canvas.centroid("trachea")
    if trachea is None or centre is None or aorta is None:
        return None
    if station == "subcarinal":
        return np.array([centre[0], centre[1] - 4 * mm, trachea[2].start - rng.uniform(10, 22) * mm])
    if station == "paratracheal":
        height = trachea[2].start + rng.uniform(5, 40) * mm
        return np.array([centre[0] + outward * rng.uniform(14, 20) * mm, centre[1] + rng.uniform(-3, 10) * mm, height])
    return np.array([centre[0] - 8 * mm, centre[1] + rng.uniform(38, 55) * mm, trachea[2].start + rng.uniform(5, 25) * mm])


def mediastinal_mass(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """An irregular mass of 35-95 mm in the anterior (thymic), middle or posterior (paravertebral) mediastinum."""
    for _ in range(5):
        compartment = str(rng.choice(["anterior", "middle", "posterior"], p=[0.6, 0.2, 0.2]))
        point = _compartment(canvas, rng, compartment)
        if point is None:
            return []
        size = log_uniform(rng, 35, 95)
        radius = size / 2
        window = canvas.window(point, radius * 1.5)
        distance = lumpy_distance(window, rng, (radius, radius * 0.8, radius * 0.7), lobulation=0.3)
        cover = coverage(distance, canvas.spacing_mm * 1.3)
        free = cover * canvas.where(window.box, *SOFT_NEIGHBOURS)
        if free.sum() < 0.4 * cover.sum():  # mostly heart, vessel or bone: no room here
            continue
        hu = rng.uniform(25, 60) + 0.35 * canvas.anatomy.contrast_hu * rng.random()
        region, contrast = canvas.paint(window.box, free, hu + speckle(rng, window, 9), solid=True)
        return [PlacedFinding("mediastinal_mass", None, "mediastinum", size, region, contrast, (compartment,))]
    return []


def _compartment(canvas: Canvas, rng: Generator, compartment: str) -> NDArray[np.float64] | None:
    """A point in one third of the mediastinum."""
    heart, spine, trachea = canvas.centroid("heart"), canvas.centroid("spine"), canvas.centroid("trachea")
    if heart is None or spine is None or trachea is None:
        return None
    mm = 1 / canvas.spacing_mm
    sideways = rng.uniform(-25, 25) * mm
    if compartment == "anterior":
        return np.array([trachea[0] + sideways, heart[1] + rng.uniform(10, 40) * mm, heart[2] + rng.uniform(35, 75) * mm])
    if compartment == "middle":
        return np.array([trachea[0] + sideways, trachea[1] + rng.uniform(0, 15) * mm, trachea[2] - rng.uniform(10, 40) * mm])
    return np.array([spine[0] + np.sign(sideways) * 32 * mm, spine[1] + 12 * mm, heart[2] + rng.uniform(-20, 70) * mm])


def hiatal_hernia(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """Stomach above the diaphragm behind the heart, 25-80 mm, with contents below an air bubble."""
    box, heart, spine = canvas.box_of("esophagus"), canvas.box_of("heart"), canvas.centroid("spine")
    if box is None or heart is None or spine is None:
        return []
    size = rng.uniform(25, 80)
    radius = size / 2
    low = canvas.labels[:, :, heart[2].start : heart[2].start + 6] == LABELS["esophagus"]
    spots = np.argwhere(low)
    if len(spots):
        point = spots.mean(axis=0) + np.array([0, 0, heart[2].start])
    else:
        point = np.array([(box[0].start + box[0].stop) / 2, (box[1].start + box[1].stop) / 2, heart[2].start], dtype=np.float64)
    point = point + np.array([rng.uniform(-0.4, 0.4) * radius, 0.3 * radius, rng.uniform(0.2, 0.8) * radius]) / canvas.spacing_mm
    window = canvas.window(point, radius * 1.3)
    distance = lumpy_distance(window, rng, (radius, radius * 0.85, radius * 0.8), lobulation=0.15)
    names = ("esophagus", "diaphragm", *SOFT_NEIGHBOURS)
    cover = coverage(distance, canvas.spacing_mm) * canvas.where(window.box, *names)
    inner = coverage(distance + np.float32(4), canvas.spacing_mm)
    content = np.where(window.y_mm > radius * rng.uniform(-0.2, 0.7), np.float32(-900), np.float32(rng.uniform(0, 40)))
    if rng.random() < 0.3:
        content = np.full_like(content, rng.uniform(-80, 30))
    target = 45 + inner * (content + speckle(rng, window, 20) - np.float32(45))
    region, contrast = canvas.paint(window.box, cover, target.astype(np.float32), solid=True)
    return [PlacedFinding("hiatal_hernia", None, "esophagus", size, region, contrast, ())] if region.any() else []


def bone_lesion(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """A lytic or sclerotic focus of 8-30 mm inside a vertebra, rib or the sternum."""
    bone = str(rng.choice(["spine", "ribs", "sternum"], p=[0.65, 0.25, 0.1]))
    point = canvas.random_voxel(rng, bone)
    if point is None:
        return []
    size = log_uniform(rng, 9, 32)
    window = canvas.window(point, size * 0.75)
    distance = lumpy_distance(window, rng, (size / 2, size / 2.2, size / 2.4), lobulation=0.15)
    cover = coverage(distance, canvas.spacing_mm) * canvas.where(window.box, bone)
    lytic = rng.random() < 0.5
    region, contrast = canvas.paint(window.box, cover, rng.uniform(-40, 40) if lytic else rng.uniform(800, 1200), solid=True)
    if not region.any():
        return []
    place = _half(canvas, point) if bone == "ribs" else None
    return [PlacedFinding("bone_lesion", place, bone, size, region, contrast, ("lytic",) if lytic else ("sclerotic",))]


def fracture(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """A rib fracture (gap and callus), or a vertebra with a dense, fractured end plate."""
    bone = "ribs" if rng.random() < 0.7 or side else "spine"
    point = canvas.random_voxel(rng, bone)
    if point is None:
        return []
    window = canvas.window(point, 12)
    labels = canvas.labels[window.box]
    if bone == "ribs":
        away = np.sqrt(window.x_mm**2 + window.y_mm**2 + window.z_mm**2)
        callus = coverage((away - np.float32(rng.uniform(6, 9))).astype(np.float32), canvas.spacing_mm)
        around = canvas.where(window.box, "ribs", "soft_tissue", "muscle", "fat")
        gap = coverage(np.broadcast_to(np.abs(window.x_mm), window.shape) - np.float32(2.0), canvas.spacing_mm) * (
            labels == LABELS["ribs"]
        )
        target = np.float32(rng.uniform(500, 800)) + gap * np.float32(-550)
        region, contrast = canvas.paint(window.box, callus * around, target.astype(np.float32), solid=True)
        words: tuple[str, ...] = ("rib",)
    else:
        plate = coverage(np.broadcast_to(np.abs(window.z_mm), window.shape) - np.float32(3.5), canvas.spacing_mm)
        cover = plate * canvas.where(window.box, "spine") * (np.abs(window.x_mm) < 18) * (np.abs(window.y_mm) < 14)
        region, contrast = canvas.paint(window.box, cover.astype(np.float32), rng.uniform(550, 800), solid=True)
        words = ("vertebral",)
    if not region.any():
        return []
    return [PlacedFinding("fracture", _half(canvas, point) if bone == "ribs" else None, bone, None, region, contrast, words)]


def liver_lesion(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """One to four dark foci of 8-55 mm in the liver: cysts or metastases."""
    cyst = rng.random() < 0.5
    region = np.zeros(canvas.labels.shape, dtype=np.bool_)
    contrasts: list[float] = []
    largest = 0.0
    for _ in range(int(rng.choice([1, 2, 3, 4], p=[0.6, 0.2, 0.1, 0.1]))):
        point = canvas.random_voxel(rng, "liver")
        if point is None:
            break
        size = log_uniform(rng, 8, 55)
        window = canvas.window(point, size * 0.75)
        distance = lumpy_distance(window, rng, (size / 2, size / 2.1, size / 2.2), lobulation=0.0 if cyst else 0.15)
        cover = coverage(distance, canvas.spacing_mm * (1.0 if cyst else 1.6)) * canvas.where(window.box, "liver")
        target = rng.uniform(0, 15) if cyst else canvas.hu[window.box] - np.float32(rng.uniform(25, 60))
        mask, contrast = canvas.paint(window.box, cover, target, solid=True)
        if mask.any():
            region |= mask
            contrasts.append(contrast)
            largest = max(largest, size)
    if not region.any():
        return []
    words = ("cyst",) if cyst else ("metastasis",)
    return [PlacedFinding("liver_lesion", None, "liver", largest, region, float(np.mean(contrasts)), words)]


def _half(canvas: Canvas, point_ijk: NDArray[np.float64]) -> Side:
    return "right" if point_ijk[0] > canvas.midline_i else "left"
