"""The row that draws an organ by its name. Qt."""

from __future__ import annotations

from typing import Any

import qt

from .events import Event
from .i18n import _
from .logic import AsapLogic
from .organs import Organs
from .widgets import Box, button, label, read, row, say


class OrganRow:
    """Listens to the logic; a segment appears in ASAP segments."""

    def __init__(self, layout: Any) -> None:
        self._organs: Organs | None = None
        self._waits = False
        self._targets: dict[str, str] = {}
        form = Box("Organs", _("Organs"), layout).form
        self.choice = qt.QComboBox()
        self.choice.setAccessibleName(_("Organ"))
        self.draw = button(_("Draw"), _("The model draws the organ as a segment"), self._draw)
        self.told = label("AsapOrgan")
        self.told.setVisible(False)
        form.addRow(row(self.choice, self.draw))
        form.addRow(self.told)
        self._enable()

    def start_logic(self, logic: AsapLogic) -> None:
        """Listen from now on."""
        self._organs = Organs(logic)
        logic.listeners.append(self.on_event)
        self._enable()

    def on_event(self, event: Event) -> None:
        """The logic has news."""
        if event.kind == "segment" and self._waits:
            self._waits = False
            say(self.told, event.message)
        elif event.kind == "error":
            self._waits = False
        elif event.kind in ("server", "case"):
            say(self.told, "")
            self._enable()

    def _draw(self) -> None:
        if self._organs is not None:
            self._waits = True
            self._organs.draw(list(self._targets)[int(read(self.choice, "currentIndex"))])

    def _enable(self) -> None:
        targets = self._targets if self._organs is None else self._organs.targets()
        if targets != self._targets:
            self._targets = targets
            self.choice.clear()
            self.choice.addItems(list(targets.values()))
        self.draw.setEnabled(self._organs is not None and self._organs.offered)
