"""The simulated scanner: range, determinism, slice averaging, noise that follows attenuation, couch and field of view."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from asap.phantom.scanner import ScannerSettings, random_settings, scan, slice_profile

PLAIN = ScannerSettings(
    slice_mm=1.0,
    phase=0.0,
    blur=0.0,
    noise_hu=0.0,
    grain=0.0,
    streak=0.0,
    couch="none",
    couch_gap_mm=4.0,
    view_radius=2.0,
    motion_voxels=0,
    metal=False,
    offset_hu=0.0,
    gain=1.0,
)


def cylinder(shape: tuple[int, int, int] = (96, 80, 40)) -> NDArray[np.float32]:
    """A water ellipse in air, wider than deep."""
    x = (np.arange(shape[0]) - shape[0] / 2)[:, None] / (0.40 * shape[0])
    y = (np.arange(shape[1]) - shape[1] / 2)[None, :] / (0.33 * shape[1])
    section = np.where(x**2 + y**2 < 1, 0.0, -1000.0)
    return np.repeat(section[:, :, None], shape[2], axis=2).astype(np.float32)


def test_plain_settings_leave_the_body_alone() -> None:
    body = cylinder()
    assert np.array_equal(scan(body, np.random.default_rng(0), PLAIN), body.astype(np.int16))


def test_scan_does_not_change_its_input_and_is_deterministic() -> None:
    body = cylinder()
    kept = body.copy()
    first, second = (scan(body, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(body, kept)
    assert np.array_equal(first, second)


@pytest.mark.parametrize("seed", range(12))
def test_random_scanners_stay_in_range(seed: int) -> None:
    rng = np.random.default_rng(seed)
    settings = random_settings(rng)
    image = scan(cylinder(), rng, settings)
    assert image.dtype == np.int16
    assert image.min() >= -1024 and image.max() <= 3071
    assert abs(float(np.median(image[40:56, 34:46])) - settings.offset_hu) < 25


def test_noise_has_the_asked_strength_and_is_weaker_in_air() -> None:
    image = scan(cylinder(), np.random.default_rng(1), replace(PLAIN, noise_hu=20.0)).astype(np.float64)
    centre = image[40:56, 34:46].std()
    assert 12 < centre < 34
    thin = scan(cylinder() * 0 - 850, np.random.default_rng(1), replace(PLAIN, noise_hu=20.0)).astype(np.float64)
    assert thin[40:56, 34:46].std() < 1.05 * centre


def test_grain_keeps_strength_and_correlates_neighbours() -> None:
    def measure(grain: float) -> tuple[float, float]:
        noise = scan(cylinder(), np.random.default_rng(3), replace(PLAIN, noise_hu=20.0, grain=grain))[36:60, 30:50].astype(float)
        return float(noise.std()), float(np.corrcoef(noise[1:].ravel(), noise[:-1].ravel())[0, 1])

    (fine, alone), (coarse, together) = measure(0.0), measure(0.25)
    assert together > alone + 0.3
    assert 0.75 < coarse / fine < 1.3


def test_thick_slices_average_along_z_only() -> None:
    body = cylinder() * 0
    body[:, :, 20:] = 1000.0
    image = scan(body, np.random.default_rng(0), replace(PLAIN, slice_mm=8.0, phase=0.3))
    profile = image[48, 40].astype(float)
    assert np.all(np.diff(profile) >= -1)
    assert np.count_nonzero((profile > 20) & (profile < 980)) >= 3
    assert np.array_equal(image, np.broadcast_to(image[:1, :1], image.shape))


@pytest.mark.parametrize("slice_voxels", [1.4, 1.7, 2.7])
@pytest.mark.parametrize("phase", [0.0, 0.5, 0.99])
def test_slice_profile_keeps_constants(slice_voxels: float, phase: float) -> None:
    assert np.allclose(slice_profile(50, slice_voxels, phase).sum(axis=0), 1, atol=1e-5)


def test_couch_lies_below_the_back_in_air() -> None:
    body = cylinder()
    for kind in ("flat", "curved"):
        image = scan(body, np.random.default_rng(2), replace(PLAIN, couch=kind))
        changed = image != body.astype(np.int16)
        assert changed.any()
        assert not changed[body > -500].any()
        rows = np.argwhere(changed)[:, 1]
        assert rows.max() < 50


def test_circle_hides_the_corners() -> None:
    image = scan(cylinder(), np.random.default_rng(0), replace(PLAIN, view_radius=0.9))
    assert (image[0, 0] == -1024).all() and (image[-1, -1] == -1024).all()
    assert (image[48, 40] == 0).all()
