"""Everything about one body that is drawn before it is painted: where the spine, heart and airways run and how blood shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asap.phantom.solids import Box, Floats, Frame, Painting, rotation_from_angles, smooth_curve, smooth_minimum
from asap.phantom.torso import Habitus, Torso

Point = tuple[float, float, float]
HEART_WIDTH_MM, HEART_HEIGHT_MM = 130.0, 98.0  # of a heart of scale 1


@dataclass(frozen=True, eq=False)
class SpineCurve:
    """Centre of the vertebral bodies at every z: x_K, y_K in mm; half_width and half_depth of a body at the carina, mm."""

    x_K: Floats
    y_K: Floats
    half_width: float
    half_depth: float
    cancellous_hu: float


@dataclass(frozen=True)
class BloodHU:
    """HU of blood in the right heart and pulmonary arteries, the left heart and aorta, the veins; and of what it perfuses."""

    right: float
    left: float
    vein: float
    myocardium: float
    liver: float
    spleen: float


@dataclass(frozen=True, eq=False)
class HeartPlan:
    """Where the heart lies in mm, its size, its stretch along x, y, z (breath and build), and its axes."""

    centre_mm: Point
    scale: float
    stretch: Point
    axes: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Airway:
    """Centrelines of the trachea and of the right and left main bronchus in mm."""

    trachea_N3: NDArray[np.float32]
    bronchi_N3: tuple[NDArray[np.float32], NDArray[np.float32]]
    radius_mm: float

    @property
    def hila_mm(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """End of the right and of the left main bronchus."""
        return self.bronchi_N3[0][-1], self.bronchi_N3[1][-1]


class Mediastinum:
    """Collects how near each voxel is to anything solid between the lungs while it is painted; fat_mm lies around all of it."""

    def __init__(self, frame: Frame, fat_mm: float) -> None:
        self.solid_IJK: Floats = np.full(frame.shape, 60.0, np.float32)
        self.fat_mm = fat_mm

    def include(self, box: Box, distance_mm: Floats, cover_mm: float) -> None:
        """Keep the lung `cover_mm` away from a shape, bridging the creases between neighbours."""
        view = self.solid_IJK[box]
        view[...] = smooth_minimum(view, distance_mm - np.float32(cover_mm + self.fat_mm), 17.0)


@dataclass(frozen=True, eq=False)
class Scene:
    """One body being painted. rng: source of the remaining variation."""

    rng: np.random.Generator
    canvas: Painting
    body: Habitus
    torso: Torso
    spine: SpineCurve
    heart: HeartPlan
    blood: BloodHU
    airway: Airway
    middle: Mediastinum

    @property
    def frame(self) -> Frame:
        """The voxel grid."""
        return self.canvas.frame

    def front_of_spine(self, z_mm: float, ahead_mm: float) -> float:
        """y of a point `ahead_mm` in front of the vertebral body at a height, mm."""
        return float(np.interp(z_mm, self.frame.z_K, self.spine.y_K)) + self.spine.half_depth + ahead_mm


def draw_scene(rng: np.random.Generator, canvas: Painting, body: Habitus, torso: Torso) -> Scene:
    """Draw all plans of one body."""
    spine = _draw_spine(rng, canvas.frame, torso, body)
    heart = _draw_heart(rng, body)
    fat_mm = float(rng.uniform(0.5, 2.5)) + 0.1 * max(0.0, body.fat - 10)
    return Scene(
        rng=rng,
        canvas=canvas,
        body=body,
        torso=torso,
        spine=spine,
        heart=heart,
        blood=_draw_blood(rng, body),
        airway=_draw_airway(rng, canvas.frame, spine, body),
        middle=Mediastinum(canvas.frame, fat_mm),
    )


def _draw_spine(rng: np.random.Generator, frame: Frame, torso: Torso, body: Habitus) -> SpineCurve:
    """A curve that follows the back of the chest and comes forward in the loin, with a little scoliosis."""
    z = frame.z_K
    back = -torso.radius_at(torso.pleura_AK, frame, np.full(len(z), 270.0, np.float32), np.minimum(z, body.apex_z - 25))
    back = back / (1 - body.spine_dent)  # the spine stands where the chest would end without it
    smooth = np.convolve(np.pad(back, 12, mode="edge"), np.full(25, 1 / 25), mode="valid")
    smooth = smooth + 15 * np.clip(-(z + 105) / 90, 0, 1.6) ** 2
    sway = rng.normal(0, 3.0) * np.sin(z / 70 + rng.uniform(0, 6.28))
    return SpineCurve(
        x_K=sway.astype(np.float32),
        y_K=(smooth + rng.uniform(20, 27)).astype(np.float32),
        half_width=float(rng.uniform(17.0, 21.5)),
        half_depth=float(rng.uniform(13.5, 16.5)),
        cancellous_hu=float(rng.uniform(110, 250)),
    )


def _draw_blood(rng: np.random.Generator, body: Habitus) -> BloodHU:
    """Enhancement by phase: pulmonary (right heart first), systemic (left heart and aorta), venous (all alike), none."""
    plain, gain = float(rng.normal(42, 4)), body.contrast_hu
    right, left, vein, wall, organ = {
        "none": (0.0, 0.0, 0.0, 0.0, 0.0),
        "pulmonary": (1.0, 0.45, 1.3, 0.12, 0.03),
        "systemic": (0.6, 1.0, 0.7, 0.25, 0.12),
        "venous": (0.5, 0.5, 0.45, 0.22, 0.22),
    }[body.contrast_phase]
    return BloodHU(
        right=plain + gain * right,
        left=plain + gain * left,
        vein=plain + gain * vein,
        myocardium=44 + gain * wall,
        liver=float(rng.normal(56, 9)) + gain * organ,
        spleen=48 + gain * organ * 1.3,
    )


def _draw_heart(rng: np.random.Generator, body: Habitus) -> HeartPlan:
    """Between the carina and the diaphragm, as wide as the drawn cardiothoracic ratio asks for."""
    floor = 0.5 * (body.right_dome_z + body.left_dome_z)
    top, bottom = -16.0 + rng.normal(0, 3), floor + rng.uniform(-14, 0)
    scale = body.heart_scale
    across = body.heart_width / (HEART_WIDTH_MM * scale)
    along = float(np.clip((top - bottom) / (HEART_HEIGHT_MM * scale), 0.82, 1.22))
    centre = (-0.13 * body.heart_width + rng.normal(0, 4), 0.30 * body.chest_front + rng.normal(0, 4))
    axes = rotation_from_angles(rng.normal(0, 6), rng.normal(0, 5), rng.normal(0, 6))
    return HeartPlan((*centre, bottom + 0.5 * HEART_HEIGHT_MM * scale * along), scale, (across, along**-0.3, along), axes)


def _draw_airway(rng: np.random.Generator, frame: Frame, spine: SpineCurve, body: Habitus) -> Airway:
    """Trachea in front of the oesophagus, leaning back on its way down; the right bronchus is steeper."""
    carina_y = float(np.interp(0, frame.z_K, spine.y_K)) + spine.half_depth + float(rng.uniform(17, 23))
    top_y = max(carina_y + 6, float(np.interp(100, frame.z_K, spine.y_K)) + spine.half_depth + 22)
    carina = (2.0 + float(rng.normal(0, 1.5)), carina_y, 0.0)
    lean = float(rng.normal(0, 3))
    trachea = smooth_curve(np.array([(lean, top_y + 10, 175), (lean, top_y, 100), (4 + lean / 2, carina_y + 3, 42), carina]), 2.0)
    right = smooth_curve(np.array([carina, (18, carina_y - 2, -17), (38, carina_y - 7, -30)]), 1.5)
    left = smooth_curve(np.array([carina, (-17, carina_y - 3, -15), (-46, carina_y - 10, -31)]), 1.5)
    return Airway(trachea, (right, left), float(rng.normal(7.6 if body.female else 9.0, 0.8)))
