"""The peak and the region of a heatmap."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from asap.grounding import island_at_peak, peak_ras_mm
from asap.volume import apply_affine


def blob(centre: tuple[float, float, float], width: float, shape: tuple[int, int, int] = (9, 9, 9)) -> np.ndarray:
    grids = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    squared = sum((g - c) ** 2 for g, c in zip(grids, centre, strict=True))
    return np.exp(-squared / (2 * width**2)).astype(np.float32)


@settings(max_examples=100, deadline=None)
@given(centre=st.tuples(*[st.floats(2.0, 6.0)] * 3))
def test_the_peak_is_finer_than_a_cell(centre: tuple[float, float, float]) -> None:
    affine = np.diag([12.0, 12.0, 12.0, 1.0])
    peak = np.asarray(peak_ras_mm(blob(centre, 1.5), affine))
    assert np.linalg.norm(peak - np.asarray(centre) * 12.0) < 3.0


def test_the_peak_stays_in_its_cell() -> None:
    heatmap = np.zeros((5, 5, 5), np.float32)
    heatmap[2, 2, 2], heatmap[3, 2, 2] = 1.0, 0.999
    peak = np.asarray(peak_ras_mm(heatmap, np.diag([24.0, 24.0, 24.0, 1.0])))
    assert np.abs(peak - 48.0).max() <= 12.0


def test_a_peak_at_the_edge_of_the_grid_is_that_cell() -> None:
    heatmap = np.zeros((4, 4, 4), np.float32)
    heatmap[0, 3, 1] = 1.0
    affine = np.diag([-10.0, 5.0, 7.0, 1.0])
    assert np.allclose(peak_ras_mm(heatmap, affine), apply_affine(affine, np.array([0.0, 3.0, 1.0])))


def test_the_peak_is_not_drawn_towards_or_away_from_the_padding() -> None:
    heatmap = blob((4, 4, 4), 1.5)
    inside = np.ones(heatmap.shape, bool)
    inside[5:] = False
    heatmap[~inside] = 0.0
    assert np.allclose(peak_ras_mm(heatmap, np.eye(4), inside), (4.0, 4.0, 4.0))
    assert peak_ras_mm(heatmap, np.eye(4))[0] < 3.8


def test_the_region_is_the_island_of_the_peak_only() -> None:
    heatmap = blob((2, 2, 2), 0.8, (12, 5, 5)) + 0.9 * blob((9, 2, 2), 0.8, (12, 5, 5))
    region = island_at_peak(heatmap, 0.5)
    assert region[2, 2, 2]
    assert not region[9, 2, 2]


def test_the_highest_cell_always_belongs() -> None:
    heatmap = np.zeros((3, 3, 3), np.float32)
    heatmap[1, 1, 1] = 0.2
    assert island_at_peak(heatmap, 0.5).sum() == 1
