"""Bones of a generated chest: spine, ribs with their cartilages, sternum, clavicles, scapulae and humeral heads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asap.phantom.labels import LABELS
from asap.phantom.scene import Scene
from asap.phantom.solids import Box, Floats, smooth_curve, tube_depth
from asap.phantom.torso import Arm

LEVEL_MM = 24.0
FIRST_RIB_Z = 92.0
CARTILAGE_HU = 105.0


def paint_spine(scene: Scene) -> None:
    """Vertebral bodies with discs, canal, arches and processes; the lung is kept off the bodies."""
    rng, frame, canvas, spine = scene.rng, scene.frame, scene.canvas, scene.spine
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
    bone = spine.cancellous_hu + shell * 170 + 230 * np.clip(disc * (1 - disc) * 4, 0, 1)
    hu = np.asarray(bone * (1 - disc) + 85 * disc + 18 * frame.noise_IJK[box], np.float32)
    canvas.paint(box, body, hu, LABELS["spine"])
    scene.middle.include(box, body, 3.0)
    _paint_arch(scene, box, (x, y, phase))


def _paint_arch(scene: Scene, box: Box, place: tuple[Floats, Floats, Floats]) -> None:
    """Canal, pedicles, laminae, transverse and spinous processes; place: x and y from the body's middle, z within a level."""
    canvas, spine = scene.canvas, scene.spine
    x, y, phase = place
    along = y + (spine.half_depth + 9.0)
    radius = np.sqrt(x * x + along * along)
    ring = np.abs(radius - 12.0) - 2.8 + np.float32(2.2) * (np.abs(phase) > 7)
    transverse = np.maximum(np.abs(along + 6 + 0.18 * np.abs(x)) - 5.2, np.abs(x) - 33)
    transverse = np.maximum(transverse, np.maximum(9 - np.abs(x), np.abs(phase - 3) - 5))
    slant = phase - 0.55 * (along + 14)
    spinous = np.maximum(np.abs(x) - 3.4, np.abs(np.mod(slant + 12, LEVEL_MM) - 12) - 7)
    spinous = np.maximum(spinous, np.maximum(along + 12, -along - 33))
    arch = np.minimum(np.minimum(ring, transverse), spinous)
    canvas.paint(box, np.asarray(arch, np.float32), spine.cancellous_hu + 230, LABELS["spine"])
    canvas.paint(box, np.asarray(radius + 0 * phase - 9.2, np.float32), 28.0, LABELS["spine"])


def rib_lines(scene: Scene) -> list[tuple[NDArray[np.float32], float]]:
    """Centrelines of the 24 ribs, back to front, each with the fraction of it that is bone (the rest is cartilage)."""
    frame, torso, spine = scene.frame, scene.torso, scene.spine
    lines = []
    reach = [142, 152, 156, 158, 160, 161, 160, 152, 146, 138, 100, 72]
    bony = [0.8, 0.82, 0.82, 0.81, 0.8, 0.78, 0.76, 0.76, 0.78, 0.82, 1.0, 1.0]
    drops = [32, 54, 70, 82, 92, 100, 106, 106, 102, 94, 72, 52]
    progress = np.linspace(0, 1, 30, dtype=np.float32)
    for number in range(12):
        z = FIRST_RIB_Z - LEVEL_MM * number - drops[number] * (1 + scene.body.tilt / 60) * np.clip(progress / 0.86, 0, 1) ** 0.78
        if number < 10:
            z = z + (10 + 7 * max(0, number - 3)) * np.clip((progress - 0.8) / 0.2, 0, 1) ** 1.6
        for side in (1, -1):
            angle = 270 + side * (11 + (reach[number] - 11) * progress)
            radius = torso.radius_at(torso.pleura_AK, frame, angle, z)
            radius = np.maximum(np.convolve(np.pad(radius, 3, mode="edge"), np.full(7, 1 / 7), mode="valid"), 38) + 5.5
            points = np.stack([radius * np.cos(np.deg2rad(angle)), radius * np.sin(np.deg2rad(angle)), z], axis=1)
            level = int(np.argmin(np.abs(frame.z_K - z[0])))
            head = np.array([spine.x_K[level] + side * 20, spine.y_K[level] - 15, z[0] + 3])
            lines.append((np.concatenate([head[None], points[1:]]).astype(np.float32), bony[number]))
    return lines


def paint_ribs(scene: Scene) -> None:
    """Ribs as flat bands, cortical outside and cancellous inside, and their cartilages."""
    rng, canvas = scene.rng, scene.canvas
    bone, cartilage = [], []
    for line, bony in rib_lines(scene):
        curve = smooth_curve(line, 4.0)
        end = int(len(curve) * bony)
        bone.append(curve[:end])
        cartilage.append(curve[end:])
    points = np.concatenate(bone)
    box, depth = tube_depth(canvas.frame, points, np.full(len(points), float(rng.uniform(3.5, 4.5))), flatness=1.6)
    marrow = float(rng.uniform(120, 300))
    _paint_bone(scene, box, depth, ([0, 1.8, 3.4], [520, 400, marrow], "ribs"))
    gristle = np.concatenate(cartilage)
    box, depth = tube_depth(canvas.frame, gristle, np.full(len(gristle), 5.4))
    _paint_bone(scene, box, depth, ([0], [CARTILAGE_HU + float(rng.uniform(-20, 90))], "ribs"))


