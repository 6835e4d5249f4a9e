"""The server in a process that has its imports already: what runs is the command's own `main`, a start costs a third of it."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.forks import CONTEXT


class Forked:
    """Such a server; of a `subprocess.Popen` what tests use."""

    def __init__(self, arguments: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        self.process = CONTEXT.Process(target=_serve, args=(list(arguments), log, dict(environment)), daemon=True)
        self.process.start()
        self.pid: int = self.process.pid or 0

    def poll(self) -> int | None:
        """The exit code, once there is one."""
        return self.process.exitcode

    def wait(self, timeout: float) -> int:
        """The exit code. Raises subprocess.TimeoutExpired."""
        self.process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired("the server", timeout)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


def _serve(arguments: list[str], log: Path, environment: dict[str, str]) -> None:
    """Body of the process: output, environment and session of its own, as a started command has them."""
    os.setsid()
    with log.open("wb") as out, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # the new TMPDIR counts
    from monailabel_app import serve

    serve.main(arguments)
