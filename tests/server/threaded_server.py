"""The service on a free port of this machine, in a thread of the test, and raw connections to it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from monailabel_app.server.service import Service
from tests.server.front import application, wait_for


@contextmanager
def served(service: Service) -> Iterator[int]:
    """The port of a server that runs while the block does."""
    # The protocol is named, or asyncio does not switch Nagle's delay (40 ms an answer) off.
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(application(service), log_level="critical", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            wait_for(lambda: server.started)
            yield int(listener.getsockname()[1])
        finally:
            server.should_exit = True
            server.force_exit = True
            thread.join(10)


def connected(port: int) -> socket.socket:
    """A plain connection."""
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def request(method: str, path: str, session: str, body: bytes = b"", *, length: int | None = None) -> bytes:
    """The bytes of one request; length: the one declared, where it is not the body's."""
    head = [f"{method} /asap/v1{path} HTTP/1.1", "Host: 127.0.0.1", f"X-ASAP-Session: {session}"]
    head += ["Content-Type: application/json", f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def question(**fields: Any) -> bytes:
    """A ground job's JSON."""
    return json.dumps({"task": "ground", "sentences": ["Heart."]} | fields).encode()


def read_until(connection: socket.socket, word: bytes) -> None:
    """Read until a word has come."""
    read = b""
    while word not in read:
        more = connection.recv(4096)
        assert more, "the server closed the connection"
        read += more
