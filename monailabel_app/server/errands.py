"""Inferences of stock clients on the lanes of `/asap/v1`: one image is encoded at a time, whoever asked."""

from __future__ import annotations

import threading

from asap.pause import Pause
from monailabel_app.lib.turns import Work
from monailabel_app.server.jobs import ENDED, Job, State
from monailabel_app.server.service_errors import ServiceError, queue_full

OWNER = "stock clients"  # they show no session, so all of them together take turns with the sessions


class Errand:
    """The place of one stock inference in the queue. Its caller waits on a thread of its own: it has no events."""

    def __init__(self, work: Work) -> None:
        self.session_id = OWNER
        self.cancel = threading.Event()
        self.state: State = "queued"
        self._work = work
        self._over = threading.Event()
        self._error: ServiceError | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ENDED

    def encode(self, pause: Pause) -> None:
        """The image lane's part."""
        self._work.encode(pause)

    def answer_some(self) -> bool:
        """The text lane's part, a few sentences at a time; True when all are answered."""
        finished = self._work.answer_some()
        if finished:
            self._end("done")
        return finished

    def moved(self, position: int) -> None:
        """Nobody is told."""

    def started(self) -> None:
        """A lane took it."""
        self.state = "running"

    def failed(self, error: ServiceError) -> None:
        """Failed with the answer its caller gets."""
        self._error = error
        self._end("failed")

    def cancelled(self) -> None:
        """The server ends."""
        self.cancel.set()
        self._error = queue_full()
        self._end("cancelled")

    def wait(self) -> None:
        """Until it is done. Raises what it failed with."""
        self._over.wait()
        if self._error is not None:
            raise self._error

    def _end(self, state: State) -> None:
        self.state = state
        self._over.set()


Turn = Job | Errand
