"""Two clients of one server: one whose work is given up, and the next in the queue."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from asap.client import AsapClient
from tests.server.http_requests import ask, ask_json
from tests.server.live import LiveServer
from tests.thorax import thorax


class Reader:
    """A session with one study of the server's."""

    def __init__(self, server: LiveServer, image: str) -> None:
        self.server = server
        opened = ask_json(server, "POST", "/asap/v1/sessions", {"client": "x"})
        self.headers = {"X-ASAP-Session": opened.json()["session"]}
        made = ask_json(server, "POST", "/asap/v1/studies", {"datastore_id": image}, headers=self.headers)
        self.study = made.json()["study"]

    def encode(self) -> str:
        """Begin a long encoding."""
        asked = {"task": "encode", "fine": True}
        made = ask_json(self.server, "POST", f"/asap/v1/studies/{self.study}/jobs", asked, headers=self.headers)
        return str(made.json()["job"])

    def state(self, job: str) -> dict[str, object]:
        return dict(ask(self.server, "GET", f"/asap/v1/jobs/{job}", headers=self.headers).json())

    def wait_for_stage(self, job: str, stage: str) -> None:
        end = time.monotonic() + 60
        while self.state(job)["stage"] != stage:
            assert time.monotonic() < end
            time.sleep(0.02)

    def line(self, target: str, body: bytes | None = None) -> socket.socket:
        """A connection on which a request was sent and whose answer nobody reads yet."""
        line = socket.create_connection(("127.0.0.1", self.server.port), timeout=30)
        head = [f"{'GET' if body is None else 'POST'} /asap/v1{target} HTTP/1.1", "Host: 127.0.0.1"]
        head += [f"Authorization: Bearer {self.server.token}", f"X-ASAP-Session: {self.headers['X-ASAP-Session']}"]
        head += [] if body is None else ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        line.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + (body or b""))
        return line


class Next:
    """Another session, ready to ask; it tells when the worker takes its question up."""

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        self.client = AsapClient(server.url, server.token)
        small = thorax(spacing_mm=(5.0, 5.0, 5.0))
        self.study = self.client.open_study(small.hu.astype("<i2").tobytes(order="F"), small.shape, small.affine.tolist())

    def seconds_after(self, leave: Callable[[], object]) -> float:
        """Ask, let the other leave, and wait."""
        headers = self.client._session.headers()
        asked = ask_json(self.server, "POST", f"/asap/v1/studies/{self.study}/jobs", {"task": "encode"}, headers=headers)
        job = asked.json()["job"]
        assert ask(self.server, "GET", f"/asap/v1/jobs/{job}", headers=headers).json()["state"] == "queued"
        start = time.monotonic()
        leave()
        while ask(self.server, "GET", f"/asap/v1/jobs/{job}", headers=headers).json()["state"] == "queued":
            assert time.monotonic() - start < 30
            time.sleep(0.01)
        return time.monotonic() - start
