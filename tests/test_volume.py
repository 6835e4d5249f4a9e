"""Volume: what is refused, and properties that hold for every orientation, spacing and crop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asap import limits
from asap.errors import InputError, LimitError
from asap.volume import Volume, corner_indices, to_int16
from tests.strategies import affines, volumes

EXAMPLES = settings(max_examples=200, deadline=None)
PLAIN = np.zeros((2, 3, 4), np.int16)


@EXAMPLES
@given(volumes())
def test_world_and_voxel_are_inverse(volume: Volume) -> None:
    points = corner_indices(volume.shape) + 0.37
    back = volume.voxel_from_world(volume.world_from_voxel(points))
    gap_mm = np.abs(back - points) * np.array(volume.spacing_mm)
    assert gap_mm.max() < 1e-6


@EXAMPLES
@given(volumes(), st.data())
def test_reorienting_moves_no_voxel_in_the_world(volume: Volume, data: st.DataObject) -> None:
    at = np.array([data.draw(st.integers(0, n - 1)) for n in volume.shape], dtype=np.float64)
    canonical = volume.reoriented_to_ras()
    there = canonical.voxel_from_world(volume.world_from_voxel(at))
    assert np.abs(there - np.rint(there)).max() < 1e-6
    assert canonical.hu[tuple(np.rint(there).astype(int))] == volume.hu[tuple(at.astype(int))]


@EXAMPLES
@given(volumes())
def test_reorienting_points_the_axes_right_front_up(volume: Volume) -> None:
    canonical = volume.reoriented_to_ras()
    directions = canonical.affine[:3, :3] / np.array(canonical.spacing_mm)
    assert (np.diag(directions) > -1e-9).all()
    assert np.trace(directions) >= 1.0 - 1e-9  # the best assignment of axes is never worse than this


@EXAMPLES
@given(volumes())
def test_reorienting_twice_is_reorienting_once(volume: Volume) -> None:
    once = volume.reoriented_to_ras()
    twice = once.reoriented_to_ras()
    assert np.array_equal(once.hu, twice.hu) and np.array_equal(once.affine, twice.affine)


@EXAMPLES
@given(volumes(), st.permutations(range(3)), st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_every_way_of_storing_has_one_canonical_form(volume: Volume, order: list[int], flips: tuple[bool, ...]) -> None:
    stored = restored(volume, order, flips)
    ours, theirs = volume.reoriented_to_ras(), stored.reoriented_to_ras()
    if nearly_tied(volume):
        return  # at 45 degrees rounding may choose either axis
    assert np.array_equal(ours.hu, theirs.hu)
    np.testing.assert_allclose(ours.affine, theirs.affine, atol=1e-9)
    assert volume.identity == stored.identity
    assert volume.is_same_case(stored) and stored.is_same_case(volume)


@EXAMPLES
@given(volumes(), st.permutations(range(3)), st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_spacing_and_extent_do_not_depend_on_storage(volume: Volume, order: list[int], flips: tuple[bool, ...]) -> None:
    stored = restored(volume, order, flips)
    assert sorted(stored.spacing_mm) == pytest.approx(sorted(volume.spacing_mm), rel=1e-12)
    assert abs(np.linalg.det(stored.affine)) == pytest.approx(abs(np.linalg.det(volume.affine)), rel=1e-9)
    for kind in (np.min, np.max):
        ours = kind(volume.world_from_voxel(corner_indices(volume.shape)), axis=0)
        theirs = kind(stored.world_from_voxel(corner_indices(stored.shape)), axis=0)
        np.testing.assert_allclose(ours, theirs, atol=1e-8)


@EXAMPLES
@given(volumes(), st.data())
def test_cropping_keeps_world_positions_and_values(volume: Volume, data: st.DataObject) -> None:
    start = tuple(data.draw(st.integers(0, n - 1)) for n in volume.shape)
    stop = tuple(data.draw(st.integers(a + 1, n + 2)) for a, n in zip(start, volume.shape, strict=True))
    crop = volume.cropped(start, stop)
    np.testing.assert_allclose(
        crop.world_from_voxel(np.zeros(3)), volume.world_from_voxel(np.array(start, dtype=float)), atol=1e-9
    )
    assert crop.hu[0, 0, 0] == volume.hu[start]
    assert crop.shape == tuple(min(b, n) - a for a, b, n in zip(start, stop, volume.shape, strict=True))
    assert crop.spacing_mm == volume.spacing_mm


@EXAMPLES
@given(volumes(smallest=2), st.data())
def test_one_changed_voxel_is_another_case(volume: Volume, data: st.DataObject) -> None:
    at = tuple(data.draw(st.integers(0, n - 1)) for n in volume.shape)
    hu = volume.hu.copy()
    hu[at] += 5
    assert Volume(hu, volume.affine).identity != volume.identity


@EXAMPLES
@given(volumes(), st.integers(0, 2))
def test_a_moved_volume_has_the_same_identity_but_is_another_case(volume: Volume, axis: int) -> None:
    affine = volume.affine.copy()
    affine[axis, 3] += 0.01
    moved = Volume(volume.hu, affine)
    assert moved.identity == volume.identity
    assert not moved.is_same_case(volume)


@EXAMPLES
@given(affines(), st.integers(0, 2), st.sampled_from([np.nan, np.inf, 0.0, 1e7]))
def test_a_broken_axis_is_refused(affine: np.ndarray[Any, Any], axis: int, value: float) -> None:
    affine[:3, axis] = value
    with pytest.raises(InputError):
        Volume(PLAIN, affine)


@pytest.mark.parametrize("dtype", [np.int32, np.float64, np.uint8, np.uint16, bool, ">i2"])
def test_other_types_are_refused(dtype: Any) -> None:
    with pytest.raises(InputError, match="int16 or float32"):
        Volume(PLAIN.astype(dtype), np.eye(4))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_numbers_are_refused(value: float) -> None:
    hu = np.zeros((3, 3, 3), np.float32)
    hu[1, 2, 0] = value
    with pytest.raises(InputError, match="not numbers"):
        Volume(hu, np.eye(4))


@pytest.mark.parametrize("affine", [np.zeros((4, 4)), np.eye(3), np.ones((4, 4)), np.diag([1.0, 1, 1, 2]), np.eye(4)[:3]])
def test_matrices_that_are_no_affine_are_refused(affine: np.ndarray[Any, Any]) -> None:
    with pytest.raises(InputError):
        Volume(PLAIN, affine)


@pytest.mark.parametrize("shape", [(0, 3, 3), (3, 3), (3, 3, 3, 1)])
def test_shapes_that_are_no_volume_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(LimitError):
        Volume(np.zeros(shape, np.int16), np.eye(4))


def test_sizes_beyond_the_limits_are_refused_without_an_array() -> None:
    for shape in ((32_000, 32_000, 32_000), (1025, 1025, 10), (2001, 4, 4), (2**62, 2, 2)):
        with pytest.raises(LimitError):
            limits.check_shape(shape, 2)
    assert limits.check_shape((512, 2000, 512), 2) == 512 * 2000 * 512 * 2


def test_an_empty_crop_is_refused() -> None:
    with pytest.raises(InputError, match="outside"):
        Volume(PLAIN, np.eye(4)).cropped((2, 0, 0), (5, 3, 4))


def test_a_volume_holds_nothing_but_voxels_and_geometry() -> None:
    assert set(Volume.__dataclass_fields__) == {"hu", "affine"}
    assert "0x" not in repr(Volume(PLAIN, np.eye(4)))


def test_int16_clips_rather_than_wraps() -> None:
    hu = np.array([[[1e9, -1e9, 0.5, 1.5]]], np.float32)
    assert to_int16(hu).ravel().tolist() == [32767, -32768, 0, 2]


def restored(volume: Volume, order: list[int], flips: tuple[bool, ...]) -> Volume:
    """The same voxels stored with permuted and flipped axes."""
    hu = volume.hu.transpose(order)
    affine = np.eye(4)
    affine[:3, :3] = volume.affine[:3, order]
    affine[:3, 3] = volume.affine[:3, 3]
    for axis, flip in enumerate(flips):
        if flip:
            affine[:3, 3] += affine[:3, axis] * (hu.shape[axis] - 1)
            affine[:3, axis] *= -1
            hu = np.flip(hu, axis)
    return Volume(np.ascontiguousarray(hu), affine)


def nearly_tied(volume: Volume) -> bool:
    """Whether two assignments of axes to right, front, up are about equally good, or an axis runs at right angles to its own."""
    directions = np.abs(volume.affine[:3, :3] / np.array(volume.spacing_mm))
    orders = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    sums = sorted(((sum(directions[row, axis] for row, axis in enumerate(order)), order) for order in orders), reverse=True)
    chosen = [directions[row, axis] for row, axis in enumerate(sums[0][1])]
    return bool(sums[0][0] - sums[1][0] < 1e-9 or min(chosen) < 1e-9)
