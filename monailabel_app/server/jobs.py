"""One job: what was asked, how far it is, what came of it. Its events are kept, so that a stream can begin at the beginning."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from monailabel_app.server.kinds.kind import Answer, ImageAnswer, Lane, Steps
from monailabel_app.server.service_errors import ServiceError, conflict
from monailabel_app.server.studies import Study

State = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED: tuple[State, ...] = ("done", "failed", "cancelled")
MAX_EVENTS = 2_000
SHARE_STEP = 0.01

Watcher = Callable[[], None]


@dataclass(frozen=True)
class Question:
    """What a job is asked: of which kind, of which model and encoding, and the work that answers it on which lane."""

    task: str
    model: str
    fine: bool
    answer: Answer
    lane: Lane = "text"


@dataclass(frozen=True)
class ImageQuestion:
    """What is asked of a network of its own about an image that need not be encoded: on the image lane, whole."""

    task: str
    model: str
    weights_sha256: str
    answer: ImageAnswer
    fine: Literal[False] = False
    lane: Literal["image"] = "image"


class Job:
    """A job of one session on one study. Methods may be called from any thread; watchers are called after each event."""

    def __init__(self, session_id: str, study: Study, question: Question | ImageQuestion) -> None:
        self.id = secrets.token_hex(16)
        self.session_id = session_id
        self.study = study
        self.question = question
        self.encode_s = 0.0
        self.steps: Steps | None = None  # of its answer, once that has begun; the lane's own
        self.cancel = threading.Event()
        self.asked = 0  # how often its client asked for it
        self._lock = threading.Lock()
        self._state: State = "queued"
        self._position = 0
        self._stage: str | None = None
        self._share: float | None = None
        self._error: ServiceError | None = None
        self._result = b""
        self._events: list[dict[str, Any]] = []
        self._watchers: list[Watcher] = []

    @property
    def state(self) -> State:
        """Where it stands."""
        with self._lock:
            return self._state

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ENDED

    def moved(self, position: int) -> None:
        """Its place in the queue: 1 is the next to be run."""
        with self._lock:
            if self._state == "queued" and position != self._position:
                self._position = position
                self._add({"event": "queued", "position": position})

    def started(self) -> None:
        """A worker took it."""
        with self._lock:
            if self._state == "queued":
                self._state, self._position = "running", 0
                self._add({"event": "started"})

    def progress(self, stage: str, share: float) -> None:
        """How far a stage is, 0 to 1; steps too small to see are not told."""
        with self._lock:
            step = 1.0 if self._share is None or stage != self._stage else share - self._share
            small = step <= 0 or (step < SHARE_STEP and share < 1)
            if self._state != "running" or small:
                return
            self._stage, self._share = stage, share
            self._add({"event": "progress", "stage": stage, "share": round(share, 4)})

    def notice(self, code: str, message: str) -> None:
        """Something the user should know while it goes on."""
        with self._lock:
            if self._state == "running":
                self._add({"event": "notice", "code": code, "message": message})

    def done(self, result: bytes) -> None:
        """Finished; result: its JSON."""
        self._end("done", {"event": "done"}, result=result)

    def failed(self, error: ServiceError) -> None:
        """Failed with the answer that `result` will give."""
        self._end("failed", {"event": "failed"} | error.body(), error=error)

    def cancelled(self) -> None:
        """Given up by its owner. Work under way stops at its next pause."""
        self.cancel.set()
        self._end("cancelled", {"event": "cancelled"})

    def result(self) -> bytes:
        """The JSON of the answer. Raises what it failed with; 409 when there is none (yet)."""
        with self._lock:
            if self._error is not None:
                raise self._error
            if self._state != "done":
                over = self._state == "cancelled"
                raise conflict("The job was cancelled; ask again." if over else "The job is not finished; ask for its events.")
            return self._result

    def result_bytes(self) -> int:
        """Memory its answer takes."""
        with self._lock:
            return len(self._result)

    def described(self) -> dict[str, Any]:
        """The answer to `GET jobs/{id}`."""
        with self._lock:
            return {
                "job": self.id,
                "state": self._state,
                "position": self._position,
                "stage": self._stage,
                "share": None if self._share is None else round(self._share, 4),
                "error": None if self._error is None else self._error.body()["error"],
            }

    def events_from(self, first: int) -> Sequence[dict[str, Any]]:
        """Events from number `first` on."""
        with self._lock:
            return self._events[first:]

    def watch(self, watcher: Watcher) -> None:
        """Call `watcher` after each further event, and now if it already ended."""
        with self._lock:
            self._watchers.append(watcher)
            ended = self._state in ENDED
        if ended:
            watcher()

    def unwatch(self, watcher: Watcher) -> None:
        """Call it no more."""
        with self._lock:
            self._watchers.remove(watcher)

    def _end(self, state: State, event: dict[str, Any], *, result: bytes = b"", error: ServiceError | None = None) -> None:
        with self._lock:
            if self._state in ENDED:
                return
            self._state, self._position, self._result, self._error = state, 0, result, error
            self.steps = None  # the case's features go with it
            self._add(event, last=True)

    def _add(self, event: dict[str, Any], *, last: bool = False) -> None:
        if last or len(self._events) < MAX_EVENTS:
            self._events.append(event)
            for watcher in self._watchers:
                watcher()
