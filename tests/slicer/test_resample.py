"""What the module uploads is what the server would have made of the full volume itself."""

from __future__ import annotations

import numpy as np
import pytest
from AsapSlicerLib.resample import Stopped, ras_axes, resample_for_model

from asap import volume as asap_volume
from asap.models.mini import MINI_GRID
from asap.preprocess import GridConfig, to_network_grid
from asap.volume import Volume
from tests.volumes import ORIENTATIONS, oriented, rotated

HU_PER_UNIT = 1000.0


def random_hu(shape: tuple[int, int, int]) -> np.ndarray:
    return np.random.default_rng(5).integers(-1000, 1000, shape).astype(np.int16)


@pytest.mark.parametrize("signs", ORIENTATIONS)
@pytest.mark.parametrize("spacing", [(0.8, 0.8, 1.25), (1.1, 0.9, 5.0), (4.0, 4.0, 4.0)])
@pytest.mark.parametrize("grid", [MINI_GRID, GridConfig(shape=(64, 64, 32), centre="image")], ids=["averaged", "sampled"])
def test_server_grid_from_the_upload_equals_that_from_the_volume(
    signs: tuple[int, int, int], spacing: tuple[float, float, float], grid: GridConfig
) -> None:
    shape = (93, 87, 41)
    affine = rotated(oriented(signs, spacing, shape), 7.0)
    hu = random_hu(shape)
    upload = resample_for_model(hu, affine, grid.spacing_mm, antialias=grid.antialias)
    ours, our_map = to_network_grid(Volume(np.array(upload.voxels_ijk), upload.affine_ras_mm), grid)
    theirs, their_map = to_network_grid(Volume(hu, affine), grid)
    np.testing.assert_allclose(our_map.voxel_affine, their_map.voxel_affine, atol=1e-9)
    assert float((ours - theirs).abs().max()) * HU_PER_UNIT <= 0.51  # an upload is whole HU


def test_an_upload_never_grows_and_keeps_the_whole_field_of_view() -> None:
    shape = (120, 100, 20)
    affine = oriented((-1, -1, 1), (0.7, 0.7, 8.0), shape)
    upload = resample_for_model(random_hu(shape), affine, (1.5, 1.5, 3.0))
    assert upload.voxels_ijk.shape == (56, 46, 20)
    for extent, size, column in zip((84.0, 70.0, 160.0), upload.voxels_ijk.shape, upload.affine_ras_mm[:3, :3].T, strict=True):
        assert size * np.linalg.norm(column) == pytest.approx(extent)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64])
def test_number_types_of_other_readers_are_rounded_not_wrapped(dtype: type) -> None:
    hu = np.full((8, 8, 8), 200.4).astype(dtype)
    assert set(np.unique(resample_for_model(hu, np.diag([1, 1, 1, 1.0]), (2, 2, 2)).voxels_ijk)) == {200}
    if dtype in (np.int32, np.float32):
        extreme = np.full((4, 4, 4), 70000).astype(dtype)
        assert resample_for_model(extreme, np.eye(4), (1, 1, 1)).voxels_ijk.max() == 32767


def test_memory_for_the_wire_is_i_fastest_little_endian() -> None:
    hu = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    upload = resample_for_model(hu, np.eye(4), (1.0, 1.0, 1.0))
    assert bytes(upload.bytes_fortran) == hu.astype("<i2").tobytes(order="F")


def test_axes_are_named_as_the_server_names_them() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        affine = np.eye(4)
        affine[:3, :3] = rotation * rng.uniform(0.5, 5, 3)
        assert ras_axes(affine) == asap_volume.ras_axes(affine)


def test_resampling_stops_when_asked() -> None:
    shares: list[float] = []
    with pytest.raises(Stopped):
        resample_for_model(
            random_hu((20, 20, 20)), np.eye(4), (2.0, 2.0, 2.0), progress=shares.append, stopped=lambda: len(shares) > 2
        )
    assert shares == pytest.approx([0.1, 0.2, 0.3])
