"""The MRML scene of one study and its four views: what 3D Slicer would hold, without its desktop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
import vtk
from AsapSlicerLib import volume_nodes
from AsapSlicerLib.datastore_images import Held, note_held
from AsapSlicerLib.heatmap_display import go_to
from trame_slicer.core import SlicerApp
from trame_slicer.views import IViewFactory, SliceView, ThreeDView, ViewLayoutDefinition
from vtk.util.numpy_support import numpy_to_vtk

from asap.volume import Volume

SLICE_VIEWS = {"Red": "Axial", "Green": "Coronal", "Yellow": "Sagittal"}
THREE_D_VIEW = "ThreeD"
LETTERS = (("R", "L"), ("A", "P"), ("S", "I"))
CROSSHAIR_COLOUR = (0.25, 1.0, 0.45)  # neither a grey of the CT nor a colour of the map
LUNG_COLOUR = (0.55, 0.65, 0.78)
LUNG_OPACITY = 0.22
CAMERA_DISTANCES = 2.1  # sizes of the CT between its middle and the camera, at the camera's own angle of view
OBLIQUE_SHARE = 0.35  # a second letter where an edge leans more than about 20 degrees towards it


@dataclass(frozen=True)
class Window:
    """How grey values are shown. width and centre in HU."""

    label: str
    width_hu: float
    centre_hu: float


WINDOWS = {
    "lung": Window("Lung", 1500.0, -600.0),
    "mediastinum": Window("Mediastinum", 400.0, 40.0),
    "bone": Window("Bone", 1800.0, 400.0),
}


class StudyScene:
    """One scene with three slice views and a 3D view, at most one CT in it."""

    def __init__(self, factories: list[IViewFactory]) -> None:
        self.app = SlicerApp()
        self.volume_node: Any = None
        self._lungs_node: Any = None
        for factory in factories:
            self.app.view_manager.register_factory(factory)
        definitions = [ViewLayoutDefinition.slice_view(kind, label=name) for name, kind in SLICE_VIEWS.items()]
        definitions.append(ViewLayoutDefinition.threed_view(name=THREE_D_VIEW, background_color="#0d1117"))
        for definition in definitions:
            with without_warnings():  # VTK 9.6 tells of an event name that trame-slicer 2.0.0 still uses, once a view
                view = self.app.view_manager.create_view(definition)
            view.render_window().SetMultiSamples(0)  # text and images gain nothing from it, and a CPU pays dearly
        self.app.view_manager.set_current_view_ids([*SLICE_VIEWS, THREE_D_VIEW])
        # Depth peeling would draw the scene several times over; the one hollow surface here does without.
        self.three_d_view().renderer().SetUseDepthPeeling(False)
        crosshair = self.mrml.GetFirstNodeByClass("vtkMRMLCrosshairNode")
        crosshair.SetCrosshairMode(slicer.vtkMRMLCrosshairNode.NoCrosshair)
        crosshair.SetCrosshairColor(*CROSSHAIR_COLOUR)
        interaction = self.mrml.GetFirstNodeByClass("vtkMRMLInteractionNode")
        interaction.SetCurrentInteractionMode(interaction.AdjustWindowLevel)  # dragging in a slice, as at a workstation

    @property
    def mrml(self) -> Any:
        """The vtkMRMLScene."""
        return self.app.scene

    @property
    def has_lungs(self) -> bool:
        """Whether the lungs are shown in the 3D view."""
        return self._lungs_node is not None

    def slice_views(self) -> dict[str, SliceView]:
        """The slice views by name, axial first."""
        return {name: self.app.view_manager.get_view(name) for name in SLICE_VIEWS}

    def three_d_view(self) -> ThreeDView:
        """The 3D view."""
        return self.app.view_manager.get_view(THREE_D_VIEW)

    def open(self, volume: Volume, name: str, held: Held | None = None) -> Any:
        """Put a CT into the scene, in the place of the one before, and fit every view to it. Returns its node.

        held: the image of the server's datastore it is.
        """
        for old in (self.volume_node, self._lungs_node):
            if old is not None:
                self.mrml.RemoveNode(old)
        self._lungs_node = None
        node = volume_node(self.mrml, volume, name)
        if held is not None:
            note_held(node, held)
        self.volume_node = node
        for view in self.slice_views().values():
            view.set_background_volume_id(node.GetID())
            view.set_foreground_volume_id(None)
        self.show_window("lung")
        self.fit()
        return node

    def fit(self) -> None:
        """Show the whole CT in every view, the 3D view from the front."""
        for view in self.slice_views().values():
            view.reset_view()
        if self.volume_node is None:
            return
        bounds = [0.0] * 6
        self.volume_node.GetRASBounds(bounds)
        three_d = self.three_d_view()
        middle = [(low + high) / 2 for low, high in zip(bounds[::2], bounds[1::2], strict=True)]
        size = max(high - low for low, high in zip(bounds[::2], bounds[1::2], strict=True))
        camera = three_d.get_camera_node()
        was_modifying = camera.StartModify()
        camera.SetFocalPoint(*middle)
        camera.SetPosition(middle[0], middle[1] + CAMERA_DISTANCES * size, middle[2])
        camera.SetViewUp(0.0, 0.0, 1.0)
        camera.EndModify(was_modifying)
        camera.ResetClippingRange()
        three_d.schedule_render()

    def show_lungs(self, surface: Any) -> None:
        """Put a faint surface of the lungs into the 3D view."""
        node = self.mrml.AddNewNodeByClass("vtkMRMLModelNode", "Lungs")
        node.SetAndObserveMesh(surface)
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        display.SetColor(*LUNG_COLOUR)
        display.SetOpacity(LUNG_OPACITY)
        display.SetVisibility2D(False)
        display.SetBackfaceCulling(True)
        self._lungs_node = node
        self.fit()

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

    def window_shown(self) -> tuple[float, float] | None:
        """Width and centre as they are now, HU, also after dragging; None without a CT."""
        display = None if self.volume_node is None else self.volume_node.GetDisplayNode()
        return None if display is None else (display.GetWindow(), display.GetLevel())

    def show_slab(self, thickness_mm: float) -> None:
        """Show the highest value of slabs this thick in every slice view; 0 shows single slices."""
        for view in self.slice_views().values():
            view.set_slab_type(vtk.VTK_IMAGE_SLAB_MAX)
            view.set_slab_thickness(thickness_mm)
            view.set_slab_enabled(thickness_mm > 0)

    def go_to(self, world_ras_mm: volume_nodes.Point) -> None:
        """Bring every slice view, and the crosshair, to a place."""
        go_to(self.mrml, world_ras_mm)

    def show_crosshair(self, shown: bool) -> None:
        """Mark the point the slices were brought to, with a gap in the middle so that it hides nothing."""
        modes = slicer.vtkMRMLCrosshairNode
        mode = modes.ShowSmallIntersection if shown else modes.NoCrosshair
        self.mrml.GetFirstNodeByClass("vtkMRMLCrosshairNode").SetCrosshairMode(mode)

    def slice_rows(self) -> list[dict[str, Any]]:
        """What the page writes around each slice: name, title, edge letters, position, and the range of the pager."""
        rows = []
        for name, view in self.slice_views().items():
            low, high = view.get_slice_range()
            rows.append(
                {
                    "name": name,
                    "title": SLICE_VIEWS[name],
                    "edges": edge_letters(view),
                    "position": position_text(view),
                    "min": round(low, 3),
                    "max": round(high, 3),
                    "step": round(view.get_slice_step(), 3) or 1,
                    "value": round(view.get_slice_value(), 3),
                }
            )
        return rows

    def page_to(self, name: str, offset_mm: float) -> None:
        """Show another slice of one view."""
        if name in SLICE_VIEWS:
            self.slice_views()[name].set_slice_value(offset_mm)


@contextmanager
def without_warnings() -> Iterator[None]:
    """Keep VTK's warnings from the terminal."""
    vtk.vtkObject.GlobalWarningDisplayOff()
    try:
        yield
    finally:
        vtk.vtkObject.GlobalWarningDisplayOn()


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
    return "".join(LETTERS[axis][0 if share[axis] > 0 else 1] for axis in order if abs(share[axis]) > OBLIQUE_SHARE)


def position_text(view: SliceView) -> str:
    """Where the middle of a slice lies along its own normal, such as "S 12.5 mm"."""
    plane = volume_nodes.numpy_matrix(view.get_view_node().GetSliceToRAS())
    axis = int(np.argmax(np.abs(plane[:3, 2])))
    mm = plane[axis, 3]
    return f"{LETTERS[axis][0 if mm >= 0 else 1]} {abs(mm):.1f} mm"
