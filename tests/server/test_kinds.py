"""A kind of job is a file and a line: what a new one gets without writing it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from asap.errors import InputError
from monailabel_app.server.jobs import Job, Question
from monailabel_app.server.kinds.catalog import KINDS
from monailabel_app.server.kinds.kind import Answer, Case, Lane, Steps
from monailabel_app.server.schemas import Answered, Asked
from tests.server.front import HEART, Caller, Front, running, wait_for


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    with running(tmp_path) as front:
        yield front


def put(front: Front, caller: Caller, study: str, answer: Answer, lane: Lane) -> str:
    """Queue a job of a kind this server does not have; its id."""
    session = front.service.sessions.get(caller.session)
    job = Job(session.id, session.studies[study], Question("count", "asap-test", False, answer, lane))
    session.jobs[job.id] = job
    front.service.worker.submit(job, {session.id})
    return job.id


def counting(to: int) -> Answer:
    def answer(case: Case) -> Steps:
        for number in range(to):
            case.progress("counting", (number + 1) / to)
            case.pause()
            yield
        return {"counted": to, "cells": list(case.features.tokens), "shape": list(case.volume().shape)}

    return answer


@pytest.mark.parametrize("lane", ["text", "image"])
def test_steps_progress_and_result_on_either_lane(front: Front, lane: Lane) -> None:
    caller = front.caller()
    study = caller.upload()
    job = put(front, caller, study, counting(5), lane)
    caller.wait(job, "done")
    result = caller("GET", f"/jobs/{job}/result").json()
    assert (result["task"], result["study"], result["counted"], result["model"]["name"]) == ("count", study, 5, "asap-test")
    assert "Not for diagnosis" in result["notice"]
    shares = [line for line in caller("GET", f"/jobs/{job}/events").text.splitlines() if "counting" in line]
    assert len(shares) == 5


@pytest.mark.parametrize("lane", ["text", "image"])
def test_endless_work_is_cancelled_and_keeps_nothing_of_its_case(front: Front, lane: Lane) -> None:
    ended: list[bool] = []

    def endless(case: Case) -> Steps:
        try:
            while True:
                case.pause()
                yield
        finally:
            ended.append(True)

    caller, clicker = front.caller(), front.caller()
    study, other = caller.upload(), clicker.upload()
    caller.encode(study)
    clicker.encode(other)
    job = put(front, caller, study, endless, lane)
    caller.wait(job, "running")
    assert clicker.ask(other, wait_s=10).status_code == 200, "others have their turn between the steps"
    assert caller("DELETE", f"/jobs/{job}").status_code == 204
    wait_for(lambda: bool(ended), 5)
    assert caller.ask(study, HEART, wait_s=10).status_code == 200


def test_a_fault_in_an_answer_is_that_jobs(front: Front) -> None:
    def broken(case: Case) -> Steps:
        yield
        raise InputError("This target is not one the model knows.")

    caller = front.caller()
    study = caller.upload()
    job = put(front, caller, study, broken, "image")
    assert caller.wait(job, "failed")["error"]["message"] == "This target is not one the model knows."
    assert caller.ask(study, wait_s=10).status_code == 200


def test_every_kind_is_offered_documented_and_told_apart(front: Front) -> None:
    assert front.client.get("/asap/v1/info").json()["capabilities"] == list(KINDS)
    document = front.client.get("/openapi.json").json()
    asked = document["paths"]["/asap/v1/studies/{study_id}/jobs"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert list(asked["discriminator"]["mapping"]) == list(KINDS)
    for task, kind in KINDS.items():
        for model in (kind.request, kind.result):
            assert model.model_fields["task"].annotation == Literal[task]
        assert issubclass(kind.request, Asked)
        assert issubclass(kind.result, Answered)


def test_any_kind_is_answered_in_the_request_when_it_is_done_in_time(front: Front) -> None:
    caller = front.caller()
    study = caller.upload()
    answer: dict[str, Any] = caller("POST", f"/studies/{study}/jobs", json={"task": "encode", "wait_s": 10}).json()
    assert (answer["state"], answer["result"]["task"]) == ("done", "encode")


def test_a_newer_question_takes_the_place_of_those_of_its_kind_alone(front: Front) -> None:
    caller = front.caller()
    study = caller.upload()
    front.grounder.gate.clear()
    encoding, click = caller.encode(study, wait=False), caller.ask(study).json()["job"]
    newer = caller.ask(study).json()["job"]
    assert caller.state(click)["state"] == "cancelled"
    front.grounder.gate.set()
    caller.wait(newer, "done")
    caller.wait(encoding, "done")
