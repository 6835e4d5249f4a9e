"""Parse in a child process: the parent's half. The child (`asap.io.worker`) may be ended at any moment; the parent goes on.

One child is kept and reused, replaced after `limits.READER_JOBS_BEFORE_RECYCLING` jobs and after any failure. The answer's head
is checked against `limits` here again, because a parser that was taken over could claim anything.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import IO

import numpy as np

from asap import limits
from asap.errors import GeometryWarning, InputError, LimitError
from asap.io import worker
from asap.io.voxels import HuArray
from asap.volume import Volume

_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME", "SYSTEMROOT", "TEMP", "TMPDIR", "LANG", "LC_ALL")
_PIPE_BYTES = 2**20
_ENDED = "Reading the file took too much time or memory or crashed the reader; it is damaged or hostile."
_NO_MEMORY = f"Reading the file needs more than {limits.READER_MEMORY_BYTES // 2**30} GiB of memory; crop or resample it first."


class Sandbox:
    """One reader child, started on first use. Not for use by several threads at once (see `parse_in_child`)."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._jobs = 0

    def parse(self, path: Path) -> Volume:
        """Have the child read `path`. Raises InputError (LimitError) whatever happens to the child."""
        raw = os.fsencode(path.absolute())
        if len(raw) > 0xFFFF:
            raise InputError("The path is too long.")
        cpu_s = limits.READER_CPU_S + min(_stored_bytes(path), limits.MAX_RAW_BYTES) // limits.READER_BYTES_PER_S
        child = self._ready_child()
        clock = threading.Timer(cpu_s * limits.READER_WALL_PER_CPU, child.kill)
        clock.daemon = True
        clock.start()
        finished = False
        try:
            volume = _exchange(child, worker.JOB.pack(len(raw), cpu_s) + raw)
            finished = True
            return volume
        except _Refusal as refusal:
            finished = True
            raise refusal.error from None
        except MemoryError as error:
            raise LimitError(_NO_MEMORY) from error
        except (OSError, EOFError, ValueError) as error:
            raise InputError(_ENDED) from error
        finally:
            clock.cancel()
            self._jobs += 1
            if not finished or self._jobs >= limits.READER_JOBS_BEFORE_RECYCLING:
                self.close()

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

    def _ready_child(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is not None:
            self.close()
        if self._child is None:
            self._child = _start_child()
        return self._child


class _Refusal(Exception):
    """The child refused the file in good order and can be used again."""

    def __init__(self, error: InputError) -> None:
        super().__init__()
        self.error = error


def _stored_bytes(path: Path) -> int:
    """Size of a file, or of the files directly in a folder; 0 where it cannot be told (the reader then says why)."""
    try:
        if not path.is_dir():
            return path.stat().st_size
        with os.scandir(path) as entries:
            return sum(entry.stat(follow_symlinks=False).st_size for entry in itertools.islice(entries, limits.MAX_DICOM_FILES))
    except (OSError, ValueError):
        return 0


def _start_child() -> subprocess.Popen[bytes]:
    """A fresh interpreter without this process's secrets: few variables, no pipes but its own, own session."""
    environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join(entry for entry in sys.path if Path(entry).is_absolute())
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    child = subprocess.Popen(
        [sys.executable, "-P", "-B", "-s", "-m", worker.__name__],
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


def _exchange(child: subprocess.Popen[bytes], job: bytes) -> Volume:
    """Send one job, check the answer's head, receive the voxels. Raises _Refusal, EOFError, OSError, ValueError."""
    if child.stdin is None or child.stdout is None:
        raise EOFError
    child.stdin.write(job)
    head = bytearray(worker.HEAD.size)
    _receive(child.stdout, memoryview(head))
    status, code, i, j, k, *rest = worker.HEAD.unpack(head)
    affine, text_bytes, voxel_bytes = rest[:16], rest[16], rest[17]
    if text_bytes > worker.MAX_SENTENCE_BYTES or code >= len(worker.DTYPES):
        raise ValueError
    text = bytearray(text_bytes)
    _receive(child.stdout, memoryview(text))
    sentence = text.decode("utf-8", errors="replace")
    if status == worker.NO_MEMORY:
        raise _Refusal(LimitError(_NO_MEMORY))
    if status != worker.OK:
        raise _Refusal(LimitError(sentence) if status == worker.TOO_LARGE else InputError(sentence))
    dtype = worker.DTYPES[code]
    if limits.check_shape((i, j, k), dtype.itemsize) != voxel_bytes:
        raise ValueError
    hu: HuArray = np.empty(i * j * k, np.int16) if dtype == np.int16 else np.empty(i * j * k, np.float32)
    _receive(child.stdout, hu.view(np.uint8).data)
    if sentence:
        warnings.warn(sentence, GeometryWarning, stacklevel=4)
    return Volume(hu.reshape((i, j, k), order="F"), np.array(affine).reshape(4, 4))


def _receive(pipe: IO[bytes], target: memoryview) -> None:
    done = 0
    while done < len(target):
        got = pipe.readinto(target[done:])  # type: ignore[attr-defined]
        if not got:
            raise EOFError
        done += got


_shared = Sandbox()
_lock = threading.Lock()


def parse_in_child(path: Path) -> Volume:
    """Read `path` in this process's reader child, one job at a time. Raises InputError."""
    with _lock:
        return _shared.parse(path)


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - the lock may be held by a thread that does not exist in the forked process
    _lock = threading.Lock()
    _shared.forget()


atexit.register(_shared.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
