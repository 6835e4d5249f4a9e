"""Volume nodes <-> arrays (i, j, k) with an affine to RAS+ mm. VTK's (k, j, i) memory order and DICOM's UIDs live here alone.

All geometry is the node's own: a volume under a transform is read and answered in its untransformed frame, and what is shown
for it is put under the same transform. So any transform is followed exactly, also one that is changed later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from .i18n import _

Affine = NDArray[np.float64]
Point = tuple[float, float, float]

SERIES_INSTANCE_UID = "0020,000E"
INSTANCE_UIDS = "DICOM.instanceUIDs"  # set by Slicer's DICOM plugins on every volume they load


@dataclass(frozen=True, eq=False)
class SourceImage:
    """A volume node's voxels without a copy.

    voxels_ijk: view of the node's scalars; it keeps them alive when the node gets others. affine_ras_mm: voxel index -> RAS+ mm
    in the node's own frame. stamp: changes whenever the voxels or the geometry do.
    """

    voxels_ijk: NDArray[Any]
    affine_ras_mm: Affine
    stamp: tuple[Any, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along (i, j, k)."""
        i, j, k = self.voxels_ijk.shape
        return i, j, k

    @property
    def spacing_mm(self) -> Point:
        """Distance between voxel centres along (i, j, k), mm."""
        i, j, k = np.linalg.norm(self.affine_ras_mm[:3, :3], axis=0)
        return float(i), float(j), float(k)


def source_image(node: Any) -> SourceImage:
    """The voxels and geometry of a scalar volume node. ValueError, with what to do, when it holds no three-dimensional image."""
    image = node.GetImageData() if node is not None else None
    scalars = image.GetPointData().GetScalars() if image is not None else None
    if scalars is None or min(image.GetDimensions()) < 2:
        raise ValueError(_("The chosen volume holds no three-dimensional image; choose a CT that is loaded."))
    if scalars.GetNumberOfComponents() != 1:
        raise ValueError(_("The chosen volume has colours or several components; choose the CT itself."))
    columns, rows, slices = image.GetDimensions()
    voxels_kji = vtk_to_numpy(scalars).reshape(slices, rows, columns)
    affine = ijk_to_ras(node)
    stamp = (node.GetID(), image.GetMTime(), scalars.GetMTime(), affine.tobytes())
    return SourceImage(voxels_kji.transpose(2, 1, 0), affine, stamp)


def ijk_to_ras(node: Any) -> Affine:
    """Voxel index -> RAS+ mm of a volume node, without its parent transforms."""
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return numpy_matrix(matrix)


def set_volume(node: Any, values_ijk: NDArray[np.float32], affine_ras_mm: Affine) -> None:
    """Give a scalar volume node new float voxels and geometry in one event."""
    was_modifying = node.StartModify()
    image = vtk.vtkImageData()
    image.SetDimensions(*values_ijk.shape)
    flat = np.array(values_ijk.transpose(2, 1, 0), dtype=np.float32, order="C").ravel()
    image.GetPointData().SetScalars(numpy_to_vtk(flat, deep=True, array_type=vtk.VTK_FLOAT))
    node.SetIJKToRASMatrix(vtk_matrix(affine_ras_mm))
    node.SetAndObserveImageData(image)
    node.EndModify(was_modifying)


def labelmap_image(mask_ijk: NDArray[np.bool_]) -> Any:
    """A mask as unsigned char vtkImageData, values 0 and 1."""
    image = vtk.vtkImageData()
    image.SetDimensions(*mask_ijk.shape)
    flat = np.array(mask_ijk.transpose(2, 1, 0), dtype=np.uint8, order="C").ravel()
    image.GetPointData().SetScalars(numpy_to_vtk(flat, deep=True, array_type=vtk.VTK_UNSIGNED_CHAR))
    return image


