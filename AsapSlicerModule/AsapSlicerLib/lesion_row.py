"""The row of the report panel for one lesion: begun, corrected by clicks, strokes or a box, a step back or forward. Qt."""

from __future__ import annotations

from typing import Any

import qt

from .events import Event
from .i18n import _
from .lesion_tools import LesionTools, Tool
from .logic import AsapLogic
from .volume_nodes import Point
from .widgets import button, label, row


class LesionRow:
    """`new` begins a lesion; `frame` is shown while one is corrected. Keys act in slices."""

    def __init__(self) -> None:
        self._logic: AsapLogic | None = None
        self._tools: LesionTools | None = None
        self.frame = qt.QFrame()
        self.frame.setFrameShape(qt.QFrame.StyledPanel)
        inside = qt.QVBoxLayout(self.frame)
        self.new = button(
            _("New lesion"),
            _("Then click inside it in a slice: the server cuts it out of the image (key X)."),
            self._new,
        )
        self.scribble = button(
            _("Scribble"), _("Draw lines in a slice; with Shift outside the lesion (key W)."), lambda: self._choose("scribble")
        )
        self.box = button(
            _("Box"),
            _("Drag a rectangle around the lesion; it is as deep as its shorter side (key B)."),
            lambda: self._choose("box"),
        )
        self.told = label("AsapLesion")
        self.undo = button(_("Undo click"), _("One step back (key Z)."), self._undo)
        self.redo = button(_("Redo click"), _("One step forward again (key Y)."), self._redo)
        self.done = button(_("Segment is right"), _("Clicks in the slices mean nothing any more (key D)."), self._done)
        for tool in (self.scribble, self.box):
            tool.setCheckable(True)
        inside.addWidget(self.told)
        inside.addLayout(row(self.scribble, self.box, self.undo, self.redo))
        inside.addWidget(self.done)
        self._show()

    def start_logic(self, logic: AsapLogic) -> None:
        """Listen from now on."""
        self._logic, self._tools = logic, LesionTools(logic)
        logic.listeners.append(self.on_event)
        self._show()

    def on_event(self, event: Event) -> None:
        """The logic has news."""
        if event.kind in ("segment", "progress", "error", "report", "case", "server"):
            self._show()

    # the mouse and keys in slices

    def tapped(self, world_ras_mm: Point, shift: bool) -> None:
        """The reader clicked in a slice: that place belongs to the lesion, with shift it does not."""
        if self._tools is not None:
            self._tools.tapped(world_ras_mm, shift)
            self._show()

    def down(self, slice_node: Any, world_ras_mm: Point, shift: bool) -> bool:
        """The button goes down; whether what follows is a drawing."""
        return self._tools is not None and self._tools.down(slice_node, world_ras_mm, shift)

    def move(self, world_ras_mm: Point) -> None:
        """The mouse is moved with the button down."""
        if self._tools is not None:
            self._tools.move(world_ras_mm)

    def up(self, world_ras_mm: Point) -> None:
        """The button is let go."""
        if self._tools is not None:
            self._tools.up(world_ras_mm)
            self._show()

    def typed(self, key: str) -> bool:
        """A key in a slice; whether it was meant for the lesion."""
        pressed = {"x": self.new, "w": self.scribble, "b": self.box, "z": self.undo, "y": self.redo, "d": self.done}.get(
            key.lower()
        )
        if pressed is None or self._logic is None or not (pressed is self.new or self._logic.lesions.active):
            return False
        pressed.click()
        return True

    # the reader acts

    def _new(self) -> None:
        if self._tools is not None:
            self._tools.begin()

    def _choose(self, tool: Tool) -> None:
        if self._tools is not None:
            self._tools.choose(tool)

    def _undo(self) -> None:
        if self._logic is not None:
            self._logic.lesions.undo()

    def _redo(self) -> None:
        if self._logic is not None:
            self._logic.lesions.redo()

    def _done(self) -> None:
        if self._logic is not None:
            self._logic.lesions.finish()
            self._show()

    def _show(self) -> None:
        tools, lesions = self._tools, self._logic.lesions if self._logic is not None else None
        self.new.setEnabled(tools is not None and tools.offered)
        self.frame.setVisible(lesions is not None and lesions.active)
        if lesions is None or tools is None:
            return
        self.told.setText(tools.told)
        self.scribble.setChecked(tools.tool == "scribble")
        self.box.setChecked(tools.tool == "box")
        self.undo.setEnabled(lesions.can_undo)
        self.redo.setEnabled(lesions.can_redo)
        self.done.setEnabled(lesions.step is not None or lesions.waits)
