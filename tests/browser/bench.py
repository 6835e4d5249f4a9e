"""The work bench as a user starts it, `asap view`, in a process of its own, and the browser that shows it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from numpy.typing import NDArray

START_S = 120.0
STOP_S = 20.0
MODULE = Path(__file__).parents[2] / "AsapSlicerModule"
CHROMIUM_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
COLOURED = 45  # of 255 between the strongest and the weakest channel: the map and its outline, no grey of the CT
EDGE_PX = 40  # labels and the pager


@dataclass
class Bench:
    """A running work bench. opened: addresses it gave to the system's browser."""

    address: str
    process: subprocess.Popen[bytes]
    log: Path
    opened: Path

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return self.address.rsplit("/", 2)[0]

    @property
    def server_pid(self) -> int:
        """The local server it started, below the keeper that ends it with the bench."""
        return child_that_runs(b"monailabel_app.serve", child_that_runs(b"server_keeper.py", self.process.pid))


def child_that_runs(words: bytes, parent: int) -> int:
    """Process id of the child with these words in its command."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return next(int(pid) for pid in children if words in Path(f"/proc/{pid}/cmdline").read_bytes())


VIEW = (sys.executable, "-m", "asap.cli", "view")


@contextmanager
def running_bench(
    folder: Path, *arguments: str, command: Sequence[str] = VIEW, environment: dict[str, str] | None = None
) -> Iterator[Bench]:
    """Start `asap view`, or another command that opens the bench, with a browser that only notes what it is told to open."""
    folder.mkdir(parents=True, exist_ok=True)
    log, opened, browser = folder / "bench.log", folder / "opened.txt", folder / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >> {opened}\n')
    browser.chmod(0o700)
    path = os.pathsep.join(filter(None, [str(MODULE), os.environ.get("PYTHONPATH", "")]))
    own = {"PYTHONPATH": path, "BROWSER": f"{browser} %s", "XDG_CONFIG_HOME": str(folder)}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, *arguments],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **own, **(environment or {})},
            start_new_session=True,  # `make` passes no signal on
        )
    try:
        yield Bench(_address(process, log), process, log, opened)
    finally:
        for how in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, how)
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        found = re.search(r"^ASAP work bench: (\S+)", log.read_text(errors="replace"), re.MULTILINE)
        if found:
            return found[1]
        time.sleep(0.1)
    raise AssertionError(f"the work bench did not start:\n{log.read_text(errors='replace')[-4000:]}")


@dataclass
class Tab:
    """A browser tab, with all it asked the network for and all it complained of."""

    page: Any
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def go(self, address: str) -> None:
        """Open an address and note what follows."""
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("websocket", lambda socket: self.requests.append(socket.url))
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(address)
        self.page.wait_for_selector(".bench", timeout=1000 * START_S)

    def press(self, name: str) -> None:
        """Click the button of exactly this name."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def facts(self, sentence: int) -> str:
        """The line below a sentence."""
        return str(self.page.inner_text(f"#sentence-{sentence} .facts"))

    def picture(self, view: str) -> NDArray[np.int16]:
        """What a view shows, (rows, columns, RGB) 0..255, without the labels at its edges."""
        shot = self.page.locator(f"[data-view={view}]").screenshot()
        pixels = np.rint(255 * matplotlib.image.imread(BytesIO(shot))[..., :3]).astype(np.int16)
        return pixels[EDGE_PX:-EDGE_PX, EDGE_PX:-EDGE_PX]

    def heat_centre(self, view: str) -> tuple[float, float] | None:
        """(column, row) of the middle of all heat in a view, as shares of its size; None where all is grey.

        Heat is blue to orange; the crosshair, which stays where a mouse has led it, is green.
        """
        pixels = self.picture(view)
        green = pixels[..., 1] > np.maximum(pixels[..., 0], pixels[..., 2])
        rows, columns = np.nonzero((np.ptp(pixels, axis=2) > COLOURED) & ~green)
        if len(rows) < 30:
            return None
        return float(columns.mean() / pixels.shape[1]), float(rows.mean() / pixels.shape[0])

    def settled_heat_centre(self, view: str, timeout_s: float = 20.0) -> tuple[float, float] | None:
        """The same, once two pictures in a row agree."""
        end, last = time.monotonic() + timeout_s, self.picture(view)
        while time.monotonic() < end:
            self.page.wait_for_timeout(400)
            now = self.picture(view)
            if np.array_equal(now, last):
                break
            last = now
        return self.heat_centre(view)

    def remove_segments(self) -> None:
        """Take away what an earlier reader of this tab has drawn: its colour is no heat."""
        buttons = self.page.locator(".segments button[title=Remove]")
        while count := buttons.count():
            buttons.first.click()
            self.page.wait_for_function(
                "count => document.querySelectorAll('.segments button[title=Remove]').length < count", arg=count
            )

    def shows(self, view: str, wanted: Callable[[NDArray[np.int16]], bool], timeout_s: float = 20.0) -> bool:
        """Whether a view comes to show a picture as wanted: on a busy machine it comes some time after the words beside it."""
        return self._comes(lambda: bool(wanted(self.picture(view))), timeout_s)

    def goes_dark(self, view: str, timeout_s: float = 20.0) -> bool:
        """Whether the heat leaves this view: on a busy machine a picture comes some time after the words beside it."""
        return self._comes(lambda: self.heat_centre(view) is None, timeout_s)

    def lights_up(self, view: str, timeout_s: float = 20.0) -> bool:
        """Whether heat comes into this view."""
        return self._comes(lambda: self.heat_centre(view) is not None, timeout_s)

    def _comes(self, what: Callable[[], bool], timeout_s: float) -> bool:
        end = time.monotonic() + timeout_s
        while not what():
            if time.monotonic() > end:
                return False
            self.page.wait_for_timeout(200)
        return True


def chromium_path() -> str:
    """Debian's Chromium, or skip the calling test by name."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("needs chromium (apt-get install --no-install-recommends chromium)")
    return path
