"""Ctrl-click in a slice view -> the place in the world, RAS+ mm. Works with any VTK interactor, on the desktop and in tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import vtk

from .volume_nodes import Point


class SliceClicks:
    """Watches slice views until `stop()`."""

    def __init__(self, clicked: Callable[[Point], None]) -> None:
        self._clicked = clicked
        self._observed: list[tuple[Any, int]] = []

    def watch(self, interactor: Any, slice_node: Any) -> None:
        """Report ctrl-clicks in the view of `slice_node`."""

        def pressed(caller: Any, _event: str) -> None:
            if caller.GetControlKey():
                self._clicked(place_of(slice_node, caller.GetEventPosition()))

        self._observed.append((interactor, interactor.AddObserver(vtk.vtkCommand.LeftButtonPressEvent, pressed, 1.0)))

    def stop(self) -> None:
        """Stop watching all views."""
        for interactor, tag in self._observed:
            interactor.RemoveObserver(tag)
        self._observed.clear()


def place_of(slice_node: Any, pixel: tuple[int, int]) -> Point:
    """World position of a pixel of a slice view."""
    r, a, s, _w = slice_node.GetXYToRAS().MultiplyPoint((*pixel, 0.0, 1.0))
    return r, a, s
