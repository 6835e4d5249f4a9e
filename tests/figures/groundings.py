"""Groundings with a heatmap of a known shape."""

from __future__ import annotations

import numpy as np

from asap.grounding import Grounding, SideCheck, peak_ras_mm
from asap.text.read import read_sentence
from asap.volume import apply_affine


def token_grid(cell_mm=24.0, tokens=14, centre=(0.0, 0.0, 0.0)):
    affine = np.diag([cell_mm, cell_mm, cell_mm, 1.0])
    affine[:3, 3] = np.array(centre) - cell_mm * (tokens - 1) / 2
    return (tokens,) * 3, affine


def hot_at(
    point,
    *,
    text="A nodule in the right upper lobe.",
    cell_mm=24.0,
    sigma_mm=20.0,
    confidence=0.8,
    side_check: SideCheck = "not applicable",
) -> Grounding:
    """A ball of heat about a world point."""
    shape, affine = token_grid(cell_mm, tokens=int(336 / cell_mm))
    cells = apply_affine(affine, np.moveaxis(np.indices(shape), 0, -1).astype(float))
    heatmap = np.exp(-((cells - np.array(point)) ** 2).sum(axis=-1) / (2 * sigma_mm**2)).astype(np.float32)
    heatmap[heatmap < 0.02] = 0
    peak = peak_ras_mm(heatmap, affine)
    tokens = int((heatmap > 0.4).sum())
    return Grounding(read_sentence(text), heatmap, affine, 0.4, peak, confidence, tokens, side_check, None, "ab" * 32)


def without_place(text="No pleural effusion.", reason="The sentence says that nothing is there.") -> Grounding:
    return Grounding(read_sentence(text), None, np.eye(4), None, None, None, None, "not applicable", reason, "ab" * 32)
