"""Parse in a child process: the parent's half. The child (`asap.io.worker`) may be ended at any moment; the parent goes on.

One child is kept and reused, replaced after `limits.READER_JOBS_BEFORE_RECYCLING` jobs and after any failure. The answer's head
is checked against `limits` here again, because a parser that was taken over could claim anything.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import secrets
import select
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from asap import limits
from asap.errors import GeometryWarning, InputError, LimitError
from asap.io import protocol
from asap.io.voxels import HuArray
from asap.pause import Pause, no_pause
from asap.volume import Volume

_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME", "SYSTEMROOT", "TEMP", "TMPDIR", "LANG", "LC_ALL")
READER_MODULE = "asap.io.worker"
_PIPE_BYTES = 2**20
_MAX_PATH_BYTES = 4096
_PAUSE_EVERY_S = 0.1
_ENDED = "Reading the file took too much time or memory or crashed the reader; it is damaged or hostile."
_NO_MEMORY = f"Reading the file needs more than {limits.READER_MEMORY_BYTES // 2**30} GiB of memory; crop or resample it first."


class Sandbox:
    """One reader child, started on first use. Not for use by several threads at once (see `parse_in_child`)."""

    def __init__(self, module: str = READER_MODULE) -> None:
        """module: what the child runs; its `asap.io.worker.main` answers the jobs."""
        self._module = module
        self._child: subprocess.Popen[bytes] | None = None
        self._jobs = 0

    @property
    def child_id(self) -> int | None:
        """Process id of the child now kept, if any."""
        return None if self._child is None else self._child.pid

    def parse(self, path: Path, pause: Pause = no_pause) -> Volume:
        """Have the child read `path`. Raises InputError (LimitError) whatever happens to the child.

        pause: called while the child works, ten times a second; what it raises ends the child.
        """
        raw = os.fsencode(path.absolute())
        if len(raw) > _MAX_PATH_BYTES:
            raise InputError("The path is too long.")
        cpu_s = limits.READER_CPU_S + min(_stored_bytes(path), limits.MAX_RAW_BYTES) // limits.READER_BYTES_PER_S
        number = secrets.token_bytes(16)
        usable = False
        try:
            child = self._started_on(protocol.JOB.pack(number, cpu_s, len(raw)) + raw)
            with _killed_after(child, cpu_s * limits.READER_WALL_PER_CPU):
                answer = _receive_answer(child, number, pause)
            usable = answer.status != protocol.Status.FAULT
        except MemoryError as error:
            raise LimitError(_NO_MEMORY) from error
        except (OSError, EOFError, ValueError) as error:
            raise InputError(_ENDED) from error
        finally:
            self._jobs += 1
            if not usable or self._jobs >= limits.READER_JOBS_BEFORE_RECYCLING:
                self.close()
        return answer.volume_or_refusal()

    def _started_on(self, job: bytes) -> subprocess.Popen[bytes]:
        """A child that has taken up `job`; one that died idle or does not react is replaced once."""
        for _ in range(2):
            if self._child is None:
                self._child = start_child(self._module)
            with contextlib.suppress(OSError), _killed_after(self._child, limits.READER_START_S):
                if self._child.stdin is not None and self._child.stdout is not None:
                    self._child.stdin.write(job)
                    if self._child.stdout.read(1) == protocol.STARTED:
                        return self._child
            self.close()
        raise InputError("The reader process could not be started.")

    def close(self) -> None:
        """End the child, if any."""
        child, self._child, self._jobs = self._child, None, 0
        if child is None:
            return
        child.kill()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        child.wait()

    def forget(self) -> None:
        """Drop the child without touching it: after a fork it belongs to the other process."""
        self._child, self._jobs = None, 0


@dataclass(frozen=True)
class _Answer:
    """A received answer: a volume with perhaps a notice about its geometry, or a status and a sentence."""

    status: protocol.Status
    sentence: str
    volume: Volume | None

    def volume_or_refusal(self) -> Volume:
        if self.volume is None:
            if self.status == protocol.Status.NO_MEMORY:
                raise LimitError(_NO_MEMORY)
            sentence = self.sentence or _ENDED
            raise LimitError(sentence) if self.status == protocol.Status.TOO_LARGE else InputError(sentence)
        if self.sentence:
            warnings.warn(self.sentence, GeometryWarning, stacklevel=5)
        return self.volume


@contextlib.contextmanager
def _killed_after(child: subprocess.Popen[bytes], seconds: float) -> Iterator[None]:
    """End the child when the block takes longer; a blocked read in the block then meets the end of the pipe."""
    clock = threading.Timer(seconds, child.kill)
    clock.daemon = True
    clock.start()
    try:
        yield
    finally:
        clock.cancel()


def _stored_bytes(path: Path) -> int:
    """Size of a file, or of the files directly in a folder; 0 where it cannot be told (the reader then says why)."""
    try:
        if not path.is_dir():
            return path.stat().st_size
        with os.scandir(path) as entries:
            return sum(entry.stat(follow_symlinks=False).st_size for entry in itertools.islice(entries, limits.MAX_DICOM_FILES))
    except (OSError, ValueError):
        return 0


def start_child(module: str) -> subprocess.Popen[bytes]:
    """A fresh interpreter without this process's secrets: few variables, no pipes but its own, own session."""
    environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join(entry for entry in sys.path if Path(entry).is_absolute())
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    child = subprocess.Popen(
        [sys.executable, "-P", "-B", "-s", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        env=environment,
        cwd=os.sep,
        start_new_session=True,
    )
    with contextlib.suppress(ImportError, AttributeError, OSError):  # only faster, and only Linux has it
        import fcntl  # noqa: PLC0415

        fcntl.fcntl(child.stdout or -1, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return child


def _receive_answer(child: subprocess.Popen[bytes], number: bytes, pause: Pause) -> _Answer:
    """Receive and check one answer. Raises EOFError, OSError, ValueError (also LimitError) when it is not what was asked for."""
    if child.stdout is None:
        raise EOFError
    echoed, state, code, i, j, k, *rest = protocol.HEAD.unpack(_received(child.stdout, protocol.HEAD.size, pause))
    affine, text_bytes, voxel_bytes = rest[:16], rest[16], rest[17]
    status = protocol.Status(state)
    if echoed != number or text_bytes > protocol.MAX_SENTENCE_BYTES or code >= len(protocol.DTYPES):
        raise ValueError
    sentence = _received(child.stdout, text_bytes, pause).decode("utf-8", errors="replace")
    if status != protocol.Status.OK:
        return _Answer(status, sentence, None)
    dtype = protocol.DTYPES[code]
    if limits.check_shape((i, j, k), dtype.itemsize) != voxel_bytes:
        raise ValueError
    hu: HuArray = np.empty(i * j * k, np.int16) if dtype == np.int16 else np.empty(i * j * k, np.float32)
    _receive_into(child.stdout, hu.view(np.uint8).data, pause)
    return _Answer(status, sentence, Volume(hu.reshape((i, j, k), order="F"), np.array(affine).reshape(4, 4)))


def _received(pipe: IO[bytes], count: int, pause: Pause) -> bytes:
    out = bytearray(count)
    _receive_into(pipe, memoryview(out), pause)
    return bytes(out)


def _receive_into(pipe: IO[bytes], target: memoryview, pause: Pause) -> None:
    done = 0
    while done < len(target):
        if pause is not no_pause:  # Windows, where nobody pauses, cannot wait for pipes
            while not select.select([pipe], [], [], _PAUSE_EVERY_S)[0]:
                pause()
            pause()
        got = pipe.readinto(target[done:])  # type: ignore[attr-defined]
        if not got:
            raise EOFError
        done += got


_shared = Sandbox()
_lock = threading.Lock()


def parse_in_child(path: Path, pause: Pause = no_pause) -> Volume:
    """Read `path` in this process's reader child, one job at a time. Raises InputError, and what `pause` raises meanwhile."""
    while not _lock.acquire(timeout=-1 if pause is no_pause else _PAUSE_EVERY_S):
        pause()
    try:
        return _shared.parse(path, pause)
    finally:
        _lock.release()


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - the lock may be held by a thread that does not exist in the forked process
    _lock = threading.Lock()
    _shared.forget()


atexit.register(_shared.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
