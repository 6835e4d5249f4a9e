"""`WorkBench`: what the page can ask for, over the logic it shares with the Slicer module. No trame in here.

Methods return at once. `poll()` delivers what the background finished; `snapshot()` is everything the page shows, as plain data.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from AsapSlicerLib.colours import region_colour
from AsapSlicerLib.logic import AsapLogic, Event
from AsapSlicerLib.review import State

from asap.client.address import parse_address
from asap.errors import AsapError, GeometryWarning
from asap.io.read import read_volume
from asap.volume import Volume

from .export import reviewed_report
from .lung_surface import lung_surface
from .rows import sections_of
from .scene import WINDOWS, StudyScene
from .server_link import ServerLink

TIMES = " \u00d7 "
CASE_NAME = "Case"  # never a file name: those hold names of patients


@dataclass(frozen=True, eq=False)
class ReadCase:
    """A CT that was read, with what its reader warned of, and its report where there is one."""

    volume: Volume
    caution: str = ""
    report: str = ""


@dataclass(frozen=True)
class Task:
    """Work under way, or the outcome of the last. share: 0 to 1, None when unknown."""

    active: bool
    stage: str
    share: float | None = None


class WorkBench:
    """One study, its report, one server."""

    def __init__(self, scene: StudyScene, link: ServerLink, *, model: str | None = None, report: str = "") -> None:
        self.scene = scene
        self.link = link
        self.logic = AsapLogic(scene.mrml, consent=self._may_send)
        self.logic.parameters.model = model
        self.logic.parameters.legend = False  # the page draws its own, in type that can be read
        self.logic.listeners.append(self._heard)
        self.report_text = report
        self.sample_report = ""
        self.picked: int | None = None
        self.shown: list[int] = []
        self.map_on, self.several, self.crosshair = True, False, True
        self.window = "lung"
        self.problem = ""
        self.caution = ""
        self.asks_consent = ""
        self._retry: Callable[[], None] | None = None
        self._consented: set[str] = set()
        self._read_when_ready = bool(report)
        self._seen = ""
        self.task = Task(False, "")
        link.start(self.logic)

    # study

    def open_volume(self, path: Path) -> None:
        """Read a CT in the background and show it."""
        self._read(lambda: _read_case(path), "Reading the CT", lambda: self.open_volume(path))

    def open_case(self, make: Callable[[], ReadCase]) -> None:
        """The same for a CT that is made or fetched."""
        self._read(make, "Making the sample", lambda: self.open_case(make))

    def _read(self, read: Callable[[], ReadCase], stage: str, again: Callable[[], None]) -> None:
        self._begin(stage, again)
        self.logic.background.start(lambda _work: read(), done=self._opened, failed=self._failed, key="read")

    def _opened(self, case: ReadCase) -> None:
        self.task = Task(False, "")
        self.caution, self.sample_report = case.caution, case.report
        node = self.scene.open(case.volume, CASE_NAME)
        self.window = "lung"
        self.logic.choose_volume(node)
        self.logic.background.start(
            lambda _work: lung_surface(case.volume), done=self._lungs_found, failed=lambda _error: None, key="lungs"
        )
        if case.report and not self.report_text:
            self.report_text, self._read_when_ready = case.report, True
        self._go_on()

    def _lungs_found(self, surface: Any | None) -> None:
        if surface is not None:
            self.scene.show_lungs(surface)

    # report

    def read_report(self, text: str) -> None:
        """Find the sentences of a report and where each is true."""
        self.report_text = text
        self._begin("Reading the report", lambda: self.read_report(text))
        self.logic.read_report(text)

    def pick(self, index: int) -> None:
        """Show a sentence: slices at its peak, its map lit."""
        if self.logic.review is None or not 0 <= index < len(self.logic.review.sentences):
            return
        self.picked = index
        kept = [other for other in self.shown if other != index] if self.several else []
        self.shown = [*kept, index]
        self.map_on = True
        self.logic.show(self.shown)

    def step(self, by: int) -> None:
        """Pick the next or the previous sentence."""
        if self.logic.review is not None and self.logic.review.sentences:
            at = -1 if self.picked is None else self.picked
            self.pick(min(max(at + by, 0), len(self.logic.review.sentences) - 1))

    def decide(self, index: int, state: State) -> None:
        """Accept or reject a sentence; the same again takes it back to draft."""
        if self.logic.review is not None and 0 <= index < len(self.logic.review.sentences):
            again = self.logic.review.sentences[index].state == state
            self.logic.decide(index, "draft" if again else state)

    def edit(self, index: int, text: str) -> None:
        """Give a sentence other words; its map follows."""
        if self.logic.review is not None and 0 <= index < len(self.logic.review.sentences):
            self._begin("Reading the sentence", lambda: self.edit(index, text))
            self.logic.edit(index, text)
            if not self.logic.busy and not self.problem:
                self.task = Task(False, "")

    def export(self) -> str:
        """The reviewed report as JSON."""
        return "" if self.logic.review is None else reviewed_report(self.logic.review)

    # display

    def toggle_map(self) -> None:
        """Hide what is shown, or show it again without moving the slices."""
        self.map_on = not self.map_on
        if self.map_on and self.shown:
            self.logic.show(self.shown, jump=False)
        else:
            self.logic.clear()

    def toggle_several(self) -> None:
        """Whether a newly picked sentence joins those that are shown."""
        self.several = not self.several
        if not self.several and self.picked is not None and self.shown:
            self.shown = [self.picked]
            self.logic.show(self.shown, jump=False)

    def clear(self) -> None:
        """Take every map away."""
        self.shown, self.picked, self.map_on = [], None, True
        self.logic.clear()

    def set_opacity(self, value: float) -> None:
        """Of the overlay, 0 to 1."""
        self.logic.parameters.opacity = value
        self.logic.redraw()

    def set_threshold(self, share: float | None) -> None:
        """Share of the peak under which nothing is drawn; None is each map's own."""
        self.logic.parameters.threshold = share
        self.logic.redraw()

    def set_window(self, name: str) -> None:
        """One of `scene.WINDOWS`."""
        if name in WINDOWS:
            self.window = name
            self.scene.show_window(name)

    def toggle_crosshair(self) -> None:
        """Mark the peak or not."""
        self.crosshair = not self.crosshair

    # trouble

    def stop(self) -> None:
        """Stop what is under way."""
        self.logic.background.cancel("read")
        self.logic.cancel()
        self._read_when_ready = False
        self.task = Task(False, "Stopped.")

    def retry(self) -> None:
        """Do again what failed; a local server that has ended is started again first."""
        again, self.problem = self._retry, ""
        if self.link.state == "lost":
            self.link.restart()
            self._retry = None
            if again is not None:
                self.link.when_ready(again)
        elif again is not None:
            again()

    def consent(self) -> None:
        """The reader lets the study go to the server it was asked about."""
        self._consented.add(self.asks_consent)
        self.asks_consent, self.problem = "", ""
        self._go_on()

    def poll(self) -> None:
        """Deliver what has arrived. Call it often, on the thread of the scene."""
        self.logic.background.poll()
        was_lost = self.link.state == "lost"
        self.link.poll()
        if self.link.state == "lost" and not was_lost:
            self._retry = self._go_on
            self._problem("The server has ended or cannot be reached; what it answered stays. Try again to connect anew.")
        self.scene.show_crosshair(self.crosshair and self.map_on and self.current is not None)

    def close(self) -> None:
        """Let go of the server and the threads."""
        self.logic.close()
        self.link.stop()

    # what the page shows

    @property
    def current(self) -> int | None:
        """The sentence whose heat is drawn."""
        return self.logic.view.shown[-1] if self.logic.view.shown else None

    def snapshot(self) -> dict[str, Any]:
        """All that changes, by the names the page uses."""
        review, threshold = self.logic.review, self.threshold
        outlined = self.logic.view.shown if len(self.logic.view.shown) > 1 else ()
        return {
            "server": {"kind": self.link.state, "text": self.link.text},
            "study": self._study(),
            "task": {"active": self.task.active, "stage": self.task.stage or self._seen, "share": self.task.share},
            "problem": self.problem,
            "can_retry": self._retry is not None and not self.asks_consent,
            "asks_consent": self.asks_consent,
            "sections": [] if review is None else sections_of(review, {index: css(region_colour(index)) for index in outlined}),
            "picked": self.picked,
            "map_on": self.map_on,
            "several": self.several,
            "crosshair": self.crosshair,
            "window_name": self.window,
            "opacity": self.logic.parameters.opacity,
            "threshold": threshold,
            "own_threshold": self.logic.parameters.threshold is None,
            "peak_text": self._peak(),
            "slices": self.scene.slice_rows(),
        }

    @property
    def threshold(self) -> float:
        """The share of the peak at which the current map is cut."""
        chosen, review, current = self.logic.parameters.threshold, self.logic.review, self.current
        heat = None if review is None or current is None else self.logic.view.map_of(review, current)
        if heat is not None:
            return round(self.logic.view.share(heat), 3)
        return 0.5 if chosen is None else chosen

    def _study(self) -> dict[str, Any]:
        node = self.scene.volume_node
        if node is None:
            return {"open": False, "ready": False, "name": "No CT", "detail": "", "caution": ""}
        size, spacing = node.GetImageData().GetDimensions(), tuple(f"{mm:.3g}" for mm in node.GetSpacing())
        cubes = len(set(spacing)) == 1
        detail = f"{TIMES.join(map(str, size))} voxels, {spacing[0] if cubes else TIMES.join(spacing)} mm"
        ready = self.link.state == "ready" and not self.task.active
        return {"open": True, "ready": ready, "name": CASE_NAME, "detail": detail, "caution": self.caution}

    def _peak(self) -> str:
        review, current = self.logic.review, self.current
        peak = None if review is None or current is None else review.sentences[current].answer.peak_ras_mm
        if peak is None:
            return ""
        names = (("R", "L"), ("A", "P"), ("S", "I"))
        return (
            "Peak "
            + " · ".join(f"{pair[0 if mm >= 0 else 1]} {abs(mm):.0f}" for mm, pair in zip(peak, names, strict=True))
            + " mm"
        )

    # events

    def _heard(self, event: Event) -> None:
        if event.kind == "progress":
            active = self.logic.busy
            self.task = Task(active, event.message[:1].upper() + event.message[1:], event.share if active else None)
        elif event.kind == "error":
            self._problem(event.message)
        elif event.kind == "server":
            self._go_on()
        elif event.kind == "case":
            self.shown, self._seen = [], event.message
            if event.message:
                self.task = Task(False, "")
                self._go_on()
        elif event.kind == "report":
            self.task = Task(self.logic.busy, self.task.stage if self.logic.busy else "")
            if self.picked is not None and self.shown and not self.logic.busy and self.map_on:
                self.logic.show(self.shown, jump=False)

    def _go_on(self) -> None:
        """The next step nobody has to ask for: encode an open case, then read the report that came with it."""
        if self.logic.server is None or self.logic.volume is None or self.logic.busy:
            return
        if self.logic.case is None:
            self._begin("Bringing the case to the server", self._go_on)
            self.logic.encode()
        elif self._read_when_ready:
            self._read_when_ready = False
            self.read_report(self.report_text)

    def _begin(self, stage: str, again: Callable[[], None]) -> None:
        self.problem, self._retry = "", again
        self.task = Task(True, stage)

    def _problem(self, sentence: str) -> None:
        self.task = Task(False, "")
        self.problem = _consent_question(self.asks_consent) if self.asks_consent else sentence

    def _failed(self, error: Exception) -> None:
        if isinstance(error, AsapError):
            self._problem(str(error))
        else:
            self._problem(f"The CT could not be opened ({type(error).__name__}); try another copy of it.")

    def _may_send(self, url: str) -> bool:
        address = parse_address(url)
        if address.is_loopback or url in self._consented:
            return True
        self.asks_consent = url
        return False


def _consent_question(url: str) -> str:
    return f"The voxels of this CT and the report's sentences will be sent to {parse_address(url).host}. Send them?"


def _read_case(path: Path) -> ReadCase:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", GeometryWarning)
        volume = read_volume(path)
    return ReadCase(volume, " ".join(str(one.message) for one in caught if issubclass(one.category, GeometryWarning)))


def css(colour: tuple[float, float, float]) -> str:
    """sRGB 0..1 as CSS."""
    return "rgb({:.0f} {:.0f} {:.0f})".format(*(255 * part for part in colour))
