"""Labelling on the page: the next study of the server's datastore that has no label, and its segments submitted."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from AsapSlicerLib.image_files import image_ending
from AsapSlicerLib.label_desk import LabelDesk

from .read_case import ReadCase, read_case

if TYPE_CHECKING:
    from AsapSlicerLib.datastore_images import Held
    from AsapSlicerLib.logic import Event

    from .workbench import WorkBench


class LabelView:
    """What the page asks for. On the scene's thread."""

    def __init__(self, bench: WorkBench) -> None:
        self._bench = bench
        self.desk = LabelDesk(bench.logic, lambda data, held: bench.open_case(lambda: _read(data, held)))
        bench.logic.listeners.append(self._heard)

    def acts(self) -> dict[str, Callable[..., Any]]:
        """What the page can trigger, by the names it uses."""
        return {"next_case": lambda strategy: self.next_case(str(strategy)), "submit_label": self.submit}

    def next_case(self, strategy: str) -> None:
        """Open the study to label next."""
        self._begin("Fetching the next case", lambda: self.desk.next_case(strategy), lambda: self.next_case(strategy))

    def submit(self) -> None:
        """Send the segments as the label of the study."""
        self._begin("Submitting the label", self.desk.submit, self.submit)

    def shown(self) -> dict[str, Any]:
        """What the page shows of it."""
        desk, bench = self.desk, self._bench
        return {
            "strategies": [{"name": one.name, "description": one.description} for one in desk.strategies],
            "usual": desk.usual,
            "study": desk.study,
            "busy": desk.busy,
            "can_submit": bool(desk.study) and bench.logic.server is not None,
        }

    def _begin(self, stage: str, act: Callable[[], None], again: Callable[[], None]) -> None:
        self._bench.begin(stage, again)
        act()

    def _heard(self, event: Event) -> None:
        if event.kind == "label" and event.message and not self.desk.busy:
            self._bench.say(event.message)


def _read(data: bytes, held: Held) -> ReadCase:
    with tempfile.TemporaryDirectory(prefix="asap-view-") as folder:
        path = Path(folder) / f"image{image_ending(data)}"
        path.write_bytes(data)
        return replace(read_case(path), held=held)
