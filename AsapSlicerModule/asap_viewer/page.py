"""The page: what it shows is the work bench's snapshot, what it asks for are the work bench's methods."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from AsapSlicerLib.colours import heat_colours
from trame_client.module import vue3
from trame_rca import module as remote_area
from trame_server.utils.asynchronous import create_task

from asap.commands.demo import CTA_REPORT

from .read_case import sample_case
from .rows import NOTICE, css
from .scene import WINDOWS
from .workbench import WorkBench

LOG = logging.getLogger("asap.viewer")
HERE = Path(__file__).parent
TICK_S = 0.015
RAMP_STOPS = 24
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='3' "
    "fill='%230b0f14'/%3E%3Ccircle cx='8' cy='8' r='4' fill='%23f2b84b'/%3E%3C/svg%3E"
)
PAGE_STATE = {"notice": NOTICE, "volume_path": "", "editing": None, "edit_text": "", "keys_on": True}


class Page:
    """Binds a work bench to a trame server. One page, however many tabs show it."""

    def __init__(self, trame_server: Any, bench: WorkBench) -> None:
        self._server = trame_server
        self._bench = bench
        self._sent: dict[str, Any] = {}
        for module in (
            vue3,
            remote_area,
            {"serve": {"page": str(HERE)}, "styles": ["page/style.css"], "scripts": ["page/page.js"]},
        ):
            trame_server.enable_module(module)
        state = trame_server.state
        state.update(PAGE_STATE)
        state.report_text = bench.report_text
        state.ramp = _ramp()
        state.windows = [
            {
                "name": name,
                "label": one.label,
                "title": f"{one.label} window: width {one.width_hu:.0f}, centre {one.centre_hu:.0f} HU",
            }
            for name, one in WINDOWS.items()
        ]
        state.trame__title = "ASAP work bench"
        state.trame__favicon = ICON
        state.trame__template_error = (HERE / "gone.html").read_text(encoding="utf-8")
        state.trame__template_main = (HERE / "page.html").read_text(encoding="utf-8")
        self._push()
        for name, act in self._acts().items():
            trame_server.trigger(name)(self._handled(act))
        trame_server.controller.on_server_ready.add(lambda **_state: create_task(self._tick()))

    def _acts(self) -> dict[str, Callable[..., Any]]:
        bench = self._bench
        return {
            "open_volume": lambda path: bench.open_volume(Path(str(path).strip()).expanduser()),
            "open_sample": lambda: bench.open_case(sample_case),
            "sample_report": self._sample_report,
            "read_report": lambda text: bench.read_report(str(text)),
            "pick": bench.pick,
            "accept": lambda index: bench.decide(index, "accepted"),
            "reject": lambda index: bench.decide(index, "rejected"),
            "edit": lambda index, text: bench.edit(index, str(text)),
            "export": bench.export,
            "save": bench.save,
            "reopen": lambda text: bench.reopen(str(text)),
            "undo": bench.undo,
            "toggle_map": bench.toggle_map,
            "toggle_several": bench.toggle_several,
            "toggle_crosshair": bench.toggle_crosshair,
            "clear": bench.clear,
            "opacity": lambda value: bench.set_opacity(float(value)),
            "threshold": lambda share: bench.set_threshold(None if share is None else float(share)),
            "window": bench.set_window,
            "fit": bench.scene.fit,
            "slice": lambda name, offset: bench.scene.page_to(name, float(offset)),
            "stop": bench.stop,
            "retry": bench.retry,
            "consent": bench.consent,
            "dismiss": self._dismiss,
            "key": self._key,
        }

    def _handled(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def handle(*arguments: Any) -> Any:
            answer = act(*arguments)
            self._push()
            return answer

        return handle

    def _key(self, name: str) -> None:
        bench, picked = self._bench, self._bench.picked
        if name in ("next", "previous"):
            bench.step(1 if name == "next" else -1)
        elif name == "toggle_map":
            bench.toggle_map()
        elif name == "toggle_several":
            bench.toggle_several()
        elif name == "undo":
            bench.undo()
        elif name == "clear":
            bench.clear()
        elif picked is not None and name in ("accept", "reject"):
            bench.decide(picked, "accepted" if name == "accept" else "rejected")
        elif picked is not None and name == "edit" and bench.logic.review is not None:
            self._server.state.update({"editing": picked, "edit_text": bench.logic.review.sentences[picked].text})

    def _sample_report(self) -> None:
        self._server.state.report_text = self._bench.sample_report or CTA_REPORT

    def _dismiss(self) -> None:
        self._bench.problem, self._bench.asks_consent = "", ""

    def _push(self) -> None:
        """Send what changed."""
        snapshot = self._bench.snapshot()
        changed = {name: value for name, value in snapshot.items() if self._sent.get(name, self) != value}
        self._sent.update(changed)
        with self._server.state as state:
            state.update(changed)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            try:
                report = self._bench.report_text
                self._bench.poll()
                if self._bench.report_text != report:
                    self._server.state.report_text = self._bench.report_text
                self._push()
            except Exception:  # a fault in one round must not leave a page that never changes again
                LOG.exception("the page could not be brought up to date")


def _ramp() -> str:
    colours = ", ".join(css((red, green, blue)) for red, green, blue in heat_colours(RAMP_STOPS))
    return f"linear-gradient(to right, {colours})"
