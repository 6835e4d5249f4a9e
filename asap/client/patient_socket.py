"""A socket that waits in short steps: every wait has an end and can be cancelled within half a second, whatever happens."""

from __future__ import annotations

import io
import queue
import selectors
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field

from .errors import Cancelled
from .protocol import CancelFlag

STEP_S = 0.1
CHUNK_BYTES = 64 * 2**10
MAX_ADDRESSES = 4


@dataclass
class Patience:
    """How long one exchange may wait, and who may end it.

    idle_s: longest silence. total_s: longest duration altogether, None for a stream. grace_s: how long an answer that is about to
    come is still waited for after a cancel.
    """

    idle_s: float
    total_s: float | None = None
    cancel: CancelFlag | None = None
    grace_s: float = 0.0
    _began: float = field(default_factory=time.monotonic)
    _quiet_since: float = field(default_factory=time.monotonic)
    _cancelled_at: float | None = None

    def moved(self) -> None:
        """Something was sent or received."""
        self._quiet_since = time.monotonic()

    def check(self) -> None:
        """Raises Cancelled or TimeoutError when waiting any longer has no sense."""
        now = time.monotonic()
        if self.cancel is not None and self.cancel.is_set():
            self._cancelled_at = self._cancelled_at or now
            if now - self._cancelled_at >= self.grace_s:
                raise Cancelled("The work was stopped.")
        if now - self._quiet_since > self.idle_s or (self.total_s is not None and now - self._began > self.total_s):
            raise TimeoutError


def connect(host: str, port: int, timeout_s: float, cancel: CancelFlag | None, *, prefer_ipv4: bool) -> socket.socket:
    """A connected socket whose calls return after `STEP_S`. Raises OSError (gaierror for an unknown name) and Cancelled.

    timeout_s: for the name, then for each of its first addresses. prefer_ipv4: try those first, as a server on "localhost" mostly
    listens there only.
    """
    candidates = _resolve(host, port, Patience(timeout_s, timeout_s, cancel))
    if prefer_ipv4:
        candidates.sort(key=lambda candidate: candidate[0] != socket.AF_INET)
    failure: OSError = ConnectionRefusedError()
    for family, kind, protocol, address in candidates[:MAX_ADDRESSES]:
        try:
            sock = socket.socket(family, kind, protocol)
        except OSError as error:  # this computer has no IPv6
            failure = error
            continue
        try:
            _finish_connecting(sock, address, Patience(timeout_s, timeout_s, cancel))
        except OSError as error:
            sock.close()
            failure = error
            continue
        except BaseException:
            sock.close()
            raise
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(STEP_S)
        return sock
    raise failure


Candidate = tuple[socket.AddressFamily, socket.SocketKind, int, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]


def _resolve(host: str, port: int, patience: Patience) -> list[Candidate]:
    """Look a name up on another thread: the system's resolver can neither be given a time nor be stopped."""
    found: queue.SimpleQueue[list[Candidate] | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.put([(family, kind, protocol, address) for family, kind, protocol, _, address in answers])
        except OSError as error:
            found.put(error)
        except UnicodeError:
            found.put(socket.gaierror(socket.EAI_NONAME, "not a host name"))

    threading.Thread(target=look_up, daemon=True, name="asap-resolve").start()
    while True:
        try:
            answer = found.get(timeout=STEP_S)
        except queue.Empty:
            patience.check()
            continue
        if isinstance(answer, OSError):
            raise answer
        return answer


def _finish_connecting(sock: socket.socket, address: object, patience: Patience) -> None:
    sock.setblocking(False)
    if sock.connect_ex(address) == 0:  # type: ignore[arg-type]
        return
    with selectors.DefaultSelector() as selector:  # on Windows it counts a refusal as writable, too
        selector.register(sock, selectors.EVENT_WRITE)
        while not selector.select(STEP_S):
            patience.check()
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code != 0:
        raise OSError(code, "connect failed")


def encrypt(sock: socket.socket, context: ssl.SSLContext, host: str, patience: Patience) -> ssl.SSLSocket:
    """TLS over a connected socket. Raises ssl.SSLError, OSError, TimeoutError, Cancelled."""
    wrapped = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    while True:
        try:
            wrapped.do_handshake()
            return wrapped
        except TimeoutError:
            patience.check()


class PatientSocket:
    """What `http.client` needs of a socket. `patience` is set anew for every exchange."""

    def __init__(self, sock: socket.socket, patience: Patience) -> None:
        self.sock = sock
        self.patience = patience

    def receive(self, buffer: memoryview) -> int:
        """Receive some bytes into a buffer, 0 at the end of the connection."""
        while True:
            try:
                count = self.sock.recv_into(buffer)
            except TimeoutError:
                self.patience.check()
                continue
            self.patience.moved()
            self.patience.check()
            return count

    def sendall(self, data: bytes | memoryview) -> None:
        """Send everything, in pieces."""
        view = memoryview(data).cast("B")
        while view:
            try:
                count = self.sock.send(view[:CHUNK_BYTES])
            except TimeoutError:
                self.patience.check()
                continue
            self.patience.moved()
            self.patience.check()
            view = view[count:]

    def makefile(self, _mode: str) -> io.BufferedReader:
        """A reader over this socket; closing it leaves the connection open."""
        return io.BufferedReader(_Reader(self), CHUNK_BYTES)

    def is_quiet(self) -> bool:
        """Whether nothing has come since the last answer: neither its end nor bytes nobody asked for."""
        try:
            self.sock.settimeout(0)
            self.sock.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        finally:
            if self.sock.fileno() >= 0:
                self.sock.settimeout(STEP_S)
        return False

    def interrupt(self) -> None:
        """Make another thread's wait on this socket end."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it has ended by itself

    def close(self) -> None:
        """Nothing: `http.client` calls this while an answer that ends with the connection is still to be read."""

    def disconnect(self) -> None:
        """Close the connection."""
        self.sock.close()


class _Reader(io.RawIOBase):
    """One answer's view of the socket: `http.client` closes it after every answer."""

    def __init__(self, sock: PatientSocket) -> None:
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return self._sock.receive(buffer)
