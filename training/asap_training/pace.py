"""How far a command is that goes through many cases or steps, and how long the rest will take."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

SAY_EVERY_S = 10.0


def to_terminal(sentence: str) -> None:
    """Beside the results, which go to standard output."""
    print(sentence, file=sys.stderr, flush=True)


class Pace:
    """Counts what is done and says so every ten seconds at most. unit: what is counted."""

    def __init__(self, total: int, doing: str, say: Callable[[str], None] = to_terminal, *, unit: str = "cases") -> None:
        """doing: what the sentence begins with, such as "Encoding"."""
        self.done = 0
        self._total, self._doing, self._say, self._unit = total, doing, say, unit
        self._began = self._said = time.monotonic()
        self._before: int | None = None

    def one_more(self, note: str = "") -> None:
        """Another one is done. note: what else the sentence should tell, such as ", 3 unreadable"."""
        self.reached(self.done + 1, note)

    def reached(self, done: int, note: str = "") -> None:
        """So many are done. What was done before the first call is not part of the pace: a run that goes on begins there."""
        if self._before is None:
            self._before = done - 1
        self.done, now = done, time.monotonic()
        if now - self._said > SAY_EVERY_S and done < self._total:
            self._said = now
            left_min = (now - self._began) / (done - self._before) * (self._total - done) / 60
            self._say(f"{self._doing}: {done} of {self._total} {self._unit}{note}, about {left_min:.0f} min left")
