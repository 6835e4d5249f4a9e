"""Clients that are slow, broken or hostile on the connection itself: the real server drops them and serves the others."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.server.http_requests import ask, ask_json
from tests.server.live import LiveServer, live_server
from tests.soak.process import open_files, settled

pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
pytestmark = pytest.mark.slow

EACH = 5
GIVEN_UP_S = 40.0  # a client silent in its headers is dropped after 10 s, one silent in its body after 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with live_server(tmp_path_factory.mktemp("broken"), "--models", "asap-test", "--sessions", "600") as server:
        yield server


def head(server: LiveServer, length: str | None, more: str = "") -> bytes:
    """The beginning of a request for a session."""
    lines = ["POST /asap/v1/sessions HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {server.token}"]
    lines += ["Content-Type: application/json", *([] if length is None else [f"Content-Length: {length}"])]
    return ("\r\n".join(lines) + "\r\n" + more + "\r\n").encode()


BODY = b'{"client": "slow/1"}'

# What each kind of client sends at once; most of them then stay silent and keep the connection.
KINDS: dict[str, Callable[[LiveServer], bytes]] = {
    "says nothing": lambda server: b"",
    "headers stop halfway": lambda server: head(server, "20")[:60],
    "headers without end": lambda server: head(server, "20")[:-2] + b"X-A: " + b"a" * 100_000,
    "body stops halfway": lambda server: head(server, "20") + BODY[:7],
    "body shorter than its length": lambda server: head(server, "200") + BODY,
    "body longer than its length": lambda server: head(server, "5") + BODY,
    "negative length": lambda server: head(server, "-1") + BODY,
    "length of 4 GiB": lambda server: head(server, str(4 * 2**30)) + BODY,
    "length that is no number": lambda server: head(server, "0x14") + BODY,
    "two lengths": lambda server: head(server, "20", "Content-Length: 5\r\n") + BODY,
    "chunks without end": lambda server: head(server, None, "Transfer-Encoding: chunked\r\n") + b"1\r\na\r\n" * 2000,
    "length and chunks": lambda server: head(server, "20", "Transfer-Encoding: chunked\r\n") + BODY,
    "no HTTP at all": lambda server: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
    "resets in the middle": lambda server: head(server, "20") + BODY[:7],
}
GOOD_STATUS = (b"400", b"408", b"411", b"413", b"422")


def test_broken_clients_are_dropped_and_the_others_served(server: LiveServer) -> None:
    before = settled(server.pid, 0, 1.0)
    with ExitStack() as stack:
        lines: list[tuple[str, socket.socket]] = []
        for kind, sends in KINDS.items():
            for _ in range(EACH):
                line = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=GIVEN_UP_S))
                with suppress(BrokenPipeError, ConnectionResetError):  # refused before all was sent
                    line.sendall(sends(server))
                if kind.startswith("resets"):
                    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    line.close()
                lines.append((kind, line))
        for _ in range(10):
            assert ask(server, "GET", "/asap/v1/health", token=None).status == 200
            made = ask_json(server, "POST", "/asap/v1/sessions", {"client": "honest/1"})
            assert made.status == 201
            session = {"X-ASAP-Session": made.json()["session"]}
            assert ask(server, "DELETE", "/asap/v1/sessions/current", headers=session).status == 204
        for kind, line in lines:
            if not kind.startswith("resets"):
                answer = until_closed(line)
                assert answer == b"" or answer.split(b" ", 2)[1] in GOOD_STATUS, (kind, answer[:80])
                assert answer or kind in ("says nothing", "headers stop halfway"), kind
    assert settled(server.pid, before) <= before
    assert "Traceback" not in server.log.read_text()


def until_closed(line: socket.socket) -> bytes:
    """All the server says until it closes the connection itself; fails when it never does."""
    said = b""
    with suppress(ConnectionResetError):
        while more := line.recv(65536):
            said += more
    return said


def test_answers_nobody_reads_hold_up_nobody(server: LiveServer) -> None:
    request = f"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {server.token}\r\n\r\n".encode()
    before = settled(server.pid, 0, 1.0)
    with ExitStack() as stack:
        for _ in range(EACH):
            line = socket.socket()
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.connect(("127.0.0.1", server.port))
            stack.enter_context(line)
            line.sendall(request * 3)
        for _ in range(5):
            assert ask(server, "GET", "/asap/v1/health", token=None).status == 200
    assert settled(server.pid, before) <= before


def test_five_hundred_claim_a_session_and_vanish(server: LiveServer) -> None:
    """Every session is freed when its liveness time is over, whatever became of its client."""
    before, folders = settled(server.pid, 0, 1.0), len(session_folders(server))
    body = b'{"client": "gone/1", "liveness_s": 5}'
    claim = head(server, str(len(body))) + body
    started = time.monotonic()
    for number in range(500):
        line = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        line.sendall(claim)
        if number % 2:  # every second one does not wait for the answer
            assert line.recv(4096).startswith(b"HTTP/1.1 201")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, number % 4 // 2))
        line.close()
    assert len(session_folders(server)) > folders
    end = time.monotonic() + 20.0
    while open_sessions(server) and time.monotonic() < end:
        time.sleep(0.2)
    print(f"500 sessions claimed and freed within {time.monotonic() - started:.1f} s")  # noqa: T201
    assert open_sessions(server) == 0
    assert session_folders(server) == []
    assert settled(server.pid, before) <= before
    assert open_files(server.pid) <= before


def open_sessions(server: LiveServer) -> int:
    return int(ask(server, "GET", "/asap/v1/info").json()["sessions"]["open"])


def session_folders(server: LiveServer) -> list[Path]:
    return list(server.temp.glob("asap-server-*/service/session-*"))
