"""The body of a generated chest CT before anything is wrong with it: labelled organs and clean Hounsfield units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asap.phantom import lungs, organs, skeleton
from asap.phantom.labels import LABELS
from asap.phantom.solids import WHOLE, Floats, Frame, Painting, smooth_noise
from asap.phantom.torso import Arm, Habitus, Torso, build_torso, draw_arms, draw_habitus, merge_arms
from asap.volume import Affine

__all__ = ["LABELS", "Anatomy", "generate_anatomy"]


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
    arms = draw_arms(rng, body)
    pleura, below, diaphragm = _paint_walls(rng, canvas, torso, body, arms)
    spine = skeleton.draw_spine(rng, frame, torso, body)
    plan = organs.draw_heart(rng, body)
    blood = organs.draw_blood(rng, body)
    middle = organs.Mediastinum(frame, float(rng.uniform(0.5, 2.5)) + 0.1 * max(0.0, body.fat - 10))
    stomach = organs.paint_abdomen(rng, canvas, below, spine, body, blood)
    canvas.paint(WHOLE, np.asarray(np.abs(below + 1.0) - 1.2, np.float32), 45.0, LABELS["diaphragm"])
    bodies = skeleton.paint_spine(rng, canvas, spine)
    box = frame.box(
        (-62.0, float(spine.y_K.min()) - 85, float(frame.z_K[0]) - 1),
        (62.0, float(spine.y_K.max()) + 24, float(frame.z_K[-1]) + 1),
    )
    middle.include(box, bodies, 4.0)
    organs.paint_oesophagus(rng, canvas, spine, middle, stomach)
    organs.paint_heart(rng, canvas, plan, blood, middle)
    organs.paint_great_vessels(rng, canvas, spine, body, plan, blood, middle)
    airway = organs.draw_airway(rng, frame, spine, body, plan)
    organs.paint_airway(canvas, airway, middle)
    organs.paint_thyroid(rng, canvas, airway, blood)
    distance = lungs.paint_lungs(rng, canvas, torso, body, pleura, diaphragm, middle, spine.y_K)
    skeleton.paint_girdle(rng, canvas, torso, body, arms)
    skeleton.paint_sternum(rng, canvas, torso, body)
    skeleton.paint_ribs(rng, canvas, torso, body, spine)
    lungs.paint_trees(rng, canvas, distance, airway, blood)
    depth = lungs.pleural_depth(canvas.labels_IJK, spacing_mm)
    return Anatomy(canvas.hu_IJK, canvas.labels_IJK, depth, _affine(rng, frame), body.contrast_hu)


def _place(rng: np.random.Generator, body: Habitus, spacing_mm: float, shape: tuple[int, int, int]) -> Frame:
    """Put the grid around the chest; the scan range varies at both ends."""
    centre = np.array([rng.normal(0, 5), rng.normal(4, 6), 0.0])
    top = body.apex_z + rng.choice([rng.uniform(8, 40), rng.uniform(-6, 8), rng.uniform(40, 70)], p=[0.75, 0.1, 0.15])
    extent = (np.array(shape) - 1) * spacing_mm
    centre[2] = top - extent[2] / 2
    axes = [(np.arange(n) * spacing_mm - e / 2 + c).astype(np.float32) for n, e, c in zip(shape, extent, centre, strict=True)]
    knots = tuple(int(max(4, round(e / 34))) for e in extent)
    return Frame(axes[0], axes[1], axes[2], float(spacing_mm), smooth_noise(rng, shape, knots))


def _paint_walls(
    rng: np.random.Generator, canvas: Painting, torso: Torso, body: Habitus, arms: tuple[Arm, Arm]
) -> tuple[Floats, Floats, Floats]:
    """Fat, muscle and the inside of the trunk; distances to the pleural space and to the space under the diaphragm."""
    frame = canvas.frame
    skin, muscle, pleura = (torso.distance(table) for table in (torso.skin_AK, torso.muscle_AK, torso.pleura_AK))
    merge_arms(frame, arms, body, skin, muscle)
    planes = smooth_noise(rng, frame.shape, tuple(int(max(4, n * frame.spacing_mm / 24)) for n in frame.shape))
    fat = np.float32(-102) + 6 * planes
    fat += np.clip(1.3 - np.abs(skin + 1.2) * np.float32(0.5), 0, 0.7) * 110
    if body.female:
        _add_glands(rng, canvas, fat, skin, muscle, planes)
    canvas.paint(WHOLE, skin, fat, LABELS["fat"])
    lean = np.float32(54) - np.clip(1 - np.abs(planes) * np.float32(1 / 0.24), 0, 1) * np.float32(60 + 2.0 * body.fat)
    canvas.paint(WHOLE, muscle, lean, LABELS["muscle"])
    canvas.paint(WHOLE, pleura, -92.0, LABELS["mediastinum"])
    diaphragm = lungs.diaphragm_height(rng, frame, torso, body)
    below = np.maximum((frame.z_K[None, None, :] - diaphragm[:, :, None]) * np.float32(0.75), pleura)
    canvas.labels_IJK[below < 0] = LABELS["fat"]
    return pleura, np.asarray(below, np.float32), diaphragm


def _add_glands(rng: np.random.Generator, canvas: Painting, fat: Floats, skin: Floats, muscle: Floats, planes: Floats) -> None:
    """Glandular tissue between skin and pectoral muscle, as HU added to the fat."""
    frame = canvas.frame
    box = frame.box((-999, 15, -95), (999, 999, 10))
    inside = np.minimum(-skin[box] - 5, muscle[box] - 3)
    dense = np.clip(planes[box] * 0.9 + float(rng.uniform(-1.0, 0.5)), 0, 1) * np.clip(inside / 8, 0, 1)
    view = fat[box]
    view += dense * np.float32(120)
    canvas.labels_IJK[box][(muscle[box] > 0) & (skin[box] < 0)] = LABELS["breast"]


def _affine(rng: np.random.Generator, frame: Frame) -> Affine:
    """Voxel index to RAS+ mm: the grid's own placement plus a random table offset."""
    affine = np.diag([frame.spacing_mm] * 3 + [1.0]).astype(np.float64)
    affine[:3, 3] = frame.first_mm + rng.uniform(-1, 1, 3) * np.array([25.0, 120.0, 150.0])
    return affine
