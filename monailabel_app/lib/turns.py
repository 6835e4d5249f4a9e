"""When a stock inference computes: on the server's lanes, or, where the app stands alone, one after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from asap.pause import Pause, no_pause


class Work(Protocol):
    """A question in two steps: a case is encoded, then its sentences are answered. Both may raise AsapError."""

    def encoded(self) -> bool:
        """Whether the case is known, so that `encode` can be left out."""
        ...

    def encode(self, pause: Pause) -> None:
        """Read and encode the case. pause: called meanwhile; what it raises ends it."""
        ...

    def answer_some(self) -> bool:
        """Answer the next few sentences; True when all are."""
        ...


Turns = Callable[[Work], None]  # does the work when its turn has come; returns when it is done
_computing = threading.Lock()


def one_at_a_time(work: Work) -> None:
    """Without a server of ours there are no lanes: two inferences would share the same cores and twice the memory."""
    with _computing:
        if not work.encoded():
            work.encode(no_pause)
        while not work.answer_some():
            pass
