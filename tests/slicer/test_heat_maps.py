"""What is asked of a map without a scene: heat at a place, finer cells, half cells around the peak, islands; and the colours."""

from __future__ import annotations

import numpy as np
import pytest
from AsapSlicerLib import colours, segments
from AsapSlicerLib.heat_maps import HeatMap, heat_map

from asap.client import HeatmapBox
from tests.benchmarks.slicer_alignment import moved, turned

CELL_MM = 12.0
AFFINE = moved(5, 6, 7) @ turned(2, 20) @ np.diag([CELL_MM, CELL_MM, CELL_MM, 1.0])


def two_balls() -> HeatMap:
    """A warm ball of 30 mm radius and a smaller one apart from it."""
    index = np.stack(np.meshgrid(*(np.arange(n) for n in (14, 10, 9)), indexing="ij"), axis=-1)
    far = [np.linalg.norm((index - centre) * CELL_MM, axis=-1) for centre in ((3, 4, 4), (11, 5, 4))]
    heat = np.maximum(np.clip(1 - far[0] / 60, 0, 1), 0.8 * np.clip(1 - far[1] / 30, 0, 1))
    return HeatMap(heat.astype(np.float32), AFFINE, 1.0, 0.5)


def world(*index: float) -> tuple[float, float, float]:
    r, a, s = (AFFINE @ [*index, 1.0])[:3]
    return float(r), float(a), float(s)


def test_heat_between_cells_is_linear_and_zero_outside() -> None:
    heat = two_balls()
    assert heat.at(world(3, 4, 4)) == pytest.approx(1.0)
    assert heat.at(world(3.5, 4, 4)) == pytest.approx(0.5 * (1.0 + 0.8))
    assert heat.at(world(-0.6, 4, 4)) == 0.0
    assert heat.at(world(0, 0, -2)) == 0.0


def test_smaller_cells_fill_the_same_space_and_keep_the_values() -> None:
    heat = two_balls()
    fine = heat.subdivided(3)
    assert fine.heat_abc.shape == (42, 30, 27)
    np.testing.assert_allclose(fine.heat_abc[1::3, 1::3, 1::3], heat.heat_abc, atol=1e-6)
    np.testing.assert_allclose(fine.affine_ras_mm @ [1, 1, 1, 1], AFFINE @ [0, 0, 0, 1])
    corner = np.array([-0.5, -0.5, -0.5, 1])
    np.testing.assert_allclose(fine.affine_ras_mm @ corner, AFFINE @ corner)


def test_an_island_is_the_ball_under_the_cursor() -> None:
    heat = two_balls()
    large, small = segments.island(heat, 0.5), segments.island(heat, 0.5, world(11, 5, 4))
    assert large is not None
    assert small is not None
    assert large.millilitres == pytest.approx(4 / 3 * np.pi * 3.0**3, rel=0.1)
    assert small.millilitres < large.millilitres / 5
    assert segments.island(heat, 0.5, world(7, 5, 4)) is None
    assert segments.island(heat, 0.5, world(70, 5, 4)) is None


def test_a_segment_on_another_lattice_has_the_islands_size() -> None:
    heat = two_balls()
    found = segments.island(heat, 0.5)
    assert found is not None
    ct = moved(-120, -100, -80) @ turned(1, 11) @ np.diag([1.5, -1.5, 4.0, 1.0])
    ct[:3, 3] = (AFFINE @ [3, 4, 4, 1])[:3] - ct[:3, :3] @ [60, 60, 25]
    mask, box = segments.segment_mask(heat, 0.5, found, ct, (120, 120, 50))
    ml = mask.sum() * abs(np.linalg.det(box[:3, :3])) / 1000
    assert ml == pytest.approx(found.millilitres, rel=0.05)
    centre = (box @ [*np.argwhere(mask).mean(axis=0), 1.0])[:3]
    np.testing.assert_allclose(centre, world(3, 4, 4), atol=1.5)


def test_half_cells_replace_the_coarse_ones_around_the_peak() -> None:
    coarse_levels = np.zeros((6, 6, 6), np.uint8)
    coarse_levels[2, 3, 3] = 63
    rows = tuple(tuple(float(x) for x in row) for row in np.diag([12.0, 12.0, 12.0, 1.0]))
    coarse = HeatmapBox((6, 6, 6), rows, (6, 6, 6), (0, 0, 0), 0.8, 0.4, coarse_levels.tobytes())
    fine_levels = np.zeros((4, 4, 4), np.uint8)
    fine_levels[1, 2, 2] = 63
    affine = np.diag([6.0, 6.0, 6.0, 1.0])
    affine[:3, 3] = 24 - 6, 36 - 12, 36 - 12
    fine_rows = tuple(tuple(float(x) for x in row) for row in affine)
    fine = HeatmapBox((4, 4, 4), fine_rows, (12, 12, 12), (3, 4, 4), 0.9, 0.45, fine_levels.tobytes())
    both = heat_map(coarse, fine)
    assert both.at((24.0, 36.0, 36.0)) == pytest.approx(0.9, abs=0.01)
    assert both.at((30.0, 36.0, 36.0)) == 0.0  # the fine map knows better than the coarse one
    assert both.peak == pytest.approx(0.9)
    assert np.linalg.norm(both.affine_ras_mm[:3, 0]) == pytest.approx(6.0)


def test_terminology_says_what_and_where() -> None:
    entry = segments.terminology_entry("A 7 mm nodule in the right upper lobe.", "right").split("~")
    assert entry[2] == "SCT^27925004^Nodule"
    assert entry[5:] == ["SCT^39607008^Lung", "SCT^24028007^Right"]
    unknown = segments.terminology_entry("Something odd.", None).split("~")
    assert unknown[2] == "NCIt^C94970^Reference Region"
    assert unknown[5:] == ["^^", "^^"]


def test_heat_gets_lighter_evenly_for_readers_of_any_colour_vision() -> None:
    ramp = colours.heat_colours()
    linear = np.where(ramp <= 0.04045, ramp / 12.92, ((ramp + 0.055) / 1.055) ** 2.4)
    lightness = 116 * np.cbrt(linear @ [0.2126729, 0.7151522, 0.0721750]) - 16
    steps = np.diff(lightness)
    assert (steps > 0).all()
    assert steps.max() < 3 * steps.mean()
    # Dichromats keep the axis between blue and yellow (Vienot, Brettel and Mollon 1999): there the ramp never turns back.
    yellowness = linear[:, :2].mean(axis=1) - linear[:, 2]
    assert (np.diff(yellowness) > -1e-9).all()
