"""The box for labelling a server's studies: the next one without a label, its segments submitted. Qt."""

from __future__ import annotations

from typing import Any

import qt
import slicer

from .datastore_images import Held
from .events import Event
from .i18n import _
from .image_files import opened_volume
from .label_desk import LabelDesk
from .logic import AsapLogic
from .widgets import Box, button, label, read, row, say


class LabelRow:
    """Listens to the logic; the study that is opened becomes the chosen CT."""

    def __init__(self, layout: Any) -> None:
        self._logic: AsapLogic | None = None
        self._desk: LabelDesk | None = None
        form = Box("Labelling", _("Label studies"), layout).form
        self.strategy = qt.QComboBox()
        self.strategy.setAccessibleName(_("How the next study is chosen"))
        self.next = button(
            _("Next unlabelled case"), _("Open the study of the server's datastore that is best labelled next."), self._next
        )
        self.submit = button(
            _("Submit labels"), _("Send the segments of this CT, as they are now, as the label of its study."), self._submit
        )
        self.told = label("AsapLabelling")
        form.addRow(_("Chosen by:"), self.strategy)
        form.addRow(row(self.next, self.submit))
        form.addRow(self.told)
        self._show()

    def start_logic(self, logic: AsapLogic) -> None:
        """Listen from now on."""
        self._logic, self._desk = logic, LabelDesk(logic, self._opened)
        logic.listeners.append(self.on_event)
        self._show()

    def on_event(self, event: Event) -> None:
        """The logic has news."""
        if event.kind in ("label", "error", "server", "case", "progress", "segment"):
            self._show()

    def _opened(self, data: bytes, held: Held) -> None:
        if self._logic is None:
            return
        try:
            node = opened_volume(self._logic.scene, data, held)
        except ValueError as error:
            self._logic.fail(error)
            return
        self._logic.choose_volume(node)
        slicer.util.setSliceViewerLayers(background=node, fit=True)

    def _next(self) -> None:
        if self._desk is not None and self._desk.strategies:
            self._desk.next_case(self._desk.strategies[int(read(self.strategy, "currentIndex"))].name)

    def _submit(self) -> None:
        if self._desk is not None:
            self._desk.submit()

    def _show(self) -> None:
        desk, logic = self._desk, self._logic
        names = [] if desk is None else [strategy.name for strategy in desk.strategies]
        if desk is not None and names != [self.strategy.itemText(n) for n in range(int(read(self.strategy, "count")))]:
            self.strategy.clear()
            for strategy in desk.strategies:
                self.strategy.addItem(strategy.name)
                self.strategy.setItemData(int(read(self.strategy, "count")) - 1, strategy.description, qt.Qt.ToolTipRole)
            self.strategy.setCurrentIndex(names.index(desk.usual) if names else -1)
        idle = desk is not None and not desk.busy
        self.next.setEnabled(idle and bool(names))
        self.submit.setEnabled(idle and logic is not None and logic.server is not None and bool(desk and desk.study))
        say(self.told, "" if desk is None else desk.told)
