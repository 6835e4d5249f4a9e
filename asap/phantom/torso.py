"""The trunk: how wide and deep chest, muscle, fat and skin reach around the body axis at every height.

Every surface is a table of radii over (angle, z) about the body axis (x = y = 0), so that evaluating one on the voxel grid is
a single gather. Angle 0 is right, 90 degrees anterior.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from asap.phantom.solids import Floats, Frame, smooth_minimum, smooth_noise

ANGLES = 720


@dataclass(frozen=True)
class Habitus:
    """Body build of one case, in mm unless named otherwise.

    heart_scale and muscle are factors, spine_dent is the share of the chest's depth that the spine takes, tilt a rib slope.
    """

    female: bool
    chest_half_width: float
    chest_front: float
    chest_back: float
    apex_z: float
    right_dome_z: float
    left_dome_z: float
    fat: float
    muscle: float
    arms_up: bool
    heart_scale: float
    heart_width: float
    kyphosis: float
    spine_dent: float
    tilt: float
    lung_hu: float
    contrast_phase: str
    contrast_hu: float


def draw_habitus(rng: np.random.Generator, heart_scale: float) -> Habitus:
    """Draw one body. Women are a little smaller and have breasts."""
    female = bool(rng.random() < 0.45)
    size = rng.normal(0.96 if female else 1.03, 0.06)
    half_width = float(np.clip(rng.normal(135, 6) * size, 114, 158))
    dome = rng.uniform(-138, -92)
    phase = str(rng.choice(["none", "pulmonary", "systemic", "venous"], p=[0.55, 0.12, 0.18, 0.15]))
    return Habitus(
        female=female,
        chest_half_width=half_width,
        chest_front=float(np.clip(rng.normal(84, 7) * size, 64, 104)),
        chest_back=float(np.clip(rng.normal(88, 6) * size, 70, 106)),
        apex_z=float(rng.normal(97, 8) * size),
        right_dome_z=float(dome * size),
        left_dome_z=float((dome - rng.uniform(2, 24)) * size),
        fat=float(np.clip(rng.lognormal(np.log(17), 0.5), 5, 55)),
        muscle=float(np.clip(rng.normal(0.9 if female else 1.1, 0.18), 0.5, 1.6)),
        arms_up=bool(rng.random() < 0.78),
        heart_scale=float(heart_scale * (0.45 + 0.55 * size) * rng.uniform(0.94, 1.04)),
        heart_width=float(heart_scale * rng.uniform(0.39, 0.475) * 2 * half_width),
        kyphosis=float(rng.uniform(4, 26)),
        spine_dent=float(rng.uniform(0.14, 0.27)),
        tilt=float(rng.normal(0, 4)),
        lung_hu=float(np.clip(rng.normal(-862, 38), -930, -770)),
        contrast_phase=phase,
        contrast_hu=0.0 if phase == "none" else float(rng.uniform(90, 320)),
    )


@dataclass(frozen=True, eq=False)
class Torso:
    """Radii (ANGLES, K) of the surfaces and the maps that look them up.

    pleura_AK: inside of the chest wall. muscle_AK: outside of the muscle layer. skin_AK: outside of the body.
    angle_IJ: row of the tables for each (i, j); rho_IJ: distance from the body axis in mm.
    """

    pleura_AK: Floats
    muscle_AK: Floats
    skin_AK: Floats
    angle_IJ: NDArray[np.int32]
    rho_IJ: Floats

    def distance(self, table_AK: Floats) -> Floats:
        """Radial distance beyond a surface, (i, j, k) mm, negative inside."""
        return np.asarray(self.rho_IJ[:, :, None] - table_AK[self.angle_IJ], np.float32)

    def radius_at(self, table_AK: Floats, frame: Frame, angle_deg: Floats, z_mm: Floats) -> Floats:
        """A surface's radius at given angles and heights."""
        rows = (np.asarray(angle_deg) * (ANGLES / 360)).astype(int) % ANGLES
        columns = np.clip(np.rint((z_mm - frame.z_K[0]) / frame.spacing_mm).astype(int), 0, len(frame.z_K) - 1)
        return np.asarray(table_AK[rows, columns], np.float32)


