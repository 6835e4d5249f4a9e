"""The mouse in slice views -> places in the world, RAS+ mm. Works with any VTK interactor, on the desktop and in tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import vtk

from .volume_nodes import Point

STILL_PIXELS = 3  # a press and release this near is a click, more is a drag


def nothing(_place: Point, _shift: bool) -> None:
    """For faces that do not listen."""


def no_key(_key: str) -> bool:
    """For faces that hear keys elsewhere."""
    return False


class Pen(Protocol):
    """What draws by dragging. While it does, nothing else hears of the mouse."""

    def down(self, slice_node: Any, world_ras_mm: Point, shift: bool) -> bool:
        """The button goes down; whether what follows is a drawing."""

    def move(self, world_ras_mm: Point) -> None:
        """The mouse is moved with the button down."""

    def up(self, world_ras_mm: Point) -> None:
        """The button is let go."""


class SliceClicks:
    """Watches slice views until `stop()`.

    asked: ctrl-click at a place. tapped: a plain click, and whether shift was held. moved: the mouse is there, and the same.
    pen: draws by dragging. typed: a key while the view has the focus; true keeps it from everyone else.
    """

    def __init__(
        self,
        asked: Callable[[Point], None],
        tapped: Callable[[Point, bool], None] = nothing,
        moved: Callable[[Point, bool], None] = nothing,
        *,
        pen: Pen,
        typed: Callable[[str], bool] = no_key,
    ) -> None:
        self._asked, self._tapped, self._moved, self._pen, self._typed = asked, tapped, moved, pen, typed
        self._pressed: tuple[int, int] | None = None
        self._drawing = False
        self._observed: list[tuple[Any, int]] = []

    def watch(self, interactor: Any, slice_node: Any) -> None:
        """Report the mouse in the view of `slice_node`."""

        def pressed(caller: Any) -> bool:
            self._pressed = None
            place = place_of(slice_node, caller.GetEventPosition())
            if caller.GetControlKey():
                self._asked(place)
            elif self._pen.down(slice_node, place, bool(caller.GetShiftKey())):
                self._drawing = True
            else:
                self._pressed = caller.GetEventPosition()
            return self._drawing

        def released(caller: Any) -> bool:
            start, self._pressed = self._pressed, None
            end = caller.GetEventPosition()
            if self._drawing:
                self._drawing = False
                self._pen.up(place_of(slice_node, end))
                return True
            if start is not None and max(abs(a - b) for a, b in zip(start, end, strict=True)) <= STILL_PIXELS:
                self._tapped(place_of(slice_node, end), bool(caller.GetShiftKey()))
            return False

        def went(caller: Any) -> bool:
            place = place_of(slice_node, caller.GetEventPosition())
            if self._drawing:
                self._pen.move(place)
            self._moved(place, bool(caller.GetShiftKey()))
            return self._drawing

        events = vtk.vtkCommand
        self._observe(interactor, events.LeftButtonPressEvent, pressed)
        self._observe(interactor, events.LeftButtonReleaseEvent, released)
        self._observe(interactor, events.MouseMoveEvent, went)
        self._observe(interactor, events.KeyPressEvent, lambda caller: self._typed(str(caller.GetKeySym() or "")))

    def _observe(self, interactor: Any, event: int, act: Callable[[Any], bool]) -> None:
        """act: before anyone else hears of the event; true keeps it from them."""
        tags: list[int] = []

        def heard(caller: Any, _event: str) -> None:
            if act(caller):
                caller.GetCommand(tags[0]).SetAbortFlag(1)

        tags.append(interactor.AddObserver(event, heard, 1.0))
        self._observed.append((interactor, tags[0]))

    def stop(self) -> None:
        """Stop watching all views."""
        for interactor, tag in self._observed:
            interactor.RemoveObserver(tag)
        self._observed.clear()


def place_of(slice_node: Any, pixel: tuple[int, int]) -> Point:
    """World position of a pixel of a slice view."""
    r, a, s, _w = slice_node.GetXYToRAS().MultiplyPoint((*pixel, 0.0, 1.0))
    return r, a, s
