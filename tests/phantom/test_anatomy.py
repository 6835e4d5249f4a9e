"""Generated bodies: sides, plausible sizes, labels that agree with HU, determinism."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from asap.phantom.anatomy import LABELS, Anatomy, generate_anatomy
from asap.phantom.labels import LOBES
from asap.volume import apply_affine

SEEDS = (0, 1, 2, 3)
RIGHT_LOBES, LEFT_LOBES = LOBES[:3], LOBES[3:]


@cache
def body(seed: int, heart_scale: float = 1.0) -> Anatomy:
    """A 4.5 mm body, kept between tests."""
    return generate_anatomy(np.random.default_rng(seed), spacing_mm=4.5, shape=(86, 75, 75), heart_scale=heart_scale)


def centre_mm(anatomy: Anatomy, *names: str) -> NDArray[np.float64]:
    """Mean RAS position of the named labels."""
    return apply_affine(anatomy.affine, np.argwhere(anatomy.mask(*names)).mean(axis=0))


def volume_ml(anatomy: Anatomy, *names: str) -> float:
    """Volume of the named labels."""
    return float(anatomy.mask(*names).sum() * abs(np.linalg.det(anatomy.affine[:3, :3])) / 1000)


@pytest.mark.parametrize("seed", SEEDS)
def test_sides_follow_the_body(seed: int) -> None:
    anatomy = body(seed)
    spine = centre_mm(anatomy, "spine")
    assert centre_mm(anatomy, *RIGHT_LOBES)[0] > spine[0] + 40
    assert centre_mm(anatomy, *LEFT_LOBES)[0] < spine[0] - 40
    assert centre_mm(anatomy, "liver")[0] > spine[0] + 15
    for left_organ in ("stomach", "spleen"):
        assert centre_mm(anatomy, left_organ)[0] < spine[0] - 20
    assert centre_mm(anatomy, "heart")[0] < spine[0]
    assert centre_mm(anatomy, "vena_cava")[0] > centre_mm(anatomy, "aorta")[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_heart_points_left_forward_and_down(seed: int) -> None:
    anatomy = body(seed)
    where = apply_affine(anatomy.affine, np.argwhere(anatomy.mask("heart")))
    apex = where[where[:, 0] <= np.percentile(where[:, 0], 4)].mean(axis=0)
    assert apex[1] > where[:, 1].min() + 0.25 * np.ptp(where[:, 1])
    assert apex[2] < where[:, 2].mean() + 12


@pytest.mark.parametrize("seed", SEEDS)
def test_order_from_back_to_front_and_from_bottom_to_top(seed: int) -> None:
    anatomy = body(seed)
    spine, trachea, sternum = (centre_mm(anatomy, name) for name in ("spine", "trachea", "sternum"))
    assert spine[1] < trachea[1] < sternum[1]
    assert centre_mm(anatomy, "liver")[2] < centre_mm(anatomy, "heart")[2] < centre_mm(anatomy, "main_bronchi")[2] < trachea[2]
    assert centre_mm(anatomy, "right_middle_lobe")[1] > centre_mm(anatomy, "right_lower_lobe")[1]
    assert centre_mm(anatomy, "left_upper_lobe")[2] > centre_mm(anatomy, "left_lower_lobe")[2]


@pytest.mark.parametrize("seed", SEEDS)
def test_volumes_are_those_of_adults(seed: int) -> None:
    anatomy = body(seed)
    lungs = volume_ml(anatomy, *LOBES)
    assert 1200 < lungs < 9500
    for lobe in LOBES:
        assert volume_ml(anatomy, lobe) > 0.01 * lungs
    assert 0.38 < volume_ml(anatomy, *LEFT_LOBES) / lungs < 0.55
    assert 180 < volume_ml(anatomy, "heart") < 1100
    assert 60 < volume_ml(anatomy, "aorta") < 600
    assert 8 < volume_ml(anatomy, "trachea") < 80


@pytest.mark.parametrize("seed", SEEDS)
def test_labels_agree_with_hu(seed: int) -> None:
    anatomy = body(seed)
    parenchyma = anatomy.hu[anatomy.pleural_depth_mm > 10]
    assert -940 < np.median(parenchyma) < -760
    assert np.mean(parenchyma < -500) > 0.85
    assert np.median(anatomy.hu[anatomy.mask("trachea")]) < -700
    assert 0 < np.median(anatomy.hu[anatomy.mask("liver")]) < 220
    assert -130 < np.median(anatomy.hu[anatomy.mask("fat")]) < -40
    assert np.median(anatomy.hu[anatomy.mask("ribs", "spine")]) > 80
    assert np.isfinite(anatomy.hu).all()
    assert np.mean(anatomy.hu[anatomy.mask("background")] < -300) > 0.98


@pytest.mark.parametrize("seed", SEEDS)
def test_blood_is_brighter_than_muscle_only_with_contrast(seed: int) -> None:
    anatomy = body(seed)
    aorta, muscle = (np.median(anatomy.hu[anatomy.mask(name)]) for name in ("aorta", "muscle"))
    assert (aorta > muscle + 25) == (anatomy.contrast_hu > 0)


def test_pleural_depth_is_positive_in_lung_only() -> None:
    anatomy = body(0)
    lung = anatomy.mask(*LOBES)
    assert (anatomy.pleural_depth_mm[lung] > 0).all()
    assert not anatomy.pleural_depth_mm[~lung].any()
    assert 25 < anatomy.pleural_depth_mm.max() < 120


def test_lung_holds_vessels_that_taper_outwards() -> None:
    anatomy = body(1)
    depth, hu = anatomy.pleural_depth_mm, anatomy.hu
    share = [float((hu[(depth > low) & (depth <= high)] > -600).mean()) for low, high in ((10, 20), (30, 80))]
    assert 0.005 < share[0] < share[1] < 0.5


def test_cardiothoracic_ratio_is_normal_and_follows_heart_scale() -> None:
    def ratio(anatomy: Anatomy) -> float:
        widths = [np.ptp(np.flatnonzero(anatomy.mask(*names).any(axis=(1, 2)))) + 1 for names in (("heart",), LOBES)]
        return float(widths[0] / widths[1])

    normal = [ratio(body(seed)) for seed in SEEDS]
    assert min(normal) > 0.34
    assert max(normal) < 0.52
    assert ratio(body(SEEDS[0], heart_scale=1.35)) > 1.2 * normal[0]


def test_same_seed_same_body_other_seed_other_body() -> None:
    again = generate_anatomy(np.random.default_rng(0), spacing_mm=4.5, shape=(86, 75, 75))
    assert np.array_equal(again.hu, body(0).hu) and np.array_equal(again.labels, body(0).labels)
    assert np.array_equal(again.affine, body(0).affine)
    assert not np.array_equal(body(0).labels, body(1).labels)


def test_grid_and_types_are_as_asked() -> None:
    anatomy = generate_anatomy(np.random.default_rng(5), spacing_mm=6.0, shape=(60, 50, 40))
    assert anatomy.hu.shape == anatomy.labels.shape == anatomy.pleural_depth_mm.shape == (60, 50, 40)
    assert (anatomy.hu.dtype, anatomy.labels.dtype) == (np.float32, np.uint8)
    assert np.allclose(np.diag(anatomy.affine)[:3], 6.0)
    assert int(anatomy.labels.max()) <= max(LABELS.values())


def test_a_larger_heart_moves_nothing_else() -> None:
    normal, large = body(2), body(2, heart_scale=1.35)
    assert np.array_equal(normal.affine, large.affine)
    for name in ("spine", "ribs", "liver", "spleen", "sternum"):
        both = normal.mask(name) & large.mask(name)
        assert both.sum() > 0.97 * max(normal.mask(name).sum(), large.mask(name).sum())
    lung = (normal.pleural_depth_mm > 20) & (large.pleural_depth_mm > 20)
    assert np.mean(np.abs(normal.hu[lung] - large.hu[lung]) < 1) > 0.97


@pytest.mark.slow
def test_a_body_costs_no_more_than_thirty_smoothings_of_its_grid() -> None:
    def best(work: Callable[[], object]) -> float:
        times = []
        for _ in range(4):
            start = time.process_time()
            work()
            times.append(time.process_time() - start)
        return min(times)

    grid = np.zeros((128, 112, 112), np.float32)
    smoothing = best(lambda: ndimage.gaussian_filter(grid, 1.0))
    assert best(lambda: generate_anatomy(np.random.default_rng(1))) < 30 * smoothing
