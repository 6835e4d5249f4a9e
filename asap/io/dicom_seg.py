"""Segmentations as DICOM SEG and as Slicer's .seg.nrrd, out and in: the parent's half. The work is done in `asap.io.seg_child`.

A SEG names its patient and refers to the slices it was drawn on, so writing one needs the folder of that series; what the
headers say goes from the series into the file and nowhere else.
"""

from __future__ import annotations

import importlib.util
import json
import struct
import threading
from pathlib import Path
from typing import IO, Any

from asap import limits
from asap.errors import InputError, LimitError
from asap.io.atomic import write_bytes
from asap.io.sandbox import start_child
from asap.io.segments import MaskSet, bits_bytes, packed, unpacked
from asap.volume import Affine

CHILD = "asap.io.seg_child"
HEAD = struct.Struct("<II")  # bytes of the JSON head, bytes of the path of the job
ANSWER = struct.Struct("<BIQ")  # refused or not, bytes of the JSON, bytes of a file that follows it
MAX_HEAD_BYTES = 2**20
SECONDS = 300.0
_ENDED = "The segmentation could not be worked on: the file or the series is damaged, hostile or too large."


def write_dicom_seg(path: Path, segments: MaskSet, series: Path) -> None:
    """Write a binary DICOM SEG that refers to the CT series in the folder `series` (or a multi-frame CT file).

    segments: on the voxels of that series in any axis order. Their codes, sides, colours and models go with them. Raises
    InputError when the voxels do not coincide, the series is unusable or highdicom is not installed; OutputError.
    """
    if not segments.masks:
        raise InputError("There is no segment to write.")
    if importlib.util.find_spec("highdicom") is None:
        raise InputError("Writing DICOM segmentations needs highdicom: pip install 'asap-ct[dicom]'.")
    _, file = asked("write", series, segments)
    write_bytes(path, file, "segmentation")


def read_segments(path: Path, like: tuple[tuple[int, int, int], Affine] | None = None) -> MaskSet:
    """Read a DICOM SEG or a .seg.nrrd; parsed in a child process with limits.

    like: shape and affine of the image it belongs to; the masks are then put on that grid. Without it they lie on the file's own.
    Raises InputError, LimitError.
    """
    segments, _ = asked("read", path, None)
    return segments if like is None else segments.on_grid(*like)


def asked(verb: str, path: Path, segments: MaskSet | None, **more: Any) -> tuple[MaskSet, bytes]:
    """One job for one child: what it answered, as segments and as bytes. more: further words of the job. Raises InputError."""
    head, bits = (b"{}", []) if segments is None else packed(segments)
    head = json.dumps({**json.loads(head), **more, "verb": verb}).encode()
    if len(head) > MAX_HEAD_BYTES:
        raise LimitError("There is too much to write at once; use fewer segments or sentences.")
    raw = str(path.absolute()).encode()
    child = start_child(CHILD)
    clock = threading.Timer(SECONDS, child.kill)
    clock.daemon = True
    clock.start()
    try:
        if child.stdin is None or child.stdout is None:
            raise InputError(_ENDED)
        for piece in (HEAD.pack(len(head), len(raw)), head, raw, *bits):
            _write_all(child.stdin, piece)
        return _received(child.stdout, segments)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(_ENDED) from error
    finally:
        clock.cancel()
        child.kill()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()
        child.wait()


def _received(pipe: IO[bytes], asked: MaskSet | None) -> tuple[MaskSet, bytes]:
    refused, head_bytes, file_bytes = ANSWER.unpack(take(pipe, ANSWER.size))
    if head_bytes > MAX_HEAD_BYTES or file_bytes > limits.MAX_RAW_BYTES:
        raise LimitError("The segmentation is too large.")
    head: dict[str, Any] = json.loads(take(pipe, head_bytes))
    if refused:
        raise InputError(str(head.get("sentence", _ENDED))[:400])
    if asked is not None:
        return asked, take(pipe, file_bytes)
    return unpacked(head, [take(pipe, size) for size in bits_bytes(head)]), b""


def take(pipe: IO[bytes], count: int) -> bytes:
    """Exactly `count` bytes. Raises EOFError."""
    out = bytearray()
    while len(out) < count:
        piece = pipe.read(min(count - len(out), 2**20))
        if not piece:
            raise EOFError
        out += piece
    return bytes(out)


def _write_all(pipe: IO[bytes], data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[pipe.write(view) or 0 :]
