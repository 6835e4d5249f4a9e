"""One server for all tests of a worker process that only ask it: a start takes seconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server.live import LiveServer, live_server


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A running server with an empty studies folder and asap-mini; tests that stop or break it start their own."""
    pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
    with live_server(tmp_path_factory.mktemp("live")) as server:
        yield server
