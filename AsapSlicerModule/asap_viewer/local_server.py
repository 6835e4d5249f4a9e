"""A server of one's own: started for one work bench, reachable from this machine with a private token, ended with the bench."""

from __future__ import annotations

import ctypes
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

from asap.client import AsapClient
from asap.errors import InputError

START_S = 300.0  # a busy machine takes minutes to import all of MONAI
POLL_S = 0.1
STOP_S = 10.0
LAST_LINES = 20
PR_SET_PDEATHSIG = 1  # linux/prctl.h
ADDRESS = re.compile(r"^ASAP server: (\S+)")
SENTENCE = re.compile(r"^asap: (.+)")


class LocalServer:
    """`python -m monailabel_app.serve` as a child process. Make it on the main thread: on Linux it ends with that thread."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="asap-view-")  # mode 0700
        token_file = Path(self._folder.name) / "token"
        self.token = secrets.token_urlsafe(32)
        token_file.touch(mode=0o600)
        token_file.write_text(self.token, encoding="ascii")
        self.url: str | None = None
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._known = threading.Event()
        command = [sys.executable, "-m", "monailabel_app.serve", "--port", "0", "--token-file", str(token_file)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            preexec_fn=_end_with_parent if LIBC is not None else None,  # noqa: PLW1509 - one system call, nothing that locks
        )
        threading.Thread(target=self._read, name="asap-server-output", daemon=True).start()

    def wait_for_address(self, timeout_s: float = START_S) -> str:
        """Its address once it answers there. Raises InputError with the server's own sentence where it did not start."""
        end = time.monotonic() + timeout_s
        self._known.wait(timeout_s)
        client = AsapClient(self.url) if self.url is not None else None
        while client is not None and self.running and not client.health() and time.monotonic() < end:
            time.sleep(POLL_S)  # the address is printed when the port is taken, a little before anyone answers there
        if self.url is None or not self.running:
            said = next((found[1] for line in reversed(self._lines) if (found := SENTENCE.match(line))), None)
            raise InputError(said or "The local server did not start; `asap doctor` says what is missing.")
        return self.url

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it and remove its token."""
        if self.running:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_S)
        if self.running:
            self._process.kill()
            self._process.wait(STOP_S)
        self._folder.cleanup()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line.rstrip())
            found = ADDRESS.match(line)
            if found:
                self.url = found[1]
                self._known.set()
        self._known.set()


LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def _end_with_parent() -> None:
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
