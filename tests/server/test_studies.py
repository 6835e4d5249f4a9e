"""Studies: one owner each, closed with all that belongs to them; those of the server's archive are encoded once for all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.front import Archive, Caller, Front, chest, declaration, encoded, running


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    with running(tmp_path, archive=Archive({"case-1": chest()}), studies_per_session=3) as front:
        yield front


def open_archived(caller: Caller, name: str = "case-1") -> str:
    return str(caller("POST", "/studies", json={"datastore_id": name}).json()["study"])


def test_a_study_of_the_archive_is_ready_and_found_again(front: Front) -> None:
    caller = front.caller()
    first = caller("POST", "/studies", json={"datastore_id": "case-1"})
    again = caller("POST", "/studies", json={"datastore_id": "case-1"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json() | {"study": ""} == {"study": "", "state": "ready", "parts": 0, "missing": []}
    study = first.json()["study"]
    assert caller("GET", f"/studies/{study}").json()["shape"] is None
    caller.encode(study)
    state = caller("GET", f"/studies/{study}").json()
    assert state["shape"] == list(chest().shape)
    assert state["encoded"] == [{"model": "asap-test", "fine": False}]
    assert len(state["coverage"]["corner_ras_mm"]) == 8


@pytest.mark.parametrize("name", ["case-2", "../case-1", "/etc/passwd", "case-1\x00", "case-1/", "CASE-1"])
def test_what_the_archive_does_not_hold_is_not_found(front: Front, name: str) -> None:
    answer = front.caller()("POST", "/studies", json={"datastore_id": name})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_the_archive_is_encoded_once_for_all_sessions_and_uploads_for_their_own_only(front: Front) -> None:
    one, other = front.caller(), front.caller()
    for caller in (one, other):
        caller.encode(open_archived(caller))
    assert len(front.grounder.frugal) == 1
    for caller in (one, other):
        caller.encode(caller.upload())
    assert len(front.grounder.frugal) == 3


def test_a_foreign_study_is_as_unknown_as_an_invented_one(front: Front) -> None:
    owner, stranger = front.caller(), front.caller()
    study = owner.upload()
    job = owner.encode(study)
    for known, invented in ((study, "f" * 32), (study, "..%2f..%2f")):
        for method, path in (("GET", ""), ("DELETE", ""), ("PUT", "/parts/0")):
            answers = [stranger(method, f"/studies/{name}{path}", content=b"") for name in (known, invented)]
            assert {answer.status_code for answer in answers} == {404}
    for method, path in (("GET", ""), ("GET", "/events"), ("GET", "/result"), ("DELETE", "")):
        answers = [stranger(method, f"/jobs/{name}{path}") for name in (job, "f" * 32)]
        errors = [answer.json()["error"] for answer in answers]
        assert {(answer.status_code, error["code"], error["message"]) for answer, error in zip(answers, errors, strict=True)} == {
            (404, "not_found", "There is no such job in this session.")
        }
    assert stranger.ask(study).status_code == 404
    assert owner("GET", f"/studies/{study}").json()["state"] == "ready"


def test_closing_a_study_ends_its_jobs_and_removes_its_traces(front: Front) -> None:
    caller = front.caller()
    study = caller.upload()
    caller.encode(study)
    front.grounder.gate.clear()
    job = caller.ask(study, fine=True).json()["job"]
    caller.wait(job, "running")
    assert caller("DELETE", f"/studies/{study}").status_code == 204
    assert caller.state(job)["state"] == "cancelled"
    front.grounder.gate.set()
    assert caller("GET", f"/studies/{study}").status_code == 404
    caller.encode(open_archived(caller))  # the worker is through with the other one
    assert [path for path in front.files() if "session-" in str(path)] == []
    assert len([path for path in front.files() if path.suffix == ".safetensors"]) == 1


def test_a_session_holds_a_bounded_number_of_studies(front: Front) -> None:
    caller = front.caller()
    studies = [caller.declare(declaration(chest(seed), encoded(chest(seed)))).json()["study"] for seed in range(3)]
    refused = caller.declare(declaration(chest(3), encoded(chest(3))))
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    caller("DELETE", f"/studies/{studies[0]}")
    assert caller.declare(declaration(chest(3), encoded(chest(3)))).status_code == 201


def test_the_archives_studies_take_no_parts(front: Front) -> None:
    caller = front.caller()
    assert caller.put(open_archived(caller), 0, b"x").status_code == 409
