"""Measures of what stands in the scene are those of `asap.segmentation.make_segment`."""

from __future__ import annotations

import numpy as np
import pytest
from AsapSlicerLib.segment_measures import measured
from AsapSlicerLib.volume_nodes import SourceImage

from asap.segment_types import LESIONS
from asap.segmentation import make_segment
from asap.volume import Volume
from tests.volumes import oriented

SHAPE = (40, 44, 30)


def blob(seed: int) -> np.ndarray:
    """Rugged things: balls, lines, planes, single voxels, several islands."""
    draw = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in SHAPE], indexing="ij"), axis=-1)
    mask = np.zeros(SHAPE, np.bool_)
    for _island in range(1 + seed % 3):
        radii = draw.uniform(0.6, 12.0, 3) if seed % 4 else draw.permutation([0.6, 0.6, 14.0])
        mask |= (((grid - draw.uniform(8, 24, 3)) / radii) ** 2).sum(axis=-1) <= 1
    mask[tuple(draw.integers(0, 30, 3))] = True
    return mask


@pytest.mark.parametrize("seed", range(12))
def test_a_segment_has_the_servers_measures(seed: int) -> None:
    affine = oriented((-1, 1, 1), (0.7, 0.9, 2.5), SHAPE)
    hu = np.random.default_rng(seed).integers(-1000, 1000, SHAPE).astype(np.int16)
    mask = blob(seed)
    truth = make_segment(Volume(hu, affine), mask, LESIONS["lesion"], source="test")
    assert truth is not None
    shift = np.eye(4)
    shift[:3, 3] = truth.start_ijk
    found = measured(truth.mask, affine @ shift, SourceImage(hu, affine, ()))
    assert found.millilitres == pytest.approx(truth.measurements.volume_ml)
    assert found.longest_mm == pytest.approx(truth.measurements.longest_diameter_mm)
    assert found.mean_hu == pytest.approx(truth.measurements.mean_hu)
    assert "HU" in found.text


def test_outside_the_ct_there_is_no_density() -> None:
    far = np.eye(4)
    far[:3, 3] = 900.0
    found = measured(np.ones((2, 1, 1), np.bool_), far, SourceImage(np.zeros(SHAPE, np.int16), np.eye(4), ()))
    assert (found.longest_mm, found.mean_hu) == (1.0, None)
    assert "HU" not in found.text
