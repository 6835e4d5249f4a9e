"""Results arrive on the GUI thread, in `poll()` alone; newer work supersedes older work of its key."""

from __future__ import annotations

import threading
import time
from typing import Any

from AsapSlicerLib.background import Background, Work


class Inbox:
    """What a face would show."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.failed: list[Exception] = []
        self.progress: list[Any] = []
        self.threads: set[int] = set()

    def on_done(self, result: Any) -> None:
        self.done.append(result)
        self.threads.add(threading.get_ident())


def test_results_progress_and_errors_reach_the_polling_thread() -> None:
    background, inbox = Background(), Inbox()

    def work(me: Work) -> str:
        me.report(0.5)
        return "answer"

    def fails(_me: Work) -> None:
        raise ValueError("no")

    background.start(work, done=inbox.on_done, failed=inbox.failed.append, progressed=inbox.progress.append)
    background.start(fails, done=inbox.on_done, failed=inbox.failed.append)
    assert background.is_busy()
    assert background.wait_for_completion(5)
    assert inbox.done == ["answer"]
    assert inbox.progress == [0.5]
    assert [str(error) for error in inbox.failed] == ["no"]
    assert inbox.threads == {threading.get_ident()}
    background.stop()


def test_newer_work_supersedes_older_and_does_not_wait_for_it() -> None:
    background, inbox = Background(), Inbox()
    hang = threading.Event()
    old = background.start(lambda _me: hang.wait(60), done=inbox.on_done, failed=inbox.failed.append, key="click")
    background.start(lambda _me: "new", done=inbox.on_done, failed=inbox.failed.append, key="click")
    assert background.wait_for_completion(30)
    assert old.is_set()
    hang.set()
    time.sleep(0.05)
    background.poll()
    assert inbox.done == ["new"]
    background.stop()


def test_cancelled_work_calls_nobody_back() -> None:
    background, inbox = Background(), Inbox()
    begun, seen = threading.Event(), threading.Event()

    def work(me: Work) -> str:
        begun.set()
        while not me.is_set():
            time.sleep(0.001)
        seen.set()
        return "late"

    background.start(work, done=inbox.on_done, failed=inbox.failed.append, key="encode")
    assert begun.wait(5)
    assert background.is_busy("encode")
    assert background.cancel("encode")
    assert not background.cancel("encode")
    assert seen.wait(5)
    time.sleep(0.05)
    background.poll()
    assert inbox.done == []
    assert inbox.failed == []
    assert not background.is_busy()
    background.stop()


def test_idle_threads_are_used_again_and_released() -> None:
    background, inbox = Background(), Inbox()
    for _ in range(20):
        background.start(lambda _me: threading.get_ident(), done=inbox.on_done, failed=inbox.failed.append)
        assert background.wait_for_completion(5)
    assert len(set(inbox.done)) <= 3  # a thread may be counted busy for a moment after it delivered
    background.stop()
    end = time.monotonic() + 5
    while any(thread.ident in inbox.done for thread in threading.enumerate()) and time.monotonic() < end:
        time.sleep(0.01)
    assert not any(thread.ident in inbox.done for thread in threading.enumerate())
