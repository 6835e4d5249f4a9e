"""What all panels build with. Written for PythonQt and PySide6 alike: setters, `signal.connect`, `read` for properties."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ctk
import qt


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


def box(title: str, layout: Any) -> Any:
    """A titled, collapsible box appended to a layout; returns its form layout."""
    made = ctk.ctkCollapsibleButton()
    made.setText(title)
    layout.addWidget(made)
    return qt.QFormLayout(made)


def row(*widgets: Any) -> Any:
    """Widgets side by side."""
    made = qt.QHBoxLayout()
    for widget in widgets:
        made.addWidget(widget)
    return made
