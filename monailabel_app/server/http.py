"""HTTP/1.1 by uvicorn, with a limit on the time a client takes for its request line and headers."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from monailabel_app.server.guards import Guards
from monailabel_app.server.settings import ServerSettings

HEADERS_S = 10.0
KEEP_ALIVE_S = 30
GRACE_S = 2
CONNECTIONS = 512
HEADER_BYTES = 32 * 1024


class PatientProtocol(H11Protocol):
    """Ends a connection on which a request has begun but its headers do not arrive in HEADERS_S."""

    _headers_due: asyncio.TimerHandle | None = None

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
        tls = {"ssl_certfile": str(settings.tls[0]), "ssl_keyfile": str(settings.tls[1])}
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
        limit_concurrency=CONNECTIONS,
        h11_max_incomplete_event_size=HEADER_BYTES,
        **tls,
    )
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])
