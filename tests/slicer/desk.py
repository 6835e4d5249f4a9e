"""A reader at the module: its own source on PySide6, a scene of slicer-core, a server on a socket, real mouse and key events."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PySide6 import QtCore, QtWidgets
from PySide6.QtTest import QTest

from tests.client.scripted import TOKEN, Scripted
from tests.slicer import qt_shim
from tests.slicer.scene import SlicerScene

SHAPE = (40, 40, 40)
SPACING_MM = 3.0
SENTENCES = ("Nodule in the right upper lobe.", "Small left pleural effusion.", "Heart is enlarged.")
WAIT_S = 20.0


@dataclass
class Desk:
    """One reader's session."""

    application: Any
    stage: SlicerScene
    layouts: qt_shim.LayoutManager
    parent: Any
    widget: Any
    server: Any
    ct: Any

    def until(self, what: Callable[[], object], seconds: float = WAIT_S) -> None:
        """Let the window live until something is true."""
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end, "it never happened"
            QTest.qWait(10)

    def click(self, button: Any) -> None:
        """Press a button with the mouse; opens its box first, as one has to."""
        above = button.parentWidget()
        while above is not None:
            if isinstance(above, sys.modules["ctk"].ctkCollapsibleButton) and above.collapsed:
                above.collapsed = False
                QTest.qWait(1)
            above = above.parentWidget()
        QTest.mouseClick(button, QtCore.Qt.MouseButton.LeftButton)

    def press(self, target: Any, keys: str) -> None:
        """Type on a widget."""
        QTest.keyClicks(target, keys)

    def foreground(self) -> str | None:
        """Name of what lies over the CT in the slices."""
        composite = self.stage.slice_logics["Axial"].GetSliceCompositeNode()
        node = self.stage.scene.GetNodeByID(composite.GetForegroundVolumeID() or "")
        return None if node is None else node.GetName()

    def connect(self) -> None:
        """Type address and token, press the button."""
        panel = self.widget.case_panel.server
        panel.url.setEditText(self.server.url)
        panel.token.setText(getattr(self.server, "token", TOKEN))
        self.click(panel.test)
        self.until(lambda: self.widget.logic.server is not None)

    def choose_ct(self) -> None:
        """Pick the CT in the list."""
        self.widget.case_panel.list_volumes()
        self.widget.case_panel.volumes.setCurrentIndex(1)

    def ask(self) -> None:
        """Three sentences, typed and entered one by one; the first makes the case go up."""
        report = self.widget.report_panel
        for number, sentence in enumerate(SENTENCES):
            self.press(report.report.sentence, sentence)
            QTest.keyClick(report.report.sentence, QtCore.Qt.Key.Key_Return)
            if number == 0:
                self.until(self.widget.case_panel.consent.isVisible)
                self.click(self.widget.case_panel.allow)
            self.until(lambda number=number: len(self.rows()) == number + 1)

    def rows(self) -> list[Any]:
        """Items of the list of sentences."""
        tree = self.widget.report_panel.list
        tops = [tree.topLevelItem(n) for n in range(tree.topLevelItemCount)]
        return [top.child(n) for top in tops for n in range(top.childCount())]

    def click_row(self, index: int) -> None:
        """Click a sentence with the mouse, where the list is scrolled to it."""
        tree = self.widget.report_panel.list
        tree.scrollToItem(self.rows()[index])
        place = tree.visualItemRect(self.rows()[index]).center()
        place.setX(200)
        QTest.mouseClick(tree.viewport(), QtCore.Qt.MouseButton.LeftButton, pos=place)


def _affine() -> Any:
    """Rows to the left, columns to the back, centred at the world's origin. numpy only: Slicer's Python has no more."""
    affine = np.diag([-SPACING_MM, -SPACING_MM, SPACING_MM, 1.0])
    affine[:3, 3] = -affine[:3, :3] @ ((np.asarray(SHAPE) - 1) / 2)
    return affine


@contextmanager
def open_desk(folder: Path, server: Any = None, *, ct: Any = None, forget: bool = True) -> Iterator[Desk]:
    """The module opened in Slicer. server: one with url and token in place of the scripted. ct: voxels, affine.

    forget: begin without what was remembered on this computer.
    """
    application = qt_shim.install(str(folder))
    if forget:
        QtCore.QSettings().clear()
    stage = SlicerScene()
    layouts = qt_shim.put_scene(stage.scene, stage.slice_logics)
    import AsapSlicerModule

    voxels, affine = ct if ct is not None else (np.zeros(SHAPE, np.int16), _affine())
    node = stage.volume(voxels, affine)
    parent = QtWidgets.QWidget()
    QtWidgets.QVBoxLayout(parent)
    parent.resize(520, 1150)
    widget = AsapSlicerModule.AsapSlicerModuleWidget(parent)
    widget.setup()
    parent.show()
    widget.enter()
    try:
        if server is not None:
            yield Desk(application, stage, layouts, parent, widget, server, node)
        else:
            with Scripted(wait_for_jobs=False) as scripted:
                yield Desk(application, stage, layouts, parent, widget, scripted, node)
    finally:
        widget.exit()
        widget.cleanup()
        parent.close()
        stage.close()
