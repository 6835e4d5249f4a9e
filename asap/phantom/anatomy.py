"""The body of a generated chest CT before anything is wrong with it: labelled organs and clean Hounsfield units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asap.phantom import lungs, neck_and_airways, skeleton
from asap.phantom.abdomen import paint_abdomen
from asap.phantom.great_vessels import paint_great_vessels
from asap.phantom.heart import paint_heart
from asap.phantom.labels import LABELS
from asap.phantom.lung_trees import paint_trees
from asap.phantom.scene import Scene, draw_scene
from asap.phantom.solids import WHOLE, Floats, Frame, Painting, smooth_noise
from asap.phantom.torso import Arm, Habitus, build_torso, draw_arms, draw_habitus, merge_arms
from asap.volume import Affine

__all__ = ["LABELS", "Anatomy", "generate_anatomy"]

BREASTS = ((-999.0, 15.0, -95.0), (999.0, 999.0, 10.0))  # corners of the part of the body that holds them, mm


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A generated body on a regular grid whose axes run right, anterior, superior.

    hu: (i, j, k) float32 clean HU. labels: (i, j, k) uint8, values of LABELS. pleural_depth_mm: (i, j, k) float32, distance
    of a lung voxel to the nearest voxel outside that lung (0 elsewhere). affine: voxel index -> RAS+ mm.
    contrast: enhancement of blood in HU above plain blood (0 without contrast).
    """

    hu: NDArray[np.float32]
    labels: NDArray[np.uint8]
    pleural_depth_mm: NDArray[np.float32]
    affine: Affine
    contrast_hu: float

    def mask(self, *names: str) -> NDArray[np.bool_]:
        """Voxels that carry any of the named labels."""
        return np.isin(self.labels, [LABELS[name] for name in names])


def generate_anatomy(
    rng: np.random.Generator,
    spacing_mm: float = 3.0,
    shape: tuple[int, int, int] = (128, 112, 112),
    heart_scale: float = 1.0,
) -> Anatomy:
    """One body without findings. heart_scale > 1 enlarges the heart (about 1.25 is plain cardiomegaly)."""
    body = draw_habitus(rng, heart_scale)
    frame = _place(rng, body, spacing_mm, shape)
    torso = build_torso(rng, frame, body)
    canvas = Painting(frame, np.full(shape, -1000, np.float32), np.zeros(shape, np.uint8))
    scene = draw_scene(rng, canvas, body, torso)
    arms = draw_arms(rng, body)
    pleura = _paint_walls(scene, arms)
    diaphragm = lungs.diaphragm_height(rng, frame, torso, body)
    above = (diaphragm[:, :, None] - frame.z_K) * np.float32(0.75)
    below, room = np.maximum(-above, pleura), np.maximum(above, pleura)
    canvas.labels_IJK[below < 0] = LABELS["fat"]
    stomach = paint_abdomen(scene, below)
    canvas.paint(WHOLE, np.abs(below + np.float32(1.0)) - np.float32(1.2), 45.0, LABELS["diaphragm"])
    skeleton.paint_spine(scene)
    neck_and_airways.paint_oesophagus(scene, stomach)
    paint_heart(scene)
    paint_great_vessels(scene)
    neck_and_airways.paint_airway(scene)
    neck_and_airways.paint_thyroid(scene)
    lungs.paint_lungs(scene, room)
    skeleton.paint_girdle(scene, arms)
    skeleton.paint_sternum(scene)
    skeleton.paint_ribs(scene)
    paint_trees(scene, room)
    affine = _affine(rng, frame)
    roll = float(np.clip(rng.normal(0, 4), -11, 11))
    if abs(roll) > 1.5:
        canvas = _rolled(canvas, roll)
    depth = lungs.pleural_depth(canvas.labels_IJK, spacing_mm)
    return Anatomy(canvas.hu_IJK, canvas.labels_IJK, depth, affine, body.contrast_hu)


def _place(rng: np.random.Generator, body: Habitus, spacing_mm: float, shape: tuple[int, int, int]) -> Frame:
    """Put the grid around the chest; the scan range varies at both ends."""
    centre = np.array([rng.normal(0, 7), rng.normal(4, 9), 0.0])
    top = body.apex_z + rng.choice([rng.uniform(8, 40), rng.uniform(-6, 8), rng.uniform(40, 70)], p=[0.75, 0.1, 0.15])
    extent = (np.array(shape) - 1) * spacing_mm
    centre[2] = top - extent[2] / 2
    axes = [(np.arange(n) * spacing_mm - e / 2 + c).astype(np.float32) for n, e, c in zip(shape, extent, centre, strict=True)]
    knots = tuple(int(max(4, round(e / 34))) for e in extent)
    return Frame(axes[0], axes[1], axes[2], float(spacing_mm), smooth_noise(rng, shape, knots))


