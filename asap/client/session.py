"""This client's session on the server: opened when it is first needed, kept alive, ended at the close."""

from __future__ import annotations

import threading
import weakref

from . import checks
from .connection import Request
from .errors import ClientError, NotAsapServer, SessionGone, VersionMismatch
from .protocol import PREFIX, PROTOCOL, CancelFlag, ServerInfo, server_info
from .transport import Transport, check_cancel
from .wire import to_json

CLIENT_NAME = "asap-client/1"
LOCK_STEP_S = 0.1
BEATS_A_LIFE = 3
FAREWELL_S = 1.0


class Session:
    """At most one session at a time. One that the server gave up is forgotten, and only `ensure` opens another."""

    def __init__(self, transport: Transport, liveness_s: int) -> None:
        self._transport = transport
        self._liveness_s = liveness_s
        self._lock = threading.Lock()
        self._id: str | None = None
        self._info: ServerInfo | None = None
        self._ended = threading.Event()

    def info(self, cancel: CancelFlag | None = None) -> ServerInfo:
        """What the server says about itself now. Raises VersionMismatch and NotAsapServer with what to do."""
        try:
            _, value = self._transport.json(Request("GET", f"{PREFIX}/info"), cancel=cancel)
        except NotAsapServer:
            if self._is_plain_monai_label(cancel):
                raise NotAsapServer(
                    "A MONAI Label server answers at this address, but it runs without the ASAP app.",
                    "Start it with `asap serve`, or ask whoever runs it to.",
                ) from None
            raise
        spoken = checks.whole(checks.mapping(value, "info").get("protocol"), "protocol")
        if spoken != PROTOCOL:
            older = "server" if spoken < PROTOCOL else "client"
            raise VersionMismatch(
                f"The server speaks version {spoken} of the protocol, this client version {PROTOCOL}.", f"Update the {older}."
            )
        info = server_info(value)
        self._info = info
        return info

    def ensure(self, cancel: CancelFlag | None) -> tuple[dict[str, str], ServerInfo]:
        """Headers of the session, opened if there is none, and the server's description."""
        while not self._lock.acquire(timeout=LOCK_STEP_S):
            check_cancel(cancel)
        try:
            info = self._info or self.info(cancel)
            if self._id is None:
                body = to_json({"client": CLIENT_NAME, "liveness_s": self._liveness_s})
                opening = Request("POST", f"{PREFIX}/sessions", body, {"Content-Type": "application/json"}, repeatable=False)
                _, value = self._transport.json(opening, cancel=cancel)
                self._id = checks.hex_id(checks.mapping(value, "session").get("session"), "session")
            return {"X-ASAP-Session": self._id}, info
        finally:
            self._lock.release()

    def headers(self) -> dict[str, str]:
        """Headers of the session that is open. Raises SessionGone when there is none: its cases are gone, too."""
        session = self._id
        if session is None:
            raise SessionGone("The server no longer holds this session.", "Open the case again.")
        return {"X-ASAP-Session": session}

    def forget(self, headers: dict[str, str]) -> None:
        """The server gave the session of these headers up."""
        with self._lock:
            if self._id == headers.get("X-ASAP-Session"):
                self._id = self._info = None

    def heartbeat(self) -> None:
        """Tell the server that the session, if there is one, is alive."""
        if self._id is None:
            return
        headers = self.headers()
        try:
            self._transport.ask(Request("PUT", f"{PREFIX}/sessions/current", b"", headers))
        except SessionGone:
            self.forget(headers)
            raise

    def keep_alive(self) -> None:
        """Heartbeats from a thread that ends with `end()` or when nothing else holds this session any more."""
        arguments = (weakref.ref(self), self._ended, self._liveness_s / BEATS_A_LIFE)
        threading.Thread(target=_beat, args=arguments, daemon=True, name="asap-heartbeat").start()

    def end(self) -> None:
        """Delete the session on the server. Waits a second at most: a server that is gone ends it by itself."""
        self._ended.set()
        with self._lock:
            session, self._id = self._id, None
        if session is None:
            return

        def delete() -> None:
            try:
                self._transport.ask(Request("DELETE", f"{PREFIX}/sessions/current", b"", {"X-ASAP-Session": session}))
            except ClientError:
                return

        thread = threading.Thread(target=delete, daemon=True, name="asap-close")
        thread.start()
        thread.join(FAREWELL_S)

    def _is_plain_monai_label(self, cancel: CancelFlag | None) -> bool:
        try:
            _, value = self._transport.json(Request("GET", "/info/"), cancel=cancel)
        except ClientError:
            return False
        return isinstance(value, dict) and "models" in value


def _beat(session: weakref.ref[Session], ended: threading.Event, every_s: float) -> None:
    while not ended.wait(every_s):
        alive = session()
        if alive is None:
            return
        try:
            alive.heartbeat()
        except ClientError:
            continue  # the next call says what is wrong, to someone who reads it
        finally:
            del alive
