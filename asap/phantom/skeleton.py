"""Bones of a generated chest: spine, ribs with their cartilages, sternum, clavicles, scapulae and humeral heads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asap.phantom.labels import LABELS
from asap.phantom.solids import Painting, Floats, Frame, smooth_curve, tube_depth
from asap.phantom.torso import Habitus, Torso

LEVEL_MM = 24.0
FIRST_RIB_Z = 92.0
CARTILAGE_HU = 105.0


@dataclass(frozen=True, eq=False)
class SpineCurve:
    """Centre of the vertebral bodies at every z: x_K, y_K in mm; half_width and half_depth of a body at the carina."""

    x_K: Floats
    y_K: Floats
    half_width: float
    half_depth: float
    cancellous_hu: float


def draw_spine(rng: np.random.Generator, frame: Frame, torso: Torso, body: Habitus) -> SpineCurve:
    """A curve that follows the back of the chest, with a little scoliosis."""
    z = frame.z_K
    back = -torso.radius_at(torso.pleura_AK, frame, np.full(len(z), 270.0, np.float32), np.minimum(z, body.apex_z - 25))
    smooth = np.convolve(np.pad(back, 12, mode="edge"), np.full(25, 1 / 25), mode="valid")
    sway = rng.normal(0, 3.0) * np.sin(z / 70 + rng.uniform(0, 6.28))
    return SpineCurve(
        sway.astype(np.float32),
        (smooth + rng.uniform(20, 27)).astype(np.float32),
        float(rng.uniform(16.5, 20.5)),
        float(rng.uniform(13.5, 16.5)),
        float(rng.uniform(90, 240)),
    )


def paint_spine(rng: np.random.Generator, canvas: Painting, spine: SpineCurve) -> Floats:
    """Paint vertebrae; return the distance to the vertebral bodies on the whole frame's z within |x| < 50 mm."""
    frame = canvas.frame
    low = (-62.0, float(spine.y_K.min()) - 85, float(frame.z_K[0]) - 1)
    box = frame.box(low, (62.0, float(spine.y_K.max()) + 24, float(frame.z_K[-1]) + 1))
    x, y, z = frame.coordinates(box)
    x, y = x - spine.x_K, y - spine.y_K
    grow = 1 - 0.0011 * z
    phase = np.mod(z - FIRST_RIB_Z + rng.uniform(-4, 4), LEVEL_MM) - LEVEL_MM / 2
    disc = np.clip((np.abs(phase) - (LEVEL_MM / 2 - 3.4)) / 2.0, 0, 1)
    waist = 1.2 * np.cos(phase * (2 * np.pi / LEVEL_MM))
    u, v = x / (spine.half_width * grow), y / (spine.half_depth * grow)
    level = np.sqrt(np.sqrt(u**4 + v**4) * 0.45 + (u * u + v * v) * 0.55)
    body = np.asarray((level - 1) * (spine.half_depth + 1) + waist, np.float32)
    shell = np.clip(1 + body / 3.0, 0, 1)
    bone = spine.cancellous_hu + shell * 190 + 260 * np.clip(disc * (1 - disc) * 4, 0, 1)
    texture = 18 * frame.noise_IJK[box]
    canvas.paint(box, body, np.asarray(bone * (1 - disc) + 85 * disc + texture, np.float32), LABELS["spine"])
    _paint_arch(canvas, box, x, y, phase, spine)
    return body