def _paint_walls(scene: Scene, arms: tuple[Arm, Arm]) -> Floats:
    """Fat, muscle with its fat planes and the fat inside the trunk; return the distance to the pleural space."""
    frame, body, torso, canvas = scene.frame, scene.body, scene.torso, scene.canvas
    skin, muscle, pleura = (torso.distance(table) for table in (torso.skin_AK, torso.muscle_AK, torso.pleura_AK))
    merge_arms(frame, arms, body, skin, muscle)
    planes = smooth_noise(scene.rng, frame.shape, tuple(int(max(4, n * frame.spacing_mm / 24)) for n in frame.shape))
    fat = np.abs(skin + np.float32(1.2))
    fat *= np.float32(-55)
    np.clip(fat + np.float32(143), 0, 77, out=fat)  # the skin itself, thinner than a voxel
    fat += np.float32(6) * planes - np.float32(102)
    if body.female:
        _add_glands(scene, fat, np.minimum(-skin - 5, muscle - 3), planes)
    canvas.paint(WHOLE, skin, fat, LABELS["fat"])
    if body.female:
        box = frame.box(BREASTS[0], BREASTS[1])
        canvas.labels_IJK[box][(muscle[box] > 0) & (skin[box] < 0)] = LABELS["breast"]
    lean = np.abs(planes)
    lean *= np.float32((60 + 2.0 * body.fat) / 0.24)
    np.minimum(lean, np.float32(60 + 2.0 * body.fat), out=lean)
    lean += np.float32(54 - 60 - 2.0 * body.fat)
    canvas.paint(WHOLE, muscle, lean, LABELS["muscle"])
    canvas.paint(WHOLE, pleura, float(scene.rng.uniform(-102, -60)) + 5 * frame.noise_IJK, LABELS["mediastinum"])
    return pleura


def _add_glands(scene: Scene, fat: Floats, inside_mm: Floats, planes: Floats) -> None:
    """Glandular tissue as HU added to the fat, `inside_mm` deep between skin and pectoral muscle."""
    box = scene.frame.box(BREASTS[0], BREASTS[1])
    dense = np.clip(planes[box] * 0.9 + float(scene.rng.uniform(-1.0, 0.5)), 0, 1) * np.clip(inside_mm[box] / 8, 0, 1)
    view = fat[box]
    view += dense * np.float32(120)


def _affine(rng: np.random.Generator, frame: Frame) -> Affine:
    """Voxel index to RAS+ mm: the grid's own placement plus a random table offset."""
    affine = np.diag([frame.spacing_mm] * 3 + [1.0]).astype(np.float64)
    affine[:3, 3] = frame.first_mm + rng.uniform(-1, 1, 3) * np.array([25.0, 120.0, 150.0])
    return affine


def _rolled(canvas: Painting, angle_deg: float) -> Painting:
    """The body turned about its long axis, as patients lie: HU interpolated in the plane, labels from the nearest voxel."""
    count_i, count_j, count_k = canvas.hu_IJK.shape
    x, y = np.meshgrid(np.arange(count_i) - count_i / 2, np.arange(count_j) - count_j / 2, indexing="ij")
    cosine, sine = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    from_i, from_j = (cosine * x - sine * y + count_i / 2).ravel(), (sine * x + cosine * y + count_j / 2).ravel()
    known = (from_i >= 0) & (from_i < count_i - 1) & (from_j >= 0) & (from_j < count_j - 1)
    low_i, low_j = np.floor(from_i[known]).astype(int), np.floor(from_j[known]).astype(int)
    rest_i, rest_j = (from_i[known] - low_i)[:, None], (from_j[known] - low_j)[:, None]
    rows_RK = canvas.hu_IJK.reshape(-1, count_k)
    hu = np.full_like(rows_RK, -1000)
    labels = np.zeros((len(hu), count_k), np.uint8)
    blend = np.zeros((len(low_i), count_k), np.float32)
    for step_i, step_j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        weight = (rest_i if step_i else 1 - rest_i) * (rest_j if step_j else 1 - rest_j)
        blend += weight.astype(np.float32) * rows_RK[(low_i + step_i) * count_j + low_j + step_j]
    hu[known] = blend
    nearest = np.rint(from_i[known]).astype(int) * count_j + np.rint(from_j[known]).astype(int)
    labels[known] = canvas.labels_IJK.reshape(-1, count_k)[nearest]
    return Painting(canvas.frame, hu.reshape(canvas.hu_IJK.shape), labels.reshape(canvas.hu_IJK.shape))