def build_torso(rng: np.random.Generator, frame: Frame, body: Habitus) -> Torso:
    """All surfaces of one body on the frame."""
    angle = np.deg2rad(np.arange(ANGLES) * (360 / ANGLES), dtype=np.float32)[:, None]
    z = frame.z_K[None, :]
    hull = _pleura(rng, angle, z, body)
    muscle = _muscle(angle, z, body, hull)
    spine_dent = np.exp(-((np.abs(np.cos(angle)) / 0.30) ** 2.0)) * (np.sin(angle) < 0)
    pleura = np.asarray(hull * (1 - body.spine_dent * spine_dent), np.float32)
    skin = _skin(rng, angle, z, body, muscle)
    x, y = np.meshgrid(frame.x_I, frame.y_J, indexing="ij")
    rows = np.floor(np.rad2deg(np.arctan2(y, x)) * (ANGLES / 360) + 0.5).astype(np.int32) % ANGLES
    return Torso(pleura, muscle, skin, rows, np.hypot(x, y).astype(np.float32))


def superellipse(angle: Floats, width: Floats, front: Floats, back: Floats, power: float) -> Floats:
    """Radius of a superellipse with different depth in front and behind."""
    cosine, sine = np.cos(angle), np.sin(angle)
    depth = np.where(sine > 0, front, back)
    return np.asarray((np.abs(cosine / width) ** power + np.abs(sine / depth) ** power) ** (-1 / power), np.float32)


def _ripples(rng: np.random.Generator, angle: Floats, count_z: int, harmonics: int) -> Floats:
    """Smooth noise over (angle, z) of unit deviation that closes around the body."""
    order = np.arange(1, harmonics + 1, dtype=np.float32)[None, :]
    waves_AH = np.concatenate([np.cos(order * angle), np.sin(order * angle)], axis=1)
    weights_HK = smooth_noise(rng, (2 * harmonics, count_z), (2 * harmonics, 6))
    field_AK = waves_AH @ weights_HK
    return np.asarray(field_AK / max(float(field_AK.std()), 1e-6), np.float32)


def _pleura(rng: np.random.Generator, angle: Floats, z: Floats, body: Habitus) -> Floats:
    """Inside of the rib cage: closed dome at the apex, widest near the diaphragm."""
    down = np.clip((body.apex_z - z) / 190, 0, 1)
    dome = (1 - (1 - down) ** 2.6) ** (1 / 2.1)
    width = np.maximum(body.chest_half_width * (0.985 * dome), 2)
    front = np.maximum(body.chest_front * (-0.18 + 1.18 * np.clip((body.apex_z + 6 - z) / 170, 0, 1) ** 0.62), 2)
    back = np.maximum(body.chest_back * np.minimum(1, 0.25 + 0.75 * np.clip((body.apex_z - z) / 85, 0, 1) ** 0.55), 2)
    back = back - body.kyphosis * np.clip((z + 20) / 120, 0, 1.2) ** 2
    back = np.maximum(back, 25)
    closed = np.clip((body.apex_z + 2 - z) / 14, 0, 1) ** 0.5
    radius = superellipse(angle, width, np.maximum(front, 6), back, 2.25)
    gutter = np.exp(-(((np.abs(np.cos(angle)) - 0.58) / 0.3) ** 2)) * (np.sin(angle) < 0)
    radius = radius * (1 + 0.085 * gutter)
    radius = radius * (1 + 0.014 * _ripples(rng, angle, z.shape[1], 4)) * closed
    return np.asarray(radius, np.float32)


def _muscle(angle: Floats, z: Floats, body: Habitus, pleura: Floats) -> Floats:
    """Outside of the muscles: ribs and intercostals, back extensors, pectorals, and the shoulder girdle at the top."""
    sine, cosine = np.sin(angle), np.cos(angle)
    high = np.clip((z - 5) / 60, 0, 1)
    wall = 11 + 0 * sine
    beside_spine = np.exp(-(((np.abs(cosine) - 0.22) / 0.42) ** 2)) * (sine < 0)
    pectoral = np.exp(-(((np.abs(cosine) - 0.55) / 0.3) ** 2)) * (sine > 0) * (0.25 + 0.75 * high)
    lateral = np.exp(-(((sine + 0.25) / 0.6) ** 2)) * (0.45 + 1.3 * high)
    around = wall + body.muscle * (24 * beside_spine + 15 * pectoral + 12 * lateral)
    slope = np.exp(-np.clip(z - 0.8 * body.apex_z, 0, None) / 20)
    shoulder_width = 60 + (body.chest_half_width - 24) * slope
    rise = np.clip((z - 0.2 * body.apex_z) / (0.8 * body.apex_z), 0, 1)
    shoulders = superellipse(
        angle,
        np.asarray(shoulder_width, np.float32),
        np.asarray(46 + (0.62 * body.chest_front - 46) * slope, np.float32),
        np.asarray(60 + (0.86 * body.chest_back - 48) * slope, np.float32),
        2.2,
    )
    return np.asarray(np.maximum(pleura + around, shoulders * rise**0.5), np.float32)


