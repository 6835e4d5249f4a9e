"""Sessions: who owns what, and for how long. A session's id is its only key and is never written anywhere."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from monailabel_app.server.jobs import Job
from monailabel_app.server.service_errors import ServiceError, session_gone
from monailabel_app.server.studies import Study

ID_BYTES = 16  # 128 random bits


class Session:
    """One owner. `lock` guards studies, jobs and the counters; the folder's name tells nothing of the id."""

    def __init__(self, liveness_s: float, folder: Path, now: float) -> None:
        self.id = secrets.token_hex(ID_BYTES)
        self.liveness_s = liveness_s
        self.folder = folder
        self.owner = secrets.token_hex(ID_BYTES)  # what features are filed under; tells nothing of the id
        self.lock = threading.RLock()
        self.studies: dict[str, Study] = {}
        self.jobs: dict[str, Job] = {}
        self.parts_in_flight = 0
        self.streams = 0
        self.closed = False
        self._alive = self._used = now
        self._held = 0

    def beat(self, now: float) -> None:
        """The client lives."""
        with self.lock:
            self._alive = now

    def hold(self, now: float) -> None:
        """A request uses the session: it is not taken away under it. 404 session_gone when it was."""
        with self.lock:
            if self.closed:
                raise session_gone()
            self._alive = self._used = now
            self._held += 1

    def let_go(self, now: float) -> None:
        """The request is answered: both clocks start again."""
        with self.lock:
            self._alive = self._used = now
            self._held -= 1

    def expire(self, now: float, idle_s: float) -> bool:
        """Whether its time is over; no request can hold it any more then."""
        with self.lock:
            over = now - self._alive > self.liveness_s or now - self._used > idle_s
            self.closed = self.closed or (over and not self._held)
            return self.closed


class Sessions:
    """The open sessions of a server, at most `limit`."""

    def __init__(self, runtime_dir: Path, *, limit: int, idle_s: float, clock: Callable[[], float]) -> None:
        self._dir = runtime_dir
        self._limit = limit
        self._idle_s = idle_s
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, Session] = {}

    def open(self, liveness_s: float) -> Session:
        """A new session with its own private folder; 503 sessions_full when there are as many as may be."""
        with self._lock:
            if len(self._open) >= self._limit:
                message = "The server has as many open sessions as it may; close one or try again in a minute."
                raise ServiceError(503, "sessions_full", message, retry_after_s=10)
            folder = self._dir / f"session-{secrets.token_hex(ID_BYTES)}"
            folder.mkdir(mode=0o700)
            session = Session(liveness_s, folder, self._clock())
            self._open[session.id] = session
            return session

    def get(self, session_id: str) -> Session:
        """The session of this id; 404 session_gone for any other, expired or never given out."""
        with self._lock:
            session = self._open.get(session_id)
        if session is None or session.expire(self._clock(), self._idle_s):
            raise session_gone()
        return session

    @contextmanager
    def using(self, session_id: str) -> Iterator[Session]:
        """A study or job request: the session is kept while it runs and both clocks start again at its end."""
        session = self.get(session_id)
        session.hold(self._clock())
        try:
            yield session
        finally:
            session.let_go(self._clock())

    def beat(self, session_id: str) -> Session:
        """A heartbeat: liveness only."""
        session = self.get(session_id)
        session.beat(self._clock())
        return session

    def expired(self) -> list[Session]:
        """Sessions whose time is over."""
        with self._lock:
            sessions = list(self._open.values())
        now = self._clock()
        return [session for session in sessions if session.expire(now, self._idle_s)]

    def all(self) -> list[Session]:
        """Every open session."""
        with self._lock:
            return list(self._open.values())

    def remove(self, session: Session) -> bool:
        """Take a session out, so that no request finds it any more; False when another thread did."""
        with self._lock:
            return self._open.pop(session.id, None) is not None

    def __len__(self) -> int:
        with self._lock:
            return len(self._open)


def remove_folder(folder: Path) -> None:
    """Delete what a session kept on disk; what is already gone is no fault."""
    shutil.rmtree(folder, ignore_errors=True)
