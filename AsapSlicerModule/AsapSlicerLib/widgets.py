"""What all panels build with. Written for PythonQt and PySide6 alike: setters, `signal.connect`, `read` for properties."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ctk
import qt

OPENED, FOLDED = "open", "folded"


def read(widget: Any, name: str) -> Any:
    """A Qt property by its name: PythonQt and PySide6 differ in everything but this."""
    return widget.property(name)


def every(milliseconds: int, call: Callable[[], None]) -> Any:
    """A running timer."""
    timer = qt.QTimer()
    timer.setInterval(milliseconds)
    timer.timeout.connect(lambda *_args: call())
    timer.start()
    return timer


def button(text: str, tip: str, call: Callable[[], None]) -> Any:
    """A push button that says what it does."""
    made = qt.QPushButton(text)
    made.setToolTip(tip)
    made.clicked.connect(lambda *_args: call())
    return made


def label(name: str = "") -> Any:
    """A label that wraps, and shows what comes from a server or a report as it stands: never as rich text."""
    made = qt.QLabel("")
    made.setObjectName(name)
    made.setTextFormat(qt.Qt.PlainText)
    made.setWordWrap(True)
    return made


def say(told: Any, text: str) -> None:
    """Show a label's text; an empty label takes no room."""
    told.setText(text)
    told.setVisible(bool(text))


class Box:
    """A titled box that folds, appended to a layout. `form` holds its rows.

    opened: while nobody has chosen; what a person opens or folds is remembered under the box's name, on this computer.
    """

    def __init__(self, name: str, title: str, layout: Any, *, opened: bool = False) -> None:
        self._key, self._by_us = f"ASAP/Boxes/{name}", False
        self._settings = qt.QSettings()
        self.button = ctk.ctkCollapsibleButton()
        self.button.setObjectName(f"Asap{name}Box")
        self.button.setText(title)
        layout.addWidget(self.button)
        self.form = qt.QFormLayout(self.button)
        chosen = self._chosen()
        self.button.collapsed = not opened if not chosen else chosen == FOLDED
        self.button.contentsCollapsed.connect(lambda folded: self._folded(bool(folded)))

    def show(self) -> None:
        """Open it now, whatever was chosen: something in it waits for an answer."""
        self._turn(opened=True)

    def suggest(self, *, opened: bool) -> None:
        """Open or fold it, unless a person has chosen."""
        if not self._chosen():
            self._turn(opened=opened)

    def _turn(self, *, opened: bool) -> None:
        self._by_us = True
        self.button.collapsed = not opened
        self._by_us = False

    def _chosen(self) -> str:
        return str(self._settings.value(self._key) or "")

    def _folded(self, folded: bool) -> None:
        if not self._by_us:
            self._settings.setValue(self._key, FOLDED if folded else OPENED)


def row(*widgets: Any) -> Any:
    """Widgets side by side."""
    made = qt.QHBoxLayout()
    for widget in widgets:
        made.addWidget(widget)
    return made