def _skin(rng: np.random.Generator, angle: Floats, z: Floats, body: Habitus, muscle: Floats) -> Floats:
    """Outside of the body: subcutaneous fat, thicker low and at the flanks, filling hollows, and breasts in women."""
    sine, cosine = np.sin(angle), np.cos(angle)
    low = np.clip(-(z + 20) / 120, 0, 1)
    thickness = body.fat * (0.72 + 0.35 * low + 0.22 * np.abs(cosine) + 0.12 * np.clip(-sine, 0, 1))
    thickness = thickness * (1 + 0.12 * _ripples(rng, angle, z.shape[1], 3))
    smooth = ndimage.gaussian_filter(muscle, (ANGLES / 30, 3), mode=("wrap", "nearest"))
    hull = np.maximum(smooth, muscle) * 0.6 + 0.4 * smooth
    breast = (15 + 1.1 * body.fat) if body.female else max(0.0, 0.5 * (body.fat - 18))
    bulge = np.exp(-(np.abs((np.abs(cosine) - 0.54) / 0.3) ** 2.5)) * (sine > 0)
    level = np.exp(-(np.abs((z + 42) / 46) ** 2.4))
    return np.asarray(np.maximum(hull + thickness + breast * bulge * level, muscle + 2) + 2, np.float32)


@dataclass(frozen=True)
class Arm:
    """One upper arm in body mm: from the humeral head to where it leaves the picture; radius of its muscles."""

    head_mm: tuple[float, float, float]
    end_mm: tuple[float, float, float]
    radius_mm: float


def draw_arms(rng: np.random.Generator, body: Habitus) -> tuple[Arm, Arm]:
    """Both arms raised beside the head, or both hanging at the sides."""
    lift = 14.0 if body.arms_up else 0.0
    spread = float(rng.uniform(0, 26))
    radius = (30.0 + 0.0 * lift) * (0.85 + 0.15 * body.muscle)
    arms = []
    for side in (1.0, -1.0):
        head = (side * (body.chest_half_width + 20), float(rng.normal(-12, 4)), 60 + lift)
        if body.arms_up:
            end = (side * (body.chest_half_width + 18 + spread), float(rng.normal(6, 8)), 340.0)
        else:
            end = (side * (body.chest_half_width + 36 + body.fat + spread), float(rng.normal(-24, 8)), -280.0)
        arms.append(Arm(head, end, radius))
    return arms[0], arms[1]


def merge_arms(frame: Frame, arms: tuple[Arm, Arm], body: Habitus, skin_IJK: Floats, muscle_IJK: Floats) -> None:
    """Lower the distances to skin and muscle where the arms are, in place."""
    for arm in arms:
        head, end = np.asarray(arm.head_mm), np.asarray(arm.end_mm)
        pad = arm.radius_mm + body.fat + 14
        low, high = np.minimum(head, end) - pad, np.maximum(head, end) + pad
        box = frame.box((low[0], low[1], low[2]), (high[0], high[1], high[2]))
        x, y, z = frame.coordinates(box)
        run = (end - head).astype(np.float32)
        along = np.clip((z - np.float32(head[2])) / run[2], 0, 1)
        dx, dy = x - (np.float32(head[0]) + along * run[0]), y - (np.float32(head[1]) + along * run[1])
        beyond = np.maximum(np.abs(z - np.float32(head[2] + 0.5 * run[2])) - np.abs(0.5 * run[2]), 0)
        distance = np.sqrt(dx * dx + dy * dy + beyond * beyond) - np.float32(arm.radius_mm) * (1 - 0.1 * along)
        muscle, skin = muscle_IJK[box], skin_IJK[box]
        muscle[...] = smooth_minimum(muscle, distance, 8.0)
        skin[...] = smooth_minimum(skin, distance - np.float32(0.55 * body.fat + 3), 14.0)
