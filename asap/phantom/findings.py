"""Which findings a generated case has, and painting them in an order in which none hides another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from asap.phantom import devices, heart_and_vessels, lung_diffuse, lung_focal, lung_opacities, mediastinum_and_wall, pleura
from asap.phantom.canvas import Canvas, PlacedFinding, bounding_box
from asap.report import Side

Builder = Callable[[Canvas, np.random.Generator, Side | None], list[PlacedFinding]]

# In painting order: what moves anatomy first, then texture of the lung, then focal lesions from large to small.
BUILDERS: dict[str, Builder] = {
    "cardiomegaly": heart_and_vessels.cardiomegaly,
    "aortic_aneurysm": heart_and_vessels.aortic_aneurysm,
    "mediastinal_mass": mediastinum_and_wall.mediastinal_mass,
    "hiatal_hernia": mediastinum_and_wall.hiatal_hernia,
    "pericardial_effusion": heart_and_vessels.pericardial_effusion,
    "pleural_effusion": pleura.pleural_effusion,
    "pneumothorax": pleura.pneumothorax,
    "emphysema": lung_diffuse.emphysema,
    "mosaic_attenuation": lung_diffuse.mosaic_attenuation,
    "septal_thickening": lung_diffuse.septal_thickening,
    "fibrosis": lung_diffuse.fibrosis,
    "lymphadenopathy": mediastinum_and_wall.lymphadenopathy,
    "mass": lung_focal.mass,
    "bulla": lung_focal.bulla,
    "consolidation": lung_opacities.consolidation,
    "cavity": lung_focal.cavity,
    "ground_glass": lung_opacities.ground_glass,
    "atelectasis": lung_opacities.atelectasis,
    "bronchiectasis": lung_diffuse.bronchiectasis,
    "tree_in_bud": lung_opacities.tree_in_bud,
    "nodule": lung_focal.nodule,
    "calcified_nodule": lung_focal.calcified_nodule,
    "pleural_thickening": pleura.pleural_thickening,
    "pleural_plaque": pleura.pleural_plaque,
    "coronary_calcification": heart_and_vessels.coronary_calcification,
    "arterial_calcification": heart_and_vessels.arterial_calcification,
    "bone_lesion": mediastinum_and_wall.bone_lesion,
    "fracture": mediastinum_and_wall.fracture,
    "liver_lesion": mediastinum_and_wall.liver_lesion,
    "medical_material": devices.medical_material,
}

CONCEPTS: tuple[str, ...] = tuple(BUILDERS)

# Relative frequency: what is scored as a pool is common, the rest appears often enough to be learned.
WEIGHTS: dict[str, float] = dict.fromkeys(CONCEPTS, 1.0) | {
    "nodule": 5.0,
    "mass": 3.5,
    "ground_glass": 4.0,
    "consolidation": 4.0,
    "atelectasis": 3.0,
    "pleural_effusion": 2.5,
    "emphysema": 2.0,
    "pneumothorax": 1.2,
    "lymphadenopathy": 1.3,
    "pleural_plaque": 0.6,
    "aortic_aneurysm": 0.6,
    "mosaic_attenuation": 0.6,
    "fracture": 0.5,
    "bone_lesion": 0.7,
}

NORMAL_SHARE = 0.15
_MULTIPLE: dict[str, tuple[float, int]] = {  # (chance of more than one, at most)
    "nodule": (0.35, 6),
    "calcified_nodule": (0.25, 3),
    "mass": (0.06, 2),
    "ground_glass": (0.4, 4),
    "consolidation": (0.25, 3),
    "atelectasis": (0.25, 2),
    "pleural_effusion": (0.35, 2),
    "bulla": (0.4, 3),
    "cavity": (0.15, 2),
    "pleural_thickening": (0.2, 2),
    "pleural_plaque": (0.4, 2),
}
# Their paint leaves neighbours free, so what is painted later may lie inside them.
_OPEN_TEXTURES = ("emphysema", "mosaic_attenuation", "septal_thickening")


def choose_concepts(rng: np.random.Generator, required: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Distinct concepts of one case in painting order: none in 15 % of cases, else 1-6; `required` always belong.

    Raises KeyError for an unknown concept.
    """
    for concept in required:
        BUILDERS[concept]
    normal = rng.random() < NORMAL_SHARE
    count = int(rng.choice([1, 2, 3, 4, 5, 6], p=[0.16, 0.24, 0.24, 0.18, 0.11, 0.07]))
    weights = np.array([WEIGHTS[concept] for concept in CONCEPTS])
    drawn = rng.choice(len(CONCEPTS), size=count, replace=False, p=weights / weights.sum())
    extra = [] if normal else [CONCEPTS[int(n)] for n in drawn]
    chosen = set(required) | set(extra[: max(0, 6 - len(required))])
    return tuple(concept for concept in CONCEPTS if concept in chosen)


def place_findings(
    canvas: Canvas, rng: np.random.Generator, concepts: tuple[str, ...], bilateral: str | None = None
) -> tuple[PlacedFinding, ...]:
    """Paint the concepts (several lesions of some) onto the canvas; `bilateral` gets exactly one on each side.

    A finding for which there is no room is left out; regions overlap nowhere but in textures' surroundings.
    """
    found: list[PlacedFinding] = []
    ordered = [concept for concept in CONCEPTS if concept in concepts or concept == bilateral]
    for concept in ordered:
        for side in _sides(rng, concept, bilateral):
            found.extend(BUILDERS[concept](canvas, rng, side))
    kept = (_uncovered(finding, canvas) for finding in found)
    return tuple(_with_true_size(finding, canvas.spacing_mm) for finding in kept if finding.region.any())


def _sides(rng: np.random.Generator, concept: str, bilateral: str | None) -> list[Side | None]:
    if concept == bilateral:
        return ["right", "left"]
    chance, most = _MULTIPLE.get(concept, (0.0, 1))
    count = int(rng.integers(2, most + 1)) if rng.random() < chance else 1
    if concept in ("pleural_effusion", "pneumothorax"):
        both: list[Side | None] = ["right", "left"]
        return both if count == 2 else [both[int(rng.integers(2))]]
    return [None] * count


def _uncovered(finding: PlacedFinding, canvas: Canvas) -> PlacedFinding:
    if finding.concept not in _OPEN_TEXTURES:
        return finding
    return replace(finding, region=finding.region & ~canvas.occupied)


def _with_true_size(finding: PlacedFinding, spacing_mm: float) -> PlacedFinding:
    """The finding with a size no larger than the diagonal of its box: fissure and pleura may have cut the lesion down."""
    box = bounding_box(finding.region)
    if finding.size_mm is None or box is None:
        return finding
    diagonal_mm = float(np.linalg.norm([s.stop - s.start for s in box])) * spacing_mm
    return replace(finding, size_mm=min(finding.size_mm, diagonal_mm))
