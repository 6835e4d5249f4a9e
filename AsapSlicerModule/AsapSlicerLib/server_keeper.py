"""Runs a command until whoever started this closes standard input or is gone; then ends the command and removes its folder.

A program of its own, run by the server's Python: `python -I server_keeper.py FOLDER COMMAND...`. Standard library only. A pipe
that closes is noticed on every system and whatever way Slicer ended, so that no server is left behind.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
from typing import Any

STOP_S = 10.0
PR_SET_PDEATHSIG = 1  # linux/prctl.h
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def main(folder: str, *command: str) -> int:
    """Run the command; its exit code."""
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        preexec_fn=_end_with_keeper if LIBC is not None else None,  # noqa: PLW1509 - one system call, nothing that locks
    )

    def end(*_args: Any) -> None:
        child.terminate()

    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=_end_with_parent, args=(child,), daemon=True).start()
    try:
        return child.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _end_with_keeper() -> None:
    """In the child, before it becomes the command: on Linux it is told to end when the keeper itself is killed."""
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _end_with_parent(child: subprocess.Popen[bytes]) -> None:
    while os.read(0, 4096):
        pass
    child.terminate()
    try:
        child.wait(STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
