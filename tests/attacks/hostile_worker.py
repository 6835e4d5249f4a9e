"""A reader child that has been taken over: the file's first word says what it tries."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from asap.errors import InputError
from asap.io import protocol, worker
from asap.volume import Volume

GOOD = Volume(np.zeros((4, 4, 4), np.int16), np.eye(4))


def misbehave(path: Path) -> Volume:  # noqa: PLR0912 - a list of misdeeds
    """Do what the file says."""
    word, _, rest = path.read_text().partition(" ")
    if word == "spin":
        while True:
            pass
    elif word == "sleep":
        time.sleep(600)
    elif word == "allocate":
        np.ones(3 * 2**30, np.uint8)
    elif word == "grow":
        kept = []
        while True:
            kept.append(np.ones(64 * 2**20, np.uint8))
    elif word == "fill-disk":
        with Path(rest).open("wb") as file:
            for _ in range(64):
                file.write(bytes(2**20))
    elif word == "mute":
        worker.STARTED = b""  # from now on no job is acknowledged
    elif word == "read-outside":
        Path(rest).read_bytes()
    elif word == "list-outside":
        list(Path(rest).parent.parent.iterdir())
    elif word == "write-outside":
        Path(rest).write_bytes(b"x")
    elif word == "remove":
        Path(rest).unlink()
    elif word == "connect":
        socket.create_connection(("127.0.0.1", 9), 1)
    elif word == "spawn":
        subprocess.run(["true"], check=True)
    elif word == "fork":
        os.fork()
    elif word == "die":
        signal.raise_signal(signal.SIGKILL)
    elif word == "crash":
        signal.raise_signal(signal.SIGSEGV)
    elif word == "exit":
        os._exit(0)
    elif word == "open-files":
        kept = [os.open(path, os.O_RDONLY) for _ in range(1000)]
    elif word == "raise":
        raise RuntimeError("Doe^Jane 4711")
    elif word == "long-sentence":
        raise InputError("x" * 10_000)
    elif word == "print":
        os.write(1, b"Doe^Jane")
        os.write(2, b"Doe^Jane")
    elif word in HEADS:
        _answer_raw(HEADS[word].replace(NUMBER, _this_job()))
    return GOOD


def _answer_raw(data: bytes) -> None:
    """Write to the pipe itself: the only other descriptor of that kind this process has."""
    for handle in range(3, 64):
        try:
            if str(Path(f"/proc/self/fd/{handle}").readlink()).startswith("pipe:"):
                os.write(handle, data)
        except OSError:
            continue
    time.sleep(600)


def _this_job() -> bytes:
    """The number of the job now being answered, as a parser that was taken over could find it."""
    frame = sys._getframe()
    while frame is not None and "number" not in frame.f_locals:
        frame = frame.f_back
    assert frame is not None
    return frame.f_locals["number"]


NUMBER = bytes(range(100, 116))


def _head(status: int = 0, code: int = 0, shape: tuple[int, int, int] = (4, 4, 4), size: int = 128, text: int = 0) -> bytes:
    return protocol.HEAD.pack(NUMBER, status, code, *shape, *np.eye(4).ravel(), text, size)


HEADS = {
    "head-huge-shape": _head(shape=(2**40, 2**40, 2**40), size=2**62),
    "head-negative-shape": _head(shape=(-4, -4, 4)),
    "head-wrong-size": _head(size=2**40),
    "head-negative-size": _head(size=-1),
    "head-unknown-type": _head(code=200),
    "head-long-text": _head(text=60_000),
    "head-unknown-status": _head(status=77),
    "head-of-another-job": b"\x01" * 16 + _head()[16:] + bytes(128),
    "head-half": _head()[:20],
    "garbage": bytes(range(256)) * 4,
}

if __name__ == "__main__":
    worker.main(misbehave)
