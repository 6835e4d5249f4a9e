"""Requests to one server from any thread: a connection each, bounded repeats of what may be repeated, errors with a next step."""

from __future__ import annotations

import http.client
import ssl
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from . import checks, failures
from .address import parse_address
from .connection import Answer, Connection, Request
from .errors import BadAddress, Cancelled, CertificateRefused, ClientError, ProxyError
from .patient_socket import Patience
from .protocol import CancelFlag, Timeouts

PAUSES_S = (0.1, 0.4)  # before the second and the third attempt
SLOWEST_ANSWER = 10  # times `Timeouts.read_s`: an answer that only drips is given up
BROKEN = (ConnectionResetError, BrokenPipeError, ConnectionAbortedError, http.client.IncompleteRead)


class Transport:
    """Sends requests to one origin, the token to no other."""

    def __init__(self, url: str, token: str | None, timeouts: Timeouts, ca_file: str | None) -> None:
        self.address = parse_address(url)
        self.timeouts = timeouts
        self._headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "asap-client"}
        if token is not None:
            if not token.isascii() or not token.isprintable() or " " in token:
                raise BadAddress("The token holds characters no token has.", "Copy it again, without spaces or line ends.")
            self._headers["Authorization"] = f"Bearer {token}"
        self._context = _tls(ca_file) if self.address.tls else None
        self._local = threading.local()
        self._lock = threading.Lock()
        self._connections: weakref.WeakSet[Connection] = weakref.WeakSet()
        self._closed = False

    def ask(
        self, request: Request, *, cancel: CancelFlag | None = None, total_s: float | None = None, grace_s: float = 0.0
    ) -> Answer:
        """One successful answer. Raises ClientError for everything else.

        total_s: the longest it may take, by default `SLOWEST_ANSWER` times the read time. grace_s: how long the answer is still
        waited for after a cancel.
        """
        read_s = self.timeouts.read_s
        for pause_s in (*PAUSES_S, None):
            patience = Patience(read_s, total_s or SLOWEST_ANSWER * read_s, cancel, grace_s)
            connection = self._connection()
            connected = False
            try:
                connection.open(cancel)
                connected = True
                answer = connection.ask(self._complete(request), patience)
                break
            except (OSError, http.client.HTTPException) as error:
                if pause_s is None or not (connected and request.repeatable and isinstance(error, BROKEN)):
                    raise failures.from_exception(error, self.address, connecting=not connected) from error
                wait(pause_s, cancel)
        if not 200 <= answer.status < 300:
            raise failures.from_answer(answer.status, answer.headers, answer.body)
        return answer

    def json(
        self, request: Request, *, cancel: CancelFlag | None = None, total_s: float | None = None, grace_s: float = 0.0
    ) -> tuple[int, Any]:
        """Status and JSON of one successful answer."""
        answer = self.ask(request, cancel=cancel, total_s=total_s, grace_s=grace_s)
        if not answer.headers.get("content-type", "").startswith("application/json"):
            raise ProxyError("The answer is not one of an ASAP server.", "Check the address; on a guest network, log in first.")
        return answer.status, checks.parse_json(answer.body)

    def events(self, request: Request, cancel: CancelFlag | None) -> Iterator[dict[str, Any]]:
        """JSON objects of a stream, one a line, until it ends or breaks. Raises ClientError when it cannot be had at all."""
        connection = self._connection()
        connected = False
        try:
            connection.open(cancel)
            connected = True
            lines = connection.lines(self._complete(request), Patience(self.timeouts.read_s, None, cancel))
        except (OSError, http.client.HTTPException) as error:
            if connected and isinstance(error, BROKEN):
                return
            raise failures.from_exception(error, self.address, connecting=not connected) from error
        if isinstance(lines, Answer):
            raise failures.from_answer(lines.status, lines.headers, lines.body)
        try:
            for line in lines:
                yield checks.mapping(checks.parse_json(line), "event")
        except BROKEN:
            return
        except (OSError, http.client.HTTPException) as error:
            raise failures.from_exception(error, self.address, connecting=False) from error

    def close(self) -> None:
        """Refuse further requests and end the waits of other threads."""
        with self._lock:
            self._closed = True
            connections = list(self._connections)
        own = getattr(self._local, "connection", None)
        for connection in connections:
            if connection is own:
                connection.close()
            else:
                connection.interrupt()

    def _connection(self) -> Connection:
        with self._lock:
            if self._closed:
                raise ClientError("This client was closed.", "Connect to the server again.")
            connection: Connection | None = getattr(self._local, "connection", None)
            if connection is None:
                connection = Connection(self.address, self.timeouts, self._context)
                self._local.connection = connection
                self._connections.add(connection)
            return connection

    def _complete(self, request: Request) -> Request:
        headers: Mapping[str, str] = {**self._headers, **request.headers}
        return replace(request, headers=headers)


def wait(seconds: float, cancel: CancelFlag | None) -> None:
    """Pause; raises Cancelled within a tenth of a second of the caller's wish."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        check_cancel(cancel)
        time.sleep(min(left, 0.1))


def check_cancel(cancel: CancelFlag | None) -> None:
    """Raises Cancelled when the caller wishes it."""
    if cancel is not None and cancel.is_set():
        raise Cancelled("The work was stopped.")


def _tls(ca_file: str | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise CertificateRefused("The CA file cannot be read.", "Choose a file of certificates in PEM form.") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
