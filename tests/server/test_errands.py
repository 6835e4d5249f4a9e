"""Stock inferences on the lanes of `/asap/v1`: one encoding at a time, a bounded queue, clicks need not wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from asap.errors import InputError
from asap.pause import Pause
from monailabel_app.server.service_errors import ServiceError
from tests.server.front import Caller, Front, chest, running, wait_for


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    with running(tmp_path) as front:
        yield front


class Question:
    """A stock client's work: tells when it is encoded, waits at its own gate, and takes three steps to answer."""

    def __init__(self, *, known: bool = False, fault: Exception | None = None) -> None:
        self.steps: list[str] = []
        self.gate = threading.Event()
        self._known = known
        self._fault = fault

    def encoded(self) -> bool:
        return self._known

    def encode(self, pause: Pause) -> None:
        self.steps.append("encode")
        if self._fault is not None:
            raise self._fault
        while not self.gate.wait(0.01):
            pause()

    def answer_some(self) -> bool:
        self.steps.append("answer")
        return self.steps.count("answer") == 3


@pytest.fixture
def ask(front: Front) -> Iterator[Callable[[Question], Future[None]]]:
    """Ask as the threads of MONAI Label's routes do."""
    with ThreadPoolExecutor(24) as pool:
        yield lambda question: pool.submit(front.service.run_errand, question)


def busy(front: Front, caller: Caller) -> str:
    """Start an encoding of a session that stays at the gate; returns its job."""
    front.grounder.gate.clear()
    job = str(caller.encode(caller.upload(chest(7)), wait=False))
    caller.wait(job, "running")
    assert front.grounder.entered.acquire(timeout=30)
    return job


def test_a_stock_inference_waits_for_the_image_lane_of_a_session(front: Front, ask: Callable[[Question], Future[None]]) -> None:
    caller, question = front.caller(), Question()
    job = busy(front, caller)
    question.gate.set()
    answer = ask(question)
    wait_for(lambda: front.service.info()["queue"]["length"] == 1)
    assert question.steps == []
    front.grounder.gate.set()
    answer.result(30)
    assert question.steps == ["encode", "answer", "answer", "answer"]
    caller.wait(job, "done")


def test_a_session_waits_for_a_stock_inference(front: Front, ask: Callable[[Question], Future[None]]) -> None:
    question, caller = Question(), front.caller()
    answer = ask(question)
    wait_for(lambda: question.steps == ["encode"])
    job = caller.encode(caller.upload(), wait=False)
    assert caller.state(job)["state"] == "queued"
    question.gate.set()
    answer.result(30)
    caller.wait(job, "done")


def test_a_known_case_is_answered_while_an_image_is_encoded(front: Front, ask: Callable[[Question], Future[None]]) -> None:
    caller, question = front.caller(), Question(known=True)
    job = busy(front, caller)
    ask(question).result(30)
    assert question.steps == ["answer"] * 3
    assert caller.state(job)["state"] == "running"
    front.grounder.gate.set()


def test_stock_clients_leave_places_for_sessions_and_are_refused_at_once(
    front: Front, ask: Callable[[Question], Future[None]]
) -> None:
    caller = front.caller()
    busy(front, caller)
    questions = [Question() for _ in range(20)]
    for question in questions:
        question.gate.set()
    answers = [ask(question) for question in questions]
    wait_for(lambda: sum(answer.done() for answer in answers) == 5)
    assert {answer.exception().code for answer in answers if answer.done()} == {"queue_full"}  # type: ignore[union-attr]
    assert caller.ask(caller.upload()).status_code == 202
    front.grounder.gate.set()
    assert [answer.exception(60) for answer in answers].count(None) == 15


def test_a_fault_is_the_askers_and_the_lane_goes_on(front: Front, ask: Callable[[Question], Future[None]]) -> None:
    with pytest.raises(ServiceError, match="no chest") as refused:
        ask(Question(fault=InputError("There is no chest in it."))).result(30)
    assert refused.value.status == 422
    with pytest.raises(ServiceError) as short:
        ask(Question(fault=MemoryError())).result(30)
    assert short.value.code == "out_of_memory"
    after = Question()
    after.gate.set()
    ask(after).result(30)


def test_nobody_waits_for_a_server_that_ends(tmp_path: Path) -> None:
    under_way, waiting = Question(), Question()
    with ThreadPoolExecutor(2) as pool:
        with running(tmp_path) as front:
            first = pool.submit(front.service.run_errand, under_way)
            wait_for(lambda: under_way.steps == ["encode"])
            second = pool.submit(front.service.run_errand, waiting)
            wait_for(lambda: front.service.info()["queue"]["length"] == 1)
        assert [answer.exception(10).code for answer in (first, second)] == ["queue_full"] * 2  # type: ignore[union-attr]
