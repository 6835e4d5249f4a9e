"""The heart of a generated chest: pericardium, muscle with fat in its grooves, and its cavities."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from asap.phantom.labels import LABELS
from asap.phantom.scene import Point, Scene
from asap.phantom.solids import ellipsoid, rotation_from_angles, smooth_minimum


class Chamber(NamedTuple):
    """One chamber: middle in mm, axes, outer and inner radii in mm, HU of its blood."""

    centre_mm: Point
    axes: NDArray[np.float64]
    outer_mm: Point
    inner_mm: Point
    blood_hu: float


def chambers(scene: Scene) -> list[Chamber]:
    """Left ventricle, right ventricle, right atrium, left atrium, outflow tract of the right ventricle."""
    plan, blood = scene.heart, scene.blood
    lengthwise = plan.axes @ rotation_from_angles(128, -22, 0)
    across = plan.axes @ rotation_from_angles(12, 0, 14)
    right_atrium = blood.right * 0.55 + blood.vein * 0.45
    drawn = [
        ((-26, 0, -12), lengthwise, (36, 50, 38), (21, 35, 23), blood.left),
        ((2, 25, -14), across, (50, 27, 37), (42, 20, 30), blood.right),
        ((37, -2, -2), plan.axes, (25, 31, 36), (21, 27, 32), right_atrium),
        ((2, -26, 14), plan.axes, (36, 23, 26), (32, 20, 23), blood.left),
        ((-14, 22, 24), plan.axes, (21, 18, 24), (17, 14, 22), blood.right),
    ]
    placed = []
    for offset, axes, outer, inner, hu in drawn:
        spot = np.asarray(plan.centre_mm) + plan.axes @ (np.array(offset) * plan.scale) * np.array(plan.stretch)
        scaled = [(a * plan.scale, b * plan.scale, c * plan.scale) for a, b, c in (outer, inner)]
        placed.append(Chamber((float(spot[0]), float(spot[1]), float(spot[2])), axes, scaled[0], scaled[1], hu))
    return placed


def paint_heart(scene: Scene) -> None:
    """Pericardial fat, then muscle with fat in the grooves, then the cavities."""
    canvas, frame, plan, rng = scene.canvas, scene.frame, scene.heart, scene.rng
    parts = chambers(scene)
    box = frame.around(plan.centre_mm, 96 * plan.scale * max(1.0, *plan.stretch))
    walls = [
        ellipsoid(frame, c.centre_mm, c.outer_mm, c.axes, roughness_mm=1.5, within=box, stretch=plan.stretch)[1] for c in parts
    ]
    ventricles = smooth_minimum(smooth_minimum(walls[0], walls[1], 6.0), walls[4], 9.0)
    atria = smooth_minimum(walls[2], walls[3], 9.0)
    whole = smooth_minimum(ventricles, atria, 10.0)
    fat = float(rng.uniform(2, 7)) + scene.middle.fat_mm
    x, y, z = plan.centre_mm
    base = (x - 6, y + 10, z - 46 * plan.scale * plan.stretch[2])
    pad_box, pad = ellipsoid(frame, base, (60 * plan.scale, 44 * plan.scale, 26 * plan.scale), margin_mm=14, roughness_mm=3.0)
    scene.middle.include(pad_box, pad, 0.0)
    scene.middle.include(box, whole, fat)
    canvas.paint(box, whole - np.float32(fat), -95.0, LABELS["mediastinum"])
    canvas.paint(box, whole - 1.2, 38.0, LABELS["pericardium"])
    groove = np.clip(1 - np.minimum(np.abs(ventricles - atria) / 5, np.abs(walls[0] - walls[1]) / 4), 0, 1)
    muscle = np.float32(scene.blood.myocardium) - groove * np.clip(1 + whole / 11, 0, 1) * np.float32(45 + 9 * fat)
    canvas.paint(box, whole + 1.2, muscle, LABELS["heart"])
    for c in parts:
        inner, distance = ellipsoid(frame, c.centre_mm, c.inner_mm, c.axes, margin_mm=4, roughness_mm=1.0, stretch=plan.stretch)
        canvas.paint(inner, distance, c.blood_hu)
