"""A real socket server that plays a small ASAP server, and any fault on demand. Standard library only, as the client is."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import socket
import ssl
import struct
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

TOKEN = "a-token-of-the-tests"
SESSION, STUDY, JOB = "5e" * 16, "57" * 16, "10" * 16
INFO_ROUTE, JOBS_ROUTE = "GET .*/asap/v1/info", f"POST .*/studies/{STUDY}/jobs"
EVENTS_ROUTE, RESULT_ROUTE, PART_ROUTE = f"GET .*/jobs/{JOB}/events", f"GET .*/jobs/{JOB}/result", r"PUT .*/parts/\d+"
NOTICE = "Research use. AI-generated. Not for diagnosis."
After = Literal["keep", "close", "reset", "hang"]


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Play:
    """Bytes to send, piece by piece with a pause after each, and what happens to the connection then."""

    pieces: tuple[bytes, ...]
    pause_s: float = 0.0
    after: After = "keep"


def answer(status: int, value: Any = None, **headers: str) -> Play:
    """A well-formed JSON answer."""
    body = b"" if value is None else json.dumps(value).encode()
    kind = "" if value is None else "Content-Type: application/json\r\n"
    more = "".join(f"{name.replace('_', '-')}: {content}\r\n" for name, content in headers.items())
    return Play((f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{kind}{more}\r\n".encode() + body,))


def refusal(status: int, code: str, message: str = "It cannot be done.", **headers: str) -> Play:
    """An error of the protocol."""
    return answer(status, {"error": {"code": code, "message": message, "id": "0badcafe"}}, **headers)


def html(status: int) -> Play:
    """What a proxy or another server says."""
    body = b"<html><h1>Something in between</h1></html>"
    return Play((f"HTTP/1.1 {status} X\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body,))


def stream(*events: dict[str, Any] | bytes, pause_s: float = 0.0, after: After = "close") -> Play:
    """Events as chunks, one a line; bytes go as they are. The last chunk is sent for after="close" only when all were dicts."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = [_chunk(json.dumps(event).encode() + b"\n") if isinstance(event, dict) else _chunk(event) for event in events]
    end = [b"0\r\n\r\n"] if after == "close" and all(isinstance(event, dict) for event in events) else []
    return Play((head, *chunks, *end), pause_s, after)


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


INFO: dict[str, Any] = {
    "protocol": 1, "version": "0.1.0", "capabilities": ["encode", "ground"],
    "models": [{
        "name": "asap-mini", "weights_sha256": "ab" * 32, "spacing_mm": [3, 3, 3], "cell_mm": [12, 12, 12.0], "antialias": True,
        "calibrated": True, "card": "small",
    }],
    "default_model": "asap-mini", "device": "cpu", "queue": {"length": 0, "limit": 16}, "sessions": {"open": 0, "limit": 8},
    "limits": {
        "sentence_chars": 1000, "report_chars": 50000, "sentences": 1000, "part_bytes": 8 * 2**20, "upload_bytes": 2**30,
        "sessions": 8,
    },
    "datastore": {"kind": "folder", "images": 2}, "research_use": NOTICE,
}  # fmt: skip
BOX: dict[str, Any] = {
    "shape": [1, 2, 3],
    "affine_ras_mm": [[12, 0, 0, -90.0], [0, 12, 0, 4.0], [0, 0, 12, 7.5], [0, 0, 0, 1]],
    "grid_shape": [28, 28, 28], "grid_start": [3, 4, 5], "peak": 0.9, "threshold": 0.45,
    "data": base64.b64encode(zlib.compress(bytes([0, 16, 20, 40, 62, 63]))).decode(),
}  # fmt: skip
MODEL = {"name": "asap-mini", "weights_sha256": "ab" * 32}
COVERAGE = {"model": "asap-mini", "corner_ras_mm": [[float(n), 0.0, 1.0] for n in range(8)]}


