"""Second wall inside the reader child: Python may open the job's files and its own modules for reading, and nothing else.

An audit hook (PEP 578) cannot be removed once added. It holds Python code and libraries called through Python; native code that
was taken over is held only by the process limits.
"""

from __future__ import annotations

import os
import sys
from typing import Any

_FORBIDDEN = (
    "socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system", "os.remove", "os.rename",
    "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown", "os.kill", "shutil.", "ftplib.",
    "urllib.", "webbrowser.", "pty.",
)  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_LISTING = ("os.listdir", "os.scandir")


class ReaderGuard:
    """The hook's state: where modules lie, and the path of the job at hand."""

    def __init__(self) -> None:
        """Install the hook in this process, for good."""
        places = {os.path.abspath(place) for place in (*sys.path, sys.prefix, sys.base_prefix) if place}  # noqa: PTH100
        self._modules = tuple(sorted(places - {os.sep}))
        self._job = ""
        sys.addaudithook(self._check)

    def allow(self, path: str) -> None:
        """From now on the files of this job, and no longer those of the last."""
        self._job = os.path.normpath(path)

    def _check(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            name, _, flags = arguments
            if not isinstance(name, int) and (flags & _WRITING or not self._may_read(name)):
                raise PermissionError("not the reader's file")
        elif event in _LISTING:
            if not isinstance(arguments[0], int) and not self._may_read(arguments[0]):
                raise PermissionError("not the reader's folder")
        elif event.startswith(_FORBIDDEN):
            raise PermissionError("not the reader's business")

    def _may_read(self, name: Any) -> bool:
        path = os.path.normpath(os.fsdecode(name))
        return any(path == place or path.startswith(place + os.sep) for place in (self._job, *self._modules) if place)
