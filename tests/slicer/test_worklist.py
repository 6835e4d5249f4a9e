"""Answers of any model are judged in the module by keyboard: question, answer, its place in the CT, verdict, the next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6 import QtCore
from PySide6.QtTest import QTest

from asap.review import kept_review, study
from asap.review.answer_lists import ListedAnswer
from tests.slicer.desk import Desk

ROWS = [
    ListedAnswer(case, question, f"{model} says {words}.", model)
    for case in ("CT one", "CT two")
    for question, words in (("Is there a nodule?", "a nodule in the right lung"), ("How is the heart?", "the heart is large"))
    for model in ("alpha", "beta")
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    study.begin(tmp_path / "study", ROWS, ["Dr A"], seed=4)
    return tmp_path / "study" / "reader-1"


def opened(desk: Desk, folder: Path) -> Any:
    """The panel with the list of a folder, the keyboard at the answer."""
    panel = desk.widget.worklist_panel
    desk.parent.activateWindow()
    panel.open(folder)
    desk.until(panel.answer.hasFocus)
    return panel


def verdicts(folder: Path) -> list[str | None]:
    """What is on the disk."""
    review = kept_review.opened(folder).review
    assert review is not None
    return [answer.verdict for answer in review.answers]


def test_a_list_is_judged_by_keyboard_and_every_key_is_kept_at_once(desk: Desk, folder: Path) -> None:
    panel = opened(desk, folder)
    assert panel.place.text.startswith("1 of 8; 0 judged")
    desk.press(panel.answer, "a")
    assert verdicts(folder)[:2] == ["agree", None]
    desk.press(panel.answer, "u")
    desk.press(panel.answer, "c")
    assert panel.correction.isVisible()
    desk.press(panel.correction, "a dull and undecided answer")  # letters that are keys at the answer
    assert verdicts(folder)[:3] == ["agree", "unsure", None]
    QTest.keyClick(panel.correction, QtCore.Qt.Key.Key_Return)
    desk.until(panel.answer.hasFocus)
    assert verdicts(folder)[:4] == ["agree", "unsure", "disagree", None]
    desk.press(panel.answer, "z")
    assert verdicts(folder)[:3] == ["agree", "unsure", None]
    assert panel.place.text.startswith("3 of 8; 2 judged")
    desk.press(panel.answer, "p")
    assert "Judged: unsure." in panel.told.text
    QTest.keyClick(panel.answer, QtCore.Qt.Key.Key_N, QtCore.Qt.KeyboardModifier.ShiftModifier)
    assert panel.place.text.startswith("5 of 8")
    again = kept_review.opened(folder).review
    assert again is not None
    assert all((step.seconds or 0) < 60 for answer in again.answers for step in answer.decisions)


def test_the_place_of_an_answer_is_drawn_and_goes_with_the_next_answer(desk: Desk, folder: Path) -> None:
    desk.connect()
    desk.choose_ct()
    panel = opened(desk, folder)
    desk.press(panel.answer, "w")
    desk.until(desk.widget.case_panel.consent.isVisible)
    desk.click(desk.widget.case_panel.allow)
    desk.until(lambda: "place is shown" in panel.told.text)
    assert desk.foreground() == "ASAP heatmap"
    panel.answer.setFocus()  # the mouse took it to the consent
    desk.press(panel.answer, "a")
    assert desk.foreground() is None
    assert "place is shown" not in panel.told.text


def test_two_answers_to_one_question_are_compared(desk: Desk, folder: Path) -> None:
    panel = opened(desk, folder)
    assert "Another answer: " in panel.rival.text
    desk.press(panel.answer, "2")
    review = kept_review.opened(folder).review
    assert review is not None
    assert [(one.first, one.second, one.better) for one in review.preferences] == [(0, 1, 1)]


def test_the_ct_of_the_case_is_chosen_where_the_scene_has_it(desk: Desk, folder: Path) -> None:
    panel, logic = opened(desk, folder), desk.widget.logic
    first = kept_review.opened(folder).review
    assert first is not None
    other = next(answer.case for answer in first.answers if answer.case != first.answers[0].case)
    desk.ct.SetName(other)
    QTest.keyClick(panel.answer, QtCore.Qt.Key.Key_N, QtCore.Qt.KeyboardModifier.ShiftModifier)
    assert logic.volume is desk.ct


def test_a_folder_without_a_list_is_refused_and_the_open_one_stays(desk: Desk, folder: Path, tmp_path: Path) -> None:
    panel = desk.widget.worklist_panel
    panel.open(tmp_path)
    assert "no review in this folder" in desk.widget.case_panel.status.text
    panel.open(folder)
    panel.open(tmp_path)
    assert panel.place.text.startswith("1 of 8")
