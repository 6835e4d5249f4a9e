"""Grounding on boxes, scored by the rules of `grounding_score`: what differs is that a box is no chest with two lungs to find."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from asap.inference.engine import Engine
from asap.inference.features import ShiftedCells, StudyFeatures
from asap.lungs import LungMasks
from asap.preprocess import to_network_grid
from asap.volume import Volume, apply_affine, corner_indices
from asap_training.ablation.boxes import boxes_in, case_numbers
from asap_training.grounding_score import EncodedCase, Row, score
from asap_training.scoring_cases import generated_case


def encoded_boxes(engine: Engine, boxes: Path, count: int | None = None) -> list[EncodedCase]:
    """The first `count` boxes of a folder and their twins, encoded; peaks are carried from box to box by the boxes themselves."""
    out = []
    for path, box in list(boxes_in(boxes))[:count]:
        case = generated_case(path.name, box)
        corners = apply_affine(box.volume.affine, corner_indices(box.volume.shape))
        features, twin = (_encoded(engine, volume) for volume in (case.volume, case.twin))
        out.append(EncodedCase(case, features, twin, np.stack([corners.min(axis=0), corners.max(axis=0)])))
    return out


def grounding_rows(engine: Engine, boxes: Path) -> tuple[Row, ...]:
    """One row a sentence, under the number of the case that its box was cut from."""
    encoded = encoded_boxes(engine, boxes)
    numbers = case_numbers([Path(entry.case.name) for entry in encoded])
    return tuple(replace(row, case=numbers[row.case]) for row in score(engine, encoded))


def _encoded(engine: Engine, volume: Volume) -> StudyFeatures:
    ras, grounder = volume.reoriented_to_ras(), engine.grounder
    centre = apply_affine(ras.affine, (np.array(ras.shape) - 1) / 2)
    image, grid = to_network_grid(ras, grounder.grid, centre_ras_mm=centre)
    cells_NC = grounder.encode_image(image).cells_NC
    nothing = np.zeros(ras.shape, dtype=np.bool_)
    no_lungs = LungMasks(nothing, nothing, nothing, nothing, ras.affine, midline=None)
    window = ShiftedCells((0, 0, 0), cells_NC, grid)
    return StudyFeatures(
        ras.identified(), ras.affine, ras.shape, grounder.weights_sha256, grounder.grid.tokens, (window,), no_lungs
    )
