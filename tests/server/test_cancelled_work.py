"""Work nobody waits for any more frees the real server's worker within two seconds, however its client went away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from asap.io.nifti import write_nifti
from tests.server.http_requests import ask
from tests.server.live import LiveServer, live_server
from tests.server.readers import Next, Reader
from tests.server.threaded_server import question, read_until
from tests.thorax import thorax

pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
pytestmark = pytest.mark.slow

FREE_S = 2.0
TRIES = 3  # another process may take the cores for a moment


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("cancelled")
    (folder / "studies").mkdir()
    chest = thorax(spacing_mm=(2.0, 2.0, 2.0))
    write_nifti(folder / "studies" / "chest.nii.gz", chest.hu.astype(np.int16), chest.affine)
    noise = np.random.default_rng(0).integers(-1000, 1000, (400, 400, 250), dtype=np.int16)
    write_nifti(folder / "studies" / "large.nii.gz", noise, np.eye(4))
    with live_server(folder, "--sessions", "32") as server:
        yield server


def by_request(reader: Reader, stage: str) -> Callable[[], object]:
    job = reader.encode()
    reader.wait_for_stage(job, stage)
    return lambda: ask(reader.server, "DELETE", f"/asap/v1/jobs/{job}", headers=reader.headers)


def by_closing_the_study(reader: Reader, stage: str) -> Callable[[], object]:
    reader.wait_for_stage(reader.encode(), stage)
    return lambda: ask(reader.server, "DELETE", f"/asap/v1/studies/{reader.study}", headers=reader.headers)


def by_closing_the_session(reader: Reader, stage: str) -> Callable[[], object]:
    reader.wait_for_stage(reader.encode(), stage)
    return lambda: ask(reader.server, "DELETE", "/asap/v1/sessions/current", headers=reader.headers)


def by_leaving_the_events(reader: Reader, stage: str) -> Callable[[], object]:
    line = reader.line(f"/jobs/{reader.encode()}/events")
    read_until(line, stage.encode())
    return line.close


def by_leaving_the_question(reader: Reader, _stage: str) -> Callable[[], object]:
    line = reader.line(f"/studies/{reader.study}/jobs", question(fine=True, wait_s=10))
    time.sleep(0.5)
    return line.close


WAYS = (by_request, by_closing_the_study, by_closing_the_session, by_leaving_the_events)
CASES = [
    (way, image, stage) for image, stage in (("chest", "encoding the volume"), ("large", "reading the volume")) for way in WAYS
]


@pytest.mark.parametrize(("way", "image", "stage"), [*CASES, (by_leaving_the_question, "chest", "encoding the volume")])
def test_the_worker_is_free_within_two_seconds(
    server: LiveServer, way: Callable[[Reader, str], Callable[[], object]], image: str, stage: str
) -> None:
    taken: list[float] = []
    while len(taken) < TRIES and min(taken, default=FREE_S) >= FREE_S:
        following, reader = Next(server), Reader(server, image)
        taken.append(following.seconds_after(way(reader, stage)))
        following.client.close()
        ask(server, "DELETE", "/asap/v1/sessions/current", headers=reader.headers)
    print(f"{way.__name__} while {stage}: {min(taken):.2f} s")  # noqa: T201
    assert min(taken) < FREE_S
