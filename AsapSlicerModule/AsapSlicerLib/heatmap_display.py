"""The overlay: one reusable heatmap volume in the foreground, its colours and legend, outlines at the threshold, jumps.

Everything here draws what it is given; nodes are made on first use, used again, and taken away by `remove()`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import vtk
from vtk.util.numpy_support import numpy_to_vtk

from . import volume_nodes
from .colours import HEAT_OPACITY, Colour, heat_colours
from .heat_maps import HeatMap
from .i18n import _
from .volume_nodes import Point

OWNED = "ASAP.role"  # node attribute by which our nodes are found again in a reopened scene
OUTLINE_PARTS = 3  # the outline follows what is drawn: linear interpolation between cells
OUTLINE_CELLS = 600_000  # in a surface that is made while a reader waits: some 30 ms
SURFACE = "Closed surface"


@dataclass(frozen=True)
class Outline:
    """One region to draw. share: of the map's peak at which it is cut."""

    name: str
    heat: HeatMap
    share: float
    colour: Colour


class HeatmapDisplay:
    """The ASAP nodes of one scene that show heat. All methods are for the GUI thread."""

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        self._layers_before: dict[str, tuple[str | None, float]] = {}

    def show(self, heat: HeatMap, volume: Any, *, share: float, opacity: float, legend: bool) -> Any:
        """Draw a map over `volume` in every slice view. Returns the heatmap node."""
        node = self._heatmap_node()
        volume_nodes.set_volume(node, heat.heat_abc, heat.affine_ras_mm)
        volume_nodes.follow_transform(node, volume)
        display = node.GetDisplayNode()
        self._cut(display, heat.peak, share)
        self.set_legend(legend)
        for composite in self._of_class("vtkMRMLSliceCompositeNode"):
            if composite.GetForegroundVolumeID() != node.GetID():
                self._layers_before[composite.GetID()] = (composite.GetForegroundVolumeID(), composite.GetForegroundOpacity())
            was_modifying = composite.StartModify()
            composite.SetBackgroundVolumeID(volume.GetID())
            composite.SetForegroundVolumeID(node.GetID())
            composite.SetForegroundOpacity(opacity)
            composite.EndModify(was_modifying)
        return node

    def set_threshold(self, heat: HeatMap, share: float) -> None:
        """Hide heat under `share` of the map's peak."""
        node = self.heatmap_node()
        if node is not None:
            self._cut(node.GetDisplayNode(), heat.peak, share)

    def set_opacity(self, opacity: float) -> None:
        """Opacity of the overlay, 0 to 1."""
        node = self.heatmap_node()
        for composite in self._of_class("vtkMRMLSliceCompositeNode"):
            if node is not None and composite.GetForegroundVolumeID() == node.GetID():
                composite.SetForegroundOpacity(opacity)

    def set_legend(self, shown: bool) -> None:
        """Show or hide the colour legend beside the slices."""
        node, legend = self.heatmap_node(), self._find("legend")
        if legend is None and shown and node is not None:
            if not self._scene.IsNodeClassRegistered("vtkMRMLColorLegendDisplayNode"):  # a scene without the Colors module
                return
            legend = self._scene.AddNewNodeByClass("vtkMRMLColorLegendDisplayNode", _("ASAP legend"))
            legend.SetAttribute(OWNED, "legend")
            legend.SetTitleText(_("ASAP heat"))
            legend.SetNumberOfLabels(3)
            legend.SetLabelFormat("%.2f")
            legend.SetAndObservePrimaryDisplayNode(node.GetDisplayNode())
            legend.SetAndObserveColorNodeID(self._colour_table().GetID())
            node.AddAndObserveDisplayNodeID(legend.GetID())
        if legend is not None:
            legend.SetVisibility(shown)

    def outline(self, outlines: Sequence[Outline], volume: Any) -> Any:
        """Draw regions as outlines in the slices and surfaces in 3D, replacing those drawn before. Returns their node."""
        node = self._find("regions")
        if node is None:
            if not outlines:
                return None
            node = self._regions_node()
        volume_nodes.follow_transform(node, volume)
        segmentation = node.GetSegmentation()
        was_modifying = node.StartModify()
        wanted = {f"asap_{number}": outline for number, outline in enumerate(outlines)}
        for name in [segmentation.GetNthSegmentID(n) for n in range(segmentation.GetNumberOfSegments())]:
            if name not in wanted:
                segmentation.RemoveSegment(name)
        for name, outline in wanted.items():
            if segmentation.GetSegment(name) is None:
                segmentation.AddEmptySegment(name, outline.name, outline.colour)
            segment = segmentation.GetSegment(name)
            segment.SetName(outline.name)
            segment.SetColor(*outline.colour)
            segment.AddRepresentation(SURFACE, closed_surface(outline.heat, outline.share))
        node.EndModify(was_modifying)
        node.GetDisplayNode().SetVisibility(bool(outlines))
        return node

    def jump(self, volume: Any, peak_ras_mm: Point) -> Point:
        """Bring every slice view to a place given in the volume's own frame, and the crosshair too. Returns it in the world."""
        world = volume_nodes.to_world(volume, peak_ras_mm)
        go_to(self._scene, world)
        return world

    def hide(self) -> None:
        """Give the slice views back the foreground they had; outlines and legend are hidden."""
        node, regions = self.heatmap_node(), self._find("regions")
        for composite in self._of_class("vtkMRMLSliceCompositeNode"):
            if node is not None and composite.GetForegroundVolumeID() == node.GetID():
                before, opacity = self._layers_before.get(composite.GetID(), (None, 0.0))
                still_there = before is not None and self._scene.GetNodeByID(before) is not None
                composite.SetForegroundVolumeID(before if still_there else None)
                composite.SetForegroundOpacity(opacity)
        self._layers_before.clear()
        self.set_legend(False)
        if regions is not None:
            regions.GetDisplayNode().SetVisibility(False)

    def remove(self) -> None:
        """Hide, then take our nodes out of the scene."""
        self.hide()
        for role in ("legend", "heatmap", "heatmap display", "regions", "regions display", "colours"):
            node = self._find(role)
            if node is not None:
                self._scene.RemoveNode(node)

    def heatmap_node(self) -> Any:
        """The heatmap volume of this scene, or None."""
        return self._find("heatmap")

    def _heatmap_node(self) -> Any:
        node = self._find("heatmap")
        if node is None:
            node = self._add("vtkMRMLScalarVolumeNode", _("ASAP heatmap"), "heatmap")
        if node.GetDisplayNode() is None:
            display = self._add("vtkMRMLScalarVolumeDisplayNode", _("ASAP heatmap display"), "heatmap display")
            display.AutoWindowLevelOff()
            display.SetInterpolate(True)
            display.SetApplyThreshold(True)
            display.SetAndObserveColorNodeID(self._colour_table().GetID())
            node.SetAndObserveDisplayNodeID(display.GetID())
        return node

    def _regions_node(self) -> Any:
        node = self._add("vtkMRMLSegmentationNode", _("ASAP regions"), "regions")
        node.GetSegmentation().SetSourceRepresentationName(SURFACE)
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        display.SetAttribute(OWNED, "regions display")
        display.SetPreferredDisplayRepresentationName2D(SURFACE)
        display.SetPreferredDisplayRepresentationName3D(SURFACE)
        display.SetVisibility2DFill(False)
        display.SetVisibility2DOutline(True)
        display.SetSliceIntersectionThickness(2)
        display.SetOpacity3D(0.5)
        return node

    def _colour_table(self) -> Any:
        table = self._find("colours")
        if table is not None:
            return table
        colours = heat_colours()
        table = self._scene.CreateNodeByClass("vtkMRMLColorTableNode")
        table.UnRegister(None)
        table.SetName(_("ASAP heat"))
        table.SetAttribute(OWNED, "colours")
        table.SetTypeToUser()
        table.SetNumberOfColors(len(colours))
        opacities = np.linspace(*HEAT_OPACITY, len(colours))
        for index, (red, green, blue) in enumerate(colours):
            name = f"{index / (len(colours) - 1):.0%}"
            table.SetColor(index, name, float(red), float(green), float(blue), float(opacities[index]))
        return self._scene.AddNode(table)

    @staticmethod
    def _cut(display: Any, peak: float, share: float) -> None:
        """Hide heat under `share` of the peak; the colours run from there to the peak."""
        was_modifying = display.StartModify()
        display.SetWindowLevelMinMax(share * peak, max(peak, 1e-30))
        display.SetLowerThreshold(share * peak)
        display.SetUpperThreshold(max(peak, 1e-30) * 2)
        display.EndModify(was_modifying)

    def _add(self, class_name: str, name: str, role: str) -> Any:
        node = self._scene.AddNewNodeByClass(class_name, name)
        node.SetAttribute(OWNED, role)
        return node

    def _find(self, role: str) -> Any:
        kinds = {
            "heatmap": "vtkMRMLScalarVolumeNode",
            "heatmap display": "vtkMRMLScalarVolumeDisplayNode",
            "regions": "vtkMRMLSegmentationNode",
            "regions display": "vtkMRMLSegmentationDisplayNode",
            "legend": "vtkMRMLColorLegendDisplayNode",
            "colours": "vtkMRMLColorTableNode",
        }
        return next((node for node in self._of_class(kinds[role]) if node.GetAttribute(OWNED) == role), None)

    def _of_class(self, class_name: str) -> Iterator[Any]:
        return iter(_nodes(self._scene, class_name))


