"""Findings of the heart and the great vessels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from asap.phantom.canvas import Canvas, PlacedFinding
from asap.phantom.labels import LABELS
from asap.phantom.lung_focal import Generator
from asap.phantom.shapes import coverage, polyline_distance
from asap.report import Side

SOFT_NEIGHBOURS = (
    "right_upper_lobe",
    "right_middle_lobe",
    "right_lower_lobe",
    "left_upper_lobe",
    "left_lower_lobe",
    "pericardium",
    "mediastinum",
    "fat",
    "soft_tissue",
)


def cardiomegaly(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """The whole heart; the body was generated with an enlarged one, so nothing is painted."""
    region = canvas.anatomy.mask("heart")
    return [PlacedFinding("cardiomegaly", None, "heart", None, region, 0.0, ())] if region.any() else []


def pericardial_effusion(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """A layer of fluid of 5-25 mm around the heart, thicker behind and below."""
    window = canvas.window_of("heart", margin_mm=36)
    if window is None:
        return []
    heart = canvas.labels[window.box] == LABELS["heart"]
    outside_mm = ndimage.distance_transform_edt(~heart, sampling=canvas.spacing_mm).astype(np.float32) - np.float32(
        canvas.spacing_mm / 2
    )
    thick = rng.uniform(5, 20)
    middle = np.argwhere(heart).mean(axis=0)
    backward = (middle[1] * canvas.spacing_mm - (window.y_mm - window.y_mm.min())) / 50
    downward = (middle[2] * canvas.spacing_mm - (window.z_mm - window.z_mm.min())) / 50
    local = np.float32(thick) * np.clip(0.6 + 0.4 * backward + 0.3 * downward, 0.15, 1.2)
    cover = coverage((outside_mm - local).astype(np.float32), canvas.spacing_mm)
    cover = cover * canvas.where(window.box, *SOFT_NEIGHBOURS) * ~heart
    region, contrast = canvas.paint(window.box, cover.astype(np.float32), rng.uniform(0, 25), solid=True)
    amount = "small" if thick < 10 else "moderate" if thick < 18 else "large"
    return [PlacedFinding("pericardial_effusion", None, "heart", thick, region, contrast, (amount,))] if region.any() else []


def coronary_calcification(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """One to six dense flecks along the courses of the coronary arteries on the heart's surface."""
    centre = canvas.centroid("heart")
    if centre is None:
        return []
    courses = {  # start and end direction from the heart's centre (right, anterior, superior)
        "LAD": ((-0.5, 0.6, 0.7), (-0.8, 0.6, -0.5)),
        "LCX": ((-0.7, 0.0, 0.7), (-0.8, -0.7, -0.1)),
        "RCA": ((0.5, 0.6, 0.6), (0.7, 0.3, -0.6)),
    }
    region = np.zeros(canvas.labels.shape, dtype=np.bool_)
    contrasts: list[float] = []
    for _ in range(int(rng.integers(1, 7))):
        start, stop = courses[str(rng.choice(list(courses), p=[0.55, 0.2, 0.25]))]
        a = rng.uniform(0, 0.8)
        near = _surface_point(canvas, centre, (1 - a) * np.array(start) + a * np.array(stop))
        far = _surface_point(canvas, centre, (0.85 - a) * np.array(start) + (a + 0.15) * np.array(stop))
        window = canvas.window(near, 14)
        course = (far - near) * canvas.spacing_mm
        course = course / (np.linalg.norm(course) + 1e-6) * rng.uniform(1, 9)
        distance = polyline_distance(window, np.stack([np.zeros(3), course])) - np.float32(rng.uniform(1.0, 2.4))
        free = canvas.where(window.box, "heart", *SOFT_NEIGHBOURS)
        mask, contrast = canvas.paint(window.box, coverage(distance, canvas.spacing_mm) * free, rng.uniform(350, 1300))
        region |= mask
        contrasts.append(contrast)
    if not region.any():
        return []
    return [PlacedFinding("coronary_calcification", None, "heart", None, region, float(np.mean(contrasts)), ())]


def _surface_point(canvas: Canvas, centre: NDArray[np.float64], direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the ray from the heart's centre leaves the heart."""
    step = direction / np.linalg.norm(direction) * 0.7
    point = centre.copy()
    limit = np.array(canvas.labels.shape) - 1
    for _ in range(120):
        ahead = point + step
        if (ahead < 0).any() or (ahead > limit).any() or canvas.label_at(ahead) != LABELS["heart"]:
            break
        point = ahead
    return point


def arterial_calcification(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """Two to eight dense patches in the wall of the thoracic aorta."""
    window = canvas.window_of("aorta", margin_mm=canvas.spacing_mm)
    if window is None:
        return []
    aorta = canvas.labels[window.box] == LABELS["aorta"]
    wall = aorta & ~ndimage.binary_erosion(aorta)
    spots = np.argwhere(wall)
    cover = np.zeros(window.shape, dtype=np.float32)
    for spot in spots[rng.integers(0, len(spots), int(rng.integers(2, 9)))]:
        offset = np.array([window.x_mm.ravel()[spot[0]], window.y_mm.ravel()[spot[1]], window.z_mm.ravel()[spot[2]]])
        course = offset + rng.normal(0, 4, 3)
        distance = polyline_distance(window, np.stack([offset, course])) - np.float32(rng.uniform(2.5, 7))
        np.maximum(cover, coverage(distance, canvas.spacing_mm), out=cover)
    cover *= wall & ~canvas.occupied[window.box]
    region, contrast = canvas.paint(window.box, cover * np.float32(rng.uniform(0.6, 1.0)), rng.uniform(350, 1000))
    return [PlacedFinding("arterial_calcification", None, "aorta", None, region, contrast, ())] if region.any() else []


def aortic_aneurysm(canvas: Canvas, rng: Generator, side: Side | None) -> list[PlacedFinding]:
    """A spindle-shaped widening of a stretch of the aorta to 42-75 mm, at times lined by clot."""
    point = canvas.random_voxel(rng, "aorta")
    if point is None:
        return []
    for _ in range(3):  # move to the vessel's middle
        near = canvas.window(point, 16)
        inside = np.argwhere(canvas.labels[near.box] == LABELS["aorta"])
        if len(inside):
            point = inside.mean(axis=0) + np.array([s.start for s in near.box])
    size = rng.uniform(42, 75)
    radius = size / 2
    window = canvas.window(point, radius * 1.6)
    spread = np.sqrt(window.x_mm**2 + window.y_mm**2 + (window.z_mm / np.float32(rng.uniform(1.1, 1.5))) ** 2)
    distance = (spread - np.float32(radius)).astype(np.float32)
    labels = canvas.labels[window.box]
    aorta = labels == LABELS["aorta"]
    allowed = canvas.where(window.box, "aorta", "vena_cava", "pulmonary_artery", "esophagus", *SOFT_NEIGHBOURS)
    clot = coverage(-distance - np.float32(rng.uniform(4, 10)), canvas.spacing_mm) * ~aorta if rng.random() < 0.5 else 0.0
    target = np.float32(canvas.blood_hu) + clot * np.float32(rng.uniform(30, 50) - canvas.blood_hu)
    cover = coverage(distance, canvas.spacing_mm) * allowed
    region, contrast = canvas.paint(window.box, cover, np.asarray(target, dtype=np.float32), solid=True)
    return [PlacedFinding("aortic_aneurysm", None, "aorta", size, region, contrast, ())] if region.any() else []
