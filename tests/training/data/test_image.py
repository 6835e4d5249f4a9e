"""A prepared volume is the published one: HU, spacing, rounding; stored numbers are rescaled once and only once."""

from __future__ import annotations

import numpy as np
import pytest

from asap.errors import InputError
from asap.preprocess import GridConfig, to_network_grid
from asap.volume import Volume
from asap_training.data.case import StoredValues
from asap_training.data.image import ImageSettings, resampled
from tests.training.data.raw_cases import chest

SETTINGS = ImageSettings(spacing_mm=(14.0, 14.0, 14.0))


def test_the_cache_holds_what_inference_resamples() -> None:
    """A crop of the prepared volume is the network's input for the same place, to the rounding of HU."""
    volume = chest()
    image = resampled(volume, None, SETTINGS)
    window = (16, 16, 16)
    wanted, grid = to_network_grid(volume, GridConfig(SETTINGS.spacing_mm, window, (4, 4, 4), centre="image"))
    offset = np.linalg.inv(image.grid.voxel_affine) @ grid.voxel_affine[:, 3]
    start = np.rint(offset[:3]).astype(int)
    assert np.abs(offset[:3] - start).max() < 1e-9
    crop = image.hu_HWD[tuple(slice(a, a + n) for a, n in zip(start, window, strict=True))]
    assert np.abs(crop - wanted[0, 0].numpy() * 1000).max() <= 0.5 + 1e-3


# The two intercepts that CT-RATE's scanners use, and a slope that none of them does.
@pytest.mark.parametrize(("slope", "intercept"), [(1.0, -1024.0), (1.0, -8192.0), (2.0, -1024.0)])
def test_stored_numbers_with_their_slope_and_intercept_are_the_same_case(slope: float, intercept: float) -> None:
    volume = Volume(chest().hu // 2 * 2, chest().affine)
    stored = Volume(((volume.hu - intercept) / slope).astype(np.int16), volume.affine)
    wanted = resampled(volume, None, SETTINGS).hu_HWD
    made = resampled(stored, StoredValues(slope, intercept), SETTINGS).hu_HWD
    assert np.abs(made.astype(int) - wanted).max() <= 1


def test_numbers_never_rescaled_or_rescaled_twice_are_refused() -> None:
    volume = chest()
    raw = Volume((volume.hu + 1024).astype(np.int16), volume.affine)
    for wrong, stored in ((raw, None), (volume, StoredValues(1.0, -1024.0))):
        with pytest.raises(InputError, match="not Hounsfield units"):
            resampled(wrong, stored, SETTINGS)


def test_the_spacing_of_the_table_replaces_the_header_s() -> None:
    volume = chest()
    header_lies = Volume(volume.hu, np.diag([1.0, 1.0, 1.0, 1.0]))
    told = StoredValues(1.0, 0.0, volume.spacing_mm)
    assert np.array_equal(resampled(header_lies, told, SETTINGS).hu_HWD, resampled(volume, None, SETTINGS).hu_HWD)
