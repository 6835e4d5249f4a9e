"""How long a window stood still: a Qt timer that should beat every few milliseconds, watched while a reader clicks."""

from __future__ import annotations

import time
from types import TracebackType

from PySide6 import QtCore

BEAT_MS = 2


class Heartbeat:
    """`with Heartbeat() as beat:`; then `wall_ms` and `cpu_ms` are the longest gaps between two beats.

    wall_ms holds what other programs take of the machine; cpu_ms is the GUI thread's own work between two beats.
    """

    def __init__(self) -> None:
        self.wall_ms = self.cpu_ms = 0.0
        self._timer = QtCore.QTimer()
        self._timer.setTimerType(QtCore.Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.beat)

    def __enter__(self) -> Heartbeat:
        self._last = (time.perf_counter(), time.thread_time())
        self._timer.start(BEAT_MS)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._timer.stop()
        self.beat()

    def beat(self) -> None:
        """The event loop came round; call it also after work that was done without one."""
        now = (time.perf_counter(), time.thread_time())
        self.wall_ms = max(self.wall_ms, 1000 * (now[0] - self._last[0]))
        self.cpu_ms = max(self.cpu_ms, 1000 * (now[1] - self._last[1]))
        self._last = now
