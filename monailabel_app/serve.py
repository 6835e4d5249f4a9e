"""`python -m monailabel_app.serve`: MONAI Label with the ASAP app behind our guards, until it is told to stop."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import NoReturn

import tyro

from asap.commands.serve import Serve
from asap.errors import AsapError, InputError
from monailabel_app.server.auth import load_tokens
from monailabel_app.server.log import set_up_logging, where
from monailabel_app.server.settings import ServerSettings, checked

LOG = logging.getLogger("asap.server")
PYTHON = (3, 11)
RUNTIME_PREFIX = "asap-server-"
LOCK_NAME = "lock"


def main(arguments: list[str] | None = None) -> None:
    """Entry point; leaves through SystemExit."""
    command = tyro.cli(Serve, args=arguments, prog="python -m monailabel_app.serve")
    set_up_logging()
    signal.signal(signal.SIGTERM, _stop)
    try:
        if sys.version_info[:2] != PYTHON:
            raise InputError("The server runs on Python 3.11, which MONAI Label was tried with; make its environment with that.")
        run(checked(command))
        _leave(0)
    except AsapError as error:
        print(f"asap: {error}", file=sys.stderr)
        _leave(error.exit_code)
    except KeyboardInterrupt:
        _leave(0)
    except Exception as error:  # a trace could quote a path or a file's content
        LOG.critical("the server ends: %s", where(error))
        _leave(1)


def run(settings: ServerSettings) -> None:
    """Serve until SIGTERM or SIGINT. Raises AsapError when it cannot start."""
    tokens = load_tokens(settings.token_file, settings.admin_token_file)
    with _listening(settings) as listener, _private_folder() as runtime:
        settings = replace(settings, port=listener.getsockname()[1])
        from monailabel_app.server.app import application  # noqa: PLC0415 - seconds of imports, after the quick refusals
        from monailabel_app.server.http import serve_until_stopped  # noqa: PLC0415

        app = application(settings, tokens, runtime)
        print(f"ASAP server: {settings.url}  token in {settings.token_file}", flush=True)
        serve_until_stopped(app, listener, settings)


@contextmanager
def _listening(settings: ServerSettings) -> Iterator[socket.socket]:
    """The bound socket: a taken port is told at once and not after all the imports."""
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        # The protocol is named, or asyncio leaves Nagle's delay on: 40 ms more for every answer.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
    except OSError as error:
        raise InputError("This address and port cannot be listened on; is another server running? Try --port 0.") from error
    with listener:
        yield listener


@contextmanager
def _private_folder() -> Iterator[Path]:
    """A folder only this user can enter, where every temporary file of this process goes; removed at the end.

    Folders of servers that were killed are removed too: their lock is free.
    """
    root = Path(tempfile.gettempdir())
    for left in root.glob(f"{RUNTIME_PREFIX}*"):
        _remove_abandoned(left)
    folder = Path(tempfile.mkdtemp(prefix=RUNTIME_PREFIX))
    with (folder / LOCK_NAME).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (folder / "tmp").mkdir(mode=0o700)
        tempfile.tempdir = os.environ["TMPDIR"] = str(folder / "tmp")
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(folder: Path) -> None:
    with suppress(OSError):
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            return
        with (folder / LOCK_NAME).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


def _leave(code: int) -> NoReturn:
    """End the process now that everything is closed: taking apart a thousand modules would add seconds."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
