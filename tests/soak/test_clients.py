"""Fifteen seconds of the soak; `python -m tests.soak.clients --minutes 2` is the whole of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.live import live_server
from tests.soak.clients import report, soak

pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")


@pytest.mark.slow
def test_eight_clients_meet_no_error_and_no_strange_answer(tmp_path: Path) -> None:
    with live_server(tmp_path, "--models", "asap-test", "--sessions", "16") as server:
        outcome = soak(server, clients=8, seconds=15.0)
        assert outcome.passed, "\n" + report(outcome)
        assert outcome.counts["foreign ids refused"] > 0
        assert server.stop() == 0
        assert list(server.temp.iterdir()) == []
