"""The server the bench works with: its own or one that runs already; whether it is there, and back again when it is not."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from AsapSlicerLib.server_process import NotStarted, ServerProcess

from asap.client import AsapClient
from asap.client.address import parse_address

if TYPE_CHECKING:
    from AsapSlicerLib.logic import AsapLogic, Event

State = Literal["starting", "ready", "lost"]
HEALTH_EVERY_S = 3.0
USUAL_START = "10 to 30 s"


class ServerLink:
    """Give either `url` (with its token), or neither for a local server, which starts at once."""

    def __init__(self, url: str | None = None, token: str | None = None) -> None:
        self._url, self._token = url, token
        self._local = _local_server() if url is None else None
        self._logic: AsapLogic | None = None
        self._lost = False
        self._checked_at = 0.0
        self._waiting: list[Callable[[], None]] = []
        self._started_at = time.monotonic()

    @property
    def state(self) -> State:
        """starting: not yet connected. lost: it does not answer."""
        if self._lost:
            return "lost"
        return "starting" if self._logic is None or self._logic.server is None else "ready"

    @property
    def text(self) -> str:
        """The state in words."""
        if self._lost:
            return "The server does not answer"
        model = None if self._logic is None else self._logic.model
        if model is None or self._logic is None or self._logic.server is None:
            if self._url is not None:
                return f"Connecting to {parse_address(self._url).host}"
            return f"Starting the local server, {time.monotonic() - self._started_at:.0f} s (usually {USUAL_START})"
        place = "on this machine" if self._url is None or parse_address(self._url).is_loopback else parse_address(self._url).host
        return f"Server ready · {model.name} · {self._logic.server.device} · {place}"

    def start(self, logic: AsapLogic) -> None:
        """Connect `logic` as soon as the server listens."""
        if self._logic is None:
            logic.listeners.append(self._heard)
        self._logic = logic
        self._lost = False
        if self._local is None:
            logic.connect(str(self._url), self._token)
            return
        local = self._local
        logic.background.start(
            local.wait_for_address,
            done=lambda url: logic.connect(url, local.token),
            failed=self._not_started,
            key="server start",
        )

    def restart(self) -> None:
        """Connect again; a local server that has ended is started anew."""
        if self._logic is None:
            return
        self._logic.disconnect()
        if self._local is not None and not self._local.running:
            self._local.stop()
            self._local = _local_server()
        self._started_at = time.monotonic()
        self.start(self._logic)

    def poll(self) -> None:
        """Look from time to time whether the server is still there."""
        logic, now = self._logic, time.monotonic()
        if logic is None or logic.server is None:
            return
        if self._local is not None and not self._local.running:
            self._lost = True
        elif now - self._checked_at > HEALTH_EVERY_S and not logic.background.is_busy("health"):
            self._checked_at = now
            client = AsapClient(logic.url)
            logic.background.start(lambda _work: client.health(), done=self._health, failed=lambda _error: None, key="health")

    def when_ready(self, act: Callable[[], None]) -> None:
        """Do something once the server is connected."""
        self._waiting.append(act)

    def stop(self) -> None:
        """End a local server."""
        if self._local is not None:
            self._local.stop()

    def _health(self, answers: bool) -> None:
        self._lost = not answers

    def _heard(self, event: Event) -> None:
        if self._logic is None:
            return
        if event.kind == "error" and self._logic.server is None:
            self._lost = True
        elif event.kind == "server" and self._logic.server is not None:
            self._lost = False
            waiting, self._waiting = self._waiting, []
            for act in waiting:
                act()

    def _not_started(self, error: Exception) -> None:
        from AsapSlicerLib.events import Event  # noqa: PLC0415 - it brings numpy and VTK, and the server starts before them

        self._lost = True
        said = str(error) if isinstance(error, NotStarted) else ""
        told = Event("error", said or "The local server did not start; `asap doctor` says what is missing.")
        if self._logic is not None:
            for listener in tuple(self._logic.listeners):
                listener(told)


def _local_server() -> ServerProcess:
    """In this program's own environment."""
    return ServerProcess(Path(sys.executable), dict(os.environ))
