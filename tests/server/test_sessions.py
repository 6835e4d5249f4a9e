"""Sessions: as many as may be, for as long as their client lives, and nothing of them afterwards."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from asap.errors import InputError
from monailabel_app.server.runtime_folder import claim
from tests.server.front import Caller, Front, running


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    with running(tmp_path) as front:
        yield front


def gone(caller: Caller) -> bool:
    answer = caller("PUT", "/sessions/current")
    return answer.status_code == 404 and answer.json()["error"]["code"] == "session_gone"


def test_the_ninth_session_is_refused_until_one_is_closed(front: Front) -> None:
    callers = [front.caller() for _ in range(8)]
    refused = front.client.post("/asap/v1/sessions", json={"client": "x"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "sessions_full")
    assert int(refused.headers["Retry-After"]) > 0
    assert callers[3]("DELETE", "/sessions/current").status_code == 204
    front.caller()
    assert len({caller.session for caller in callers}) == 8


def test_a_silent_client_loses_its_session_and_a_beating_one_does_not(front: Front) -> None:
    silent, beating = front.caller(liveness_s=30), front.caller(liveness_s=30)
    for _ in range(3):
        front.clock.now += 20
        beating("PUT", "/sessions/current")
    assert gone(silent)
    assert not gone(beating)


def test_heartbeats_alone_do_not_keep_a_session_for_ever(front: Front) -> None:
    idle, busy = front.caller(), front.caller()
    study = busy.upload()
    for _ in range(16):
        front.clock.now += 40
        idle("PUT", "/sessions/current")
        busy("GET", f"/studies/{study}")
    assert gone(idle)
    assert not gone(busy)


def test_an_expired_session_leaves_no_file_and_no_feature(front: Front) -> None:
    caller = front.caller()
    caller.encode(caller.upload())
    assert front.files()
    front.clock.now += 61
    front.service.reap()
    assert front.files() == []
    assert front.service.worker.shelf.bytes == 0
    assert len(front.service.sessions) == 0


def test_a_request_under_way_keeps_its_session(front: Front) -> None:
    caller = front.caller()
    with front.service.sessions.using(caller.session):
        front.clock.now += 10_000
        front.service.reap()
    assert not gone(caller)


def test_a_guessed_an_expired_and_a_closed_session_look_alike(front: Front) -> None:
    expired, closed = front.caller(), front.caller()
    closed("DELETE", "/sessions/current")
    front.clock.now += 61
    answers = []
    for session in (expired.session, closed.session, "0" * 32, "not even an id", "../../etc"):
        error = Caller(front.client, session)("GET", "/studies/" + "0" * 32).json()["error"]
        answers.append((error["code"], error["message"]))
    assert len(set(answers)) == 1
    assert len(expired.session) == 32


def test_folders_are_private_and_tell_nothing(front: Front) -> None:
    caller = front.caller()
    caller.upload()
    assert stat.S_IMODE(front.runtime.stat().st_mode) == 0o700
    for path in front.runtime.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
        assert caller.session not in str(path)


def test_a_second_server_may_not_use_the_same_folder(front: Front) -> None:
    with pytest.raises(InputError, match="Another server"):
        claim(front.runtime)


def test_only_what_a_server_made_is_purged(tmp_path: Path) -> None:
    (tmp_path / "session-1").mkdir()
    (tmp_path / "session-1" / "x.voxels").write_bytes(b"1")
    (tmp_path / "mine.txt").write_text("kept")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "session-2").symlink_to(tmp_path / "elsewhere")
    claim(tmp_path).close()
    assert {path.name for path in tmp_path.iterdir()} == {"mine.txt", "elsewhere", "session-2", "asap-server.lock"}


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.server.front import running
with running(Path(sys.argv[1])) as front:
    caller = front.caller()
    caller.encode(caller.upload())
    print(len(front.files()), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_what_a_killed_server_left_is_gone_at_the_next_start(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, check=False, text=True)
    assert killed.returncode == -9
    assert int(killed.stdout) == 2  # the voxels, the features
    with running(tmp_path) as front:
        assert front.files() == []
        assert front.service.info()["sessions"]["open"] == 0
