"""The real server in a process of its own, for tests: `with live_server(folder) as server: ...`, or the fixture `live`."""

from __future__ import annotations

import os
import re
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.server.forked import Forked

START_S = 600.0
STOP_S = 20.0


@dataclass
class LiveServer:
    """A running server. log: all it wrote; studies: its datastore folder; temp: its TMPDIR, empty but for its private folder."""

    url: str
    token: str
    admin_token: str
    studies: Path
    log: Path
    temp: Path
    process: subprocess.Popen[bytes] | Forked
    start_s: float

    @property
    def pid(self) -> int:
        """Process id."""
        return self.process.pid

    @property
    def port(self) -> int:
        """Port on 127.0.0.1."""
        return int(self.url.rpartition(":")[2])

    def stop(self, how: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(STOP_S)
        self.process.kill()
        return self.process.wait(STOP_S)


@contextmanager
def held(pid: int) -> Iterator[None]:
    """A process stands still in the block, so that what it is asked is surely under way."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def live_server(
    folder: Path,
    *arguments: str,
    studies: Path | str | None = None,
    environment: dict[str, str] | None = None,
    trust: Path | None = None,
    by_command: bool = False,
    within: Sequence[str] = (),
) -> Iterator[LiveServer]:
    """Start `monailabel_app.serve` on a free port with a studies folder below `folder`; stop it at the end.

    arguments: further words of the command, for instance "--models", "asap-test". studies: another folder or a DICOMweb address.
    environment: variables to add; those that imports read need `by_command`. trust: the certificate it serves with.
    by_command: started as its command starts it and not forked from a process that has made its imports. within: a command that
    becomes the server, with another view of the disk.
    """
    folder.mkdir(parents=True, exist_ok=True)
    temp, log = folder / "temp", folder / "server.log"
    temp.mkdir(exist_ok=True)
    if studies is None:
        studies = folder / "studies"
        studies.mkdir(exist_ok=True)
    tokens = [folder / "token", folder / "admin-token"]
    words = ["--studies", str(studies), "--port", "0", "--token-file", str(tokens[0]), "--admin-token-file", str(tokens[1])]
    words += arguments
    variables = {"OMP_NUM_THREADS": "1", **os.environ, "TMPDIR": str(temp), **(environment or {})}
    started = time.monotonic()
    process = _commanded(words, log, variables, within) if by_command or within else Forked(words, log, variables)
    try:
        url = _address(process, log, trust)
        yield LiveServer(
            url, *(path.read_text().strip() for path in tokens), Path(studies), log, temp, process, time.monotonic() - started
        )
    finally:
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)
        process.kill()
        process.wait(STOP_S)


def _commanded(words: Sequence[str], log: Path, environment: dict[str, str], within: Sequence[str]) -> subprocess.Popen[bytes]:
    command = [*within, sys.executable, "-m", "monailabel_app.serve", *words]
    with log.open("wb") as out:
        return subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment, start_new_session=True
        )


def _address(process: subprocess.Popen[bytes] | Forked, log: Path, trust: Path | None) -> str:
    """The printed address, once health answers there."""
    trusting = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=trust))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), trusting)
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        said = log.read_text(errors="replace") if log.exists() else ""
        if found := re.search(r"^ASAP server: (\S+)", said, re.MULTILINE):
            with suppress(OSError, urllib.error.URLError):
                opener.open(f"{found[1]}/asap/v1/health", timeout=5).close()
                return found[1]
        time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{log.read_text(errors='replace')[-4000:]}")
