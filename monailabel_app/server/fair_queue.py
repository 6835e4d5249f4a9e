"""A queue in which sessions take turns: ten jobs of one do not hold up the first of another."""

from __future__ import annotations

from collections import deque

from monailabel_app.server.errands import Turn

TURNS_KEPT = 64


class FairQueue:
    """Jobs waiting for one lane. The session served longest ago comes next; within a session the oldest job. Not thread-safe."""

    def __init__(self) -> None:
        self._jobs: list[Turn] = []
        self._turns: deque[str] = deque(maxlen=TURNS_KEPT)  # sessions served, the latest last

    def __len__(self) -> int:
        return len(self._jobs)

    def push(self, job: Turn) -> None:
        """Add a job behind the others of its session."""
        self._jobs.append(job)

    def push_back_in_front(self, job: Turn) -> None:
        """Return a job that is not finished: the next of its session, but other sessions go first."""
        self._jobs.insert(0, job)

    def remove(self, job: Turn) -> bool:
        """Take a job out; False when it is not here."""
        if job not in self._jobs:
            return False
        self._jobs.remove(job)
        return True

    def pop(self) -> Turn:
        """The next job; its session goes to the end of the turns."""
        job = self.order()[0]
        self._jobs.remove(job)
        if job.session_id in self._turns:
            self._turns.remove(job.session_id)
        self._turns.append(job.session_id)
        return job

    def order(self) -> list[Turn]:
        """The jobs as they will be run if no more come."""
        waiting: dict[str, deque[Turn]] = {}
        for job in self._jobs:
            waiting.setdefault(job.session_id, deque()).append(job)
        served = {session: turn for turn, session in enumerate(self._turns)}
        sessions = deque(sorted(waiting, key=lambda session: served.get(session, -1)))
        order: list[Turn] = []
        while sessions:
            session = sessions.popleft()
            order.append(waiting[session].popleft())
            if waiting[session]:
                sessions.append(session)
        return order

    def jobs(self) -> list[Turn]:
        """The jobs as they came."""
        return list(self._jobs)
