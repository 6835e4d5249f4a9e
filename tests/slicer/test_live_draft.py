"""From a CT to a signed report at the widget, with the real server and model: draft, review by keyboard, sign, export."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from asap.phantom.case import generate_case
from tests.server.live import LiveServer, held, live_server

pytest.importorskip("PySide6", reason="needs PySide6-Essentials")

from PySide6 import QtCore
from PySide6.QtTest import QTest

from tests.slicer.desk import Desk, open_desk
from tests.slicer.test_live_widget import LONG_S, allow_and_encode

pytestmark = pytest.mark.slow
STATE = 3
SEED = 3


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
    with live_server(tmp_path_factory.mktemp("draft-live")) as server:
        yield server


def test_draft_review_by_keyboard_sign_and_export(server: LiveServer, tmp_path: Path) -> None:
    case = generate_case(SEED, required=("mass",))
    with open_desk(tmp_path / "desk", server, ct=(np.asarray(case.volume.hu), case.volume.affine)) as desk:
        desk.connect()
        desk.choose_ct()
        allow_and_encode(desk)
        drafted(desk, server)
        panel, logic = desk.widget.report_panel, desk.widget.logic
        review = logic.review
        assert review.input_sha256 == case.volume.identity
        assert all(one.drafted is not None and len(one.weights_sha256) == 64 for one in review.sentences)
        said = [row.text(STATE) for row in desk.rows()]
        assert said == [one.drafted.state if one.doubted else "draft" for one in review.sentences]
        assert "draft" in said
        desk.parent.grab().save(str(tmp_path / "widget-drafted.png"))
        edited = decided_by_keyboard(desk, said)
        panel.signing.reader.setText("Dr Sample")
        panel.signing.reader.editingFinished.emit()
        desk.click(panel.signing.sign)
        assert logic.review.signature is not None
        assert not panel.buttons["accept"].isEnabled()
        assert not panel.report.draft.isEnabled()
        desk.parent.grab().save(str(tmp_path / "widget-signed.png"))
        check_export(desk, tmp_path, said, edited)


def drafted(desk: Desk, server: LiveServer) -> None:
    """Press the button, think better of it, press it again."""
    box, panel, logic = desk.widget.report_panel.report, desk.widget.case_panel, desk.widget.logic
    desk.until(box.draft.isEnabled)
    with held(server.pid):
        desk.click(box.draft)
        desk.until(panel.cancel.isEnabled)
        desk.click(panel.cancel)
        assert not logic.busy
    assert logic.review is None
    desk.click(box.draft)
    desk.until(lambda: logic.review is not None, LONG_S)


def decided_by_keyboard(desk: Desk, said: list[str]) -> int:
    """The second kept sentence gets other words, the others are accepted, contradicted ones rejected; held back ones wait."""
    panel, logic = desk.widget.report_panel, desk.widget.logic
    kept = [index for index, state in enumerate(said) if state == "draft"]
    for index, state in enumerate(said):
        desk.click_row(index)
        assert panel.current == index
        assert (desk.foreground() is not None) == (logic.review.sentences[index].answer.map is not None)
        if state == "held back":
            assert panel.details.text.startswith("Held back: ")
        elif index == kept[1]:
            desk.press(panel.list, "E")
            panel.edit_line.setText("As the reader says it.")
            QTest.keyClick(panel.edit_line, QtCore.Qt.Key.Key_Return)
            desk.until(lambda: not logic.busy, LONG_S)
        else:
            desk.press(panel.list, "A" if state == "draft" else "R")
    return kept[1]


def check_export(desk: Desk, folder: Path, said: list[str], edited: int) -> None:
    """All that needs no DICOM series, and the panel says why there is no DICOM."""
    box = desk.widget.report_panel.report
    box.export_folder(folder)
    desk.until(lambda: box.told.text.startswith("Written"), LONG_S)
    assert "No DICOM: this CT was not loaded from DICOM." in box.told.text
    (out,) = folder.glob("asap-review-*")
    fhir = {"diagnostic-report-r4.json", "diagnostic-report-r5.json"}
    assert {path.name for path in out.iterdir()} == {"reviewed.json", "reviewed.md", "reviewed.txt", "reviewed.pdf"} | fhir
    record = json.loads((out / "reviewed.json").read_text())
    assert record["signature"]["author"] == "Dr Sample"
    assert [row["in_report"] for row in record["sentences"]] == [state == "draft" for state in said]
    assert record["sentences"][edited]["text"] == "As the reader says it."
    assert (out / "reviewed.pdf").read_bytes().startswith(b"%PDF")
