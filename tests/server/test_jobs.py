"""Jobs by themselves: what they tell, what is kept of them, and whose turn it is."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monailabel_app.server.fair_queue import FairQueue
from monailabel_app.server.jobs import MAX_EVENTS, Job, Question
from monailabel_app.server.kinds.catalog import KINDS
from monailabel_app.server.service_errors import ServiceError, out_of_memory
from monailabel_app.server.studies import Study
from tests.server.front import running


def job(session: str = "a") -> Job:
    return Job(session, Study("case", None, "owner"), Question("encode", "asap-test", False, KINDS["encode"].prepare(None)))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from("abcd"), max_size=16))
def test_the_order_told_is_the_order_kept_and_nobody_waits_for_more_than_one_job_of_each_other(sessions: list[str]) -> None:
    queue = FairQueue()
    jobs = [job(session) for session in sessions]
    for each in jobs:
        queue.push(each)
    told = queue.order()
    assert [queue.pop() for _ in jobs] == told
    assert {j.id for j in told} == {j.id for j in jobs}
    for session in set(sessions):
        own = [j for j in told if j.session_id == session]
        assert own == [j for j in jobs if j.session_id == session]
        for earlier, later in pairwise(own):
            between = [j.session_id for j in told[told.index(earlier) + 1 : told.index(later)]]
            assert len(between) == len(set(between))


def test_who_was_served_last_comes_last() -> None:
    queue = FairQueue()
    first = [job("a"), job("a"), job("a")]
    for each in first:
        queue.push(each)
    queue.pop()
    late = job("b")
    queue.push(late)
    assert queue.order() == [late, first[1], first[2]]


def test_what_ended_stays_ended() -> None:
    ended = job()
    ended.started()
    ended.done(b"{}")
    ended.failed(out_of_memory())
    ended.cancelled()
    ended.progress("late", 0.5)
    assert ended.state == "done"
    assert ended.result() == b"{}"
    assert [event["event"] for event in ended.events_from(0)] == ["started", "done"]


def test_a_watcher_is_told_of_every_event_and_of_an_end_that_was_before() -> None:
    watched, calls = job(), []
    watched.watch(lambda: calls.append(1))
    watched.started()
    watched.cancelled()
    assert len(calls) == 2
    watched.watch(lambda: calls.append(2))
    assert calls == [1, 1, 2]


def test_events_are_bounded_and_the_last_is_always_told() -> None:
    chatty = job()
    chatty.started()
    for number in range(3 * MAX_EVENTS):
        chatty.progress(f"stage {number}", 0.5)
    chatty.failed(out_of_memory())
    assert len(chatty.events_from(0)) == MAX_EVENTS + 1
    assert chatty.events_from(MAX_EVENTS)[0]["event"] == "failed"
    with pytest.raises(ServiceError) as caught:
        chatty.result()
    assert caught.value.status == 503


def test_steps_too_small_to_see_are_not_told() -> None:
    slow = job()
    slow.started()
    for step in range(10_001):
        slow.progress("encoding the volume", step / 10_000)
    shares = [event["share"] for event in slow.events_from(1)]
    assert len(shares) <= 102
    assert shares[-1] == 1.0


def test_a_session_keeps_its_newest_answers(tmp_path: Path) -> None:
    with running(tmp_path, jobs_kept=5) as front:
        caller = front.caller()
        study = caller.upload()
        caller.encode(study)
        jobs = [caller.ask(study, wait_s=10).json()["job"] for _ in range(8)]
        found = [caller("GET", f"/jobs/{name}/result").status_code for name in jobs]
        assert found[:2] == [404, 404]
        assert found[-5:] == [200] * 5
    with running(tmp_path, result_bytes_kept=1) as front:
        caller = front.caller()
        study = caller.upload()
        jobs = [caller.ask(study, wait_s=10).json()["job"] for _ in range(4)]
        found = [caller("GET", f"/jobs/{name}/result").status_code for name in jobs]
        assert found == [404, 404, 200, 200], "the newest, and the one it found finished"
