"""Writing files so that a reader meets the old file or the new one, never a part (rule R8 of the reliability rules).

Temporary name in the same folder, write, fsync, rename, fsync of the folder.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from asap.errors import OutputError

PART_PREFIX = ".asap-"
PART_SUFFIX = ".part"


@contextmanager
def atomic_writer(path: Path, what: str = "result") -> Iterator[BinaryIO]:
    """Open a binary file that becomes `path` when the block ends well and disappears when it does not.

    what: how the error sentence names the thing being written. Raises OutputError when the system refuses
    (no space, no permission, too large, read-only); the old file, if any, is then intact.
    """
    part = path.parent / f"{PART_PREFIX}{secrets.token_hex(8)}{PART_SUFFIX}"
    written = 0
    try:
        with _created(part) as file:
            try:
                yield file
                file.flush()
            finally:
                written = _position(file)
            os.fsync(file.fileno())
        os.replace(part, path)  # noqa: PTH105 - the call of the rule, and Path.replace is the same one
        _sync_folder(path.parent)
    except OSError as error:
        reason = error.strerror or "the system refused"
        raise OutputError(f"The {what} could not be written ({reason}) after {written} bytes; nothing was replaced.") from error
    finally:
        with suppress(OSError):
            part.unlink()


def write_bytes(path: Path, data: bytes, what: str = "result") -> None:
    """Replace the file at `path` by `data` in one step. Raises OutputError and keeps the old file when it cannot."""
    with atomic_writer(path, what) as file:
        file.write(data)


def _created(part: Path) -> BinaryIO:
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(part, flags, 0o666), "wb")


def _position(file: BinaryIO) -> int:
    try:
        return file.tell()
    except (OSError, ValueError):
        return 0


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable; only POSIX lets a folder be opened for this."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
