"""The reader's whole way at the widget, with the real server and model: start, open, encode, click, decide, save, go on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from AsapSlicerLib import segment_list
from AsapSlicerLib.organs import TARGETS

from asap.io.read import read_volume
from asap.phantom.case import generate_case
from asap.volume import apply_affine
from tests.reference import reference_data
from tests.server.live import LiveServer, live_server

pytest.importorskip("PySide6", reason="needs PySide6-Essentials")

from tests.slicer.desk import Desk, open_desk

pytestmark = pytest.mark.slow
REACH_MM = 3.0
STRICT_MM = 12.0
LONG_S = 240.0
VIEWS = ("Sagittal", "Coronal", "Axial")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
    with live_server(tmp_path_factory.mktemp("widget-live")) as server:
        yield server


def allow_and_encode(desk: Desk) -> list[int]:
    """Press encode, agree, wait; the values the progress bar showed."""
    panel, shown = desk.widget.case_panel, []
    panel.progress.valueChanged.connect(shown.append)
    desk.click(panel.encode)
    if panel.consent.isVisible():
        desk.click(panel.allow)
    desk.until(lambda: desk.widget.logic.case is not None, LONG_S)
    return shown


def grounded(desk: Desk, report: str, count: int) -> None:
    """Paste a report and press the button."""
    box = desk.widget.report_panel.report
    box.text.setPlainText(report)
    desk.click(box.ask)
    desk.until(lambda: len(desk.rows()) >= count, LONG_S)


def peak(desk: Desk, index: int) -> Any:
    """Click a sentence; where the slices stand then."""
    desk.click_row(index)
    assert desk.foreground() is not None
    views = desk.stage.slice_logics
    r = views["Sagittal"].GetSliceNode().GetSliceToRAS().GetElement(0, 3)
    a = views["Coronal"].GetSliceNode().GetSliceToRAS().GetElement(1, 3)
    s = views["Axial"].GetSliceNode().GetSliceToRAS().GetElement(2, 3)
    return np.array([r, a, s])


def test_real_ct_click_decide_save_and_go_on_without_a_server(server: LiveServer, tmp_path: Path) -> None:
    volume = read_volume(reference_data("ct/lung2_tumour/lung2_image.nrrd"))
    label = read_volume(reference_data("ct/lung2_tumour/lung2_label.nrrd"))
    path = tmp_path / "case.mrml"
    with open_desk(tmp_path / "one", server, ct=(np.asarray(volume.hu), volume.affine)) as desk:
        desk.connect()
        assert "ASAP" in desk.widget.case_panel.server.server_text.text
        desk.choose_ct()
        assert len(set(allow_and_encode(desk))) > 3
        grounded(desk, "Large mass in the left lower lobe. The heart is normal in size. No pleural effusion.", 3)
        place = peak(desk, 0)
        inside = np.rint(apply_affine(np.linalg.inv(label.affine), place[None])[0]).astype(int)
        assert np.asarray(label.hu)[tuple(inside)] > 0, "the peak lies in a voxel of the tumour's mask"
        assert not np.allclose(peak(desk, 1), place)
        panel, logic = desk.widget.report_panel, desk.widget.logic
        desk.click_row(2)
        assert desk.foreground() is None  # an absence is shown nowhere, and says so
        assert panel.details.text
        for index, button in ((0, "accept"), (2, "reject")):
            desk.click_row(index)
            desk.click(panel.buttons[button])
        logic.edit(1, "The heart is enlarged.")
        desk.until(lambda: not logic.busy, LONG_S)
        desk.click_row(0)
        desk.click(panel.segment)
        desk.until(lambda: logic.regions.made is not None, LONG_S)
        assert panel.progress.text == "3 of 3 reviewed"
        kept = logic.review
        desk.stage.save(path)
    with open_desk(tmp_path / "two") as desk:
        desk.stage.scene.Clear(0)
        desk.stage.open(path)
        panel, logic = desk.widget.report_panel, desk.widget.logic
        assert logic.review == kept
        assert logic.server is None
        np.testing.assert_allclose(peak(desk, 0), place, atol=0.1)
        desk.click_row(1)
        desk.click(panel.buttons["accept"])
        assert [sentence.state for sentence in logic.review.sentences] == ["accepted", "accepted", "rejected"]
        desk.click(panel.buttons["undo"])
        assert logic.review.sentences[1].state == "edited"
        assert desk.server.asked == []


def test_generated_case_cancel_and_three_sentences(server: LiveServer, tmp_path: Path) -> None:
    case = generate_case(3, required=("mass",))
    with open_desk(tmp_path, server, ct=(np.asarray(case.volume.hu), case.volume.affine)) as desk:
        desk.connect()
        desk.choose_ct()
        panel = desk.widget.case_panel
        desk.click(panel.encode)
        desk.click(panel.allow)
        desk.until(panel.cancel.isEnabled)
        desk.click(panel.cancel)
        assert not desk.widget.logic.busy
        assert desk.widget.logic.case is None
        allow_and_encode(desk)
        grounded(desk, case.report, 3)
        logic = desk.widget.logic
        strict = {"The heart": "heart", "The liver": "liver"}
        shown = 0
        for index, sentence in enumerate(logic.review.sentences):
            if sentence.answer.map is None:
                continue
            place, shown = peak(desk, index), shown + 1
            mask = next((case.organs.get(organ) for words, organ in strict.items() if sentence.text.startswith(words)), None)
            if mask is not None:
                places = apply_affine(case.volume.affine, np.argwhere(mask).astype(float))
                assert np.linalg.norm(places - place, axis=1).min() <= REACH_MM
        assert shown >= 3


def test_question_evidence_verdict_and_an_organ(server: LiveServer, tmp_path: Path) -> None:
    case = generate_case(7_900_100, required=("pleural_effusion", "mass"))
    path = tmp_path / "case.mrml"
    with open_desk(tmp_path / "one", server, ct=(np.asarray(case.volume.hu), case.volume.affine)) as desk:
        desk.connect()
        desk.choose_ct()
        allow_and_encode(desk)
        panel, logic = desk.widget.question_panel, desk.widget.logic
        for number, question in enumerate(("Is there a pleural effusion?", "How large is the mass?", "Is there a pneumothorax?")):
            panel.ask(question)
            desk.until(lambda number=number: panel.history.topLevelItemCount == number + 1, LONG_S)
        assert [one.draft.split()[0] for one in logic.review.answers][::2] == ["Yes.", "No."]
        assert desk.foreground() is None, "what is not there gets no hot spot"
        names = [row.name for row in segment_list.segment_rows(desk.stage.scene, desk.ct)]
        assert [name for name in names if name.startswith("measured: ")], "a size leaves what it was read off"
        desk.parent.activateWindow()
        panel.answer.setFocus()
        desk.until(panel.answer.hasFocus)
        desk.press(panel.answer, "pp")
        assert panel.asked.text == "Is there a pleural effusion?"
        effusions = [finding.region for finding in case.findings if finding.concept == "pleural_effusion"]
        places = apply_affine(case.volume.affine, np.argwhere(np.any(effusions, axis=0)).astype(float))
        views = desk.stage.slice_logics
        place = [views[name].GetSliceNode().GetSliceToRAS().GetElement(axis, 3) for axis, name in enumerate(VIEWS)]
        assert np.linalg.norm(places - place, axis=1).min() <= STRICT_MM
        desk.press(panel.answer, "a")
        assert logic.review.answers[0].verdict == "agree"
        desk.widget.organ_row.choice.setCurrentIndex(list(TARGETS).index("heart"))
        desk.click(desk.widget.organ_row.draw)
        desk.until(lambda: "Drawn by the model" in desk.widget.organ_row.told.text, LONG_S)
        labels, names = segment_list.label_map(desk.stage.scene, desk.ct)
        drawn = labels == names.index("Heart") + 1
        assert (drawn & case.organs["heart"]).sum() > 0.7 * drawn.sum() > 7_000
        kept = logic.review
        desk.stage.save(path)
    with open_desk(tmp_path / "two") as desk:
        desk.stage.scene.Clear(0)
        desk.stage.open(path)
        assert desk.widget.logic.review == kept
        assert desk.widget.question_panel.history.topLevelItemCount == 3
        assert desk.server.asked == []


def test_the_real_server_started_and_stopped_from_the_panel(tmp_path: Path) -> None:
    pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
    with open_desk(tmp_path) as desk:
        panel = desk.widget.case_panel.server
        panel.python.setText(sys.executable)
        desk.click(panel.start)
        assert not panel.start.isEnabled()
        desk.until(lambda: desk.widget.logic.server is not None, LONG_S)
        desk.until(lambda: "ASAP server" in panel.log.property("plainText"))
        assert "on cpu" in panel.server_text.text or "on cuda" in panel.server_text.text
        desk.click(panel.copy)
        copied = desk.application.clipboard().text()
        assert "asap-mini" in copied
        assert "this computer" in copied
        assert str(tmp_path) not in copied
        desk.click(panel.stop)
        desk.until(panel.start.isEnabled, LONG_S)
        assert desk.widget.logic.server is None
        assert panel.own.pid is None
