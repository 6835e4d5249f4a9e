"""The row of the report panel that corrects a lesion: what it measures, one step back or forward, done. Qt."""

from __future__ import annotations

from typing import Any

import qt

from .events import Event
from .i18n import _
from .logic import AsapLogic
from .volume_nodes import Point
from .widgets import button, label, row


class LesionRow:
    """Shown while clicks correct a lesion."""

    def __init__(self, form: Any) -> None:
        self._logic: AsapLogic | None = None
        self.frame = qt.QFrame()
        self.frame.setFrameShape(qt.QFrame.StyledPanel)
        inside = qt.QVBoxLayout(self.frame)
        self.told = label("AsapLesion")
        self.undo = button(_("Undo click"), _("One step back."), self._undo)
        self.redo = button(_("Redo click"), _("One step forward again."), self._redo)
        self.done = button(_("Segment is right"), _("Clicks in the slices mean nothing any more."), self._done)
        inside.addWidget(self.told)
        inside.addLayout(row(self.undo, self.redo, self.done))
        self.frame.setVisible(False)
        form.addRow(self.frame)

    def start_logic(self, logic: AsapLogic) -> None:
        """Listen from now on."""
        self._logic = logic
        logic.listeners.append(self.on_event)

    def on_event(self, event: Event) -> None:
        """The logic has news."""
        if event.kind in ("segment", "progress", "error", "report", "case"):
            self._show()

    def tapped(self, world_ras_mm: Point, shift: bool) -> None:
        """The reader clicked in a slice: that place belongs to the lesion, with shift it does not."""
        if self._logic is not None and self._logic.lesions.active:
            self._logic.lesions.click(world_ras_mm, inside=not shift)
            self._show()

    def _show(self) -> None:
        lesions = self._logic.lesions if self._logic is not None else None
        self.frame.setVisible(lesions is not None and lesions.active)
        if lesions is None:
            return
        hint = _("Click in a slice: that place belongs to it. Shift+click: it does not.")
        self.told.setText(f"{lesions.measures}. {hint}" if lesions.measures else _("The segment is being made."))
        self.undo.setEnabled(lesions.can_undo)
        self.redo.setEnabled(lesions.can_redo)
        self.done.setEnabled(lesions.step is not None)

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
