"""Soft organs: heart with its chambers, great vessels, airway, oesophagus, and the organs under the diaphragm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asap.phantom.labels import LABELS
from asap.phantom.skeleton import SpineCurve
from asap.phantom.solids import (
    Box,
    Floats,
    Frame,
    Painting,
    ellipsoid,
    rotation_from_angles,
    smooth_curve,
    smooth_minimum,
    smooth_noise,
    tube_depth,
)
from asap.phantom.torso import Habitus


@dataclass(frozen=True)
class BloodHU:
    """HU of blood in the right heart and pulmonary arteries, in the left heart and aorta, and in the veins."""

    right: float
    left: float
    vein: float
    myocardium: float
    liver: float
    spleen: float


def draw_blood(rng: np.random.Generator, body: Habitus) -> BloodHU:
    """Enhancement by phase: pulmonary (right heart first), systemic (left heart and aorta), venous (all alike), none."""
    plain = float(rng.normal(42, 4))
    gain = body.contrast_hu
    right, left, vein, wall, organ = {
        "none": (0.0, 0.0, 0.0, 0.03, 0.0),
        "pulmonary": (1.0, 0.45, 1.3, 0.12, 0.03),
        "systemic": (0.6, 1.0, 0.7, 0.25, 0.12),
        "venous": (0.5, 0.5, 0.45, 0.22, 0.22),
    }[body.contrast_phase]
    liver = float(rng.normal(56, 9))
    return BloodHU(
        plain + gain * right,
        plain + gain * left,
        plain + gain * vein,
        44 + gain * wall,
        liver + gain * organ,
        48 + gain * organ * 1.3,
    )


class Mediastinum:
    """Collects how near each voxel is to anything solid between the lungs while it is painted."""

    def __init__(self, frame: Frame, fat_mm: float) -> None:
        self.solid_IJK: Floats = np.full(frame.shape, 60.0, np.float32)
        self.fat_mm = fat_mm

    def include(self, box: Box, distance_mm: Floats, cover_mm: float) -> None:
        """Keep the lung `cover_mm` away from a shape."""
        view = self.solid_IJK[box]
        view[...] = smooth_minimum(view, distance_mm - np.float32(cover_mm + self.fat_mm), 17.0)


@dataclass(frozen=True, eq=False)
class HeartPlan:
    """Where the heart lies, its size, how far a deep breath has drawn it out along z, and its axes."""

    centre_mm: tuple[float, float, float]
    scale: float
    stretch_z: float
    axes: NDArray[np.float64]


def draw_heart(rng: np.random.Generator, body: Habitus) -> HeartPlan:
    """Axis to the left, forward and down; lower and more upright in deep chests."""
    size = body.heart_scale
    floor = 0.5 * (body.right_dome_z + body.left_dome_z)
    top, bottom = -16.0 + rng.normal(0, 3), floor + rng.uniform(-14, 0)
    stretch = float(np.clip((top - bottom) / (98 * size), 0.82, 1.22))
    centre = (-17.0 * size + rng.normal(0, 4), 0.30 * body.chest_front + rng.normal(0, 4), bottom + 49 * size * stretch)
    axes = rotation_from_angles(rng.normal(0, 6), rng.normal(0, 5), rng.normal(0, 6))
    return HeartPlan(centre, size / stretch**0.3, stretch, axes)


def paint_heart(rng: np.random.Generator, canvas: Painting, plan: HeartPlan, blood: BloodHU, middle: Mediastinum) -> None:
    """Pericardial fat, then muscle with fat in the grooves, then the four cavities."""
    frame, scale, centre = canvas.frame, plan.scale, np.asarray(plan.centre_mm)
    lengthwise = plan.axes @ rotation_from_angles(128, -22, 0)
    across = plan.axes @ rotation_from_angles(12, 0, 14)

    def place(x: float, y: float, z: float) -> tuple[float, float, float]:
        spot = centre + plan.axes @ (np.array([x, y, z]) * scale) * np.array([1, 1, plan.stretch_z])
        return float(spot[0]), float(spot[1]), float(spot[2])

    def stretch(radii: tuple[float, float, float], by: float = 1.0) -> tuple[float, float, float]:
        return radii[0] * scale * by, radii[1] * scale * by, radii[2] * scale * by

    # Left ventricle, right ventricle, right atrium, left atrium, outflow tract: place, axes, outer and inner radii, blood.
    right_atrium = blood.right * 0.55 + blood.vein * 0.45
    chambers = [
        (place(-26, 0, -12), lengthwise, (36.0, 50.0, 38.0), (21.0, 35.0, 23.0), blood.left),
        (place(2, 25, -14), across, (50.0, 27.0, 37.0), (42.0, 20.0, 30.0), blood.right),
        (place(37, -2, -2), plan.axes, (25.0, 31.0, 36.0), (21.0, 27.0, 32.0), right_atrium),
        (place(2, -26, 14), plan.axes, (36.0, 23.0, 26.0), (32.0, 20.0, 23.0), blood.left),
        (place(-14, 22, 24), plan.axes, (21.0, 18.0, 24.0), (17.0, 14.0, 22.0), blood.right),
    ]
    box = frame.around(plan.centre_mm, 96 * scale * max(1.0, plan.stretch_z))
    parts = [
        ellipsoid(frame, spot, stretch(outer), axes, roughness_mm=1.5, within=box, stretch_z=plan.stretch_z)[1]
        for spot, axes, outer, _, _ in chambers
    ]
    ventricles = smooth_minimum(smooth_minimum(parts[0], parts[1], 6.0), parts[4], 9.0)
    atria = smooth_minimum(parts[2], parts[3], 9.0)
    whole = smooth_minimum(ventricles, atria, 10.0)
    fat = float(rng.uniform(2, 7)) + middle.fat_mm
    pad = (float(centre[0]) - 6, float(centre[1]) + 10, float(centre[2]) - 46 * scale * plan.stretch_z)
    part, distance = ellipsoid(frame, pad, (60 * scale, 44 * scale, 26 * scale), margin_mm=14, roughness_mm=3.0)
    middle.include(part, distance, 0.0)
    middle.include(box, whole, fat)
    canvas.paint(box, whole - np.float32(fat), -95.0, LABELS["mediastinum"])
    canvas.paint(box, whole - 1.2, 38.0, LABELS["pericardium"])
    muscle = np.full(whole.shape, np.float32(blood.myocardium), np.float32)
    groove = np.clip(1 - np.minimum(np.abs(ventricles - atria) / 5, np.abs(parts[0] - parts[1]) / 4), 0, 1)
    muscle -= groove * np.clip(1 + whole / 11, 0, 1) * np.float32(45 + 9 * fat)
    canvas.paint(box, whole + 1.2, muscle, LABELS["heart"])
    for spot, axes, _, inner, hu in chambers:
        part, distance = ellipsoid(frame, spot, stretch(inner), axes, margin_mm=4, roughness_mm=1.0, stretch_z=plan.stretch_z)
        canvas.paint(part, distance + np.clip(4 - 0.5 * np.abs(distance), 0, 4) * 0.2, hu)


def paint_tube(
    canvas: Painting,
    knots: list[tuple[float, float, float]],
    radii: list[float],
    hu: float,
    label: str,
    middle: Mediastinum | None,
    cover_mm: float = 2.5,
) -> None:
    """Paint a smooth tube through knots, its radius interpolated along it."""
    curve = smooth_curve(np.asarray(knots), float(np.clip(0.6 * min(radii), 2.2, 5.5)))
    sizes = np.interp(np.linspace(0, 1, len(curve)), np.linspace(0, 1, len(radii)), radii)
    reach = 10.0 if middle is not None else 3.0
    box, depth = tube_depth(canvas.frame, curve, sizes + reach)
    distance = np.float32(reach) - depth
    if middle is not None:
        middle.include(box, distance, cover_mm)
    canvas.paint(box, distance, hu, LABELS[label])


def paint_great_vessels(
    rng: np.random.Generator,
    canvas: Painting,
    spine: SpineCurve,
    body: Habitus,
    plan: HeartPlan,
    blood: BloodHU,
    middle: Mediastinum,
) -> None:
    """Aorta with its arch branches, pulmonary trunk and main arteries, cavae, pulmonary veins."""
    frame, heart = canvas.frame, np.asarray(plan.centre_mm)
    wide = float(rng.uniform(12.5, 17.0))

    def back(z: float, ahead: float) -> float:
        return float(np.interp(z, frame.z_K, spine.y_K)) + spine.half_depth + ahead

    def jig(scale: float = 1.5) -> float:
        return float(rng.normal(0, scale))

    front = float(heart[1])
    veins = [
        ([(27 + jig(), front - 2, 62), (27 + jig(), front - 6, 10), (32, front - 6, heart[2] + 28)], [7.5, 9.5, 10.5]),
        ([(27, front - 4, 58), (2, front + 16, 54), (-30, front + 8, 64), (-62, front - 8, 78)], [7.0, 6.5, 6.0, 5.5]),
        ([(27, front - 4, 60), (40, front - 4, 70), (66, front - 12, 82)], [7.0, 6.5, 5.5]),
        (
            [
                (26, front - 22, heart[2] - 20),
                (24, front - 30, heart[2] - 52),
                (22, back(-170, 16), -170),
                (20, back(-250, 12), -250),
            ],
            [11.5] * 4,
        ),
    ]
    for knots, sizes in veins:
        paint_tube(canvas, knots, sizes, blood.vein, "vena_cava", middle)
    azygos = [(7.0, back(z, 1), z) for z in (-190.0, -110.0, -40.0, 5.0)] + [(20.0, back(12, 14), 14.0), (25.0, front - 4, 12.0)]
    paint_tube(canvas, azygos, [3.0, 4.5], blood.vein, "vena_cava", middle)
    trunk_y = front + 16
    pulmonary = [
        ([(-16, front + 24, heart[2] + 26), (-22, trunk_y, -14), (-20, front + 2, 0)], [wide * 0.95, wide * 0.95, wide * 0.85]),
        ([(-18, front + 2, -4), (6, front - 8, -12), (32, front - 16, -18), (52, front - 22, -26)], [wide * 0.8, 10.5, 9.5, 8]),
        ([(-20, front + 2, 0), (-36, front - 14, 4), (-46, front - 30, -6), (-50, front - 36, -26)], [wide * 0.8, 11, 10, 8.5]),
    ]
    for knots, sizes in pulmonary:
        paint_tube(canvas, knots, sizes, blood.right, "pulmonary_artery", middle)
    for side, z in ((1, -34.0), (1, -58.0), (-1, -28.0), (-1, -52.0)):
        knots = [(side * 22.0, front - 26.0, heart[2] + 14), (side * 52.0 - 4, front - 24.0 + jig(3), z)]
        paint_tube(canvas, knots, [7.0, 4.0], blood.left, "heart", middle, 1.0)
    arch_z, sway = 32 + jig(4), jig(4)
    down_x = -24 + jig(2)
    aorta = [
        (2.0, front + 2, heart[2] + 18),
        (13 + jig(), front + 12, -18.0),
        (12 + jig(), front + 10, 10.0),
        (4.0, front - 2, arch_z),
        (-14.0, 0.5 * (front + back(arch_z, 2)), arch_z + 3),
        (down_x, back(20, -2), 16.0),
        (down_x, back(-20, -4), -20.0),
        (down_x + sway, back(-75, -2), -75.0),
        (down_x * 0.7 + sway, back(-130, 4), -130.0),
        (-6.0, back(-190, 12), -190.0),
        (-3.0, back(-260, 12), -260.0),
    ]
    sizes = [
        wide,
        wide * 1.06,
        wide * 1.04,
        wide * 0.95,
        wide * 0.9,
        wide * 0.84,
        wide * 0.82,
        wide * 0.8,
        wide * 0.76,
        wide * 0.68,
    ]
    paint_tube(canvas, aorta, sizes, blood.left, "aorta", middle)
    branches = [
        ([(4, front - 2, arch_z + 8), (16, front - 8, 70), (34, front - 16, 100), (40, front - 18, 160)], [7.0, 6.0, 4.5]),
        ([(-8, front - 10, arch_z + 8), (-18, front - 14, 80), (-24, front - 14, 160)], [4.5, 4.0]),
        ([(-18, back(40, 12), arch_z + 6), (-30, back(70, 8), 74), (-48, front - 24, 96), (-90, front - 24, 92)], [5.5, 5.0]),
    ]
    for knots, sizes in branches:
        paint_tube(canvas, knots, sizes, blood.left, "aorta", middle)


@dataclass(frozen=True, eq=False)
class Airway:
    """Centrelines of the trachea and the two main bronchi in mm; hila_mm: where the bronchi enter each lung (right, left)."""

    trachea_N3: NDArray[np.float32]
    bronchi_N3: tuple[NDArray[np.float32], NDArray[np.float32]]
    radius_mm: float

    @property
    def hila_mm(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """End of the right and of the left main bronchus."""
        return self.bronchi_N3[0][-1], self.bronchi_N3[1][-1]


def draw_airway(rng: np.random.Generator, frame: Frame, spine: SpineCurve, body: Habitus, plan: HeartPlan) -> Airway:
    """Trachea in front of the oesophagus, leaning back on its way down; the right bronchus is steeper."""
    carina_y = float(np.interp(0, frame.z_K, spine.y_K)) + spine.half_depth + float(rng.uniform(17, 23))
    top_y = max(carina_y + 6, float(np.interp(100, frame.z_K, spine.y_K)) + spine.half_depth + 22)
    carina = (2.0 + float(rng.normal(0, 1.5)), carina_y, 0.0)
    lean = float(rng.normal(0, 3))
    trachea = smooth_curve(np.array([(lean, top_y + 10, 175), (lean, top_y, 100), (4 + lean / 2, carina_y + 3, 42), carina]), 2.0)
    right = smooth_curve(np.array([carina, (18, carina_y - 2, -17), (38, carina_y - 7, -30)]), 1.5)
    left = smooth_curve(np.array([carina, (-17, carina_y - 3, -15), (-46, carina_y - 10, -31)]), 1.5)
    return Airway(trachea, (right, left), float(rng.normal(7.6 if body.female else 9.0, 0.8)))


def paint_airway(canvas: Painting, airway: Airway, middle: Mediastinum) -> None:
    """Wall, then lumen, of trachea and main bronchi."""
    parts = [(airway.trachea_N3, airway.radius_mm, "trachea")]
    parts += [(line, airway.radius_mm * 0.76, "main_bronchi") for line in airway.bronchi_N3]
    for line, radius, label in parts:
        box, depth = tube_depth(canvas.frame, line[::2], np.full(len(line[::2]), radius + 10))
        distance = np.float32(10) - depth
        middle.include(box, distance, 4.5)
        canvas.paint(box, distance - np.float32(1.8), 40.0)
        canvas.paint(box, distance, -995.0, LABELS[label])


def paint_oesophagus(
    rng: np.random.Generator, canvas: Painting, spine: SpineCurve, middle: Mediastinum, stomach_mm: tuple[float, float, float]
) -> None:
    """Flattened tube in front of the spine, bending left to the stomach; sometimes with a bubble."""
    frame = canvas.frame
    knots = []
    for z in (150.0, 60.0, 0.0, -60.0, -105.0):
        ahead = float(np.interp(z, frame.z_K, spine.y_K)) + spine.half_depth + 9
        knots.append((-4.0 - (3 if z > 20 else 0) - (4 if z < -90 else 0), ahead, z))
    knots.append((-30.0, stomach_mm[1] - 8, stomach_mm[2] + 6))
    paint_tube(canvas, knots, [6.0, 7.5, 7.0], 34.0, "esophagus", middle)
    if rng.random() < 0.5:
        z = float(rng.uniform(-60, 70))
        y = float(np.interp(z, frame.z_K, spine.y_K)) + spine.half_depth + 10
        box, distance = ellipsoid(frame, (-5.0, y, z), (3.2, 2.6, float(rng.uniform(4, 14))), margin_mm=4)
        canvas.paint(box, distance, -850.0)


def paint_thyroid(rng: np.random.Generator, canvas: Painting, airway: Airway, blood: BloodHU) -> None:
    """Two lobes beside the trachea at the root of the neck."""
    hu = float(rng.uniform(85, 120)) + 0.4 * (blood.vein - 42)
    z = float(rng.uniform(92, 112))
    spot = airway.trachea_N3[int(np.argmin(np.abs(airway.trachea_N3[:, 2] - z)))]
    for side in (1, -1):
        place = (float(spot[0]) + side * 16.0, float(spot[1]) + 2, z)
        box, distance = ellipsoid(canvas.frame, place, (8.5, 9.5, 21), roughness_mm=1.0)
        canvas.paint(box, distance, hu, LABELS["thyroid"])


def paint_abdomen(
    rng: np.random.Generator, canvas: Painting, below_IJK: Floats, spine: SpineCurve, body: Habitus, blood: BloodHU
) -> tuple[float, float, float]:
    """Liver, spleen, stomach, kidneys and bowel inside `below_IJK` (negative under the diaphragm and inside the wall).

    Returns the middle of the stomach in mm.
    """
    frame = canvas.frame
    wide, front, back = body.chest_half_width, body.chest_front, body.chest_back
    _paint_liver(rng, canvas, below_IJK, body, blood)
    spleen_at = (-0.70 * wide, -0.42 * back, body.left_dome_z - float(rng.uniform(34, 48)))
    solids = [(spleen_at, (24.0, 48.0, float(rng.uniform(36, 50))), (-38.0, 0.0, 12.0), blood.spleen, "spleen")]
    for side in (1, -1):
        level = min(body.left_dome_z - 100, -195.0) - (12 if side > 0 else 0)
        place = (side * 56.0, float(np.interp(level, frame.z_K, spine.y_K)) + 2, level)
        solids.append((place, (26.0, 22.0, 52.0), (side * 30.0, 0.0, side * -12.0), 34 + 0.5 * (blood.left - 42), "kidney"))
    for place, radii, angles, hu, label in solids:
        part, distance = ellipsoid(frame, place, radii, rotation_from_angles(*angles), 6, 3.0)
        canvas.paint(part, np.maximum(distance, below_IJK[part] + 4), hu, LABELS[label])
    full = float(rng.uniform(0.72, 1.2))
    centre = (-0.42 * wide, 0.16 * front + float(rng.normal(0, 5)), body.left_dome_z - 38 * full - 4)
    _paint_stomach(rng, canvas, below_IJK, centre, full)
    _paint_colon(rng, canvas, below_IJK, body)
    for side in (1, -1):
        crus = [
            (side * 12.0, float(np.interp(z, frame.z_K, spine.y_K)) + spine.half_depth + 5, z) for z in (-110.0, -160.0, -230.0)
        ]
        paint_tube(canvas, crus, [3.0, 5.0, 5.0], 48.0, "diaphragm", None)
    return centre


def _paint_liver(rng: np.random.Generator, canvas: Painting, below_IJK: Floats, body: Habitus, blood: BloodHU) -> None:
    """Everything under the right dome, a left lobe thinning towards the left in front, and an oblique lower face."""
    frame = canvas.frame
    box = frame.box((-999, -999, -999), (999, 999, body.right_dome_z + 20))
    x, y, z = frame.coordinates(box)
    noise = frame.noise_IJK[box]
    under = body.right_dome_z - z
    forward = np.clip((y + 18) / 60, 0, 1)
    forward = forward * forward * (3 - 2 * forward)
    reach = float(rng.uniform(38, 78)) * forward - 20 * (1 - forward) + 9 * noise - 0.5 * np.clip(under - 70, 0, 200)
    lower = (body.right_dome_z - float(rng.uniform(140, 185)) - 0.6 * x + 0.30 * y + 8 * noise) - z
    lobe = (-reach - x) * (0.55 + 0.35 * (1 - forward))
    behind = -(y + 0.72 * body.chest_back) + 0.0 * x
    distance = np.maximum(
        np.maximum(below_IJK[box] + np.float32(2.5), lobe), np.maximum(lower * np.float32(0.8), behind * 0.0 - 60)
    )
    pattern = smooth_noise(rng, distance.shape, tuple(max(4, n // 5) for n in distance.shape))
    veins = np.clip(np.abs(pattern) * -5 + 1, 0, 1) * np.float32((blood.vein - blood.liver) * 0.45)
    canvas.paint(box, np.asarray(distance, np.float32), np.float32(blood.liver) + 3 * noise + veins, LABELS["liver"])


def _paint_stomach(
    rng: np.random.Generator, canvas: Painting, below_IJK: Floats, centre: tuple[float, float, float], full: float
) -> None:
    """Fundus under the left dome and a body running forward to the right; fluid below, gas in front."""
    frame = canvas.frame
    tail, more = ellipsoid(
        frame, (centre[0] + 32, centre[1] + 24, centre[2] - 42), (46, 20, 26), rotation_from_angles(0, 0, -38), 6, 2.0
    )
    content = float(rng.uniform(5, 60))
    canvas.paint(tail, np.maximum(more, below_IJK[tail] + 3), content, LABELS["stomach"])
    turn = rotation_from_angles(20, 20, -20)
    part, distance = ellipsoid(frame, centre, (35 * full, 40 * full, 40 * full), turn, 6, 4.0)
    distance = np.maximum(distance, below_IJK[part] + 3)
    canvas.paint(part, distance, 45.0, LABELS["stomach"])
    lumps = 22 * np.clip(smooth_noise(rng, distance.shape, (8, 8, 8)), -1.5, 1.5) * float(rng.uniform(0, 1))
    canvas.paint(part, distance + 3.5, np.asarray(content + lumps, np.float32))
    y = frame.coordinates(part)[1]
    level = centre[1] + float(rng.uniform(-12, 30))
    canvas.paint(part, np.asarray(np.maximum(distance + 3.5, level - y), np.float32), -960.0)


def _paint_colon(rng: np.random.Generator, canvas: Painting, below_IJK: Floats, body: Habitus) -> None:
    """A few gut loops below stomach and spleen, some with gas, and sometimes the splenic flexure under the dome."""
    high = body.left_dome_z - (30 if rng.random() < 0.25 else 85)
    for _ in range(9):
        place = (
            float(rng.uniform(-0.8, 0.25)) * body.chest_half_width,
            float(rng.uniform(-5, 60)),
            high - float(rng.uniform(0, 90)),
        )
        radii = (float(rng.uniform(12, 22)), float(rng.uniform(12, 20)), float(rng.uniform(12, 30)))
        part, distance = ellipsoid(canvas.frame, place, radii, rotation_from_angles(float(rng.uniform(0, 180)), 0, 0), 5, 2.0)
        if not distance.size or (canvas.labels_IJK[part] == LABELS["liver"]).mean() > 0.15:
            continue
        distance = np.maximum(distance, below_IJK[part] + 4)
        distance[canvas.labels_IJK[part] != LABELS["fat"]] = 9
        canvas.paint(part, distance, 38.0, LABELS["soft_tissue"])
        filling = -800.0 if rng.random() < 0.5 else float(rng.uniform(-40, 50))
        canvas.paint(part, distance + 3, filling)
