"""The child process in which files of others are parsed: limits on itself, one job after another, only numbers back.

Started by `asap.io.sandbox`; what both say to each other is in `asap.io.protocol`.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Callable
from io import FileIO
from pathlib import Path

import numpy as np

from asap import limits
from asap.errors import GeometryWarning, InputError, LimitError
from asap.io.detect import parse
from asap.io.protocol import DTYPES, HEAD, JOB, MAX_SENTENCE_BYTES, STARTED, Status
from asap.io.reader_guard import ReaderGuard
from asap.volume import Volume

Reader = Callable[[Path], Volume]


def answer(number: bytes, path: Path, out: FileIO, reader: Reader) -> None:
    """Parse one path and write the answer to job `number`. Whatever a parser raises becomes a refusal."""
    volume, status, sentence = _parsed(path, reader)
    text = sentence.encode()[:MAX_SENTENCE_BYTES]
    if volume is None:
        _write_all(out, memoryview(HEAD.pack(number, status, 0, 0, 0, 0, *[0.0] * 16, len(text), 0) + text))
        return
    voxels = np.asfortranarray(volume.hu).reshape(-1, order="F")
    code, affine = DTYPES.index(voxels.dtype), volume.affine.ravel()
    _write_all(out, memoryview(HEAD.pack(number, status, code, *volume.shape, *affine, len(text), voxels.nbytes) + text))
    _write_all(out, voxels.view(np.uint8).data)


def _write_all(out: FileIO, data: memoryview) -> None:
    """Write to a raw pipe, which takes at most 2 GiB at a time."""
    while data:
        data = data[out.write(data) or 0 :]


def _parsed(path: Path, reader: Reader) -> tuple[Volume | None, Status, str]:
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            volume = reader(path)
    except LimitError as error:
        return None, Status.TOO_LARGE, str(error)
    except InputError as error:
        return None, Status.REFUSED, str(error)
    except MemoryError:
        return None, Status.NO_MEMORY, ""
    except Exception:  # this is the boundary: an unforeseen fault of a parser is a damaged file to the user
        return None, Status.FAULT, "The file is damaged and cannot be read."
    notices = [str(w.message) for w in caught if issubclass(w.category, GeometryWarning)]
    return volume, Status.OK, notices[0] if notices else ""


def limit_process() -> None:
    """Cap address space (above what the interpreter uses now), file size, core dumps and open files of this process."""
    with contextlib.suppress(ImportError):  # not on Windows; the parent's clock still ends the child there
        import resource  # noqa: PLC0415

        used = _address_space_bytes()
        if used:
            _lower(resource.RLIMIT_AS, used + limits.READER_MEMORY_BYTES)
        _lower(resource.RLIMIT_FSIZE, limits.READER_FILE_BYTES)
        _lower(resource.RLIMIT_CORE, 0)
        _lower(resource.RLIMIT_NOFILE, 64)


def allow_cpu_seconds(seconds: int) -> None:
    """Let this process use `seconds` of processor time from now on; the system then ends it."""
    with contextlib.suppress(ImportError):
        import resource  # noqa: PLC0415

        usage = resource.getrusage(resource.RUSAGE_SELF)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        wanted = int(usage.ru_utime + usage.ru_stime) + 1 + seconds
        resource.setrlimit(resource.RLIMIT_CPU, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _lower(which: int, value: int) -> None:
    import resource  # noqa: PLC0415

    _, hard = resource.getrlimit(which)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with contextlib.suppress(ValueError, OSError):  # a limit this system does not know
        resource.setrlimit(which, (value, value))


def _address_space_bytes() -> int:
    """Virtual size of this process, 0 where the system does not say (then no cap on address space is set)."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return 0


def main(reader: Reader = parse) -> None:
    """Answer jobs with `reader` until the parent closes the pipe. Standard output and error are shut: nothing leaks into logs."""
    jobs = sys.stdin.buffer
    with FileIO(os.dup(sys.stdout.fileno()), "wb") as out:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.dup2(nowhere, sys.stderr.fileno())
        limit_process()
        guard = ReaderGuard()
        while len(head := jobs.read(JOB.size)) == JOB.size:
            number, cpu_s, path_bytes = JOB.unpack(head)
            path = Path(os.fsdecode(jobs.read(path_bytes)))
            guard.allow(str(path))
            allow_cpu_seconds(cpu_s)
            out.write(STARTED)
            answer(number, path, out, reader)


if __name__ == "__main__":
    main()
