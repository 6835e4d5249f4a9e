"""Plain HTTP for tests: the standard library, no proxies, no redirects, multipart by hand."""

from __future__ import annotations

import http.client
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.server.live import LiveServer

BINARY = "application/octet-stream"


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of an error."""
        return str(self.json()["error"]["code"])


def ask(
    server: LiveServer,
    method: str,
    target: str,
    body: bytes | None = None,
    *,
    token: str | None = "user",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One request on a connection of its own. token: "user" and "admin" stand for the server's own tokens."""
    known = {"user": server.token, "admin": server.admin_token}
    sent = dict(headers or {})
    if token is not None:
        sent["Authorization"] = f"Bearer {known.get(token, token)}"
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=240)
    try:
        connection.request(method, target, body, sent)
        answer = connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def ask_json(server: LiveServer, method: str, target: str, content: Any, **options: Any) -> Answer:
    """A request with a JSON body."""
    headers = {"Content-Type": "application/json", **options.pop("headers", {})}
    return ask(server, method, target, json.dumps(content).encode(), headers=headers, **options)


def ask_form(
    server: LiveServer,
    method: str,
    target: str,
    fields: Mapping[str, str] | None = None,
    files: Mapping[str, tuple[str, bytes]] | None = None,
    **options: Any,
) -> Answer:
    """A multipart request. files: field -> (file name, content); the name is sent as it stands."""
    limit = secrets.token_hex(8).encode()
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode() for name, value in (fields or {}).items()]
    parts += [
        f'Content-Disposition: form-data; name="{name}"; filename="{file}"\r\nContent-Type: {BINARY}\r\n\r\n'.encode() + content
        for name, (file, content) in (files or {}).items()
    ]
    body = b"".join(b"--" + limit + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + limit + b"--\r\n"
    headers = {"Content-Type": f"multipart/form-data; boundary={limit.decode()}", **options.pop("headers", {})}
    return ask(server, method, target, body, headers=headers, **options)
