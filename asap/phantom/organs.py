"""Soft organs: heart with its chambers, great vessels, airway, oesophagus, and the organs under the diaphragm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asap.phantom.labels import LABELS
from asap.phantom.solids import Box, Painting, Floats, Frame, ellipsoid, rotation_from_angles, smooth_curve, smooth_minimum, tube_depth
from asap.phantom.skeleton import SpineCurve
from asap.phantom.torso import Habitus, Torso


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
        plain + gain * right, plain + gain * left, plain + gain * vein, 44 + gain * wall, liver + gain * organ, 48 + gain * organ * 1.3
    )


class Mediastinum:
    """Collects how near each voxel is to anything solid between the lungs while it is painted."""

    def __init__(self, frame: Frame) -> None:
        self.solid_IJK: Floats = np.full(frame.shape, 60.0, np.float32)

    def include(self, box: Box, distance_mm: Floats, cover_mm: float) -> None:
        """Keep the lung `cover_mm` away from a shape."""
        view = self.solid_IJK[box]
        view[...] = smooth_minimum(view, distance_mm - np.float32(cover_mm), 9.0)


@dataclass(frozen=True, eq=False)
class HeartPlan:
    """Where the heart lies: apex direction and scale."""

    centre_mm: tuple[float, float, float]
    scale: float
    axes: NDArray[np.float64]


def draw_heart(rng: np.random.Generator, body: Habitus) -> HeartPlan:
    """Axis to the left, forward and down; lower and more upright in deep chests."""
    size = body.heart_scale
    floor = 0.5 * (body.right_dome_z + body.left_dome_z)
    centre = (-17.0 * size + rng.normal(0, 4), 0.30 * body.chest_front + rng.normal(0, 4), min(-52.0, floor + 47 * size))
    axes = rotation_from_angles(rng.normal(0, 6), rng.normal(0, 5), rng.normal(0, 6))
    return HeartPlan(centre, size, axes)


def paint_heart(rng: np.random.Generator, canvas: Painting, plan: HeartPlan, blood: BloodHU, middle: Mediastinum) -> None:
    """Pericardial fat, then muscle, then the four cavities."""
    scale, centre = plan.scale, np.asarray(plan.centre_mm)
    long_axis = rotation_from_angles(128, -22, 0)

    def place(offset: tuple[float, float, float]) -> tuple[float, float, float]:
        spot = centre + plan.axes @ (np.asarray(offset) * scale)
        return float(spot[0]), float(spot[1]), float(spot[2])

    def radii(a: float, b: float, c: float) -> tuple[float, float, float]:
        return a * scale, b * scale, c * scale

    left = place((-26, 0, -12))
    shapes = [
        (left, radii(36, 50, 38), plan.axes @ long_axis),
        (place((2, 25, -14)), radii(50, 27, 37), plan.axes @ rotation_from_angles(12, 0, 14)),
        (place((37, -2, -2)), radii(25, 31, 36), plan.axes),
        (place((2, -26, 14)), radii(36, 23, 26), plan.axes),
        (place((-14, 22, 24)), radii(21, 18, 24), plan.axes),
    ]
    box = canvas.frame.around(plan.centre_mm, 98 * scale)
    whole = np.full(canvas.labels_IJK[box].shape, 60.0, np.float32)
    origin = [part.start for part in box]
    for spot, size, axes in shapes:
        part, distance = ellipsoid(canvas.frame, spot, size, axes, margin_mm=16, roughness_mm=1.5)
        inside = tuple(slice(max(p.start - o, 0), p.stop - o) for p, o in zip(part, origin, strict=True))
        skip = tuple(slice(max(o - p.start, 0), None) for p, o in zip(part, origin, strict=True))
        view = whole[inside]
        piece = distance[skip][: view.shape[0], : view.shape[1], : view.shape[2]]
        whole[inside] = smooth_minimum(view, piece, 10.0)
    fat = float(rng.uniform(2, 9))
    middle.include(box, whole, fat)
    canvas.paint(box, whole - np.float32(fat), -95.0, LABELS["mediastinum"])
    canvas.paint(box, whole - 1.2, 38.0, LABELS["pericardium"])
    canvas.paint(box, whole + 1.2, blood.myocardium, LABELS["heart"])
    cavities = [
        (left, radii(21, 35, 23), plan.axes @ long_axis, blood.left),
        (shapes[1][0], radii(42, 20, 30), plan.axes @ rotation_from_angles(12, 0, 14), blood.right),
        (shapes[2][0], radii(21, 27, 32), plan.axes, blood.right * 0.55 + blood.vein * 0.45),
        (shapes[3][0], radii(32, 20, 23), plan.axes, blood.left),
        (shapes[4][0], radii(17, 14, 22), plan.axes, blood.right),
    ]
    for spot, size, axes, hu in cavities:
        part, distance = ellipsoid(canvas.frame, spot, size, axes, margin_mm=4, roughness_mm=1.0)
        canvas.paint(part, distance, hu)


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
    curve = smooth_curve(np.asarray(knots), 2.5)
    along = np.linspace(0, 1, len(curve))
    sizes = np.interp(along, np.linspace(0, 1, len(radii)), radii)
    padded = sizes + 12
    box, depth = tube_depth(canvas.frame, curve[::2] if min(radii) > 7 else curve, padded[::2] if min(radii) > 7 else padded)
    distance = np.float32(12) - depth
    if middle is not None:
        middle.include(box, distance, cover_mm)
    canvas.paint(box, distance, hu, LABELS[label])


def paint_great_vessels(
    rng: np.random.Generator, canvas: Painting, spine: SpineCurve, body: Habitus, plan: HeartPlan, blood: BloodHU, middle: Mediastinum
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
        ([(26, front - 22, heart[2] - 20), (24, front - 30, heart[2] - 52), (22, back(-170, 16), -170), (20, back(-250, 12), -250)], [11.5] * 4),
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
        paint_tube(canvas, knots, [7.0, 5.5], blood.left, "heart", middle)
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
    sizes = [wide, wide * 1.06, wide * 1.04, wide * 0.95, wide * 0.9, wide * 0.84, wide * 0.82, wide * 0.8, wide * 0.76, wide * 0.68]
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
        middle.include(box, distance, 3.5)
        canvas.paint(box, distance - np.float32(1.8), 40.0)
        canvas.paint(box, distance, -995.0, LABELS[label])


def paint_oesophagus(rng: np.random.Generator, canvas: Painting, spine: SpineCurve, middle: Mediastinum, stomach_mm: tuple[float, float, float]) -> None:
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
    rng: np.random.Generator, canvas: Painting, below_IJK: Floats, torso: Torso, spine: SpineCurve, body: Habitus, blood: BloodHU
) -> tuple[float, float, float]:
    """Liver, spleen, stomach, kidneys and bowel inside `below_IJK` (negative under the diaphragm and inside the wall).

    Returns the middle of the stomach in mm.
    """
    frame = canvas.frame
    box = frame.box((-999, -999, -999), (999, 999, body.right_dome_z + 20))
    x, y, z = frame.coordinates(box)
    below = below_IJK[box] + np.float32(2.5)
    noise = frame.noise_IJK[box]
    wide, front, back = body.chest_half_width, body.chest_front, body.chest_back
    under = z - np.float32(body.left_dome_z)
    # Stomach first: the liver's left lobe lies in front of it.
    full = float(rng.uniform(0.75, 1.25))
    centre = (-0.44 * wide, 0.12 * front, body.left_dome_z - 36 * full - 6)
    part, distance = ellipsoid(frame, centre, (36 * full, 40 * full, 40 * full), rotation_from_angles(20, 20, -20), 6, 3.0)
    distance = np.maximum(distance, below_IJK[part] + 3)
    tail, more = ellipsoid(frame, (centre[0] + 32, centre[1] + 24, centre[2] - 42), (46, 20, 26), rotation_from_angles(0, 0, -38), 6, 2.0)
    content = float(rng.uniform(5, 60))
    canvas.paint(tail, np.maximum(more, below_IJK[tail] + 3), content, LABELS["stomach"])
    canvas.paint(part, distance, 45.0, LABELS["stomach"])
    level = centre[1] + float(rng.uniform(-10, 26))
    inner = distance + 3.0
    canvas.paint(part, inner, content)
    py = frame.coordinates(part)[1]
    canvas.paint(part, np.maximum(inner, level - py), -960.0)
    spleen_at = (-0.72 * wide, -0.38 * back, body.left_dome_z - 42)
    part, distance = ellipsoid(frame, spleen_at, (26, 46, 44), rotation_from_angles(-38, 0, 12), 6, 3.0)
    canvas.paint(part, np.maximum(distance, below_IJK[part] + 4), blood.spleen, LABELS["spleen"])
    for side in (1, -1):
        place = (side * 56.0, float(spine.y_K.mean()) + 6, min(body.left_dome_z - 100, -195.0) - (12 if side > 0 else 0))
        part, distance = ellipsoid(frame, place, (26, 22, 50), rotation_from_angles(side * 30, 0, side * -12), 6, 2.0)
        canvas.paint(part, np.maximum(distance, below_IJK[part] + 4), 34 + 0.5 * (blood.left - 42), LABELS["kidney"])
    # Liver: everything under the right dome, thinning to the left and ending at an oblique lower face.
    reach = 62 + 14 * noise - 0.55 * np.clip(-(z - body.right_dome_z) - 25, 0, 200)
    left_end = -(reach + 0.25 * y)
    lower = (body.right_dome_z - 172 - 0.5 * x + 0.30 * y) - z
    behind = -(y + 0.28 * back + 0.45 * (x + 20)) * np.float32(0.9)
    deep = np.where(x > 30, -20.0, behind)
    distance = np.maximum(np.maximum(below, (left_end - x) * 0.8), np.maximum(lower * 0.8, deep))
    texture = np.float32(blood.liver) + 3 * noise
    canvas.paint(box, np.asarray(distance, np.float32), texture, LABELS["liver"])
    del under
    return centre