def _paint_bone(scene: Scene, box: Box, depth_mm: Floats, shells: tuple[list[float], list[float], str]) -> None:
    """Paint the few voxels of a box that bone touches; shells: depths in mm, the HU there, and the label."""
    near = depth_mm > -0.5 * scene.frame.spacing_mm
    depth = depth_mm[near]
    cover = np.clip(0.5 + depth / np.float32(scene.frame.spacing_mm), 0, 1)
    view = scene.canvas.hu_IJK[box]
    before = view[near]
    view[near] = before + cover * (np.interp(depth, shells[0], shells[1]) - before)
    scene.canvas.labels_IJK[box][depth_mm > 0] = LABELS[shells[2]]


def paint_sternum(scene: Scene) -> None:
    """Manubrium and body of the sternum along the front of the chest."""
    rng, canvas, frame, torso = scene.rng, scene.canvas, scene.frame, scene.torso
    top, bottom = 48 + rng.normal(0, 5), -102 + rng.normal(0, 8)
    front = torso.radius_at(torso.pleura_AK, frame, np.full(len(frame.z_K), 90.0, np.float32), frame.z_K)
    front = np.convolve(np.pad(front, 6, mode="edge"), np.full(13, 1 / 13), mode="valid") + 8.5
    box = frame.box((-44, 0, bottom - 6), (44, float(front.max()) + 14, top + 6))
    x, y, z = frame.coordinates(box)
    line = front[box[2]]
    half = 16 + 4 * np.clip(-(z + 20) / 60, 0, 1) + 12 * np.clip((z - 8) / 22, 0, 1)
    half = half - 9 * np.clip((bottom + 30 - z) / 30, 0, 1)
    thick = 5.6 + 1.2 * np.clip((z - 8) / 22, 0, 1)
    across, along = np.abs(x) / half, (y - line + 0.05 * np.abs(x)) / thick
    distance = (np.sqrt(across**4 + along * along) - 1) * np.float32(5.5)
    joint = np.clip(1 - np.abs(z - 4) / 3, 0, 1)
    distance = np.maximum(distance + joint * 2.5, np.maximum(z - top, bottom - z))
    hu = np.interp(-distance, [0, 1.8, 3.6], [360, 270, float(rng.uniform(90, 180))]).astype(np.float32)
    canvas.paint(box, np.asarray(distance, np.float32), hu, LABELS["sternum"])


def paint_girdle(scene: Scene, arms: tuple[Arm, Arm]) -> None:
    """Clavicles, scapulae with spine and acromion, humeri."""
    frame, torso, body = scene.frame, scene.torso, scene.body
    front = torso.radius_at(torso.pleura_AK, frame, np.array([90.0], np.float32), np.array([46.0], np.float32))[0] + 6
    points, radii = [], []
    for side, arm in zip((1, -1), arms, strict=True):
        head = np.asarray(arm.head_mm)
        tip = head + np.array([-side * 4, 2, 27])
        shoulder = [side * (body.chest_half_width - 28), 2, tip[2]]
        clavicle = smooth_curve(np.array([[side * 17, front, 50], [side * 60, front + 9, 66], shoulder, tip]), 3.0)
        behind = np.array([270.0 + side * 38], np.float32)
        deep = torso.radius_at(torso.muscle_AK, frame, behind, np.array([head[2] - 12], np.float32))[0] - 9
        bearing = np.deg2rad(float(behind[0]))
        root = np.array([deep * np.cos(bearing), deep * np.sin(bearing), head[2] - 12])
        ridge = smooth_curve(np.array([root, 0.45 * root + 0.55 * tip + np.array([0, -26, -6]), tip]), 3.0)
        shaft = smooth_curve(np.array([head, np.asarray(arm.end_mm)]), 8.0)
        for line, radius in ((clavicle, 5.4), (ridge, 4.2), (shaft[1:], 11.0), (head[None], 21.0)):
            points.append(line)
            radii.append(np.full(len(line), radius))
    box, depth = tube_depth(frame, np.concatenate(points), np.concatenate(radii))
    _paint_bone(scene, box, depth, ([0, 2.2, 4.5, 7.0], [560, 430, 230, 110], "scapula_clavicle"))
    _paint_scapulae(scene, arms[0].head_mm[2])


def _paint_scapulae(scene: Scene, head_z: float) -> None:
    """Triangular blades on the back of the chest, standing off it towards the shoulder."""
    frame, torso = scene.frame, scene.torso
    box = frame.box((-999, -999, head_z - 112), (999, 6, head_z + 26))
    _, _, z = frame.coordinates(box)
    rho = torso.rho_IJ[box[0], box[1]][:, :, None]
    rows = torso.angle_IJ[box[0], box[1]]
    surface = np.maximum(torso.pleura_AK[rows][:, :, box[2]], 62)
    from_back = np.abs(rows * np.float32(360 / torso.pleura_AK.shape[0]) - 270)[:, :, None]
    turn = 7.0 if scene.body.arms_up else 0.0
    down = np.clip((head_z + 18 - z) / 120, 0, 1)
    inner, outer = 29 + turn + 10 * down, 74 + turn - 32 * down
    edge = np.maximum(inner - from_back, from_back - outer) * np.float32(1.9)
    blade = np.abs(rho - surface - 14 - 0.24 * np.maximum(from_back - 30 - turn, 0)) - (2.2 + 1.8 * (from_back > outer - 7))
    blade = np.maximum(blade, rho - torso.muscle_AK[rows][:, :, box[2]] + 5)
    blade = np.maximum(np.maximum(blade, edge), np.maximum(head_z - 100 - z, z - head_z - 18))
    scene.canvas.paint(box, np.asarray(blade, np.float32), 400.0, LABELS["scapula_clavicle"])
