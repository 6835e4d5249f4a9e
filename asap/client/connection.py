"""One kept-alive HTTP/1.1 connection to the server: connect, ask, read a bounded answer."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from . import patient_socket
from .address import Address, HttpProxy, proxy_for
from .errors import ProxyError
from .failures import ProxyRefused
from .patient_socket import Patience, PatientSocket
from .protocol import CancelFlag, Timeouts

MAX_LINE_BYTES = 2**16
MAX_PROXY_ANSWER_BYTES = 2**14
READ_BYTES = 2**16


@dataclass(frozen=True)
class Request:
    """One request. repeatable: asking twice does no harm. limit: the largest answer taken, in bytes."""

    method: str
    path: str
    body: bytes | memoryview = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True
    limit: int = 4 * 2**20


@dataclass(frozen=True)
class Answer:
    """One answer. headers: names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """A connection of one thread. Errors of the network come out as they are: OSError, http.client.HTTPException, Cancelled."""

    def __init__(self, address: Address, timeouts: Timeouts, context: ssl.SSLContext | None) -> None:
        self._address = address
        self._timeouts = timeouts
        self._context = context
        self._sock: PatientSocket | None = None
        self._http: http.client.HTTPConnection | None = None

    def __del__(self) -> None:
        self.close()

    def open(self, cancel: CancelFlag | None) -> bool:
        """Connect unless the connection is open and quiet; returns whether one is used again."""
        if self._sock is not None and self._sock.is_quiet():
            return True
        self.close()
        proxy = proxy_for(self._address)
        sock = self._reach(proxy, cancel)
        patience = Patience(self._timeouts.connect_s, 2 * self._timeouts.connect_s, cancel)
        try:
            if proxy is not None:
                _tunnel(PatientSocket(sock, patience), self._address, proxy)
            if self._context is not None:
                sock = patient_socket.encrypt(sock, self._context, self._address.host, patience)
        except BaseException:
            sock.close()
            raise
        self._sock = PatientSocket(sock, patience)
        self._http = http.client.HTTPConnection(self._address.host, self._address.port)
        self._http.sock = self._sock
        return False

    def _reach(self, proxy: HttpProxy | None, cancel: CancelFlag | None) -> socket.socket:
        connect_s = self._timeouts.connect_s
        if proxy is None:
            local = self._address.is_loopback
            return patient_socket.connect(self._address.host, self._address.port, connect_s, cancel, prefer_ipv4=local)
        try:
            return patient_socket.connect(proxy.host, proxy.port, connect_s, cancel, prefer_ipv4=False)
        except OSError as error:
            raise ProxyError(
                "The proxy in this computer's settings does not answer.", "Correct HTTPS_PROXY, or list the server in NO_PROXY."
            ) from error

    def ask(self, request: Request, patience: Patience) -> Answer:
        """Send a request and read its whole answer. The connection must be open; it is closed when anything goes wrong."""
        try:
            response = self._send(request, patience)
            pieces, size = [], 0
            while piece := response.read1(READ_BYTES):
                size += len(piece)
                if size > request.limit:
                    raise ProxyError("The answer is larger than any of an ASAP server.", "Check the address and the port.")
                pieces.append(piece)
            if response.length:
                raise http.client.IncompleteRead(b"", response.length)
            response.close()
        except BaseException:
            self.close()
            raise
        if response.will_close:
            self.close()
        return Answer(response.status, _lower(response), b"".join(pieces))

    def lines(self, request: Request, patience: Patience) -> Iterator[bytes] | Answer:
        """Send a request and return the lines of its answer as they come, or the whole answer when it is not a success."""
        try:
            response = self._send(request, patience)
            if response.status != 200:
                body = response.read1(READ_BYTES)
                self.close()
                return Answer(response.status, _lower(response), body)
        except BaseException:
            self.close()
            raise
        return self._read_lines(response)

    def interrupt(self) -> None:
        """Make a wait on another thread end."""
        sock = self._sock
        if sock is not None:
            sock.interrupt()

    def close(self) -> None:
        """Close; the next request connects anew."""
        if self._sock is not None:
            self._sock.disconnect()
        self._sock = self._http = None

    def _send(self, request: Request, patience: Patience) -> http.client.HTTPResponse:
        connection, sock = self._http, self._sock
        if connection is None or sock is None:
            raise ConnectionResetError
        sock.patience = patience
        connection.putrequest(request.method, self._address.path + request.path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", self._address.host_header)
        for name, value in request.headers.items():
            connection.putheader(name, value)
        if request.body or request.method in ("POST", "PUT"):
            connection.putheader("Content-Length", str(len(request.body)))
        try:
            connection.endheaders(request.body or None)
        except (BrokenPipeError, ConnectionResetError) as refusal:
            # A server that will not take the body answers and closes; its reason may still be there to read.
            try:
                return connection.getresponse()
            except (OSError, http.client.HTTPException):
                raise refusal from None
        return connection.getresponse()

    def _read_lines(self, response: http.client.HTTPResponse) -> Iterator[bytes]:
        try:
            while True:
                line = response.readline(MAX_LINE_BYTES + 1)
                if len(line) > MAX_LINE_BYTES:
                    raise ProxyError("The answer is larger than any of an ASAP server.", "Check the address and the port.")
                if not line.endswith(b"\n"):
                    return  # the end, or half a line: the connection broke
                yield line
        finally:
            self.close()


def _lower(response: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.getheaders()}


def _tunnel(sock: PatientSocket, address: Address, proxy: HttpProxy) -> None:
    """Ask a proxy for a tunnel. Raises ProxyRefused for any answer but a success."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    lines = [f"CONNECT {host}:{address.port} HTTP/1.1", f"Host: {host}:{address.port}"]
    if proxy.authorisation is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorisation}")
    sock.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
    head = bytearray()
    byte = bytearray(1)
    while not head.endswith(b"\r\n\r\n"):  # byte by byte: what follows the head belongs to the tunnel
        if len(head) > MAX_PROXY_ANSWER_BYTES or sock.receive(memoryview(byte)) == 0:
            raise ProxyRefused(0)
        head += byte
    words = head.split(b"\r\n", 1)[0].split()
    status = int(words[1]) if len(words) > 1 and words[0].startswith(b"HTTP/") and words[1].isdigit() else 0
    if not 200 <= status < 300:
        raise ProxyRefused(status)
