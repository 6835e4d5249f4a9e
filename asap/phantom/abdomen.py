"""Organs under the diaphragm of a generated body: liver, spleen, stomach, kidneys, gut, crura."""

from __future__ import annotations

import numpy as np

from asap.phantom.great_vessels import paint_tube
from asap.phantom.labels import LABELS
from asap.phantom.scene import Point, Scene
from asap.phantom.solids import Floats, ellipsoid, rotation_from_angles, smooth_noise


def paint_abdomen(scene: Scene, below_IJK: Floats) -> Point:
    """Paint all of them inside `below_IJK` (mm, negative under the diaphragm and within the wall).

    Returns the middle of the stomach in mm.
    """
    rng, body, blood = scene.rng, scene.body, scene.blood
    _paint_liver(scene, below_IJK)
    high = body.left_dome_z - float(rng.uniform(34, 48))
    spleen = (-0.70 * body.chest_half_width, -0.42 * body.chest_back, high)
    solids = [(spleen, (24.0, 48.0, float(rng.uniform(36, 50))), (-38.0, 0.0, 12.0), blood.spleen, "spleen")]
    for side in (1, -1):
        level = min(body.left_dome_z - 100, -195.0) - (12 if side > 0 else 0)
        place = (side * 56.0, scene.front_of_spine(level, 2 - scene.spine.half_depth), level)
        solids.append((place, (26.0, 22.0, 52.0), (side * 30.0, 0.0, side * -12.0), 34 + 0.5 * (blood.left - 42), "kidney"))
    for place, radii, angles, hu, label in solids:
        part, distance = ellipsoid(scene.frame, place, radii, rotation_from_angles(*angles), margin_mm=6, roughness_mm=3.0)
        scene.canvas.paint(part, np.maximum(distance, below_IJK[part] + 4), hu, LABELS[label])
    full = float(rng.uniform(0.72, 1.2))
    forward = 0.16 * body.chest_front + float(rng.normal(0, 5))
    stomach = (-0.42 * body.chest_half_width, forward, body.left_dome_z - 38 * full - 4)
    _paint_stomach(scene, below_IJK, stomach, full)
    _paint_gut(scene, below_IJK)
    for side in (1, -1):
        crus: list[Point] = [(side * 12.0, scene.front_of_spine(z, 5), z) for z in (-110.0, -160.0, -230.0)]
        paint_tube(scene, (crus, [3.0, 5.0, 5.0]), 48.0, "diaphragm", None)
    return stomach


def _paint_liver(scene: Scene, below_IJK: Floats) -> None:
    """Everything under the right dome, a left lobe thinning towards the left in front, and an oblique lower face."""
    frame, rng, body = scene.frame, scene.rng, scene.body
    box = frame.box((-999, -999, -999), (999, 999, body.right_dome_z + 20))
    x, y, z = frame.coordinates(box)
    noise = frame.noise_IJK[box]
    under = body.right_dome_z - z
    forward = np.clip((y + 18) / 60, 0, 1)
    forward = forward * forward * (3 - 2 * forward)
    reach = float(rng.uniform(38, 78)) * forward - 20 * (1 - forward) + 9 * noise - 0.5 * np.clip(under - 70, 0, 200)
    lower = (body.right_dome_z - float(rng.uniform(140, 185)) - 0.6 * x + 0.30 * y + 8 * noise) - z
    lobe = (-reach - x) * (0.55 + 0.35 * (1 - forward))
    distance = np.maximum(np.maximum(below_IJK[box] + np.float32(2.5), lobe), lower * np.float32(0.8))
    pattern = smooth_noise(rng, distance.shape, tuple(max(4, int(n * frame.spacing_mm / 15)) for n in distance.shape))
    veins = np.clip(1 - 5 * np.abs(pattern), 0, 1) * np.float32((scene.blood.vein - scene.blood.liver) * 0.45)
    hu = np.float32(scene.blood.liver) + 3 * noise + veins
    scene.canvas.paint(box, np.asarray(distance, np.float32), np.asarray(hu, np.float32), LABELS["liver"])


def _paint_stomach(scene: Scene, below_IJK: Floats, centre: Point, full: float) -> None:
    """Fundus under the left dome and a body running forward to the right; fluid below, gas in front."""
    frame, canvas, rng = scene.frame, scene.canvas, scene.rng
    low = (centre[0] + 32, centre[1] + 24, centre[2] - 42)
    tail, distance = ellipsoid(frame, low, (46, 20, 26), rotation_from_angles(0, 0, -38), margin_mm=6, roughness_mm=2.0)
    content = float(rng.uniform(5, 60))
    canvas.paint(tail, np.maximum(distance, below_IJK[tail] + 3), content, LABELS["stomach"])
    turn = rotation_from_angles(20, 20, -20)
    part, distance = ellipsoid(frame, centre, (35 * full, 40 * full, 40 * full), turn, margin_mm=6, roughness_mm=4.0)
    distance = np.maximum(distance, below_IJK[part] + 3)
    canvas.paint(part, distance, 45.0, LABELS["stomach"])
    lumps = 22 * np.clip(smooth_noise(rng, distance.shape, (8, 8, 8)), -1.5, 1.5) * float(rng.uniform(0, 1))
    canvas.paint(part, distance + 3.5, np.asarray(content + lumps, np.float32))
    y = frame.coordinates(part)[1]
    level = centre[1] + float(rng.uniform(-12, 30))
    canvas.paint(part, np.asarray(np.maximum(distance + 3.5, level - y), np.float32), -960.0)


def _paint_gut(scene: Scene, below_IJK: Floats) -> None:
    """A few loops below stomach and spleen, some with gas, sometimes the splenic flexure high under the dome."""
    rng, body, labels = scene.rng, scene.body, scene.canvas.labels_IJK
    high = body.left_dome_z - (30 if rng.random() < 0.25 else 85)
    for _ in range(9):
        x, y, drop = rng.uniform(-0.8, 0.25), rng.uniform(-5, 60), rng.uniform(0, 90)
        place = (float(x) * body.chest_half_width, float(y), high - float(drop))
        radii = (float(rng.uniform(12, 22)), float(rng.uniform(12, 20)), float(rng.uniform(12, 30)))
        turn = rotation_from_angles(float(rng.uniform(0, 180)), 0, 0)
        part, distance = ellipsoid(scene.frame, place, radii, turn, margin_mm=5, roughness_mm=2.0)
        filling = -800.0 if rng.random() < 0.5 else float(rng.uniform(-40, 50))
        if not distance.size or (labels[part] == LABELS["liver"]).mean() > 0.15:
            continue
        distance = np.maximum(distance, below_IJK[part] + 4)
        distance[labels[part] != LABELS["fat"]] = 9
        scene.canvas.paint(part, distance, 38.0, LABELS["soft_tissue"])
        scene.canvas.paint(part, distance + 3, filling)
