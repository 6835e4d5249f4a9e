"""The child process in which files of others are parsed: limits on itself, one job after another, only numbers back.

Started by `asap.io.sandbox`. A job is a path and the seconds granted; the answer is a fixed-size head, a short sentence and,
if the image could be read, its voxels with the first axis fastest. Nothing is pickled in either direction.
"""

from __future__ import annotations

import contextlib
import os
import struct
import sys
import warnings
from io import FileIO
from pathlib import Path

import numpy as np

from asap import limits
from asap.errors import GeometryWarning, InputError, LimitError
from asap.io.detect import parse
from asap.volume import Volume

# status, dtype code, shape (3), affine (16), length of the sentence, number of voxel bytes.
HEAD = struct.Struct("<BB3q16dHq")
JOB = struct.Struct("<HI")  # bytes of the path, seconds of processor time granted
OK, REFUSED, TOO_LARGE, NO_MEMORY = range(4)
DTYPES = (np.dtype(np.int16), np.dtype(np.float32))
MAX_SENTENCE_BYTES = 400


def answer(path: Path, out: FileIO) -> None:
    """Parse one path and write the answer. Whatever a parser raises becomes a refusal."""
    volume, status, sentence = _parsed(path)
    text = sentence.encode()[:MAX_SENTENCE_BYTES]
    if volume is None:
        _write_all(out, memoryview(HEAD.pack(status, 0, 0, 0, 0, *[0.0] * 16, len(text), 0) + text))
    else:
        voxels = np.asfortranarray(volume.hu).reshape(-1, order="F")
        code = DTYPES.index(voxels.dtype)
        _write_all(out, memoryview(HEAD.pack(OK, code, *volume.shape, *volume.affine.ravel(), len(text), voxels.nbytes) + text))
        _write_all(out, voxels.view(np.uint8).data)


def _write_all(out: FileIO, data: memoryview) -> None:
    """Write to a raw pipe, which takes at most 2 GiB at a time."""
    while data:
        data = data[out.write(data) or 0 :]


def _parsed(path: Path) -> tuple[Volume | None, int, str]:
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            volume = parse(path)
    except LimitError as error:
        return None, TOO_LARGE, str(error)
    except InputError as error:
        return None, REFUSED, str(error)
    except MemoryError:
        return None, NO_MEMORY, ""
    except Exception:  # this is the boundary: an unforeseen fault of a parser is a damaged file to the user
        return None, REFUSED, "The file is damaged and cannot be read."
    notices = [str(w.message) for w in caught if issubclass(w.category, GeometryWarning)]
    return volume, OK, notices[0] if notices else ""


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


def main() -> None:
    """Answer jobs until the parent closes the pipe. Standard output and error are shut, so that nothing leaks into logs."""
    jobs = sys.stdin.buffer
    with FileIO(os.dup(sys.stdout.fileno()), "wb") as out:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.dup2(nowhere, sys.stderr.fileno())
        limit_process()
        while len(head := jobs.read(JOB.size)) == JOB.size:
            path_bytes, cpu_s = JOB.unpack(head)
            path = Path(os.fsdecode(jobs.read(path_bytes)))
            allow_cpu_seconds(cpu_s)
            answer(path, out)


if __name__ == "__main__":
    main()
