"""What a process holds, read from /proc: memory, open files, threads; and the files it left in a folder."""

from __future__ import annotations

import os
import statistics
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

EVERY_S = 0.25


@dataclass(frozen=True)
class Held:
    """Resident megabytes (10^6 bytes), open file descriptors without those of idle connections, threads."""

    rss_mb: float
    files: int
    threads: int


def held(pid: int) -> Held:
    """What a process holds now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
    threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    return Held(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, open_files(pid), threads)


def open_files(pid: int) -> int:
    """Open file descriptors of a process."""
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - the entries vanish while they are looked at


def settled(pid: int, least: int, seconds: float = 15.0) -> int:
    """Open files once they are down to `least`, or after `seconds`."""
    end = time.monotonic() + seconds
    while (now := open_files(pid)) > least and time.monotonic() < end:
        time.sleep(0.1)
    return now


def files_below(folder: Path) -> set[str]:
    """Files of a folder by their place in it."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@dataclass
class MemoryWatch:
    """Samples a process's memory from a thread while the block runs."""

    pid: int
    samples: list[tuple[float, float]] = field(default_factory=list)  # seconds since the start, MB
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> MemoryWatch:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def between(self, first: float, last: float) -> float:
        """Median of the samples between two shares of the whole time, MB."""
        whole = self.samples[-1][0]
        return statistics.median(mb for at, mb in self.samples if first * whole <= at <= last * whole)

    def _run(self) -> None:
        start = time.monotonic()
        while not self._stop.wait(EVERY_S):
            self.samples.append((time.monotonic() - start, held(self.pid).rss_mb))
