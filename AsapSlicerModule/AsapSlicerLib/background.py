"""Work on other threads, results on the GUI thread.

The face calls `poll()` from a timer (QTimer, asyncio); callbacks run there and nowhere else, so they may touch the scene.
Work started under a key supersedes earlier work of that key: it is asked to stop and whatever it still brings is dropped.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

POLL_S = 0.01


@dataclass(eq=False)
class Work:
    """One piece of work. `is_set` makes it a cancel event for `asap.client`."""

    run: Callable[[Work], Any]
    done: Callable[[Any], None]
    failed: Callable[[Exception], None]
    progressed: Callable[[Any], None] | None
    key: str | None
    _stop: threading.Event = field(default_factory=threading.Event)
    _outbox: queue.SimpleQueue[tuple[Work, str, Any]] | None = None

    def cancel(self) -> None:
        """Ask the work to stop; neither `done` nor `failed` will be called."""
        self._stop.set()

    def is_set(self) -> bool:
        """Whether it was asked to stop."""
        return self._stop.is_set()

    def report(self, progress: Any) -> None:
        """Called by the work itself: pass progress on to the GUI thread."""
        if self._outbox is not None and self.progressed is not None:
            self._outbox.put((self, "progress", progress))


class Background:
    """Daemon threads, as many as work runs at once; idle ones are used again and keep their connections."""

    def __init__(self) -> None:
        self._inbox: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[tuple[Work, str, Any]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._waiting = 0
        self._current: dict[str, Work] = {}
        self._unfinished: set[Work] = set()

    def start(
        self,
        run: Callable[[Work], Any],
        *,
        done: Callable[[Any], None],
        failed: Callable[[Exception], None],
        progressed: Callable[[Any], None] | None = None,
        key: str | None = None,
    ) -> Work:
        """Run `run(work)` on another thread; its result or exception reaches `done` or `failed` in a later `poll()`."""
        work = Work(run, done, failed, progressed, key, _outbox=self._outbox)
        if key is not None:
            self.cancel(key)
            self._current[key] = work
        self._unfinished.add(work)
        with self._lock:
            self._waiting += 1
            if self._waiting > self._threads:  # every thread is taken, perhaps by work that hangs on a dead server
                self._threads += 1
                threading.Thread(target=self._serve, name="asap-background", daemon=True).start()
        self._inbox.put(work)
        return work

    def cancel(self, key: str) -> bool:
        """Ask the work of this key to stop and drop it. False when there was none."""
        work = self._current.pop(key, None)
        if work is None:
            return False
        work.cancel()
        self._unfinished.discard(work)
        return True

    def is_busy(self, key: str | None = None) -> bool:
        """Whether work (of this key) has not yet been delivered."""
        return bool(self._unfinished) if key is None else key in self._current

    def poll(self) -> None:
        """Deliver what has arrived. Call it on the GUI thread only."""
        for _ in range(self._outbox.qsize()):
            work, kind, payload = self._outbox.get()
            if work not in self._unfinished:
                continue
            if kind == "progress":
                if work.progressed is not None:
                    work.progressed(payload)
                continue
            self._unfinished.discard(work)
            if work.key is not None and self._current.get(work.key) is work:
                del self._current[work.key]
            if kind == "done":
                work.done(payload)
            else:
                work.failed(payload)

    def wait_for_completion(self, timeout_s: float = 600.0) -> bool:
        """For scripts: deliver until nothing is under way. False when time ran out first."""
        end = time.monotonic() + timeout_s
        while self._unfinished:
            if time.monotonic() > end:
                return False
            self.poll()
            time.sleep(POLL_S)
        return True

    def stop(self) -> None:
        """Ask everything to stop and let the threads go."""
        for work in tuple(self._unfinished):
            work.cancel()
        self._unfinished.clear()
        self._current.clear()
        with self._lock:
            threads, self._threads = self._threads, 0
        for _ in range(threads):
            self._inbox.put(None)

    def _serve(self) -> None:
        while (work := self._inbox.get()) is not None:
            try:
                if not work.is_set():
                    self._outbox.put((work, "done", work.run(work)))
            except Exception as error:  # whatever it is, it belongs to the one who started the work
                self._outbox.put((work, "failed", error))
            finally:
                with self._lock:
                    self._waiting -= 1
