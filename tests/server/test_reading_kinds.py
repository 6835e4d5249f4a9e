"""Questions, drafts and findings over the wire: what the engine says, what is refused, who gets it, and how it is cancelled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from asap.client.findings import QuestionAnswer, classify_answer, draft_answer, question_answer
from asap.text.ctrate_labels import CTRATE_FINDINGS
from monailabel_app.server.kinds.ask import AskRequest
from monailabel_app.server.kinds.catalog import KINDS
from tests.server.front import Caller, Front, chest, running


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    with running(tmp_path) as front:
        yield front


def result(caller: Caller, study: str, **question: Any) -> Any:
    job = caller("POST", f"/studies/{study}/jobs", json=question).json()["job"]
    caller.wait(job, "done")
    return caller("GET", f"/jobs/{job}/result").json()


def test_a_question_is_answered_with_the_evidence_of_the_engine(front: Front) -> None:
    caller = front.caller()
    study = caller.upload()
    answer: QuestionAnswer = question_answer(result(caller, study, task="ask", question="Is there a mass?"))
    engine = front.service._engines["asap-test"]
    truth = engine.ask(engine.encode(chest()), "Is there a mass?")
    assert (answer.question, answer.kind, answer.text) == ("Is there a mass?", "presence", truth.text)
    assert (answer.verdict, answer.confidence) == ("cannot tell", None), "this model is not calibrated"
    assert answer.reason == truth.reason
    (shown,), (meant,) = answer.evidence, truth.evidence
    assert shown.statement.peak_ras_mm == pytest.approx(meant.grounding.peak_ras_mm, abs=0.011)
    assert shown.statement.map is not None
    assert (shown.concept, shown.side, shown.statement.text) == ("mass", meant.side, meant.grounding.sentence.text)


def test_findings_come_in_their_order_and_abstain_without_a_calibration(front: Front) -> None:
    caller = front.caller()
    answer = classify_answer(result(caller, caller.upload(), task="classify"))
    assert [label.name for label in answer.labels] == list(CTRATE_FINDINGS)
    assert {label.verdict for label in answer.labels} == {"cannot tell"}
    assert any(label.estimates for label in answer.labels)


def test_a_draft_says_why_nothing_of_it_is_kept(front: Front) -> None:
    caller = front.caller()
    answer = draft_answer(result(caller, caller.upload(), task="report", threshold=0.7))
    assert answer.threshold == 0.7
    assert answer.author == "findings"
    assert not [one for one in answer.sentences if one.state != "supported" and one.held_back_because is None]
    assert "IMPRESSION" in answer.text


@pytest.mark.parametrize(
    "question",
    [
        {"task": "ask", "question": " ? "},
        {"task": "ask", "question": ""},
        {"task": "ask", "question": "Is there a mass? " * 3_000},
        {"task": "ask"},
        {"task": "ask", "question": "Is there a mass?", "temperature": 1.0},
        {"task": "report", "threshold": 1.5},
        {"task": "report", "threshold": "half"},
        {"task": "report", "style": "short"},
        {"task": "classify", "labels": ["Mass"]},
    ],
)
def test_bad_input_gets_one_sentence(front: Front, question: dict[str, Any]) -> None:
    caller = front.caller()
    answer = caller("POST", f"/studies/{caller.upload()}/jobs", json=question)
    assert answer.status_code == 422
    message = answer.json()["error"]["message"]
    assert message.count(".") <= 4
    assert len(message) < 120


@pytest.mark.parametrize(
    "question", [{"task": "ask", "question": "Where is the mass?"}, {"task": "report"}, {"task": "classify"}]
)
def test_an_answer_is_its_askers_alone_and_can_be_given_up(front: Front, question: dict[str, Any]) -> None:
    owner, stranger = front.caller(), front.caller()
    study = owner.upload()
    front.grounder.gate.clear()
    job = owner("POST", f"/studies/{study}/jobs", json=question).json()["job"]
    owner.wait(job, "running")
    assert stranger("GET", f"/jobs/{job}/result").status_code == 404
    assert stranger("DELETE", f"/jobs/{job}").status_code == 404
    assert stranger("POST", f"/studies/{study}/jobs", json=question).status_code == 404
    assert owner("DELETE", f"/jobs/{job}").status_code == 204
    assert owner.state(job)["state"] == "cancelled"
    front.grounder.gate.set()
    assert result(owner, study, **question)["task"] == question["task"], "asked again it is answered"


def test_the_search_for_findings_is_told_as_it_goes(front: Front) -> None:
    caller = front.caller()
    study = caller.upload()
    caller.encode(study)
    job = caller("POST", f"/studies/{study}/jobs", json={"task": "report"}).json()["job"]
    caller.wait(job, "done")
    lines = [line for line in caller("GET", f"/jobs/{job}/events").text.splitlines() if "looking for findings" in line]
    assert len(lines) >= 20
    again = result(caller, study, task="ask", question="Is anything abnormal?")
    assert again["verdict"] == "cannot tell"


def test_only_a_size_waits_for_the_image() -> None:
    ask = KINDS["ask"]
    lanes = [ask.lane_of(AskRequest(task="ask", question=words)) for words in ("How large is the mass?", "Where is the mass?")]
    assert lanes == ["image", "text"]
