"""The server's private folder: one server at a time, emptied at start, so that a killed server leaves nothing for long."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path
from typing import BinaryIO

from asap.errors import InputError
from monailabel_app.server.sessions import remove_folder

LOCK_NAME = "asap-server.lock"
SESSION_PREFIX = "session-"


def claim(folder: Path) -> BinaryIO:
    """Make the folder private, lock it and purge the sessions of a server that is gone. The lock holds until the file is closed.

    Only folders with the names this server gives are removed. InputError when the folder belongs to someone else, or another
    server uses it.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise InputError("The server's working folder is not a folder of its own; name another one.")
        folder.chmod(0o700)
        lock = os.fdopen(os.open(folder / LOCK_NAME, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600), "r+b")
    except OSError as error:
        raise InputError("The server's working folder cannot be made or made private; name another one.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise InputError("Another server uses this working folder; stop it first, or name another folder.") from error
    for left in folder.glob(f"{SESSION_PREFIX}*"):
        if left.is_dir() and not left.is_symlink():
            remove_folder(left)
    return lock
