"""A server on this computer, in an environment of its own: started from the panel, watched, and ended with Slicer. No Qt.

Slicer's Python cannot hold the server (it needs other versions of most packages), so the reader names the Python, or the `asap`
command, of the environment the server was installed into.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import slicer

from .background import Background, Work
from .i18n import _
from .server_process import NotStarted, ServerProcess

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
        if isinstance(error, NotStarted):
            unknown = _("The server did not start; the log below and `asap doctor` say what is missing.")
            self.trouble = str(error) or unknown
        else:
            self.trouble = str(error) if isinstance(error, ValueError) else _("This Python could not be started; choose another.")
        self._set("off")

    def _set(self, state: State) -> None:
        self.state = state
        self._changed()
