"""A Slicer scene with the logics the module meets in the desktop, made from slicer-core alone; slice views that really draw."""

from __future__ import annotations

import atexit
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

ORIENTATIONS = ("Axial", "Sagittal", "Coronal")


@dataclass(eq=False)
class SlicerScene:
    """scene: an empty MRML scene with three slice views' nodes. Keep this object as long as the scene is used."""

    scene: Any = field(default_factory=slicer.vtkMRMLScene)
    app_logic: Any = field(default_factory=slicer.vtkSlicerApplicationLogic)
    slice_logics: dict[str, Any] = field(default_factory=dict)
    logics: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        crosshair = slicer.vtkMRMLCrosshairNode()
        crosshair.SetCrosshairName("default")
        self.scene.AddNode(crosshair)
        self.app_logic.SetMRMLScene(self.scene)
        self.app_logic.GetColorLogic().SetMRMLScene(self.scene)
        self.app_logic.GetColorLogic().AddDefaultColorNodes()
        self.app_logic.SetSliceLogics(vtk.vtkCollection())
        self.app_logic.SetViewLogics(vtk.vtkCollection())
        for kind, name in (
            (slicer.vtkMRMLColorLogic, "Colors"),
            (slicer.vtkSlicerVolumesLogic, "Volumes"),
            (slicer.vtkSlicerSegmentationsModuleLogic, "Segmentations"),
            (slicer.vtkSlicerSubjectHierarchyModuleLogic, "SubjectHierarchy"),
            (slicer.vtkSlicerTextsLogic, "Texts"),
        ):
            logic = kind()
            logic.SetMRMLApplicationLogic(self.app_logic)
            logic.SetMRMLScene(self.scene)
            self.app_logic.SetModuleLogic(name, logic)
            self.logics.append(logic)
        self.scene.RegisterNodeClass(slicer.vtkMRMLColorLegendDisplayNode())
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(self.scene, True)
        for name in ORIENTATIONS:
            logic = slicer.vtkMRMLSliceLogic()
            logic.SetMRMLApplicationLogic(self.app_logic)
            logic.SetMRMLScene(self.scene)
            logic.AddSliceNode(name)
            logic.GetSliceNode().SetOrientation(name)
            logic.GetSliceNode().SetDimensions(256, 256, 1)
            self.slice_logics[name] = logic
        atexit.register(self.close)

    def close(self) -> None:
        """Empty the scene."""
        self.scene.Clear(1)

    def volume(self, voxels_ijk: NDArray[Any], affine: NDArray[np.float64], name: str = "CT") -> Any:
        """A scalar volume node as a reader would make it."""
        node = self.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
        image = vtk.vtkImageData()
        image.SetDimensions(*voxels_ijk.shape)
        flat = np.ascontiguousarray(voxels_ijk.transpose(2, 1, 0)).ravel()
        image.GetPointData().SetScalars(numpy_to_vtk(flat, deep=True))
        matrix = vtk.vtkMatrix4x4()
        matrix.DeepCopy([float(x) for x in affine.ravel()])
        node.SetIJKToRASMatrix(matrix)
        node.SetAndObserveImageData(image)
        node.CreateDefaultDisplayNodes()
        return node

    def save(self, path: Path) -> None:
        """Save scene and volumes as Slicer's save dialog does."""
        self.scene.SetURL(str(path))
        self.scene.SetRootDirectory(str(path.parent))
        for n in range(self.scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode")):
            node = self.scene.GetNthNodeByClass(n, "vtkMRMLScalarVolumeNode")
            node.AddDefaultStorageNode()
            node.GetStorageNode().SetFileName(str(path.parent / f"{n}.nrrd"))
            assert node.GetStorageNode().WriteData(node)
        assert self.scene.Commit(str(path))

    def open(self, path: Path) -> None:
        """Open a saved scene."""
        self.scene.SetURL(str(path))
        assert self.scene.Import()

    def transform(self, matrix: NDArray[np.float64], parent: Any = None) -> Any:
        """A linear transform node, perhaps under another."""
        node = self.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "transform")
        vtk_matrix = vtk.vtkMatrix4x4()
        vtk_matrix.DeepCopy([float(x) for x in matrix.ravel()])
        node.SetMatrixTransformToParent(vtk_matrix)
        if parent is not None:
            node.SetAndObserveTransformNodeID(parent.GetID())
        return node


def resliced(logic: Any, layer: str) -> NDArray[np.float64]:
    """What Slicer's own reslice makes of one layer ("background", "foreground"): [row, column] scalars of the slice view."""
    layer_logic = logic.GetBackgroundLayer() if layer == "background" else logic.GetForegroundLayer()
    reslice = layer_logic.GetReslice()
    reslice.Update()
    image = reslice.GetOutput()
    columns, rows, _ = image.GetDimensions()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns).astype(np.float64)
