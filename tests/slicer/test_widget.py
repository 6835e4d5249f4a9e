"""The module's own source: its panel on PySide6, a scene of slicer-core, a server on a socket, and real mouse and key events."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PySide6 import QtCore, QtWidgets
from PySide6.QtTest import QTest

from tests.client import scripted
from tests.slicer.desk import SENTENCES, Desk, open_desk


def test_the_source_that_ran_is_the_modules_own(desk: Desk) -> None:
    assert Path(sys.modules["AsapSlicerModule"].__file__).parent.name == "AsapSlicerModule"
    labels = [label.text for label in desk.parent.findChildren(QtWidgets.QLabel) if label.objectName == "AsapBanner"]
    assert labels == ["Research use. AI-generated. Not for diagnosis."]


def test_a_wrong_token_and_a_dead_server_are_named(desk: Desk) -> None:
    panel, status = desk.widget.case_panel.server, desk.widget.case_panel.status
    panel.url.setEditText(desk.server.url)
    panel.token.setText("wrong")
    desk.click(panel.test)
    desk.until(lambda: "Copy the token" in status.text)
    panel.url.setEditText("http://127.0.0.1:9")
    desk.click(panel.test)
    desk.until(lambda: "No server runs at 127.0.0.1" in status.text)
    assert desk.widget.logic.server is None


def test_nothing_leaves_before_the_reader_agrees_once(desk: Desk) -> None:
    desk.connect()
    desk.choose_ct()
    panel = desk.widget.case_panel
    desk.click(panel.encode)
    assert panel.consent.isVisible()
    assert desk.server.url in panel.consent_text.text
    desk.click(panel.refuse)
    QTest.qWait(100)
    assert desk.server.paths("POST") == []
    desk.click(panel.encode)
    desk.click(panel.allow)
    desk.until(lambda: desk.widget.logic.case is not None)
    assert "/studies" in desk.server.paths("POST")
    assert "The model saw" in panel.coverage.text
    desk.click(panel.encode)
    assert not panel.consent.isVisible()
    desk.until(lambda: not desk.widget.logic.busy)
    assert desk.server.paths("POST").count("/studies") == 1


def test_the_list_of_organs_grows_by_the_labels_a_server_offers(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    choice, draw = desk.widget.organ_row.choice, desk.widget.organ_row.draw
    plain = [choice.itemText(number) for number in range(choice.count)]
    assert plain[0] == "Lungs"
    assert not draw.isEnabled()
    fine_tuned = {"name": "unetr", "weights_sha256": "cd" * 32, "labels": ["Tumour"]}
    monkeypatch.setitem(scripted.INFO, "label_models", [fine_tuned])
    monkeypatch.setitem(scripted.INFO, "capabilities", ["encode", "ground", "segment"])
    desk.connect()
    desk.until(draw.isEnabled)
    assert [choice.itemText(number) for number in range(choice.count)] == [*plain, "Tumour (unetr)"]


def test_clicking_sentences_draws_jumps_and_clears(desk: Desk) -> None:
    desk.connect()
    desk.choose_ct()
    desk.ask()
    assert [row.text(0) for row in desk.rows()] == list(SENTENCES)
    desk.click_row(1)
    assert desk.foreground() == "ASAP heatmap"
    offset = desk.stage.slice_logics["Axial"].GetSliceNode().GetSliceToRAS().GetElement(2, 3)
    assert offset == pytest.approx(3.0)  # the scripted peak lies at S 3 mm
    report = desk.widget.report_panel
    desk.until(lambda: "Region at the threshold" in report.details.text)
    desk.click(report.clear)
    assert desk.foreground() is None


def test_keys_work_in_the_list_and_nowhere_else(desk: Desk) -> None:
    desk.connect()
    desk.choose_ct()
    desk.ask()
    report, logic = desk.widget.report_panel, desk.widget.logic
    report.signing.reader.setText("Dr Example")
    report.signing.reader.editingFinished.emit()
    desk.parent.activateWindow()
    report.report.text.setFocus()
    desk.press(report.report.text, "A report about a mass near nodes")
    assert [sentence.state for sentence in logic.review.sentences] == ["draft"] * 3
    desk.click_row(0)
    report.list.setFocus()
    for key in ("A", "N", "R", "N"):
        QTest.keyClick(report.list, key.lower())
    assert [sentence.state for sentence in logic.review.sentences] == ["accepted", "rejected", "draft"]
    assert logic.review.sentences[0].decisions[0].author == "Dr Example"
    QTest.keyClick(report.list, "m")
    assert desk.foreground() is None
    QTest.keyClick(report.list, "m")
    assert desk.foreground() == "ASAP heatmap"
    QTest.keyClick(report.list, "e")
    report.edit_line.setText("The heart is normal in size.")
    QTest.keyClick(report.edit_line, QtCore.Qt.Key.Key_Return)
    assert logic.review.sentences[2].state == "edited"
    desk.until(lambda: not logic.busy)
    assert logic.review.sentences[2].answer.text == "The heart is normal in size."
    assert [row.text(3) for row in desk.rows()] == ["accepted", "rejected", "edited"]


def test_a_decided_report_is_signed_and_then_only_amended(desk: Desk) -> None:
    desk.connect()
    desk.choose_ct()
    desk.ask()
    report, logic = desk.widget.report_panel, desk.widget.logic
    for index in range(3):
        desk.click_row(index)
        desk.click(report.buttons["accept"])
    assert not report.signing.sign.isEnabled()  # nobody is named
    report.signing.reader.setText("Dr Example")
    report.signing.reader.editingFinished.emit()
    desk.click(report.signing.sign)
    assert logic.review.signature.author == "Dr Example"
    assert report.signing.told.text.startswith("Signed by Dr Example")
    desk.click_row(1)
    assert not any(report.buttons[name].isEnabled() for name in ("accept", "reject", "edit", "undo"))
    assert desk.foreground() == "ASAP heatmap"  # looking stays possible
    report.signing.amendment.setText("Seen again: stable.")
    QTest.keyClick(report.signing.amendment, QtCore.Qt.Key.Key_Return)
    assert [one.text for one in logic.review.amendments] == ["Seen again: stable."]
    assert "Seen again: stable." in report.signing.told.text


def test_ctrl_click_names_the_sentences_of_a_place(desk: Desk) -> None:
    desk.connect()
    desk.choose_ct()
    desk.ask()
    logic = desk.widget.logic
    slice_node = desk.stage.slice_logics["Axial"].GetSliceNode()
    heat = logic.view.map_of(logic.review, 0)
    peak = heat.affine_ras_mm @ [*np.unravel_index(int(heat.heat_abc.argmax()), heat.heat_abc.shape), 1.0]
    slice_node.JumpSliceByCentering(*peak[:3])
    interactor = desk.layouts.sliceWidget("Axial").interactor()
    width, height, _ = slice_node.GetDimensions()
    interactor.SetEventInformation(width // 2, height // 2, 1, 0)
    interactor.InvokeEvent("LeftButtonPressEvent")
    assert "Of this place speak:" in desk.widget.report_panel.details.text
    assert SENTENCES[0] in desk.widget.report_panel.details.text
    interactor.SetEventInformation(1, 1, 1, 0)
    interactor.InvokeEvent("LeftButtonPressEvent")
    assert desk.widget.report_panel.details.text == "No sentence speaks of this place."


def test_the_panel_looks_as_meant(desk: Desk, tmp_path: Path) -> None:
    desk.connect()
    desk.choose_ct()
    desk.ask()
    desk.click_row(1)
    QTest.qWait(50)
    picture = desk.parent.grab()
    assert picture.save(str(tmp_path / "panel.png"))
    image = picture.toImage()
    colours = {image.pixelColor(x, y).name() for x in range(0, image.width(), 7) for y in range(0, image.height(), 7)}
    assert len(colours) > 5


def boxes(desk: Desk) -> dict[str, bool]:
    """Name of each box, in their order down the panel -> whether it is open."""
    found = sorted(desk.parent.findChildren(sys.modules["ctk"].ctkCollapsibleButton), key=lambda one: one.y)
    return {one.objectName[len("Asap") : -len("Box")]: not one.collapsed for one in found}


def test_the_panel_opens_with_what_a_click_on_a_sentence_needs_and_remembers_what_a_person_folds(tmp_path: Path) -> None:
    with open_desk(tmp_path) as desk:
        QTest.qWait(20)
        shown = boxes(desk)
        assert list(shown) == [
            "Server", "Case", "Report", "Display", "Questions", "Organs", "Segments", "Labelling", "Worklist",
        ]  # fmt: skip
        assert [name for name, is_open in shown.items() if is_open] == ["Server", "Case", "Report"]
        desk.connect()
        assert not boxes(desk)["Server"], "done with"
        desk.widget.case_panel.case_box.button.collapsed = True
        desk.choose_ct()
        desk.widget.logic.encode()
        assert desk.widget.case_panel.allow.isVisible(), "a question to the reader opens its box"
        desk.widget.case_panel.server.box.button.collapsed = False
    with open_desk(tmp_path, forget=False) as desk:
        assert not boxes(desk)["Case"]
        desk.connect()
        assert boxes(desk)["Server"], "the person wants it open"


def test_a_long_sentence_is_read_in_full_in_the_list(desk: Desk) -> None:
    desk.connect()
    desk.choose_ct()
    desk.ask()
    report = desk.widget.report_panel
    short = report.list.visualItemRect(desk.rows()[0]).height()
    words = "A lobulated mass of the left lower lobe reaches the pleura over a length of six centimetres and the hilum."
    desk.widget.logic.edit(1, words)
    desk.until(lambda: desk.rows()[1].text(0) == words)
    column = QtCore.QRect(0, 0, report.list.header().sectionSize(0) - 50, 9999)
    needed = report.list.fontMetrics().boundingRect(column, QtCore.Qt.TextFlag.TextWordWrap, words).height()
    assert report.list.visualItemRect(desk.rows()[1]).height() >= needed > short
