"""The tutorial's pictures: the module's panel beside three slice views, on a generated case, with the real server.

    python -m tests.slicer.tutorial_pictures [FOLDER]

The panel is the module's own source on PySide6, the slices are Slicer's own reslice and blend; the window around them is not
3D Slicer's, which cannot be run where these are made.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests import conftest as translated  # noqa: F401 - Slicer's translator, before the first of the module's sources
from tests.slicer import conftest  # noqa: F401 - puts the module's folder on the path

# isort: split
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PySide6 import QtCore, QtGui
from PySide6.QtTest import QTest
from vtk.util.numpy_support import vtk_to_numpy

from asap.phantom.case import generate_case
from tests.server.live import live_server
from tests.slicer.desk import Desk, open_desk

FOLDER = Path(__file__).parents[2] / "AsapSlicerModule" / "Resources" / "Screenshots"
SEED = 3
PANEL_PIXELS, VIEW_PIXELS, GAP = (500, 1050), 346, 6
CONSENT_PIXELS = (PANEL_PIXELS[0], 260)
LUNG_WINDOW = (1500.0, -600.0)
WHOLE_PANEL, ABOVE_QUESTION = 1700, 300
WAIT_S = 300.0
COLOURS = 192
FINDING = re.compile(r"mass(?:es)?|tumou?rs?", re.IGNORECASE)


def slice_picture(logic: Any) -> NDArray[np.uint8]:
    """What a slice view shows, [row, column, rgb] from the top."""
    logic.UpdatePipeline()
    blend = logic.GetBlend()
    blend.Update()
    image = blend.GetOutput()
    columns, rows, _ = image.GetDimensions()
    flat = vtk_to_numpy(image.GetPointData().GetScalars())
    rgba = flat.reshape(rows, columns, -1)[::-1]
    return np.ascontiguousarray(np.where(rgba[..., 3:] > 0, rgba[..., :3], 0))


def picture(desk: Desk, top: int = 0) -> QtGui.QImage:
    """The panel at the left, scrolled to `top`, the slices in a column beside it."""
    QTest.qWait(150)
    panel = desk.parent.grab().toImage()
    page = QtGui.QImage(PANEL_PIXELS[0] + GAP + VIEW_PIXELS, PANEL_PIXELS[1], QtGui.QImage.Format.Format_RGB888)
    page.fill(QtGui.QColor(20, 20, 20))
    painter = QtGui.QPainter(page)
    painter.drawImage(0, -top, panel)
    for number, logic in enumerate(desk.stage.slice_logics.values()):
        rgb = slice_picture(logic)
        view = QtGui.QImage(rgb.data, rgb.shape[1], rgb.shape[0], 3 * rgb.shape[1], QtGui.QImage.Format.Format_RGB888)
        painter.drawImage(PANEL_PIXELS[0] + GAP, number * (VIEW_PIXELS + GAP), view)
    painter.end()
    return page


def prepare_views(desk: Desk) -> None:
    """The CT in all three views, lung window, all of it."""
    display = desk.ct.GetDisplayNode()
    display.AutoWindowLevelOff()
    display.SetWindowLevel(*LUNG_WINDOW)
    for logic in desk.stage.slice_logics.values():
        logic.GetSliceCompositeNode().SetBackgroundVolumeID(desk.ct.GetID())
        logic.GetSliceNode().SetDimensions(VIEW_PIXELS, VIEW_PIXELS, 1)
        logic.FitSliceToAll(VIEW_PIXELS, VIEW_PIXELS)


def save(desk: Desk, path: Path, size: tuple[int, int] | None = None, top: int = 0) -> None:
    """Write a picture with a palette of its own: a third of the bytes."""
    page = picture(desk, top)
    rgb = np.frombuffer(page.constBits(), np.uint8).reshape(page.height(), page.bytesPerLine())[:, : 3 * page.width()]
    image = Image.fromarray(np.ascontiguousarray(rgb).reshape(page.height(), page.width(), 3))
    if size is not None:
        image = image.crop((0, 0, *size))
    image.quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(path, optimize=True)
    sys.stdout.write(f"{path.name}: {path.stat().st_size // 1000} kB\n")


def walk(desk: Desk, report: str, folder: Path) -> None:
    """The tutorial's steps, a picture at some of them."""
    panel, box, logic = desk.widget.case_panel, desk.widget.report_panel.report, desk.widget.logic
    desk.parent.resize(*PANEL_PIXELS)
    prepare_views(desk)
    desk.connect()
    desk.choose_ct()
    desk.click(panel.encode)
    save(desk, folder / "1_consent.png", CONSENT_PIXELS)
    desk.click(panel.allow)
    desk.until(lambda: logic.case is not None, WAIT_S)
    desk.click(box.draft)
    desk.until(lambda: logic.review is not None, WAIT_S)
    desk.click_row(next((index for index, one in enumerate(logic.review.sentences) if one.doubted), 0))
    save(desk, folder / "4_draft.png")
    box.text.setPlainText(report)
    desk.click(box.ask)
    desk.until(lambda: not logic.busy, WAIT_S)
    rows = [index for index, sentence in enumerate(logic.review.sentences) if sentence.answer.map is not None]
    finding = next((index for index in rows if FINDING.search(logic.review.sentences[index].text)), rows[0])
    desk.click_row(finding)
    desk.until(lambda: "Region at" in desk.widget.report_panel.details.text)
    save(desk, folder / "2_sentence.png")
    desk.widget.report_panel.signing.reader.setText("Dr Example")
    desk.widget.report_panel.signing.reader.editingFinished.emit()
    for index in rows[:3]:
        logic.decide(index, "accepted")
    desk.click_row(finding)
    words = logic.review.sentences[finding].text
    logic.edit(finding, FINDING.sub("mass of 4 cm", words, count=1).replace("There are", "There is a"))
    desk.until(lambda: not logic.busy, WAIT_S)
    desk.click_row(finding)
    save(desk, folder / "3_review.png")
    ask(desk, folder)


def ask(desk: Desk, folder: Path) -> None:
    """Three questions; the first of them judged and shown."""
    panel = desk.widget.question_panel
    panel.box.show()
    desk.widget.segment_box.box.show()
    for number, question in enumerate(("Where is the mass?", "How large is the mass?", "Is there a pneumothorax?"), start=1):
        panel.ask(question)
        desk.until(lambda number=number: panel.history.topLevelItemCount == number, WAIT_S)
    panel.buttons["previous"].click()
    panel.buttons["agree"].click()
    desk.parent.resize(PANEL_PIXELS[0], WHOLE_PANEL)
    QTest.qWait(150)
    save(desk, folder / "5_question.png", top=panel.question.mapTo(desk.parent, QtCore.QPoint(0, 0)).y() - ABOVE_QUESTION)


def main(folder: Path) -> None:
    """Write all pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    case = generate_case(SEED, required=("mass",))
    with tempfile.TemporaryDirectory() as name, live_server(Path(name) / "server") as server:
        volume = (np.asarray(case.volume.hu), case.volume.affine)
        with open_desk(Path(name) / "settings", server, ct=volume) as desk:
            walk(desk, case.report, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
