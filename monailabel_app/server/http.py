"""HTTP/1.1 by uvicorn, with limits on the time for request line and headers and on connections, and refusals in our form."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import suppress
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from monailabel_app.server.guards import ALWAYS, Guards
from monailabel_app.server.service_errors import ServiceError
from monailabel_app.server.settings import ServerSettings

HEADERS_S = 10.0
KEEP_ALIVE_S = 30
GRACE_S = 2
CONNECTIONS = 512
HEADER_BYTES = 32 * 1024
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"  # of TLS 1.2; 1.3 has only good ones, and older versions are off in Python


class PatientProtocol(H11Protocol):
    """Ends a connection on which a request has begun but its headers do not arrive in HEADERS_S.

    Its limits are its own, so that they hold under MONAI Label's launcher too, which has no options for them.
    """

    _headers_due: asyncio.TimerHandle | None = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.limit_concurrency = CONNECTIONS
        self.ws_protocol_class = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connected: its first request is due."""
        super().connection_made(transport)
        self._await_headers()

    def data_received(self, data: bytes) -> None:
        """Bytes arrived; the time for headers runs on until they are whole."""
        idle = self.cycle is None or self.cycle.response_complete
        if idle and self._headers_due is None:
            self._await_headers()
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._headers_arrived()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._headers_arrived()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP gets the refusal of every other bad request."""
        refusal = ServiceError(400, "bad_request", "The request is not HTTP/1.1 as this server reads it.")
        body = json.dumps(refusal.body()).encode()
        head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), (b"connection", b"close")]
        for event in (h11.Response(status_code=400, headers=[*head, *ALWAYS]), h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _await_headers(self) -> None:
        self._headers_due = self.loop.call_later(HEADERS_S, self._give_up)

    def _headers_arrived(self) -> None:
        if self._headers_due is not None:
            self._headers_due.cancel()
            self._headers_due = None

    def _give_up(self) -> None:
        self._headers_due = None
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()


def serve_until_stopped(app: Guards, listener: socket.socket, settings: ServerSettings) -> None:
    """Serve until a signal asks for the end; requests under way get GRACE_S to finish."""
    tls: dict[str, Any] = {}
    if settings.tls is not None:
        tls = {"ssl_certfile": str(settings.tls[0]), "ssl_keyfile": str(settings.tls[1]), "ssl_ciphers": CIPHERS}
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        h11_max_incomplete_event_size=HEADER_BYTES,
        **tls,
    )
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])