def sentence(index: int, text: str) -> dict[str, Any]:
    """One record of a ground result."""
    return {
        "index": index, "text": text, "section": "findings", "assertion": "present", "laterality": None, "localisable": True,
        "reason": None, "confidence": 0.75, "peak_ras_mm": [1.0, 2.0, 3.0], "tokens": 2, "threshold": 0.45,
        "side_check": "not applicable", "span": [0, len(text)], "map": BOX, "fine_map": None,
    }  # fmt: skip


def ground_result(texts: list[str]) -> dict[str, Any]:
    """The result of a ground job."""
    rows = [sentence(index, text) for index, text in enumerate(texts)]
    return {"task": "ground", "study": STUDY, "model": MODEL, "notice": NOTICE, "sentences": rows}


ENCODE_RESULT = {
    "task": "encode", "study": STUDY, "model": MODEL, "seconds": 1.5, "identity": "cd" * 32, "coverage": COVERAGE,
}  # fmt: skip
EVENTS: tuple[dict[str, Any], ...] = (
    {"event": "queued", "position": 1}, {"event": "started"}, {"event": "alive"},
    {"event": "progress", "stage": "encoding the volume", "share": 0.5}, {"event": "done"},
)  # fmt: skip


@dataclass
class Scripted:
    """The server. `play` puts faults in front of a route: "METHOD regular-expression"."""

    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    asked: list[Asked] = field(default_factory=list)
    parts: dict[int, bytes] = field(default_factory=dict)
    declared: dict[str, Any] = field(default_factory=dict)
    wait_for_jobs: bool = True
    connections: int = 0
    closed: int = 0

    def __enter__(self) -> Scripted:
        self._faults: list[tuple[re.Pattern[str], list[Play]]] = []
        self._stop = threading.Event()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server((self.host, 0))
        self.port: int = self._listener.getsockname()[1]
        scheme = "http" if self.tls is None else "https"
        self.url = f"{scheme}://{self.host}:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def play(self, route: str, *plays: Play) -> None:
        """Answer the next requests of a route with these, then as usual."""
        self._faults.append((re.compile(route), list(plays)))

    def paths(self, method: str = "") -> list[str]:
        """Paths asked so far, without the prefix."""
        return [asked.path.removeprefix("/asap/v1") for asked in self.asked if asked.method.startswith(method)]

    def encoded(self) -> bytes:
        """What was uploaded."""
        return b"".join(self.parts[number] for number in sorted(self.parts))

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            if self.tls is not None:
                sock = self.tls.wrap_socket(sock, server_side=True)
            self._open.append(sock)
            with sock, sock.makefile("rb") as reader:
                while (asked := self._read(reader)) is not None:
                    self.asked.append(asked)
                    if not self._send(sock, self._fault(asked) or self._usual(asked)):
                        return
        except (OSError, ValueError):
            return
        finally:
            self.closed += 1

    def _read(self, reader: Any) -> Asked | None:
        line = reader.readline()
        if not line:
            return None
        method, path, _ = line.decode("latin-1").split(" ", 2)
        headers = {}
        while (row := reader.readline().decode("latin-1").strip()) != "":
            name, value = row.split(":", 1)
            headers[name.lower()] = value.strip()
        early = self._early(Asked(method, path, headers, b""))
        body = b"" if early else reader.read(int(headers.get("content-length", 0)))
        return Asked(method, path, headers, body)

    def _early(self, asked: Asked) -> bool:
        """Whether the next fault answers before the body was read."""
        return any(
            pattern.fullmatch(f"{asked.method} {asked.path}") and plays and plays[0].after in ("reset", "hang")
            for pattern, plays in self._faults
        )

    def _fault(self, asked: Asked) -> Play | None:
        for pattern, plays in self._faults:
            if pattern.fullmatch(f"{asked.method} {asked.path}") and plays:
                return plays.pop(0)
        return None

    def _send(self, sock: socket.socket, play: Play) -> bool:
        for piece in play.pieces:
            sock.sendall(piece)
            if play.pause_s and self._stop.wait(play.pause_s):
                return False
        if play.after == "hang":
            self._stop.wait(60)
        if play.after == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return play.after == "keep"

    def _usual(self, asked: Asked) -> Play:
        path = asked.path.removeprefix("/asap/v1")
        if path == "/health":
            return answer(200, {"status": "ok"})
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return refusal(401, "unauthorised")
        for method, pattern, handler in self._routes():
            match = re.fullmatch(pattern, path)
            if asked.method == method and match:
                return handler(asked, *match.groups())
        return refusal(404, "not_found", "There is no such thing.")

    def _routes(self) -> tuple[tuple[str, str, Callable[..., Play]], ...]:
        study, job = f"/studies/{STUDY}", f"/jobs/{JOB}"
        return (
            ("GET", "/info", lambda _: answer(200, INFO)),
            ("POST", "/sessions", lambda _: answer(201, {"session": SESSION, "liveness_s": 60, "idle_s": 600})),
            ("PUT", "/sessions/current", lambda _: answer(204)),
            ("DELETE", "/sessions/current", lambda _: answer(204)),
            ("POST", "/studies", self._declare),
            ("PUT", study + r"/parts/(\d+)", self._part),
            ("GET", study, self._state),
            ("DELETE", study, lambda _: answer(204)),
            ("POST", study + "/jobs", self._submit),
            ("GET", job + "/events", lambda _: stream(*EVENTS)),
            ("GET", job + "/result", self._result),
            ("DELETE", job, lambda _: answer(204)),
            ("GET", r"/datastore/\?output=all", self._datastore),
        )

    def _missing(self) -> list[int]:
        if not self.declared:
            return []
        count = -(-self.declared["bytes"] // self.declared["part_bytes"])
        return [number for number in range(count) if number not in self.parts]

    def _declare(self, asked: Asked) -> Play:
        declared = json.loads(asked.body).get("upload", {})
        again = declared == self.declared
        self.declared = declared
        missing = self._missing()
        state = "uploading" if missing else "ready"
        return answer(200 if again else 201, {"study": STUDY, "state": state, "parts": len(missing), "missing": missing})

    def _part(self, asked: Asked, number: str) -> Play:
        self.parts[int(number)] = asked.body
        missing = self._missing()
        if not missing and hashlib.sha256(self.encoded()).hexdigest() != self.declared["sha256"]:
            self.parts.clear()
            return refusal(422, "damaged_upload")
        return answer(200, {"missing": missing})

    def _state(self, _: Asked) -> Play:
        missing = self._missing()
        return answer(200, {
            "study": STUDY, "state": "uploading" if missing else "ready", "missing": missing, "shape": [4, 5, 6],
            "encoded": [{"model": "asap-mini", "fine": False}], "spacing_mm": [3.0, 3.0, 3.0], "coverage": COVERAGE,
        })  # fmt: skip

    def _submit(self, asked: Asked) -> Play:
        self.question: dict[str, Any] = json.loads(asked.body)
        if self.question["task"] == "ground" and not self.wait_for_jobs:
            return answer(200, {"job": JOB, "state": "done", "result": ground_result(self._asked_of())})
        return answer(202, {"job": JOB, "state": "queued", "position": 1})

    def _asked_of(self) -> list[str]:
        """The sentences in question; of a report, its lines."""
        report: str | None = self.question.get("report")
        return report.splitlines() if report is not None else list(self.question["sentences"])

    def _result(self, _: Asked) -> Play:
        if self.question["task"] == "encode":
            return answer(200, ENCODE_RESULT)
        return answer(200, ground_result(self.question.get("sentences") or [self.question["report"]]))

    def _datastore(self, _: Asked) -> Play:
        info = {"SeriesDescription": "Thorax"}
        return answer(
            200, {"name": "x", "objects": {"a": {"image": {"ext": ".nrrd", "info": {}}}, "b": {"image": {"info": info}}}}
        )


def closed_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    began = time.monotonic()
    call()
    return time.monotonic() - began
