"""SIGTERM and SIGINT end a run after the step that is under way, with a checkpoint."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process
from types import FrameType

import torch

SIGNALS = (signal.SIGTERM, signal.SIGINT)
# What a shell makes of a program that SIGTERM ended; also after Ctrl-C, so that scripts know one code for "go on later".
STOPPED = 143


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
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def preparing() -> None:
    """What a process of a pool that prepares cases begins with: one thread, signals pass it by, it ends with the command.

    Unlike one that ignores them it leaves the programs it starts, which may take minutes for a case, open to them.
    """
    torch.set_num_threads(1)
    for number in SIGNALS:
        signal.signal(number, lambda _number, _frame: None)
    threading.Thread(target=_end_with_the_command, daemon=True).start()


def _end_with_the_command() -> None:
    """A pool's process whose command was killed waits for work for ever."""
    if (command := parent_process()) is not None:
        command.join()
        os._exit(1)


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Catch both signals inside the block."""
    stop = Stop()
    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
