"""The MRML scene of one study and its four views: what 3D Slicer would hold, without its desktop."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

# VTK chooses its window class while it is imported: off screen, through EGL, with or without a graphics card.
os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")

import numpy as np
import slicer
import vtk
from AsapSlicerLib import volume_nodes
from trame_slicer.core import SlicerApp
from trame_slicer.views import IViewFactory, SliceView, ThreeDView, ViewLayoutDefinition
from vtk.util.numpy_support import numpy_to_vtk

from asap.volume import Volume

SLICE_VIEWS = {"Red": "Axial", "Green": "Coronal", "Yellow": "Sagittal"}
THREE_D_VIEW = "ThreeD"
LETTERS = (("R", "L"), ("A", "P"), ("S", "I"))
OBLIQUE_SHARE = 0.35  # a second letter where an edge leans more than about 20 degrees towards it


@dataclass(frozen=True)
class Window:
    """How grey values are shown. width and centre in HU."""

    label: str
    width_hu: float
    centre_hu: float


WINDOWS = {"lung": Window("Lung", 1500.0, -600.0), "soft": Window("Soft tissue", 400.0, 40.0)}


class StudyScene:
    """One scene with three slice views and a 3D view, at most one CT in it."""

    def __init__(self, factories: list[IViewFactory]) -> None:
        self.app = SlicerApp()
        self.volume_node: Any = None
        for factory in factories:
            self.app.view_manager.register_factory(factory)
        definitions = [ViewLayoutDefinition.slice_view(kind, label=name) for name, kind in SLICE_VIEWS.items()]
        definitions.append(ViewLayoutDefinition.threed_view(name=THREE_D_VIEW, background_color="#0d1117"))
        for definition in definitions:
            view = self.app.view_manager.create_view(definition)
            view.render_window().SetMultiSamples(0)  # text and images gain nothing from it, and a CPU pays dearly
        self.app.view_manager.set_current_view_ids([*SLICE_VIEWS, THREE_D_VIEW])
        crosshair = self.mrml.GetFirstNodeByClass("vtkMRMLCrosshairNode")
        crosshair.SetCrosshairMode(slicer.vtkMRMLCrosshairNode.NoCrosshair)
        crosshair.SetCrosshairThickness(slicer.vtkMRMLCrosshairNode.Fine)

    @property
    def mrml(self) -> Any:
        """The vtkMRMLScene."""
        return self.app.scene

    def slice_views(self) -> dict[str, SliceView]:
        """The slice views by name, axial first."""
        return {name: self.app.view_manager.get_view(name) for name in SLICE_VIEWS}

    def three_d_view(self) -> ThreeDView:
        """The 3D view."""
        return self.app.view_manager.get_view(THREE_D_VIEW)

    def open(self, volume: Volume, name: str) -> Any:
        """Put a CT into the scene, in the place of the one before, and fit every view to it. Returns its node."""
        if self.volume_node is not None:
            self.mrml.RemoveNode(self.volume_node)
        node = volume_node(self.mrml, volume, name)
        self.volume_node = node
        for view in self.slice_views().values():
            view.set_background_volume_id(node.GetID())
            view.set_foreground_volume_id(None)
        self.show_window("lung")
        self.fit()
        return node

    def fit(self) -> None:
        """Show the whole CT in every view."""
        for view in self.app.view_manager.get_views():
            view.reset_view()

    def show_window(self, name: str) -> None:
        """Show the CT in one of WINDOWS."""
        if self.volume_node is None:
            return
        window = WINDOWS[name]
        display = self.volume_node.GetDisplayNode()
        was_modifying = display.StartModify()
        display.AutoWindowLevelOff()
        display.SetWindowLevel(window.width_hu, window.centre_hu)
        display.EndModify(was_modifying)

    def show_crosshair(self, shown: bool) -> None:
        """Mark the point the slices were brought to, with a gap in the middle so that it hides nothing."""
        modes = slicer.vtkMRMLCrosshairNode
        mode = modes.ShowSmallIntersection if shown else modes.NoCrosshair
        self.mrml.GetFirstNodeByClass("vtkMRMLCrosshairNode").SetCrosshairMode(mode)

    def cursor_ras_mm(self) -> tuple[float, float, float]:
        """The point all three slices go through, world RAS+ mm."""
        planes = [volume_nodes.numpy_matrix(view.get_view_node().GetSliceToRAS()) for view in self.slice_views().values()]
        normals = np.array([plane[:3, 2] for plane in planes])
        offsets = np.array([plane[:3, 2] @ plane[:3, 3] for plane in planes])
        r, a, s = np.linalg.solve(normals, offsets)
        return float(r), float(a), float(s)


def volume_node(mrml: Any, volume: Volume, name: str) -> Any:
    """A scalar volume node with the voxels and the exact geometry of `volume`."""
    image = vtk.vtkImageData()
    image.SetDimensions(*volume.shape)
    flat = np.ascontiguousarray(volume.hu.transpose(2, 1, 0)).ravel()
    image.GetPointData().SetScalars(numpy_to_vtk(flat, deep=True))
    node = mrml.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    was_modifying = node.StartModify()
    node.SetIJKToRASMatrix(volume_nodes.vtk_matrix(volume.affine))
    node.SetAndObserveImageData(image)
    node.CreateDefaultDisplayNodes()
    node.EndModify(was_modifying)
    return node


def edge_letters(view: SliceView) -> dict[str, str]:
    """What lies beyond each edge of a slice: left, right, top and bottom as letters of R/L, A/P, S/I, the nearest first."""
    axes = volume_nodes.numpy_matrix(view.get_view_node().GetSliceToRAS())[:3, :3]
    right, top = axes[:, 0], axes[:, 1]
    return {"left": letters_of(-right), "right": letters_of(right), "top": letters_of(top), "bottom": letters_of(-top)}


def letters_of(direction_ras: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    """The anatomical letters of a direction, RAS+: one for a main axis, two or three for an oblique one."""
    share = direction_ras / np.linalg.norm(direction_ras)
    order = np.argsort(-np.abs(share))
    return "".join(LETTERS[axis][0 if share[axis] < 0 else 1][0] for axis in order if abs(share[axis]) > OBLIQUE_SHARE)
