"""What the mouse draws in a slice view while its button is down: a line over the image, in that view alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import slicer
import vtk

from .colours import Colour
from .volume_nodes import Point

WIDTH_PIXELS = 3
NAME = "ASAP line"


class DrawnLine:
    """One line at a time; its nodes stand in no list and are not saved."""

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        self._node: Any = None

    def show(self, slice_node: Any, world_ras_mm: Sequence[Point], colour: Colour) -> None:
        """Draw through these places, in the view of `slice_node`."""
        if self._node is None:
            self._node = self._made(slice_node, colour)
        points, lines = vtk.vtkPoints(), vtk.vtkCellArray()
        lines.InsertNextCell(len(world_ras_mm))
        for place in world_ras_mm:
            lines.InsertCellPoint(points.InsertNextPoint(*place))
        drawn = vtk.vtkPolyData()
        drawn.SetPoints(points)
        drawn.SetLines(lines)
        self._node.SetAndObserveMesh(drawn)

    def remove(self) -> None:
        """Take the line away."""
        node, self._node = self._node, None
        if node is not None and node.GetScene() is self._scene:
            display = node.GetDisplayNode()
            self._scene.RemoveNode(node)
            self._scene.RemoveNode(display)

    def _made(self, slice_node: Any, colour: Colour) -> Any:
        display = slicer.vtkMRMLModelDisplayNode()
        display.SetVisibility2D(True)
        display.SetSliceDisplayModeToProjection()  # a line that lies in the slice has no intersection with it
        display.SetSliceIntersectionThickness(WIDTH_PIXELS)
        display.SetColor(*colour)
        display.AddViewNodeID(slice_node.GetID())
        node = slicer.vtkMRMLModelNode()
        node.SetName(NAME)
        for one in (display, node):
            one.SetHideFromEditors(True)
            one.SetSaveWithScene(False)
            self._scene.AddNode(one)
        node.SetAndObserveDisplayNodeID(display.GetID())
        return node