def oriented_mask(image: Any, value: int) -> tuple[NDArray[np.bool_], Affine]:
    """Voxels of this value in a vtkOrientedImageData, (i, j, k), and their affine to RAS+ mm; no voxels where it is empty."""
    scalars = image.GetPointData().GetScalars() if image is not None else None
    if scalars is None:
        return np.zeros((0, 0, 0), np.bool_), np.eye(4)
    columns, rows, slices = image.GetDimensions()
    matrix, first = vtk.vtkMatrix4x4(), np.eye(4)
    image.GetImageToWorldMatrix(matrix)
    first[:3, 3] = image.GetExtent()[::2]
    return vtk_to_numpy(scalars).reshape(slices, rows, columns).transpose(2, 1, 0) == value, numpy_matrix(matrix) @ first


def value_at(node: Any, world_ras_mm: Point) -> float | None:
    """The voxel at a place in the world; None outside the volume."""
    image = node.GetImageData()
    if image is None:
        return None
    index = np.rint((np.linalg.inv(ijk_to_ras(node)) @ [*from_world(node, world_ras_mm), 1.0])[:3]).astype(int)
    if (index < 0).any() or (index >= image.GetDimensions()).any():
        return None
    return float(image.GetScalarComponentAsDouble(*(int(n) for n in index), 0))


def follow_transform(node: Any, source: Any) -> None:
    """Put `node` under the transform of `source`, or under none."""
    node.SetAndObserveTransformNodeID(source.GetTransformNodeID())


def to_world(node: Any, ras_mm: Point) -> Point:
    """A point of the node's own frame in world RAS+ mm, through all parent transforms, curved ones too."""
    return _through(node, ras_mm, inverse=False)


def from_world(node: Any, ras_mm: Point) -> Point:
    """A world point in the node's own frame, RAS+ mm."""
    return _through(node, ras_mm, inverse=True)


def box_around(node: Any, world_ras_mm: Sequence[Point]) -> tuple[Point, Point]:
    """The box along a volume's own axes that holds places in the world: two opposite corners in its own frame, RAS+ mm."""
    own = ijk_to_ras(node)
    places = np.array([[*from_world(node, place), 1.0] for place in world_ras_mm])
    index = (np.linalg.inv(own) @ places.T)[:3]
    ends = ((own @ [*index.min(axis=1), 1.0])[:3], (own @ [*index.max(axis=1), 1.0])[:3])
    low, high = ((float(r), float(a), float(s)) for r, a, s in ends)
    return low, high


def _through(node: Any, ras_mm: Point, *, inverse: bool) -> Point:
    parent = node.GetParentTransformNode()
    if parent is None:
        return ras_mm
    transform = vtk.vtkGeneralTransform()
    if inverse:
        parent.GetTransformFromWorld(transform)
    else:
        parent.GetTransformToWorld(transform)
    r, a, s = transform.TransformPoint(ras_mm)
    return r, a, s


def instance_uids(node: Any) -> tuple[str, ...]:
    """SOP Instance UIDs of the slices a volume was loaded from; empty when it did not come from DICOM."""
    return tuple((node.GetAttribute(INSTANCE_UIDS) or "").split())


def numpy_matrix(matrix: Any) -> Affine:
    """A vtkMatrix4x4 as (4, 4) float64."""
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def vtk_matrix(affine: Affine) -> Any:
    """A (4, 4) array as vtkMatrix4x4."""
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy([float(value) for value in np.asarray(affine).ravel()])
    return matrix


def series_uid(node: Any) -> str | None:
    """SeriesInstanceUID of the DICOM series a volume was loaded from: from the subject hierarchy, else the DICOM database."""
    uids = instance_uids(node)
    if not uids:
        return None
    scene = node.GetScene()
    count = scene.GetNumberOfNodesByClass("vtkMRMLSubjectHierarchyNode")
    hierarchy = scene.GetNthNodeByClass(0, "vtkMRMLSubjectHierarchyNode") if count else None
    item = hierarchy.GetItemByDataNode(node) if hierarchy is not None else 0
    uid = hierarchy.GetItemUID(item, "DICOM") if item else ""
    if not uid and hasattr(slicer, "dicomDatabase") and slicer.dicomDatabase is not None:
        uid = slicer.dicomDatabase.instanceValue(uids[0], SERIES_INSTANCE_UID)
    return uid or None
