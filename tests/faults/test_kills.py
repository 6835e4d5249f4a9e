"""A server killed in the middle of its work: the next one starts, knows nothing of what was under way, and has purged it."""

from __future__ import annotations

import os
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

TIMES = 10
LONG_REPORT = [f"There is a nodule of {n} mm in the left lung." for n in range(1, 501)]


def chest() -> Volume:
    return thorax(spacing_mm=(2.0, 2.0, 2.5))


def opened(server: LiveServer, volume: Volume) -> tuple[AsapClient, str]:
    """A client with its case on the server."""
    client = AsapClient(server.url, server.token)
    return client, client.open_study(volume.hu.astype("<i2").tobytes(order="F"), volume.shape, volume.affine.tolist())


def killed_during_upload(server: LiveServer) -> tuple[str, str]:
    """Half of the parts are there, and half of another one."""
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
    assert list(server.temp.rglob("*.voxels"))
    server.stop(signal.SIGKILL)
    return session["X-ASAP-Session"], study


def killed_at(
    server: LiveServer, stage: str, work: Callable[[AsapClient, str, Callable[[Progress], None]], object]
) -> tuple[str, str]:
    """Kill the server when a client's work tells of a stage; that client is told what happened."""
    client, study = opened(server, chest())
    session = client._session.headers()["X-ASAP-Session"]
    reached, told = threading.Event(), []

    def watch(progress: Progress) -> None:
        if progress.stage == stage:
            reached.set()

    def run() -> None:
        try:
            work(client, study, watch)
        except ClientError as error:
            told.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    assert reached.wait(120)
    server.stop(signal.SIGKILL)
    thread.join(60)
    assert told
    assert "server" in told[0]
    client.close()
    return session, study


def killed_during_encode(server: LiveServer) -> tuple[str, str]:
    return killed_at(server, "encoding the volume", lambda client, study, watch: client.encode(study, fine=True, progress=watch))


def killed_during_answer(server: LiveServer) -> tuple[str, str]:
    return killed_at(
        server, "answering", lambda client, study, watch: client.ground(study, sentences=LONG_REPORT, progress=watch)
    )


def processor_s(pid: int) -> float:
    """Processor seconds of a process so far, which other work on the machine does not change much."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def check_nothing_is_left(server: LiveServer, session: str, study: str, left: list[Path]) -> None:
    """The new server knows neither session nor study and the old one's files are gone; it works."""
    assert not [path for path in left if path.exists()]
    headers = {"X-ASAP-Session": session}
    for method, path in (("PUT", "/sessions/current"), ("GET", f"/studies/{study}"), ("POST", f"/studies/{study}/jobs")):
        answer = ask_json(server, method, f"/asap/v1{path}", {"task": "encode"}, headers=headers)
        assert (answer.status, answer.code) == (404, "session_gone")
    client, again = opened(server, thorax(spacing_mm=(5.0, 5.0, 5.0)))
    assert client.ground(again, sentences=["The heart is enlarged."]).sentences[0].map is not None
    client.close()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_ten_times_each_during_upload_encode_and_answer(tmp_path: Path) -> None:
    """Kill at each stage in turn; every restart is checked, and is the next to be killed."""
    ways = (killed_during_upload, killed_during_encode, killed_during_answer) * TIMES
    session, study, left = "", "", []
    starts: list[float] = []
    busy: list[float] = []
    for way in (*ways, None):
        with live_server(tmp_path) as server:
            starts.append(server.start_s)
            busy.append(processor_s(server.pid))
            if session:
                check_nothing_is_left(server, session, study, left)
            if way is None:
                assert server.stop() == 0
                assert list(server.temp.iterdir()) == []
            else:
                session, study = way(server)
                left = list(server.temp.iterdir())
                assert left
    print(f"{len(ways)} kills; ready after {min(starts):.1f} to {max(starts):.1f} s, at best {min(busy):.1f} of the processor's")  # noqa: T201
