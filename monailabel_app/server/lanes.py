"""Two lanes of work: one thread encodes images, another answers sentences about cases already encoded.

A sentence never waits for another's image: the image lane gives way between the blocks of its encoder.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection

from asap.errors import Cancelled
from monailabel_app.server.errands import Turn
from monailabel_app.server.fair_queue import FairQueue
from monailabel_app.server.service_errors import queue_full


class Lane:
    """One queue and the thread that empties it. run: does one step of a job; True when the job needs this lane no more."""

    def __init__(self, name: str, run: Callable[[Turn], bool]) -> None:
        self.name = name
        self.run = run
        self.queue = FairQueue()
        self.running = False

    @property
    def busy(self) -> bool:
        """Whether a job is running or waiting here."""
        return self.running or len(self.queue) > 0


class Lanes:
    """The bounded queue of both lanes. Everything below is guarded by one condition."""

    def __init__(
        self, *, limit: int, yield_s: float, run_image: Callable[[Turn], bool], run_text: Callable[[Turn], bool]
    ) -> None:
        self._limit = limit
        self._yield_s = yield_s
        self._changed = threading.Condition()
        self._closing = False
        self._image = Lane("image", run_image)
        self._text = Lane("text", run_text)
        self._threads = [
            threading.Thread(target=self._work, args=(lane,), name=f"asap-{lane.name}-lane", daemon=True)
            for lane in (self._image, self._text)
        ]

    def start(self) -> None:
        """Start both threads."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End both threads at their next pause and wait for them; what still waits is dropped."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        for lane in (self._image, self._text):
            for job in lane.queue.jobs():
                job.cancelled()

    def submit(self, job: Turn, *, encoded: bool, open_sessions: Collection[str]) -> None:
        """Queue a job: on the text lane when its case is encoded, else on the image lane.

        429 queue_full when the queue is full, or when its last places are needed so that every other open session can have one.
        """
        with self._changed:
            queued = [waiting.session_id for lane in (self._image, self._text) for waiting in lane.queue.jobs()]
            owners = set(queued)
            reserved = sum(1 for session in open_sessions if session not in owners and session != job.session_id)
            if len(queued) + (reserved if job.session_id in owners else 0) >= self._limit:
                raise queue_full()
            (self._text if encoded else self._image).queue.push(job)
            self._announce()

    def to_text(self, job: Turn) -> None:
        """Hand a running job on to the text lane; it was counted when it came."""
        with self._changed:
            self._text.queue.push_back_in_front(job)
            self._announce()

    def to_image(self, job: Turn) -> None:
        """Send a job back whose case was put away meanwhile."""
        with self._changed:
            self._image.queue.push_back_in_front(job)
            self._announce()

    def promote(self, is_encoded: Callable[[Turn], bool]) -> None:
        """Move jobs whose case has been encoded meanwhile to the text lane."""
        with self._changed:
            for job in self._image.queue.jobs():
                if is_encoded(job):
                    self._image.queue.remove(job)
                    self._text.queue.push(job)
            self._announce()

    def withdraw(self, job: Turn) -> None:
        """Take a job out of its queue, if it still waits in one."""
        with self._changed:
            for lane in (self._image, self._text):
                lane.queue.remove(job)
            self._announce()

    def give_way(self, job: Turn) -> None:
        """Called by long work between its steps: raises Cancelled when the job was, and lets waiting sentences go first."""
        with self._changed:
            if self._text.busy:
                self._changed.wait_for(lambda: not self._text.busy or self._closing, timeout=self._yield_s)
        self.check(job)

    def check(self, job: Turn) -> None:
        """Called by long work that stands in nobody's way: raises Cancelled when the job was, or the server ends."""
        if job.cancel.is_set() or self._closing:
            raise Cancelled("The job was cancelled.")

    def waiting(self) -> int:
        """Jobs in the queue."""
        with self._changed:
            return len(self._image.queue) + len(self._text.queue)

    def _announce(self) -> None:
        """Tell every waiting job its place and wake the threads; the condition is held."""
        for lane in (self._image, self._text):
            waiting = [job for job in lane.queue.order() if job.state == "queued"]  # the others were started before
            for position, job in enumerate(waiting, start=1):
                job.moved(position)
        self._changed.notify_all()

    def _work(self, lane: Lane) -> None:
        while self._step(lane):
            pass

    def _step(self, lane: Lane) -> bool:
        """One step of the next job. A function of its own, so that a lane at rest holds no job and none of its memory."""
        with self._changed:
            lane.running = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: len(lane.queue) > 0 or self._closing)
            if self._closing:
                return False
            job = lane.queue.pop()
            lane.running = True
            self._announce()
        job.started()
        if not job.ended and not lane.run(job):
            with self._changed:
                lane.queue.push_back_in_front(job)
        return True
