"""SIGTERM and SIGINT end a run after the step that is under way, with a checkpoint."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import torch


class Stop:
    """Whether somebody asked the run to end, and by which signal."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        self.signal = number


def reader(_worker: int) -> None:
    """What a process that reads cases for a run begins with: one thread, and no ear for signals.

    Some go to every process of a job (SLURM, a terminal), and the step under way still needs its readers; they end with the run.
    """
    torch.set_num_threads(1)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Catch both signals inside the block."""
    stop = Stop()
    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
