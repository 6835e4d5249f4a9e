"""Questions in the module: asked by keyboard, their place drawn, judged, kept with the scene and opened without a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from AsapSlicerLib.logic import Event
from AsapSlicerLib.question_desk import QuestionDesk
from AsapSlicerLib.review_journal import ReviewJournal
from PySide6 import QtCore
from PySide6.QtTest import QTest

from asap.review import kept_review
from tests.client.scripted import (
    EVENTS_ROUTE,
    INFO,
    INFO_ROUTE,
    JOB,
    JOBS_ROUTE,
    MODEL,
    NOTICE,
    STUDY,
    answer,
    refusal,
    sentence,
    stream,
)
from tests.slicer.desk import Desk

ASKING = INFO | {"capabilities": ["encode", "ground", "ask"]}


def said(
    question: str, text: str, *places: str, verdict: str | None = None, confidence: float | None = 0.9, sure: float = 0.9
) -> Any:
    """The answer of an ask job."""
    evidence = [
        {
            "concept": "nodule", "probability": sure, "side": "right", "anatomy": "upper_lobe", "size_mm": None, "segment": None,
            "statement": sentence(number, words) | {"span": None, "peak_ras_mm": [4.0 * number, 2.0, 3.0]},
        }
        for number, words in enumerate(places)
    ]  # fmt: skip
    asked = {"text": question, "kind": "presence", "findings": [], "anatomy": None, "side": None, "denied": False}
    result = {
        "task": "ask", "study": STUDY, "model": MODEL, "notice": NOTICE, "question": asked, "answer": text, "verdict": verdict,
        "confidence": confidence, "size_mm": None, "reason": None, "evidence": evidence,
    }  # fmt: skip
    return answer(200, {"job": JOB, "state": "done", "result": result})


YES = said("Is there a nodule?", "Yes. There is a nodule in the right upper lobe.", "There is a nodule.", verdict="yes")
TWO = said("Is anything abnormal?", "Yes. Two findings.", "There is a mass.", "There is an effusion.", verdict="yes")
NOT = said("What is the price?", "Cannot tell. It names no finding.", verdict="cannot tell", confidence=None)


@pytest.fixture
def asking(desk: Desk) -> Iterator[Desk]:
    """A reader at the CT; the server answers questions."""
    desk.server.play(INFO_ROUTE, *[answer(200, ASKING)] * 9)
    desk.connect()
    desk.choose_ct()
    desk.parent.activateWindow()
    yield desk


def asked(desk: Desk, words: str, *plays: Any) -> Any:
    """Type a question and press Enter; the panel once it is answered."""
    panel = desk.widget.question_panel
    before = panel.history.topLevelItemCount
    desk.server.play(JOBS_ROUTE, *plays)
    desk.press(panel.question, words)
    QTest.keyClick(panel.question, QtCore.Qt.Key.Key_Return)
    if not before and desk.widget.logic.case is None:
        desk.until(desk.widget.case_panel.consent.isVisible)
        desk.click(desk.widget.case_panel.allow)
    desk.until(lambda: panel.history.topLevelItemCount > before)
    panel.answer.setFocus()
    desk.until(panel.answer.hasFocus)
    return panel


def test_a_question_is_answered_with_its_place_and_judged_by_keyboard(asking: Desk) -> None:
    panel = asked(asking, "Is there a nodule?", YES)
    bodies = [json.loads(one.body) for one in asking.server.asked if one.method == "POST" and one.path.endswith("/jobs")]
    assert [body["question"] for body in bodies if body["task"] == "ask"] == ["Is there a nodule?"]
    assert panel.answer.property("plainText") == "Yes. There is a nodule in the right upper lobe."
    assert "confidence 90 %" in panel.told.text
    assert "shown: There is a nodule; verdict" in panel.told.text
    assert asking.foreground() == "ASAP heatmap"
    asking.press(panel.answer, "a")
    assert "verdict: agree" in panel.told.text
    asking.press(panel.answer, "c")
    asking.press(panel.correction, "a dull cyst")  # letters that are keys at the answer
    QTest.keyClick(panel.correction, QtCore.Qt.Key.Key_Return)
    asking.until(panel.answer.hasFocus)
    given = asking.widget.logic.review.answers[0]
    assert (given.verdict, given.text, given.state) == ("disagree", "a dull cyst", "edited")
    asking.press(panel.answer, "z")
    given = asking.widget.logic.review.answers[0]
    assert (given.verdict, given.text) == ("agree", given.draft)
    asking.press(panel.answer, "u")
    assert asking.widget.logic.review.answers[0].verdict == "unsure"
    assert all((step.seconds or 0) < 60 for step in given.decisions)


def test_every_place_of_an_answer_is_shown_in_turn_and_none_where_there_is_none(asking: Desk) -> None:
    panel = asked(asking, "Is anything abnormal?", TWO)
    assert "place 1 of 2: There is a mass;" in panel.told.text
    asking.press(panel.answer, "w")
    assert "place 2 of 2: There is an effusion;" in panel.told.text
    axial = asking.stage.slice_logics["Sagittal"].GetSliceNode().GetSliceToRAS().GetElement(0, 3)
    assert axial == pytest.approx(4.0, abs=1.6)
    panel = asked(asking, "What is the price?", NOT)
    assert "the model cannot tell" in panel.told.text
    assert asking.foreground() is None
    asking.press(panel.answer, "p")
    assert panel.asked.text == "Is anything abnormal?"
    assert asking.foreground() == "ASAP heatmap"


def test_what_is_said_not_to_be_there_gets_no_hot_spot(asking: Desk) -> None:
    denied = said("Is there a mass?", "No. No mass is seen.", "There is a mass.", verdict="no", confidence=0.97, sure=0.03)
    panel = asked(asking, "Is there a mass?", denied)
    assert asking.foreground() is None
    assert "there is no place to show" in panel.told.text
    assert "confidence 97 %" in panel.told.text


def test_a_yes_is_followed_up_and_a_suggestion_asks(asking: Desk) -> None:
    panel = asking.widget.question_panel
    assert panel.suggested[0].text == "Is anything abnormal?"
    panel = asked(asking, "Is there a nodule?", YES)
    assert [made.text for made in panel.suggested][:2] == ["Where is the nodule?", "How large is the nodule?"]
    asking.server.play(JOBS_ROUTE, said("Where is the nodule?", "In the right upper lobe.", "There is a nodule."))
    asking.click(panel.suggested[0])
    asking.until(lambda: panel.history.topLevelItemCount == 2)
    assert panel.asked.text == "Where is the nodule?"


def test_the_same_question_again_can_be_compared(asking: Desk) -> None:
    asked(asking, "Is there a nodule?", YES)
    other = said("Is there a nodule?", "No nodule is seen.", verdict="no")
    panel = asked(asking, "Is there a nodule?", other)
    assert "Yes. There is a nodule" in panel.rival.text
    asking.press(panel.answer, "2")
    review = asking.widget.logic.review
    assert [(one.first, one.second, one.better) for one in review.preferences] == [(1, 0, 0)]
    assert "that one is better" in panel.rival.text


def test_questions_stay_with_the_scene_and_open_without_a_server(asking: Desk, tmp_path: Path) -> None:
    asked(asking, "Is anything abnormal?", TWO)
    asking.press(asking.widget.question_panel.answer, "d")
    kept = asking.widget.logic.review
    path = tmp_path / "case.mrml"
    asking.stage.save(path)
    logic = asking.widget.logic
    logic.disconnect()
    asking.stage.scene.Clear(0)
    asking.stage.open(path)
    assert logic.review == kept
    panel = asking.widget.question_panel
    assert panel.history.topLevelItemCount == 1
    assert not panel.ask_button.isEnabled()
    panel.answer.setFocus()
    asking.until(panel.answer.hasFocus)
    asking.press(panel.answer, "w")
    assert asking.foreground() == "ASAP heatmap"
    assert "place 1 of 2" in panel.told.text
    asking.press(panel.answer, "z")
    assert logic.review.answers[0].verdict is None


def test_verdicts_go_to_the_journal_and_into_a_file(asking: Desk, tmp_path: Path) -> None:
    logic = asking.widget.logic
    journal = ReviewJournal(logic)
    journal.keep_in(tmp_path / "journal")
    panel = asked(asking, "Is there a nodule?", YES)
    asking.press(panel.answer, "a")
    assert kept_review.opened(tmp_path / "journal").review == logic.review
    panel.write(tmp_path / "questions.json")
    (row,) = json.loads((tmp_path / "questions.json").read_text(encoding="utf-8"))["answers"]
    assert (row["question"], row["verdict"]) == ("Is there a nodule?", "agree")


def test_a_report_read_later_keeps_the_questions(asking: Desk) -> None:
    panel = asked(asking, "Is there a nodule?", YES)
    asking.press(panel.answer, "a")
    logic = asking.widget.logic
    logic.ground(["Heart is enlarged."])
    assert logic.wait_for_completion(30)
    assert [one.verdict for one in logic.review.answers] == ["agree"]
    logic.decide(0, "accepted")
    assert not panel.buttons["undo"].isEnabled(), "a decision on the report is taken back there"
    logic.read_report("Heart is enlarged.")
    assert logic.wait_for_completion(30)
    assert [one.verdict for one in logic.review.answers] == ["agree"]
    assert panel.history.topLevelItemCount == 1
    assert logic.undo() == ("sentence", 0)
    assert logic.undo() == ("answer", 0)


def test_what_cannot_be_asked_says_so(desk: Desk) -> None:
    logic = desk.widget.logic
    questions = QuestionDesk(logic)
    heard: list[Event] = []
    logic.listeners.append(heard.append)
    questions.ask("Is there a nodule?")
    assert "no server yet" in heard[-1].message
    desk.connect()
    desk.choose_ct()
    questions.ask("Is there a nodule?")
    assert "answers no questions" in heard[-1].message, "a server of an older version"


def test_a_refused_question_changes_nothing(asking: Desk) -> None:
    panel = asked(asking, "Is there a nodule?", YES)
    kept = asking.widget.logic.review
    asking.server.play(JOBS_ROUTE, refusal(422, "unprocessable", "The question is empty; ask about a finding or an organ."))
    panel.ask("???")
    asking.until(lambda: "question is empty" in asking.widget.case_panel.status.text)
    assert asking.widget.logic.review is kept


def test_a_question_under_way_is_cancelled_on_the_server_too(asking: Desk) -> None:
    panel = asked(asking, "Is there a nodule?", YES)
    kept = asking.widget.logic.review
    asking.server.play(JOBS_ROUTE, answer(202, {"job": JOB, "state": "queued", "position": 1}))
    asking.server.play(EVENTS_ROUTE, stream({"event": "queued", "position": 1}, after="hang"))
    panel.ask("Where is the nodule?")
    asking.until(lambda: f"/jobs/{JOB}/events" in asking.server.paths("GET"))  # before that, there may be no job to be stopped
    asking.click(asking.widget.case_panel.cancel)
    assert not asking.widget.logic.busy
    asking.until(lambda: f"/jobs/{JOB}" in asking.server.paths("DELETE"))
    assert asking.widget.logic.review is kept