def _paint_arch(canvas: Painting, box: tuple[slice, slice, slice], x: Floats, y: Floats, phase: Floats, spine: SpineCurve) -> None:
    """Canal, pedicles, laminae, transverse and spinous processes."""
    canal_y = -(spine.half_depth + 9.0)
    across, along = x, y - canal_y
    radius = np.sqrt(across * across + along * along)
    ring = np.abs(radius - 12.0) - 2.8 + np.float32(2.2) * (np.abs(phase) > 7)
    transverse = np.maximum(np.abs(along + 6 + 0.18 * np.abs(x)) - 5.2, np.abs(x) - 33)
    transverse = np.maximum(transverse, np.maximum(9 - np.abs(x), np.abs(phase - 3) - 5))
    slant = phase - 0.55 * (along + 14)
    spinous = np.maximum(np.abs(x) - 3.4, np.abs(np.mod(slant + 12, LEVEL_MM) - 12) - 7)
    spinous = np.maximum(spinous, np.maximum(along + 12, -along - 38))
    arch = np.minimum(np.minimum(ring, transverse), spinous)
    canvas.paint(box, np.asarray(arch, np.float32), spine.cancellous_hu + 230, LABELS["spine"])
    canvas.paint(box, np.asarray(radius + 0 * phase - 9.2, np.float32), 28.0, LABELS["spine"])


def rib_lines(frame: Frame, torso: Torso, body: Habitus, spine: SpineCurve) -> list[tuple[NDArray[np.float32], float]]:
    """Centrelines of the 24 ribs, back to front, each with the fraction of it that is bone (the rest is cartilage)."""
    lines = []
    reach = [142, 152, 156, 158, 160, 161, 160, 152, 146, 138, 100, 72]
    bony = [0.8, 0.82, 0.82, 0.81, 0.8, 0.78, 0.76, 0.76, 0.78, 0.82, 1.0, 1.0]
    for number in range(12):
        drop = [26, 44, 56, 66, 74, 80, 84, 84, 82, 78, 62, 48][number] * (1 + body.tilt / 60)
        progress = np.linspace(0, 1, 34, dtype=np.float32)
        z = FIRST_RIB_Z - LEVEL_MM * number - drop * np.sin(np.clip(progress / 0.86, 0, 1) * np.pi / 2) ** 1.25
        if number < 10:
            z = z + (10 + 6 * max(0, number - 3)) * np.clip((progress - 0.8) / 0.2, 0, 1) ** 1.6
        for side in (1, -1):
            angle = 270 + side * (11 + (reach[number] - 11) * progress)
            radius = torso.radius_at(torso.pleura_AK, frame, angle, z)
            radius = np.maximum(np.convolve(np.pad(radius, 3, mode="edge"), np.full(7, 1 / 7), mode="valid"), 38) + 5.5
            points = np.stack([radius * np.cos(np.deg2rad(angle)), radius * np.sin(np.deg2rad(angle)), z], axis=1)
            level = int(np.argmin(np.abs(frame.z_K - z[0])))
            head = np.array([spine.x_K[level] + side * 20, spine.y_K[level] - 15, z[0] + 3])
            lines.append((np.concatenate([head[None], points[1:]]).astype(np.float32), bony[number]))
    return lines


def paint_ribs(rng: np.random.Generator, canvas: Painting, torso: Torso, body: Habitus, spine: SpineCurve) -> None:
    """Ribs as flat bands (two tubes, one above the other), cortical outside and cancellous inside."""
    points, radii, cartilage = [], [], []
    thick = float(rng.uniform(3.6, 4.6))
    for line, bony in rib_lines(canvas.frame, torso, body, spine):
        curve = smooth_curve(line, 3.0)
        end = int(len(curve) * bony)
        for lift in (-2.6, 2.6):
            points.append(curve[:end] + np.array([0, 0, lift], np.float32))
            radii.append(np.full(end, thick))
        cartilage.append(curve[end:])
    box, depth = tube_depth(canvas.frame, np.concatenate(points), np.concatenate(radii))
    marrow = float(rng.uniform(120, 300))
    hu = np.interp(depth, [0, 1.8, 3.4], [560, 430, marrow]).astype(np.float32)
    canvas.paint(box, -depth, hu, LABELS["ribs"])
    gristle = np.concatenate(cartilage)
    box, depth = tube_depth(canvas.frame, gristle, np.full(len(gristle), 5.4))
    canvas.paint(box, -depth, CARTILAGE_HU + float(rng.uniform(-20, 90)), LABELS["ribs"])


