"""A server of one's own: found by its environment, started beside Slicer, and gone with it however Slicer ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from AsapSlicerLib.background import Background
from AsapSlicerLib.own_server import OwnServer, clean_environment, environment_python
from AsapSlicerLib.server_process import KEEPER

from asap.client import AsapClient
from tests.slicer.stand_in import make_environment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the server runs on Linux")


class Start:
    """An own server and what it told."""

    def __init__(self) -> None:
        self.background = Background()
        self.changes: list[str] = []
        self.connected: list[tuple[str, str]] = []
        self.own = OwnServer(self.background, self.note, lambda url, token: self.connected.append((url, token)))

    def note(self) -> None:
        self.changes.append(self.own.state)

    def until(self, what: Callable[[], object], seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end, self.own.log
            self.background.poll()
            self.own.look()
            time.sleep(0.01)


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    start = Start()
    yield start
    start.own.close()
    start.background.stop()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z" if Path("/proc").is_dir() else True


def test_the_environment_is_found_from_what_a_reader_has_at_hand(tmp_path: Path) -> None:
    python = make_environment(tmp_path / "env" / "bin")
    (python.parent / "asap").touch()
    for typed in (str(python), str(python.parent / "asap"), str(tmp_path / "env"), f'"{python}" '):
        assert environment_python(typed) == python
    (tmp_path / "empty").mkdir()
    (tmp_path / "note.txt").touch()
    for typed in ("", "nowhere/python", str(tmp_path / "empty"), str(tmp_path / "note.txt")):
        with pytest.raises(ValueError, match="choose the python or the asap command"):
            environment_python(typed)


def test_what_slicer_set_for_its_own_python_does_not_reach_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/slicer/python")
    monkeypatch.setenv("PYTHONPATH", "/slicer/lib")
    monkeypatch.setenv("ASAP_KEPT", "yes")
    kept = clean_environment()
    assert kept["ASAP_KEPT"] == "yes"
    assert not {"PYTHONHOME", "PYTHONPATH"} & set(kept)


@pytest.mark.slow
def test_start_log_stop(start: Start, tmp_path: Path) -> None:
    start.own.start(str(make_environment(tmp_path / "bin")))
    assert start.own.state == "starting"
    start.until(lambda: start.connected)
    url, token = start.connected[0]
    assert AsapClient(url, token).info().protocol == 1
    assert "loading the model" in start.own.log
    assert token not in start.own.log
    left = [path for path in tmp_path.iterdir() if path.name.startswith("asap-server-")]
    assert [path.stat().st_mode & 0o777 for path in left] == [0o700]
    pid = start.own.pid
    assert pid is not None
    start.own.stop()
    assert start.own.state == "stopping"  # nobody waited
    start.until(lambda: start.own.state == "off")
    assert not alive(pid)
    assert not left[0].exists()
    assert not AsapClient(url).health()
    assert start.changes == ["starting", "running", "stopping", "off"]


@pytest.mark.slow
def test_a_server_that_cannot_start_says_why(start: Start, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\n[ "$1" = "-m" ] && echo "asap: Install it with pip." && exit 2\nexec "{sys.executable}" "$@"\n'
    )
    python.chmod(0o755)
    start.own.start(str(python))
    start.until(lambda: start.own.state == "off")
    assert start.own.trouble == "Install it with pip."
    start.own.start("nowhere")
    assert "choose the python" in start.own.trouble
    plain = tmp_path / "python3"
    plain.write_text("not a program")
    start.own.start(str(plain))
    start.until(lambda: start.own.state == "off")
    assert "choose another" in start.own.trouble


@pytest.mark.slow
def test_a_server_that_ends_by_itself_is_noticed_and_starts_again(start: Start, tmp_path: Path) -> None:
    python = make_environment(tmp_path / "bin")
    start.own.start(str(python))
    start.until(lambda: start.connected)
    os.kill(start.own.pid or 0, signal.SIGTERM)
    start.until(lambda: start.own.state == "off")
    assert "ended by itself" in start.own.trouble
    start.own.start(str(python))
    start.until(lambda: len(start.connected) == 2)
    assert start.own.trouble == ""


@pytest.mark.slow
def test_stopping_while_it_starts_leaves_nothing(start: Start, tmp_path: Path) -> None:
    start.own.start(str(make_environment(tmp_path / "bin")))
    start.own.stop()
    start.until(lambda: start.own.state == "off")
    start.until(lambda: start.own.pid is None)
    start.until(lambda: not [path for path in tmp_path.iterdir() if path.name.startswith("asap-server-")])
    assert start.connected == []


@pytest.mark.slow
def test_it_ends_when_slicer_is_killed(tmp_path: Path) -> None:
    """What stands for Slicer is killed without a chance to say goodbye."""
    folder = tmp_path / "private"
    folder.mkdir()
    command = [sys.executable, "-I", str(KEEPER), str(folder), sys.executable, "-c", "import time; time.sleep(600)"]
    code = (
        "import subprocess, sys, time\n"
        f"keeper = subprocess.Popen({command!r}, stdin=subprocess.PIPE)\n"
        "print(keeper.pid, flush=True)\ntime.sleep(600)\n"
    )
    slicer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert slicer.stdout is not None
    keeper = int(slicer.stdout.readline())
    assert alive(keeper)
    slicer.kill()
    slicer.wait()
    end = time.monotonic() + 30
    while alive(keeper) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive(keeper)
    assert not folder.exists()
