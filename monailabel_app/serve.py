"""`python -m monailabel_app.serve`: MONAI Label with the ASAP app behind our guards, until it is told to stop.

The application is the one MONAI Label's launcher gets through `--uvicorn_app` (`server/launched.py`). The process is our own:
that launcher tells a taken port only after all imports, makes a studies folder that was misspelt, writes folders and a log that
quotes paths into the app's folder, which may be read-only, and waits without end for connections when it stops.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import NoReturn

import tyro

from asap.commands.serve import Serve
from asap.errors import AsapError, InputError
from monailabel_app.server.auth import load_tokens
from monailabel_app.server.log import set_up_logging, where
from monailabel_app.server.private_folder import private_folder
from monailabel_app.server.settings import ServerSettings, checked

LOG = logging.getLogger("asap.server")
PYTHON = (3, 11)


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
    with _listening(settings) as listener, private_folder() as runtime:
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


def _leave(code: int) -> NoReturn:
    """End the process now that everything is closed: taking apart a thousand modules would add seconds."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
