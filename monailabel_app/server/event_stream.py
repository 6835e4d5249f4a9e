"""The events of a job as lines of JSON, and waiting for a job, both without a thread of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from asap.client.wire import to_json
from monailabel_app.server.jobs import Job
from monailabel_app.server.service import Service
from monailabel_app.server.sessions import Session

ALIVE_EVERY_S = 5.0
DISCONNECT_CHECK_S = 0.25


async def event_lines(service: Service, session: Session, job: Job) -> AsyncIterator[bytes]:
    """Every event of a job from its first, one JSON a line, and a sign of life every five seconds.

    When the client goes away before the end and does not ask for the job again, the job is cancelled.
    """
    sent = 0
    try:
        with service.streaming(session), _changes(job) as changed:
            while True:
                changed.clear()
                events = job.events_from(sent)
                sent += len(events)
                for event in events:
                    yield to_json(event) + b"\n"
                if events and events[-1]["event"] in ("done", "failed", "cancelled"):
                    return
                try:
                    await asyncio.wait_for(changed.wait(), ALIVE_EVERY_S)
                except TimeoutError:
                    yield b'{"event":"alive"}\n'
    finally:
        if not job.ended:
            asyncio.get_running_loop().call_later(service.config.unwatched_s, _abandon_unless_asked, service, job, job.asked)


async def wait_until_ended(job: Job, wait_s: float, gone: Callable[[], Awaitable[bool]]) -> bool:
    """Wait for a job for at most wait_s seconds; False when the client went away meanwhile."""
    deadline = asyncio.get_running_loop().time() + wait_s
    with _changes(job) as changed:
        while not job.ended:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return True
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), min(left, DISCONNECT_CHECK_S))
            changed.clear()
            if not job.ended and await gone():
                return False
    return True


@contextmanager
def _changes(job: Job) -> Iterator[asyncio.Event]:
    """An event of this loop that is set after each event of the job, whatever thread it comes from."""
    loop, changed = asyncio.get_running_loop(), asyncio.Event()

    def tell() -> None:
        with suppress(RuntimeError):  # the loop ended with the server
            loop.call_soon_threadsafe(changed.set)

    job.watch(tell)
    try:
        yield changed
    finally:
        job.unwatch(tell)


def _abandon_unless_asked(service: Service, job: Job, asked: int) -> None:
    if job.asked == asked:
        service.abandon(job)
