"""Work: fair, bounded, cancelled within two seconds, never standing in the way of a click, and alive after a lack of memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.server.front import HEART, Caller, Front, chest, running, wait_for


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    with running(tmp_path) as front:
        yield front


def busy(front: Front, caller: Caller) -> str:
    """Start an encoding that stays at the gate; returns its job."""
    front.grounder.gate.clear()
    job = str(caller.encode(caller.upload(chest(7)), wait=False))
    caller.wait(job, "running")
    assert front.grounder.entered.acquire(timeout=30)
    return job


def test_ten_jobs_of_one_session_do_not_starve_another(front: Front) -> None:
    greedy, modest = front.caller(), front.caller()
    blocked = busy(front, greedy)
    study = greedy.upload()
    many = [greedy.ask(study, supersede=False).json()["job"] for _ in range(10)]
    one = modest.ask(modest.upload()).json()
    assert one["position"] == 1
    assert [greedy.state(job)["position"] for job in many] == list(range(2, 12))
    front.grounder.gate.set()
    greedy.wait(blocked, "done")
    modest.wait(one["job"], "done")
    for job in many:
        greedy.wait(job, "done")
    events = front.service.job(front.service.sessions.get(greedy.session), many[-1]).events_from(0)
    places = [event["position"] for event in events if event["event"] == "queued"]
    assert places[:2] == [10, 11]  # the other session's came first
    assert places[2:] == sorted(places[2:], reverse=True)


def test_the_queue_is_bounded_and_keeps_a_place_for_everybody(front: Front) -> None:
    greedy, modest = front.caller(), front.caller()
    busy(front, greedy)
    study = greedy.upload()
    answers = [greedy.ask(study, supersede=False) for _ in range(40)]
    accepted = [answer for answer in answers if answer.status_code == 202]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(accepted) == 15
    assert len(refused) == 25
    assert int(refused[0].headers["Retry-After"]) > 0
    assert refused[0].json()["error"]["code"] == "queue_full"
    assert modest.ask(modest.upload()).status_code == 202
    assert front.service.info()["queue"] == {"length": 16, "limit": 16}
    greedy("DELETE", "/sessions/current")
    assert front.service.info()["queue"]["length"] <= 1  # the other session's, which the freed worker may have taken up


def test_a_newer_click_replaces_an_older_one(front: Front) -> None:
    caller = front.caller()
    busy(front, caller)
    study = caller.upload()
    older = caller.ask(study).json()["job"]
    newer = caller.ask(study).json()["job"]
    assert caller.state(older)["state"] == "cancelled"
    assert caller("GET", f"/jobs/{older}/result").status_code == 409
    assert caller.state(newer)["position"] == 1
    other = caller.ask(caller.upload(chest(1))).json()["job"]
    assert caller.state(newer)["state"] == "queued", "another study's click replaces nothing"
    front.grounder.gate.set()
    caller.wait(newer, "done")
    caller.wait(other, "done")


def test_cancelling_frees_the_worker_within_two_seconds(front: Front) -> None:
    caller = front.caller()
    running_job = busy(front, caller)
    queued = caller.ask(caller.upload()).json()["job"]
    assert caller("DELETE", f"/jobs/{running_job}").status_code == 204
    assert caller.state(running_job)["state"] == "cancelled"
    wait_for(lambda: front.grounder.entered.acquire(blocking=False))
    assert caller.state(queued)["state"] == "running"


def test_a_click_is_answered_while_another_case_is_encoded(front: Front) -> None:
    caller = front.caller()
    study = caller.upload()
    caller.encode(study)
    busy(front, front.caller())
    for _ in range(3):
        assert caller.ask(study, wait_s=10).status_code == 200, "202: it waits for the encoding, which does not end"


def test_a_job_whose_case_gets_encoded_does_not_wait_for_the_next_encoding(front: Front) -> None:
    caller, other = front.caller(), front.caller()
    study = caller.upload()
    front.grounder.gate.clear()
    first = caller.encode(study, wait=False)
    assert front.grounder.entered.acquire(timeout=30)
    second = other.encode(other.upload(chest(1)), wait=False)
    click = caller.ask(study).json()["job"]
    caller("GET", f"/jobs/{first}")
    # Only the first passes the gate: the second is stopped again before the click could have been reached on its lane.
    front.grounder.gate.set()
    caller.wait(first, "done")
    front.grounder.gate.clear()
    caller.wait(click, "done")
    front.grounder.gate.set()
    other.wait(second, "done")


def test_memory_that_runs_short_once_costs_the_other_cases_and_not_the_job(front: Front) -> None:
    caller = front.caller()
    other = caller.upload(chest(2))
    caller.encode(other)
    front.grounder.failures = [MemoryError()]
    study = caller.upload()
    job = caller.ask(study).json()["job"]
    caller.wait(job, "done")
    lines = caller("GET", f"/jobs/{job}/events").text.splitlines()
    assert any('"notice"' in line and "out_of_memory" in line for line in lines)
    assert front.grounder.frugal == [False, False, True]
    assert caller("GET", f"/studies/{other}").json()["encoded"] == []
    caller.encode(other)  # still on disk
    assert len(front.grounder.frugal) == 3


def test_a_gpu_that_stays_too_small_is_left_for_the_processor(front: Front) -> None:
    """No GPU is needed: the tiny model says it sits on one and fails as one does; where it is placed next is what counts."""
    caller = front.caller()
    study = caller.upload()
    front.grounder.place(torch.device("cuda"))
    assert caller("GET", "/info").json()["device"] == "cuda"
    front.grounder.failures = [torch.OutOfMemoryError("CUDA out of memory."), torch.OutOfMemoryError("CUDA out of memory.")]
    job = caller.ask(study).json()["job"]
    caller.wait(job, "done")
    told = [line for line in caller("GET", f"/jobs/{job}/events").text.splitlines() if '"notice"' in line]
    assert len(told) == 2
    assert "processor" in told[-1]
    assert front.grounder.frugal == [False, True, False]
    assert caller("GET", "/info").json()["device"] == "cpu"


@pytest.mark.parametrize("kind", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")])
def test_memory_that_stays_short_fails_the_job_and_the_next_is_fine(front: Front, kind: Exception) -> None:
    caller = front.caller()
    study = caller.upload()
    front.grounder.failures = [kind, kind]
    job = caller.ask(study).json()["job"]
    assert caller.wait(job, "failed")["error"]["code"] == "out_of_memory"
    answer = caller("GET", f"/jobs/{job}/result")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "out_of_memory")
    assert int(answer.headers["Retry-After"]) > 0
    assert caller.ask(study, wait_s=10).status_code == 200


def test_a_fault_names_nothing_and_the_next_job_is_fine(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    caller = front.caller()
    study = caller.upload()
    front.grounder.failures = [ValueError("patient Doe at /srv/secret")]
    job = caller.ask(study, "A nodule in the left lung.").json()["job"]
    error = caller.wait(job, "failed")["error"]
    assert error["code"] == "internal"
    logged = caplog.text
    assert error["id"] in logged
    for secret in ("Doe", "secret", "nodule", caller.session, study, job):
        assert secret not in logged + error["message"]
    assert caller.ask(study, wait_s=10).status_code == 200


def test_a_long_report_lets_the_clicks_of_others_in_between(front: Front) -> None:
    reader, clicker = front.caller(), front.caller()
    studies = [caller.upload() for caller in (reader, clicker)]
    reader.encode(studies[0])
    clicker.encode(studies[1])
    front.grounder.sentence_delay_s = 0.2
    lines = [f"There is a nodule of {n} mm in the left lung." for n in range(1, 161)]
    long = reader.ask(studies[0], *lines).json()["job"]
    reader.wait(long, "running")
    assert clicker.ask(studies[1], HEART, wait_s=10).status_code == 200
    assert reader.state(long)["state"] == "running"
    reader.wait(long, "done")
    answers = reader("GET", f"/jobs/{long}/result").json()["sentences"]
    assert [answer["text"] for answer in answers] == lines
    assert [answer["index"] for answer in answers] == list(range(160))


def test_a_case_put_away_is_encoded_again_when_it_is_asked_for(tmp_path: Path) -> None:
    with running(tmp_path, feature_memory_bytes=1) as front:
        caller = front.caller()
        studies = [caller.upload(chest(seed)) for seed in (0, 1)]
        for study in studies:
            caller.encode(study)
        for study in studies:
            assert caller.ask(study, wait_s=10).status_code == 200
        assert len(front.grounder.frugal) == 2, "it comes from the disk"


def test_closing_the_service_ends_the_work_and_leaves_nothing(tmp_path: Path) -> None:
    with running(tmp_path) as front:
        busy(front, front.caller())
        front.service.close()  # where it waited for the work it would never come back
        assert front.files() == []
