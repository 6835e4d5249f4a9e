"""What is shown while the work bench is being loaded: the page is there at once and says how far it is.

Slicer's classes and VTK take seconds to import; they come on another thread, after the page has been served.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trame.app import get_server
from trame_client.module import vue3
from trame_rca import module as remote_area

from .notice import NOTICE
from .page_server import PageServer
from .server_link import ServerLink

if TYPE_CHECKING:
    from .workbench import WorkBench

HERE = Path(__file__).parent
LOG = logging.getLogger("asap.viewer")
TOLD_EVERY_S = 0.25
HEAVY = {"asap_viewer.scene": 0.1, "asap_viewer.page": 0.7, "asap_viewer.remote_views": 0.9}  # share of the wait before it
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='3' "
    "fill='%230b0f14'/%3E%3Ccircle cx='8' cy='8' r='4' fill='%23f2b84b'/%3E%3C/svg%3E"
)


def front_server() -> tuple[Any, PageServer]:
    """A trame server that shows the front, and its guard. Not yet started."""
    trame_server = get_server("asap", client_type="vue3")
    page_server = PageServer(trame_server)
    page_server.guard()
    page = {"serve": {"page": str(HERE)}, "styles": ["page/style.css"], "scripts": ["page/page.js"]}
    for module in (vue3, remote_area, page):
        trame_server.enable_module(module)
    state = trame_server.state
    state.update({"notice": NOTICE, "front": {"stage": "Starting", "share": 0.0, "server": ""}})
    state.trame__title = "ASAP work bench"
    state.trame__favicon = ICON
    state.trame__template_error = (HERE / "gone.html").read_text(encoding="utf-8")
    state.trame__template_main = (HERE / "front.html").read_text(encoding="utf-8")
    return trame_server, page_server


class Front:
    """Loads the bench behind the front."""

    def __init__(self, trame_server: Any, link: ServerLink) -> None:
        self._trame, self._link = trame_server, link
        self._began = time.monotonic()

    async def bench(self, model: str | None, report: str) -> WorkBench | None:
        """The bench with its page, or None where it could not be made; the log says why."""
        try:
            for name, share in HEAVY.items():
                await self._while(asyncio.to_thread(importlib.import_module, name), "Loading Slicer's views", share)
            self._tell("Making the views", 0.95)
            await asyncio.sleep(0)
            return self._made(model, report)
        except Exception:  # whatever it is, a page that says "loading" for ever is worse
            LOG.exception("the work bench could not be opened")
            return None

    def _made(self, model: str | None, report: str) -> WorkBench:
        from .page import Page  # noqa: PLC0415
        from .remote_views import RemoteViewFactory  # noqa: PLC0415
        from .scene import StudyScene  # noqa: PLC0415
        from .workbench import WorkBench  # noqa: PLC0415

        bench = WorkBench(StudyScene([RemoteViewFactory(self._trame)]), self._link, model=model, report=report)
        Page(self._trame, bench)
        return bench

    async def _while(self, work: Awaitable[Any], stage: str, share: float) -> None:
        task = asyncio.ensure_future(work)
        while not task.done():
            self._tell(stage, share)
            await asyncio.wait([task], timeout=TOLD_EVERY_S)
        await task

    def _tell(self, stage: str, share: float) -> None:
        seconds = f"{time.monotonic() - self._began:.0f} s"
        with self._trame.state as state:
            state.front = {"stage": f"{stage}, {seconds}", "share": round(share, 2), "server": self._link.text}
