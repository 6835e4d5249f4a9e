"""Volume nodes are read and written without a copy too many and without a millimetre lost."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from AsapSlicerLib import volume_nodes

from tests.benchmarks.slicer_alignment import moved, turned
from tests.slicer.scene import SlicerScene


@pytest.fixture
def stage() -> Iterator[SlicerScene]:
    stage = SlicerScene()
    yield stage
    stage.close()


AFFINE = moved(3, -7, 11) @ turned(1, 13) @ np.diag([-0.7, 0.8, 2.5, 1.0])


def test_voxels_are_a_view_in_ijk_order(stage: SlicerScene) -> None:
    voxels = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)
    source = volume_nodes.source_image(stage.volume(voxels, AFFINE))
    assert source.shape == (2, 3, 4)
    np.testing.assert_array_equal(source.voxels_ijk, voxels)
    np.testing.assert_allclose(source.affine_ras_mm, AFFINE)
    assert source.voxels_ijk.base is not None
    assert source.spacing_mm == pytest.approx((0.7, 0.8, 2.5))


def test_stamp_changes_with_voxels_and_geometry_only(stage: SlicerScene) -> None:
    node = stage.volume(np.zeros((4, 4, 4), np.int16), AFFINE)
    first = volume_nodes.source_image(node).stamp
    node.SetName("renamed")
    assert volume_nodes.source_image(node).stamp == first
    node.SetSpacing(1, 1, 1)
    second = volume_nodes.source_image(node).stamp
    assert second != first
    node.GetImageData().GetPointData().GetScalars().Modified()
    assert volume_nodes.source_image(node).stamp != second


def test_voxels_outlive_their_node(stage: SlicerScene) -> None:
    node = stage.volume(np.full((8, 8, 8), 7, np.int16), AFFINE)
    source = volume_nodes.source_image(node)
    stage.scene.RemoveNode(node)
    assert int(source.voxels_ijk.sum()) == 7 * 512


@pytest.mark.parametrize("shape", [(8, 8, 1), (1, 8, 8)])
def test_what_is_not_a_volume_is_refused_with_advice(stage: SlicerScene, shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="choose"):
        volume_nodes.source_image(stage.volume(np.zeros(shape, np.int16), AFFINE))
    with pytest.raises(ValueError, match="choose"):
        volume_nodes.source_image(None)


def test_points_go_through_nested_transforms_and_back(stage: SlicerScene) -> None:
    node = stage.volume(np.zeros((4, 4, 4), np.int16), AFFINE)
    outer, inner = moved(5, 6, 7) @ turned(2, 30), turned(0, -20)
    node.SetAndObserveTransformNodeID(stage.transform(inner, stage.transform(outer)).GetID())
    point = (12.0, -3.0, 40.0)
    world = volume_nodes.to_world(node, point)
    np.testing.assert_allclose(world, (outer @ inner @ [*point, 1.0])[:3])
    np.testing.assert_allclose(volume_nodes.from_world(node, world), point)


def test_float_voxels_and_geometry_come_back_as_written(stage: SlicerScene) -> None:
    node = stage.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "heat")
    values = np.random.default_rng(1).random((3, 5, 4)).astype(np.float32)
    volume_nodes.set_volume(node, values, AFFINE)
    source = volume_nodes.source_image(node)
    np.testing.assert_array_equal(source.voxels_ijk, values)
    np.testing.assert_allclose(source.affine_ras_mm, AFFINE)


def test_uids_of_a_dicom_volume(stage: SlicerScene) -> None:
    node = stage.volume(np.zeros((4, 4, 4), np.int16), AFFINE)
    assert volume_nodes.instance_uids(node) == ()
    node.SetAttribute("DICOM.instanceUIDs", "1.2.3 1.2.4")
    assert volume_nodes.instance_uids(node) == ("1.2.3", "1.2.4")
