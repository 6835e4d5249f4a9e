"""The mouse in slice views on the lesion at hand: click, scribble or box. One logic for both faces.

A rectangle in a slice is made a box as deep as its shorter side, half of it to each side of the slice: lesions are about as deep
as they are wide, and a long one's short side is the better guess of what no slice shows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np

from . import volume_nodes
from .colours import REGION_COLOURS, Colour, region_colour
from .drawn_line import DrawnLine
from .events import Event
from .i18n import _
from .lesions import KEY
from .logic import AsapLogic
from .segment_list import segment_names
from .volume_nodes import Point

Tool = Literal["point", "scribble", "box"]
TOOLS: tuple[Tool, ...] = get_args(Tool)
STEP_MM = 2.0  # between the places of a stroke that are told
SMALLEST_BOX_MM = 3.0
INSIDE_COLOUR: Colour = (0.25, 1.0, 0.45)
OUTSIDE_COLOUR: Colour = REGION_COLOURS[5]
# Translated one at a time when asked for: for a lesion that is nowhere yet, and for one that is corrected.
HINTS: dict[Tool, tuple[Callable[[], str], Callable[[], str]]] = {
    "point": (
        lambda: _("Click inside the lesion in a slice."),
        lambda: _("Click in a slice: that place belongs to it. Shift+click: it does not."),
    ),
    "scribble": (
        lambda: _("Draw a line inside the lesion in a slice."),
        lambda: _("Draw in a slice: what is under the line belongs to it. With Shift: it does not."),
    ),
    "box": (
        lambda: _("Drag a rectangle around the lesion in a slice."),
        lambda: _("Drag a rectangle in a slice: nothing outside belongs to it. It is as deep as its shorter side."),
    ),
}


class LesionTools:
    """What a face's mouse does to `logic.lesions`. All methods are for the GUI thread. Watched by `SliceClicks` as its pen."""

    def __init__(self, logic: AsapLogic) -> None:
        self._logic = logic
        self._line = DrawnLine(logic.scene)
        self._tool: Tool = "point"
        self._view: Any = None
        self._places: list[Point] = []
        self._outside = False

    @property
    def offered(self) -> bool:
        """Whether the server cuts lesions out of the chosen CT."""
        return self._logic.volume is not None and self._logic.session.can(KEY)

    @property
    def tool(self) -> Tool:
        """What dragging does now."""
        return self._tool if self._logic.lesions.active else "point"

    @property
    def told(self) -> str:
        """What is drawn and what to do next, for the reader."""
        lesions = self._logic.lesions
        if lesions.waits:
            return HINTS[self.tool][0]()
        return f"{lesions.measures}. {HINTS[self.tool][1]()}" if lesions.measures else _("The segment is being made.")

    def begin(self) -> None:
        """A new lesion: the next click, stroke or box makes it."""
        if not self.offered:
            return
        names = segment_names(self._logic.scene, self._logic.volume)
        numbered = (_("Lesion {n}").format(n=n) for n in range(1, len(names) + 2))
        name = next(name for name in numbered if name not in names)
        self._tool = "point"
        self._logic.lesions.begin_by_hand(self._logic.volume, name, region_colour(len(names)))

    def choose(self, tool: Tool) -> None:
        """Drag another way from now on; the same again goes back to clicks."""
        if self._logic.lesions.active:
            self._tool = "point" if tool == self._tool else tool
            self._logic.tell(Event("segment"))

    def tapped(self, world_ras_mm: Point, shift: bool) -> None:
        """A click in a slice: that place belongs to the lesion, with shift it does not."""
        self._logic.lesions.click(world_ras_mm, inside=not shift)

    # the pen

    def down(self, slice_node: Any, world_ras_mm: Point, shift: bool) -> bool:
        """The button goes down; whether what follows is a drawing."""
        if self.tool == "point":
            return False
        self._view, self._places, self._outside = slice_node, [world_ras_mm], shift
        return True

    def move(self, world_ras_mm: Point) -> None:
        """The mouse is moved with the button down."""
        far = float(np.linalg.norm(np.subtract(world_ras_mm, self._places[-1]))) >= STEP_MM
        if self.tool == "box":
            self._places = [self._places[0], world_ras_mm]
        elif far:
            self._places.append(world_ras_mm)
        if len(self._places) > 1:
            shown = rectangle(self._view, *self._places) if self.tool == "box" else self._places
            outside = self._outside and self.tool == "scribble"
            self._line.show(self._view, shown, OUTSIDE_COLOUR if outside else INSIDE_COLOUR)

    def up(self, world_ras_mm: Point) -> None:
        """The button is let go: what was drawn is said."""
        self._line.remove()
        start = self._places[0]
        if self.tool == "scribble":
            self._logic.lesions.stroke([*self._places, world_ras_mm], inside=not self._outside)
        elif self.tool == "box":
            corners = box_corners(self._view, start, world_ras_mm)
            if corners is None:
                self._logic.tell(Event("segment", _("Drag a rectangle around the lesion in a slice.")))
                return
            self._tool = "point"
            self._logic.lesions.enclose(corners)


def rectangle(slice_node: Any, start: Point, end: Point) -> list[Point]:
    """The outline of a rectangle along a slice view's sides, closed, world RAS+ mm."""
    across = _across(slice_node, start, end)
    corners = (np.zeros(3), across[0], across[0] + across[1], across[1], np.zeros(3))
    return [_point(np.asarray(start) + corner) for corner in corners]


def box_corners(slice_node: Any, start: Point, end: Point) -> list[Point] | None:
    """The eight corners of the box a rectangle in a slice stands for, world RAS+ mm; None for one too small to be meant."""
    sides = _across(slice_node, start, end)
    depth_mm = min(float(np.linalg.norm(side)) for side in sides)
    if depth_mm < SMALLEST_BOX_MM:
        return None
    normal = volume_nodes.numpy_matrix(slice_node.GetSliceToRAS())[:3, 2]
    flat = rectangle(slice_node, start, end)[:4]
    return [_point(np.asarray(corner) + half * depth_mm * normal) for corner in flat for half in (-0.5, 0.5)]


def _across(slice_node: Any, start: Point, end: Point) -> tuple[Any, Any]:
    """From one corner to the next along the view's columns and along its rows, mm."""
    axes = volume_nodes.numpy_matrix(slice_node.GetSliceToRAS())[:3, :2]
    moved = np.subtract(end, start)
    return axes[:, 0] * (moved @ axes[:, 0]), axes[:, 1] * (moved @ axes[:, 1])


def _point(place: Any) -> Point:
    r, a, s = (float(mm) for mm in place)
    return r, a, s
