"""Memory that runs out for real: the server's address space is limited from outside while it encodes, and given back."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from asap.client import AsapClient, JobFailed
from asap.volume import Volume
from tests.server.http_requests import ask
from tests.server.live import live_server
from tests.thorax import thorax

pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
pytestmark = pytest.mark.slow

TIMES = 20
LEAST_ROOM, MORE_ROOM = 16 * 2**20, 3 * 2**20  # the volume itself takes 80 MB


@contextmanager
def short_of_memory(pid: int, room_bytes: int) -> Iterator[None]:
    """The process may take this much more than it has."""
    has = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.prlimit(pid, resource.RLIMIT_AS)
    resource.prlimit(pid, resource.RLIMIT_AS, (has + room_bytes, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_AS, before)


def opened(client: AsapClient, volume: Volume) -> str:
    return client.open_study(volume.hu.astype("<i2").tobytes(order="F"), volume.shape, volume.affine.tolist())


def large() -> Volume:
    """A chest of 80 MB."""
    small = thorax(spacing_mm=(5.0, 5.0, 5.0))
    hu = np.asfortranarray(small.hu.repeat(6, 0).repeat(7, 1).repeat(4, 2))
    return Volume(hu, small.affine @ np.diag([1 / 6, 1 / 7, 1 / 4, 1.0]))


def test_short_memory_is_an_answer_and_the_next_request_is_fine(tmp_path: Path) -> None:
    with live_server(tmp_path) as server:
        client = AsapClient(server.url, server.token)
        small, volume = opened(client, thorax(spacing_mm=(5.0, 5.0, 5.0))), large()
        client.ground(small, sentences=["The heart is enlarged."])
        study, codes = opened(client, volume), []
        for number in range(TIMES):
            with short_of_memory(server.pid, LEAST_ROOM + number * MORE_ROOM):
                codes.append(code_of(client, study))
                assert ask(server, "GET", "/asap/v1/health", token=None).status == 200
            if codes[-1] == "encoded":
                client.close_study(study)
                study = opened(client, volume)
            assert client.ground(small, sentences=[f"Nodule of {number} mm in the left lung."]).sentences[0].map is not None
        print(codes)  # noqa: T201
        assert set(codes) <= {"out_of_memory", "encoded"}
        assert codes.count("out_of_memory") >= TIMES - 4
        assert code_of(client, study) == "encoded"
        client.close()
        assert "Traceback" not in server.log.read_text()
        assert server.stop() == 0


def code_of(client: AsapClient, study: str) -> str:
    """What comes of an encoding."""
    try:
        client.encode(study)
    except JobFailed as error:
        return error.code
    return "encoded"
