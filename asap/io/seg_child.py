"""The child process in which segmentations of others are parsed and DICOM SEG are built: limits on itself, one job, the end."""

from __future__ import annotations

import json
import os
import sys
from io import FileIO
from pathlib import Path
from typing import Any

from asap import limits
from asap.errors import AsapError
from asap.io.dicom_seg import ANSWER, HEAD, MAX_HEAD_BYTES, take
from asap.io.reader_guard import ReaderGuard
from asap.io.segments import bits_bytes, packed, unpacked
from asap.io.worker import allow_cpu_seconds, limit_process

CPU_S = 240


def main() -> None:
    """Answer one job. Standard output and error are shut first: nothing leaks into logs."""
    jobs = sys.stdin.buffer
    with FileIO(os.dup(sys.stdout.fileno()), "wb") as out:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.dup2(nowhere, sys.stderr.fileno())
        limit_process()
        head_bytes, path_bytes = HEAD.unpack(take(jobs, HEAD.size))
        head = json.loads(take(jobs, min(head_bytes, MAX_HEAD_BYTES)))
        path = Path(os.fsdecode(take(jobs, path_bytes)))
        bits = [take(jobs, size) for size in bits_bytes(head)] if head["verb"] != "read" else []
        _prepare(head["verb"])
        ReaderGuard().allow(str(path))
        allow_cpu_seconds(CPU_S)
        try:
            text, pieces, kind = _done(head, path, bits)
        except AsapError as error:
            text, pieces, kind = json.dumps({"sentence": str(error)}).encode(), [], 1
        except MemoryError:
            sentence = f"This needs more than {limits.READER_MEMORY_BYTES // 2**30} GiB of memory; use fewer segments at a time."
            text, pieces, kind = json.dumps({"sentence": sentence}).encode(), [], 1
        size = sum(map(len, pieces)) if head["verb"] != "read" else 0
        for piece in (ANSWER.pack(kind, len(text), size), text, *pieces):
            view = memoryview(piece)
            while view:
                view = view[out.write(view) or 0 :]


def _prepare(verb: str) -> None:
    """Import what the job needs before the guard forbids it to look around."""
    if verb != "read":
        import highdicom  # noqa: F401, PLC0415
    else:
        import pydicom  # noqa: F401, PLC0415


def _done(head: dict[str, Any], path: Path, bits: list[bytes]) -> tuple[bytes, list[bytes], int]:
    if head["verb"] == "write":
        from asap.io.seg_build import built  # noqa: PLC0415 - needs highdicom

        return b"{}", [built(unpacked(head, bits), path)], 0
    if head["verb"] == "report":
        from asap.io.sr_build import report_files  # noqa: PLC0415 - needs highdicom

        files = report_files(unpacked(head, bits), head["findings"], head["reader"], path)
        names = json.dumps([[name, len(data)] for name, data in files]).encode() + b"\n"
        return b"{}", [names, *(data for _name, data in files)], 0
    from asap.io.seg_parse import parsed  # noqa: PLC0415

    text, pieces = packed(parsed(path))
    return text, pieces, 0


if __name__ == "__main__":
    main()
