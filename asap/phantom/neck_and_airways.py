"""Trachea, main bronchi, oesophagus and thyroid of a generated chest."""

from __future__ import annotations

import numpy as np

from asap.phantom.great_vessels import paint_tube
from asap.phantom.labels import LABELS
from asap.phantom.scene import Point, Scene
from asap.phantom.solids import ellipsoid, tube_depth


def paint_airway(scene: Scene) -> None:
    """Wall, then lumen, of trachea and main bronchi."""
    airway = scene.airway
    parts = [(airway.trachea_N3, airway.radius_mm, "trachea")]
    parts += [(line, airway.radius_mm * 0.76, "main_bronchi") for line in airway.bronchi_N3]
    for line, radius, label in parts:
        box, depth = tube_depth(scene.frame, line[::2], np.full(len(line[::2]), radius + 10))
        distance = np.float32(10) - depth
        scene.middle.include(box, distance, 4.5)
        scene.canvas.paint(box, distance - np.float32(1.8), 40.0)
        scene.canvas.paint(box, distance, -995.0, LABELS[label])


def paint_oesophagus(scene: Scene, stomach_mm: Point) -> None:
    """Flat tube in front of the spine, bending left to the stomach; sometimes with a bubble."""
    rng = scene.rng
    knots: list[Point] = []
    for x, z in ((-7.0, 150.0), (-7.0, 60.0), (-4.0, 0.0), (-4.0, -60.0), (-8.0, -105.0)):
        knots.append((x, scene.front_of_spine(z, 9), z))
    knots.append((-30.0, stomach_mm[1] - 8, stomach_mm[2] + 6))
    paint_tube(scene, (knots, [6.0, 7.5, 7.0]), 34.0, "esophagus")
    if rng.random() < 0.5:
        z = float(rng.uniform(-60, 70))
        spot = (-5.0, scene.front_of_spine(z, 10), z)
        box, distance = ellipsoid(scene.frame, spot, (3.2, 2.6, float(rng.uniform(4, 14))), margin_mm=4)
        scene.canvas.paint(box, distance, -850.0)


def paint_thyroid(scene: Scene) -> None:
    """Two lobes beside the trachea at the root of the neck."""
    hu = float(scene.rng.uniform(85, 120)) + 0.4 * (scene.blood.vein - 42)
    z = float(scene.rng.uniform(92, 112))
    trachea = scene.airway.trachea_N3
    spot = trachea[int(np.argmin(np.abs(trachea[:, 2] - z)))]
    for side in (1, -1):
        place = (float(spot[0]) + side * 16.0, float(spot[1]) + 2, z)
        box, distance = ellipsoid(scene.frame, place, (8.5, 9.5, 21), roughness_mm=1.0)
        scene.canvas.paint(box, distance, hu, LABELS["thyroid"])
