"""A server on this computer, in an environment of its own: started from the panel, watched, and ended with Slicer. No Qt.

Slicer's Python cannot hold the server (it needs other versions of most packages), so the reader names the Python, or the `asap`
command, of the environment the server was installed into.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

import slicer

from asap.client import AsapClient

from .background import Background, Work
from .i18n import _

START_S = 300.0  # a busy machine takes minutes to import all of MONAI Label
STOP_S = 15.0
POLL_S = 0.1
LAST_LINES = 200
ADDRESS = re.compile(r"^ASAP server: (\S+)")
SENTENCE = re.compile(r"^asap: (.+)")
KEEPER = Path(__file__).with_name("server_keeper.py")
SLICERS_OWN = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONNOUSERSITE")
State = Literal["off", "starting", "running", "stopping"]


def environment_python(typed: str) -> Path:
    """The interpreter of a server environment, from the path of a Python, of its `asap` command, or of the environment's folder.

    ValueError, with what to do, when there is none.
    """
    text = typed.strip().strip("\"'")
    path = Path(text).expanduser()
    places = [path / "bin", path / "Scripts"] if path.is_dir() else [path.parent]
    names = ["python", "python3", "python.exe"] if path.is_dir() or path.stem.lower() == "asap" else [path.name]
    found = next((place / name for place in places for name in names if (place / name).is_file()), None)
    if not text or found is None or not found.stem.lower().startswith("python"):
        raise ValueError(_("There is no server there; choose the python or the asap command of the server's environment."))
    return found.absolute()


def clean_environment() -> dict[str, str]:
    """This process's environment without what Slicer set for its own Python and libraries. GUI thread."""
    started_with = hasattr(getattr(slicer, "app", None), "startupEnvironment") and hasattr(slicer.util, "startupEnvironment")
    values = dict(slicer.util.startupEnvironment()) if started_with else dict(os.environ)
    return {name: value for name, value in values.items() if name not in SLICERS_OWN}


class ServerProcess:
    """The server as a child process, reachable from this computer with a token that nobody else knows."""

    def __init__(self, python: Path, environment: dict[str, str]) -> None:
        folder = Path(tempfile.mkdtemp(prefix="asap-slicer-"))  # mode 0700; the keeper removes it
        self.token = secrets.token_urlsafe(32)
        token_file = folder / "token"
        token_file.touch(mode=0o600)
        token_file.write_text(self.token, encoding="ascii")
        self.lines: deque[str] = deque(maxlen=LAST_LINES)
        self.url: str | None = None
        server = [str(python), "-m", "monailabel_app.serve", "--port", "0", "--token-file", str(token_file)]
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
        threading.Thread(target=self._read, name="asap-server-output", daemon=True).start()

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Process id of the keeper."""
        return self._process.pid

    def wait_for_address(self, work: Work, timeout_s: float = START_S) -> str:
        """Its address once it answers there. ValueError with the server's own sentence where it did not start."""
        end = time.monotonic() + timeout_s
        while self.running and time.monotonic() < end and not work.is_set():
            if self.url is not None and AsapClient(self.url).health():
                return self.url
            time.sleep(POLL_S)
        said = next((found[1] for line in reversed(self.lines) if (found := SENTENCE.match(line))), None)
        self.let_go()
        raise ValueError(said or _("The server did not start; the log below and `asap doctor` say what is missing."))

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


class OwnServer:
    """Start and stop it without waiting. All methods are for the GUI thread; `changed` is called there when the state changes."""

    def __init__(self, background: Background, changed: Callable[[], None], connect: Callable[[str, str], None]) -> None:
        self.state: State = "off"
        self.trouble = ""
        self._background = background
        self._changed = changed
        self._connect = connect
        self._process: ServerProcess | None = None

    @property
    def log(self) -> str:
        """The last lines it wrote."""
        return "\n".join(self._process.lines) if self._process is not None else ""

    @property
    def pid(self) -> int | None:
        """Process id, or None."""
        return self._process.pid if self._process is not None and self._process.running else None

    def start(self, typed: str) -> None:
        """Start the server of this environment and connect to it once it answers."""
        if self.state != "off":
            return
        self.trouble = ""
        if sys.platform == "win32":
            self._ended(ValueError(_("The server runs on Linux; start it in WSL with `asap serve` and enter its address.")))
            return
        try:
            python = environment_python(typed)
        except ValueError as error:
            self._ended(error)
            return
        environment = clean_environment()

        def run(work: Work) -> tuple[str, str]:
            self._process = process = ServerProcess(python, environment)
            return process.wait_for_address(work), process.token

        self._set("starting")
        self._background.start(run, done=self._started, failed=self._ended, key="own server")

    def stop(self) -> None:
        """End it."""
        process = self._process
        self._background.cancel("own server")
        if process is None:
            self._set("off")
            return
        self._set("stopping")
        self._background.start(
            lambda _work: process.stop(), done=lambda _none: self._set("off"), failed=self._ended, key="own server"
        )

    def look(self) -> None:
        """Notice when it ended by itself; call it from time to time."""
        if self.state == "running" and self._process is not None and not self._process.running:
            self._ended(ValueError(_("The local server ended by itself; its log says why. Start it again.")))

    def close(self) -> None:
        """Slicer ends: let the server go, too, without waiting for it."""
        self._background.cancel("own server")
        if self._process is not None:
            self._process.let_go()

    def _started(self, answer: tuple[str, str]) -> None:
        self._set("running")
        self._connect(*answer)

    def _ended(self, error: Exception) -> None:
        self.trouble = str(error) if isinstance(error, ValueError) else _("This Python could not be started; choose another.")
        self._set("off")

    def _set(self, state: State) -> None:
        self.state = state
        self._changed()
