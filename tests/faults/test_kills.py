"""A server killed in the middle of its work: the next one starts, knows nothing of what was under way, and has purged it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from asap.client import AsapClient, ClientError, Progress
from asap.volume import Volume
from tests.server.http_requests import ask, ask_json
from tests.server.live import LiveServer, live_server
from tests.thorax import thorax

pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")

Left = tuple[str, str]  # a session and its study
Work = Callable[[AsapClient, str, Callable[[Progress], None]], object]
LONG_REPORT = [f"There is a nodule of {n} mm in the left lung." for n in range(1, 501)]


def chest() -> Volume:
    return thorax(spacing_mm=(2.0, 2.0, 2.5))


def small() -> Volume:
    return thorax(spacing_mm=(5.0, 5.0, 5.0))


def opened(server: LiveServer, volume: Volume) -> tuple[AsapClient, str]:
    """A client with its case on the server."""
    client = AsapClient(server.url, server.token)
    return client, client.open_study(volume.hu.astype("<i2").tobytes(order="F"), volume.shape, volume.affine.tolist())


def half_sent(server: LiveServer) -> Left:
    """A session two of whose four parts have arrived."""
    session = {"X-ASAP-Session": ask_json(server, "POST", "/asap/v1/sessions", {"client": "x"}).json()["session"]}
    data = np.zeros(2_000_000, "<i2").tobytes()
    declared = {
        "shape": [200, 100, 100], "affine_ras_mm": np.eye(4).tolist(), "encoding": "raw", "bytes": len(data),
        "sha256": "0" * 64, "part_bytes": 10**6,
    }  # fmt: skip
    study = ask_json(server, "POST", "/asap/v1/studies", {"upload": declared}, headers=session).json()["study"]
    for number in (0, 1):
        part = f"/asap/v1/studies/{study}/parts/{number}"
        assert ask(server, "PUT", part, data[: 10**6], headers=session).status == 200
    return session["X-ASAP-Session"], study


class AtWork:
    """A client whose question is being worked on, and what it is told when the server dies."""

    def __init__(self, server: LiveServer, volume: Volume, stage: str, ask_for: Work) -> None:
        self.client, self.study = opened(server, volume)
        self.session = self.client._session.headers()["X-ASAP-Session"]
        self._stage, self._ask_for = stage, ask_for
        self._reached, self._told = threading.Event(), ""
        self._thread = threading.Thread(target=self._run)

    def reach(self) -> AtWork:
        """Ask, and wait until the server tells of the stage."""
        self._thread.start()
        assert self._reached.wait(120)
        return self

    def left(self) -> Left:
        """After the kill: its session and study. The client was told that the server is gone."""
        self._thread.join(60)
        assert "server" in self._told
        self.client.close()
        return self.session, self.study

    def _run(self) -> None:
        try:
            self._ask_for(self.client, self.study, self._watch)
        except ClientError as error:
            self._told = str(error)

    def _watch(self, progress: Progress) -> None:
        if progress.stage == self._stage:
            self._reached.set()


def killed_at_work(server: LiveServer) -> list[Left]:
    """Kill the server while one client uploads, one case is encoded and another client's report is answered."""
    sending = half_sent(server)
    answering = AtWork(
        server, small(), "answering", lambda client, study, watch: client.ground(study, sentences=LONG_REPORT, progress=watch)
    )
    answering.client.encode(answering.study)
    encoding = AtWork(
        server, chest(), "encoding the volume", lambda client, study, watch: client.encode(study, fine=True, progress=watch)
    )
    encoding.reach()
    answering.reach()
    server.stop(signal.SIGKILL)
    return [sending, encoding.left(), answering.left()]


def check_nothing_is_left(server: LiveServer, sessions: list[Left], files: list[Path]) -> None:
    """The new server knows neither sessions nor studies and the old one's files are gone; it works."""
    assert not [path for path in files if path.exists()]
    for session, study in sessions:
        headers = {"X-ASAP-Session": session}
        for method, path in (("PUT", "/sessions/current"), ("GET", f"/studies/{study}"), ("POST", f"/studies/{study}/jobs")):
            answer = ask_json(server, method, f"/asap/v1{path}", {"task": "encode"}, headers=headers)
            assert (answer.status, answer.code) == (404, "session_gone")
    client, again = opened(server, small())
    assert client.ground(again, sentences=["The heart is enlarged."]).sentences[0].map is not None
    client.close()


@pytest.mark.parametrize("kills", [pytest.param(3, marks=pytest.mark.slow), pytest.param(10, marks=pytest.mark.long)])
@pytest.mark.timeout(1800)
def test_killed_again_and_again_during_upload_encode_and_answer(tmp_path: Path, kills: int) -> None:
    """Every kill meets all three; every restart is checked, and is the next to be killed."""
    sessions: list[Left] = []
    files: list[Path] = []
    for kill in range(kills + 1):
        with live_server(tmp_path) as server:
            check_nothing_is_left(server, sessions, files)
            if kill < kills:
                sessions = killed_at_work(server)
                files = list(server.temp.iterdir())
                assert files
            else:
                assert server.stop() == 0
                assert list(server.temp.iterdir()) == []
