"""A dense lesion of the lung is measured at half its height, in any spacing, beside vessels and the wall."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from asap.grounding import Grounding
from asap.half_maximum import outline
from asap.segmentation import longest_diameter_mm
from asap.text.read import read_sentence
from asap.volume import Volume, apply_affine

CENTRE_MM = np.array([60.0, 60.0, 60.0])
Spacing = tuple[float, float, float]


def chest(spacing_mm: Spacing, radius_mm: float, *, blur_mm: float = 2.0) -> Volume:
    """120 mm of lung with a wall at one end, a vessel through it, and a ball of soft tissue, all blurred."""
    shape = tuple(round(120 / s) for s in spacing_mm)
    affine = np.diag([*spacing_mm, 1.0])
    places = apply_affine(affine, np.moveaxis(np.indices(shape), 0, -1).astype(float))
    hu = np.full(shape, -850.0)
    hu[places[..., 0] < 12] = 40.0
    hu[np.linalg.norm(places[..., :2] - (90.0, 60.0), axis=-1) < 3] = 40.0
    hu[np.linalg.norm(places - CENTRE_MM, axis=-1) < radius_mm] = 40.0
    rng = np.random.default_rng(0)
    hu = ndimage.gaussian_filter(hu, [blur_mm / s for s in spacing_mm]) + rng.normal(0, 15, shape)
    return Volume(hu.astype(np.int16), affine)


def grounding(peak_mm: np.ndarray, reach_mm: float) -> Grounding:
    """A map of 12 mm cells that is hot around a place."""
    affine = np.diag([12.0, 12.0, 12.0, 1.0])
    cells = apply_affine(affine, np.moveaxis(np.indices((10, 10, 10)), 0, -1).astype(float))
    heat = np.exp(-((np.linalg.norm(cells - peak_mm, axis=-1) / reach_mm) ** 2)).astype(np.float32)
    return Grounding(
        sentence=read_sentence("There is a nodule."),
        heatmap=heat,
        affine=affine,
        threshold=0.5 * float(heat.max()),
        peak_ras_mm=(float(peak_mm[0]), float(peak_mm[1]), float(peak_mm[2])),
        confidence=None,
        tokens=None,
        side_check="not applicable",
        reason=None,
        weights_sha256="",
    )


@pytest.mark.parametrize("spacing_mm", [(3.0, 3.0, 3.0), (0.8, 0.8, 5.0), (1.5, 1.5, 1.5)])
@pytest.mark.parametrize("radius_mm", [7.0, 14.0])
def test_a_ball_is_measured_to_a_voxel(spacing_mm: Spacing, radius_mm: float) -> None:
    volume = chest(spacing_mm, radius_mm)
    found = outline(volume, grounding(CENTRE_MM + np.array([5.0, -3.0, 2.0]), 2 * radius_mm))
    assert found is not None
    mask, start = found
    assert longest_diameter_mm(mask, volume.affine) == pytest.approx(2 * radius_mm, abs=max(spacing_mm) + 1.0)
    middle = apply_affine(volume.affine, (np.argwhere(mask) + start).mean(axis=0)[None])[0]
    assert np.linalg.norm(middle - CENTRE_MM) < max(spacing_mm)


def test_a_lesion_on_the_wall_is_cut_from_it() -> None:
    volume = chest((1.5, 1.5, 1.5), 0.0)
    places = apply_affine(volume.affine, np.moveaxis(np.indices(volume.shape), 0, -1).astype(float))
    ball = np.linalg.norm(places - (24.0, 60.0, 60.0), axis=-1) < 10  # touches the wall at 12 mm
    hu = np.where(ball, 40, volume.hu).astype(np.int16)
    found = outline(Volume(hu, volume.affine), grounding(np.array([24.0, 60.0, 60.0]), 14.0))
    assert found is not None
    assert longest_diameter_mm(found[0], volume.affine) < 34


def test_nothing_is_measured_where_nothing_is_dense() -> None:
    volume = chest((3.0, 3.0, 3.0), 0.0)
    assert outline(volume, grounding(CENTRE_MM, 12.0)) is None
    assert outline(volume, grounding(np.array([400.0, 60.0, 60.0]), 12.0)) is None