def paint_sternum(rng: np.random.Generator, canvas: Painting, torso: Torso, body: Habitus) -> None:
    """Manubrium and body of the sternum along the front of the chest."""
    frame = canvas.frame
    top, bottom = 48 + rng.normal(0, 5), -102 + rng.normal(0, 8)
    front = torso.radius_at(torso.pleura_AK, frame, np.full(len(frame.z_K), 90.0, np.float32), frame.z_K) + 8.5
    box = frame.box((-40, 0, bottom - 6), (40, float(front.max()) + 14, top + 6))
    x, y, z = frame.coordinates(box)
    line = front[box[2]]
    half = 15 + 4 * np.clip(-(z + 20) / 60, 0, 1) + 10 * np.clip((z - 8) / 22, 0, 1)
    half = half - 8 * np.clip((bottom + 25 - z) / 25, 0, 1)
    distance = np.maximum(np.abs(x) - half, np.abs(y - line) - 5.2)
    distance = np.maximum(distance, np.maximum(z - top, bottom - z))
    hu = np.interp(-distance, [0, 2.0, 4.0], [460, 330, 140]).astype(np.float32)
    canvas.paint(box, np.asarray(distance, np.float32), hu, LABELS["sternum"])


def paint_girdle(rng: np.random.Generator, canvas: Painting, torso: Torso, body: Habitus) -> None:
    """Clavicles, scapular blades and humeral heads."""
    frame = canvas.frame
    lift = 16.0 if body.arms_up else 0.0
    front = float(torso.radius_at(torso.pleura_AK, frame, np.float32([90.0]), np.float32([46.0]))[0]) + 6
    wide = body.chest_half_width
    points, radii = [], []
    for side in (1, -1):
        tip = [side * (wide + 14), -18.0, 84.0 + lift]
        knots = np.array([[side * 17, front, 50], [side * 62, front + 10, 64], [side * (wide - 25), 0, 84 + lift / 2], tip])
        clavicle = smooth_curve(knots, 2.5)
        points.append(clavicle)
        radii.append(np.full(len(clavicle), 5.6))
        ball = np.array([[side * (wide + 24), -14.0, 62.0 + lift]])
        points.append(ball)
        radii.append(np.full(1, 22.0))
    box, depth = tube_depth(frame, np.concatenate(points), np.concatenate(radii))
    hu = np.interp(depth, [0, 2.2, 4.5], [620, 380, 190]).astype(np.float32)
    canvas.paint(box, -depth, hu, LABELS["scapula_clavicle"])
    _paint_scapulae(rng, canvas, torso, body, lift)


def _paint_scapulae(rng: np.random.Generator, canvas: Painting, torso: Torso, body: Habitus, lift: float) -> None:
    """Thin blades on the back of the chest, from the shoulder down and inwards."""
    frame = canvas.frame
    whole = frame.box((-999, -999, -40 + lift), (999, 5, 92 + lift))
    _, _, z = frame.coordinates(whole)
    rho = torso.rho_IJ[whole[0], whole[1]][:, :, None]
    rows = torso.angle_IJ[whole[0], whole[1]]
    surface = torso.pleura_AK[rows][:, :, whole[2]]
    from_back = np.abs(rows * np.float32(360 / torso.pleura_AK.shape[0]) - 270)[:, :, None]
    outward = 54 + (0.0 if not body.arms_up else 8.0)
    edge = np.maximum(from_back - outward - 0.16 * (z - 30), 26 + 0.12 * (60 - z) * 0.4 - from_back) * np.float32(1.6)
    blade = np.abs(rho - np.maximum(surface, 62) - 17 - 0.12 * (from_back - 30)) - 3.0
    blade = np.maximum(np.maximum(blade, edge), np.maximum(-34 + lift - z, z - 84 - lift))
    canvas.paint(whole, np.asarray(blade, np.float32), 420.0, LABELS["scapula_clavicle"])
