"""The mouse in slice views -> places in the world, RAS+ mm. Works with any VTK interactor, on the desktop and in tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import vtk

from .volume_nodes import Point

STILL_PIXELS = 3  # a press and release this near is a click, more is a drag


def nothing(_place: Point, _shift: bool) -> None:
    """For faces that do not listen."""


class SliceClicks:
    """Watches slice views until `stop()`.

    asked: ctrl-click at a place. tapped: a plain click, and whether shift was held. moved: the mouse is there, and the same.
    """

    def __init__(
        self,
        asked: Callable[[Point], None],
        tapped: Callable[[Point, bool], None] = nothing,
        moved: Callable[[Point, bool], None] = nothing,
    ) -> None:
        self._asked, self._tapped, self._moved = asked, tapped, moved
        self._pressed: tuple[int, int] | None = None
        self._observed: list[tuple[Any, int]] = []

    def watch(self, interactor: Any, slice_node: Any) -> None:
        """Report the mouse in the view of `slice_node`."""

        def pressed(caller: Any, _event: str) -> None:
            self._pressed = None
            if caller.GetControlKey():
                self._asked(place_of(slice_node, caller.GetEventPosition()))
            else:
                self._pressed = caller.GetEventPosition()

        def released(caller: Any, _event: str) -> None:
            start, self._pressed = self._pressed, None
            end = caller.GetEventPosition()
            if start is not None and max(abs(a - b) for a, b in zip(start, end, strict=True)) <= STILL_PIXELS:
                self._tapped(place_of(slice_node, end), bool(caller.GetShiftKey()))

        def went(caller: Any, _event: str) -> None:
            self._moved(place_of(slice_node, caller.GetEventPosition()), bool(caller.GetShiftKey()))

        events = vtk.vtkCommand
        for event, call in (
            (events.LeftButtonPressEvent, pressed),
            (events.LeftButtonReleaseEvent, released),
            (events.MouseMoveEvent, went),
        ):
            self._observed.append((interactor, interactor.AddObserver(event, call, 1.0)))

    def stop(self) -> None:
        """Stop watching all views."""
        for interactor, tag in self._observed:
            interactor.RemoveObserver(tag)
        self._observed.clear()


def place_of(slice_node: Any, pixel: tuple[int, int]) -> Point:
    """World position of a pixel of a slice view."""
    r, a, s, _w = slice_node.GetXYToRAS().MultiplyPoint((*pixel, 0.0, 1.0))
    return r, a, s
