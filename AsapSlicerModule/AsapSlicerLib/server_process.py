"""The server as a child process on this computer: reachable with a token nobody else knows, ended with whoever started it.

Both faces use it. It imports neither Slicer nor VTK, so that a program can start the server before anything else.
"""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
import tempfile
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

from asap.client import AsapClient
from asap.client.protocol import CancelFlag

START_S = 300.0  # a busy machine takes minutes to import all of MONAI Label
STOP_S = 15.0
POLL_S = 0.1
LAST_LINES = 200
ADDRESS = re.compile(r"^ASAP server: (\S+)")
SENTENCE = re.compile(r"^asap: (.+)")
KEEPER = Path(__file__).with_name("server_keeper.py")


class NotStarted(Exception):
    """The server did not start. Its text is the server's own sentence for the reader, or empty."""


class ServerProcess:
    """`python -m monailabel_app.serve` of the given interpreter, below a keeper that ends it when this process is gone."""

    def __init__(self, python: Path, environment: dict[str, str]) -> None:
        """Starts at once. environment: of the new process. Raises OSError where the interpreter cannot be run."""
        folder = Path(tempfile.mkdtemp(prefix="asap-server-"))  # mode 0700; the keeper removes it
        self.token = secrets.token_urlsafe(32)
        token_file = folder / "token"
        token_file.touch(mode=0o600)
        token_file.write_text(self.token, encoding="ascii")
        self.lines: deque[str] = deque(maxlen=LAST_LINES)
        self.url: str | None = None
        server = [str(python), "-m", "monailabel_app.serve", "--port", "0", "--token-file", str(token_file)]
        try:
            self._process = subprocess.Popen(
                [str(python), "-I", str(KEEPER), str(folder), *server],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env=environment,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        threading.Thread(target=self._read, name="asap-server-output", daemon=True).start()

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Process id of the keeper."""
        return self._process.pid

    def wait_for_address(self, cancel: CancelFlag, timeout_s: float = START_S) -> str:
        """Its address once it answers there. Raises NotStarted where it did not start; it is let go then."""
        end = time.monotonic() + timeout_s
        while self.running and time.monotonic() < end and not cancel.is_set():
            if self.url is not None and AsapClient(self.url).health():
                return self.url
            time.sleep(POLL_S)
        self.let_go()
        raise NotStarted(next((found[1] for line in reversed(self.lines) if (found := SENTENCE.match(line))), ""))

    def let_go(self) -> None:
        """Close the pipe: the keeper ends the server. Returns at once."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()

    def stop(self) -> None:
        """End it and wait until it is gone."""
        self.let_go()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_S)
        if self.running:
            self._process.kill()
            self._process.wait(STOP_S)

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self.lines.append(line.rstrip().replace(self.token, "***"))
            if found := ADDRESS.match(line):
                self.url = found[1]