def go_to(scene: Any, world_ras_mm: Point) -> None:
    """Bring every slice view, and the crosshair, to a place in the world."""
    for slice_node in _nodes(scene, "vtkMRMLSliceNode"):
        slice_node.JumpSliceByOffsetting(*world_ras_mm)
    for crosshair in _nodes(scene, "vtkMRMLCrosshairNode"):
        crosshair.SetCrosshairRAS(*world_ras_mm)


def _nodes(scene: Any, class_name: str) -> list[Any]:
    return [scene.GetNthNodeByClass(n, class_name) for n in range(scene.GetNumberOfNodesByClass(class_name))]


def closed_surface(heat: HeatMap, share: float) -> Any:
    """The surface at `share` of the peak, closed where the map ends, in RAS+ mm."""
    parts = int((OUTLINE_CELLS / heat.heat_abc.size) ** (1 / 3))
    smooth = heat.subdivided(min(max(parts, 1), OUTLINE_PARTS))
    padded = np.pad(smooth.heat_abc, 1)
    image = vtk.vtkImageData()
    image.SetDimensions(*padded.shape)
    flat = np.array(padded.transpose(2, 1, 0), order="C").ravel()
    image.GetPointData().SetScalars(numpy_to_vtk(flat, deep=True, array_type=vtk.VTK_FLOAT))
    surface = vtk.vtkFlyingEdges3D()
    surface.SetInputData(image)
    surface.SetValue(0, share * heat.peak)
    surface.ComputeScalarsOff()
    shift = np.eye(4)
    shift[:3, 3] = -1
    transform = vtk.vtkTransform()
    transform.SetMatrix(volume_nodes.vtk_matrix(smooth.affine_ras_mm @ shift))
    placed = vtk.vtkTransformPolyDataFilter()
    placed.SetInputConnection(surface.GetOutputPort())
    placed.SetTransform(transform)
    placed.Update()
    return placed.GetOutput()
