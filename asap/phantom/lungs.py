"""Lungs of a generated chest: diaphragm, pleural space, lobes and fissures, parenchyma."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from asap.phantom.labels import LABELS
from asap.phantom.scene import Scene
from asap.phantom.solids import Floats, Frame, extent, smooth_noise
from asap.phantom.torso import Habitus, Torso


def diaphragm_height(rng: np.random.Generator, frame: Frame, torso: Torso, body: Habitus) -> Floats:
    """Height of the diaphragm's upper face over (i, j) in mm: two domes, falling steeply to the chest wall."""
    level = int(np.clip(np.searchsorted(frame.z_K, body.right_dome_z - 30), 0, len(frame.z_K) - 1))
    edge = np.maximum(torso.pleura_AK[torso.angle_IJ, level], 20)
    away = np.clip(torso.rho_IJ / edge, 0, 1.15)
    x, y = frame.x_I[:, None], frame.y_J[None, :]
    side = 1 / (1 + np.exp(-np.clip(x / 14, -30, 30)))
    dome = side * body.right_dome_z + (1 - side) * body.left_dome_z
    saddle = 11 * np.exp(-((x / 34) ** 2))
    behind = np.clip(-y / np.maximum(torso.rho_IJ, 1), 0, 1)
    ahead = np.clip(y / np.maximum(torso.rho_IJ, 1), 0, 1)
    depth = float(rng.uniform(52, 80)) + float(rng.uniform(15, 35)) * behind - 36 * ahead
    fall = 0.18 * away**2 + 0.82 * away**5
    lean = 0.10 * y
    wave = 3.0 * smooth_noise(rng, (len(frame.x_I), len(frame.y_J)), (8, 8))
    return np.asarray(dome - saddle - depth * fall + lean + wave, np.float32)


def midline_walls(rng: np.random.Generator, frame: Frame, body: Habitus, spine_y_K: Floats) -> tuple[Floats, Floats]:
    """Left and right border of the fat between the lungs over (j, k): thin in front, wider in the middle."""
    y, z = frame.y_J[:, None], frame.z_K[None, :]
    upper = np.clip((z - 30) / 50, 0, 1)
    above = np.clip((z + 12) / 24, 0, 1)
    fat = np.clip(body.fat - 12, 0, 30)
    middle = float(rng.uniform(7, 13)) + 0.2 * fat + float(rng.uniform(6, 10)) * above + 10 * upper
    front = np.clip((y - 0.42 * body.chest_front * (1 - 0.8 * upper)) / 26, 0, 1)
    back = np.clip((spine_y_K[None, :] + 22 - y) / 16, 0, 1)
    thin = float(rng.uniform(1, 5)) + 0.3 * fat + 9 * upper
    half = middle * (1 - front) + thin * front
    half = half * (1 - back) + 9 * back
    drift = smooth_noise(rng, (len(frame.y_J), len(frame.z_K)), (6, 6)) * 3 - 3
    return np.asarray(drift - half, np.float32), np.asarray(drift + half, np.float32)


def paint_lungs(scene: Scene, room_IJK: Floats) -> None:
    """Paint both lungs with lobes and fissures into the room above the diaphragm (signed distance in mm)."""
    body, rng = scene.body, scene.rng
    box = extent(room_IJK < 4)
    if box is None:
        return
    frame = scene.frame.part(box)
    x, y, z = scene.frame.coordinates(box)
    left, right = midline_walls(rng, frame, body, scene.spine.y_K[box[2]])
    slab = np.maximum(left[None] - x, x - right[None])
    distance = np.maximum(room_IJK[box], -slab)
    np.maximum(distance, -scene.middle.solid_IJK[box], out=distance)
    distance += np.float32(0.8) * frame.noise_IJK
    lobes, crease = _lobes(rng, frame, x > (0.5 * (left + right))[None], y, z)
    gravity = np.clip(-(y + 20) / 90, -1, 1) * float(rng.uniform(12, 45))
    grain = smooth_noise(rng, frame.shape, tuple(int(max(4, n * frame.spacing_mm / 13)) for n in frame.shape))
    hu = np.float32(body.lung_hu) + gravity + np.float32(rng.uniform(8, 24)) * grain
    hu += np.clip(1 - crease * np.float32(1 / 2.4), 0, 1) * np.float32(rng.uniform(40, 130))
    hu = np.asarray(hu, np.float32)
    scene.canvas.paint(box, distance, hu)
    inside = distance < 0
    scene.canvas.labels_IJK[box][inside] = lobes[inside]


def _lobes(
    rng: np.random.Generator, frame: Frame, right_IJK: NDArray[np.bool_], y: Floats, z: Floats
) -> tuple[NDArray[np.uint8], Floats]:
    """Lobe label of every voxel (as if all were lung) and the distance to the nearest fissure in mm."""
    lobes = np.empty(frame.shape, np.uint8)
    crease = np.empty(frame.shape, np.float32)
    centre = int(np.searchsorted(frame.x_I, 0.0))
    spread = int(25 / frame.spacing_mm)
    for side in (-1, 1):
        own = slice(0, centre + spread) if side < 0 else slice(max(centre - spread, 0), None)
        chosen = np.s_[:] if side < 0 else right_IJK[own]
        wave = frame.noise_IJK[own] * np.float32(3.0)
        slope = float(rng.uniform(0.9, 1.25))
        across = np.abs(frame.x_I[own])[:, None, None] * np.float32(0.12)
        oblique = (z + np.float32(slope) * y - np.float32(rng.normal(-56, 7))) - across
        oblique = oblique + wave
        away = np.abs(oblique) * np.float32(1 / np.hypot(1, slope))
        if side < 0:
            label = np.where(oblique < 0, np.uint8(LABELS["left_lower_lobe"]), np.uint8(LABELS["left_upper_lobe"]))
        else:
            shelf = (z - 0.1 * y - np.float32(rng.normal(-30, 7))) + 0.08 * np.abs(frame.x_I[own] - 60)[:, None, None]
            level = shelf - wave
            label = np.where(level < 0, np.uint8(LABELS["right_middle_lobe"]), np.uint8(LABELS["right_upper_lobe"]))
            label[oblique < 0] = LABELS["right_lower_lobe"]
            away = np.minimum(away, np.abs(level) + np.float32(99) * (oblique < 0))
        lobes[own][chosen] = label[chosen]
        crease[own][chosen] = away[chosen]
    return lobes, crease


def pleural_depth(labels_IJK: NDArray[np.uint8], spacing_mm: float) -> Floats:
    """Distance of every lung voxel to the nearest voxel outside that lung, mm (computed at half resolution)."""
    out = np.zeros(labels_IJK.shape, np.float32)
    for first, last in ((2, 4), (5, 6)):
        lung = (labels_IJK >= first) & (labels_IJK <= last)
        box = extent(lung)
        if box is None:
            continue
        part = np.pad(lung[box][::2, ::2, ::2], 1, constant_values=False)
        coarse = ndimage.distance_transform_edt(part)[1:-1, 1:-1, 1:-1].astype(np.float32) * np.float32(2 * spacing_mm)
        fine = np.repeat(np.repeat(np.repeat(coarse, 2, 0), 2, 1), 2, 2)[tuple(slice(0, b.stop - b.start) for b in box)]
        view = out[box]
        view += np.where(lung[box], np.maximum(fine - np.float32(0.5 * spacing_mm), np.float32(0.5 * spacing_mm)), 0)
    return out
