"""`WorkBench`: what the page can ask for, over the logic it shares with the Slicer module. No trame in here.

Methods return at once. `poll()` delivers what the background finished; `snapshot()` is everything the page shows, as plain data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from AsapSlicerLib import review as reviews
from AsapSlicerLib.logic import AsapLogic, Event
from AsapSlicerLib.report_export import reviewed_json
from AsapSlicerLib.review import State
from AsapSlicerLib.slice_clicks import SliceClicks
from AsapSlicerLib.volume_nodes import Point

from asap.client.address import parse_address
from asap.errors import AsapError

from .lung_surface import lung_surface
from .read_case import ReadCase, read_case
from .saved_review import reopened, saved
from .scene import WINDOWS, StudyScene
from .server_link import ServerLink
from .snapshot import CASE_NAME, snapshot_of


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
        self._identity = ""
        self.place: Point | None = None
        self.unsaved = False
        self._clicks = SliceClicks(self.look_up)
        for view in scene.slice_views().values():
            self._clicks.watch(view.interactor(), view.get_view_node())
        self._read_when_ready = bool(report)
        self.seen = ""
        self.task = Task(False, "")
        link.start(self.logic)

    # study

    def open_volume(self, path: Path) -> None:
        """Read a CT in the background and show it."""
        self._read(lambda: read_case(path), "Reading the CT", lambda: self.open_volume(path))

    def open_case(self, make: Callable[[], ReadCase]) -> None:
        """The same for a CT that is made, fetched, or being read already."""
        self._read(make, "Opening the CT", lambda: self.open_case(make))

    def _read(self, read: Callable[[], ReadCase], stage: str, again: Callable[[], None]) -> None:
        self._begin(stage, again)
        self.logic.background.start(lambda _work: read(), done=self._opened, failed=self._failed, key="read")

    def _opened(self, case: ReadCase) -> None:
        self.task = Task(False, "")
        self.caution, self.sample_report = case.caution, case.report
        if self._identity:
            self._forget_review()
        self._identity = case.volume.identity
        node = self.scene.open(case.volume, CASE_NAME)
        self.window = "lung"
        self.logic.choose_volume(node)
        self.logic.background.start(
            lambda _work: lung_surface(case.volume), done=self._lungs_found, failed=lambda _error: None, key="lungs"
        )
        if case.report and not self.report_text:
            self.report_text, self._read_when_ready = case.report, True
        self._go_on()

    def _forget_review(self) -> None:
        """The report and the decisions of the CT before are not those of the next."""
        self.clear()
        node = reviews.review_node(self.scene.mrml)
        if node is not None:
            self.scene.mrml.RemoveNode(node)
        self.logic.restore()
        self.report_text, self._read_when_ready, self.unsaved, self.place = "", False, False, None

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
            self.unsaved = True
            self.logic.decide(index, "draft" if again else state)

    def undo(self) -> None:
        """Take the last decision back and show whose it was."""
        index = self.logic.undo()
        if index is not None:
            self.unsaved = True
            self.pick(index)

    def edit(self, index: int, text: str) -> None:
        """Give a sentence other words; its map follows."""
        if self.logic.review is not None and 0 <= index < len(self.logic.review.sentences):
            self._begin("Reading the sentence", lambda: self.edit(index, text))
            self.unsaved = True
            self.logic.edit(index, text)
            if not self.logic.busy and not self.problem:
                self.task = Task(False, "")

    def export(self) -> str:
        """The reviewed report as JSON."""
        return "" if self.logic.review is None else reviewed_json(self.logic.review)

    def save(self) -> str:
        """The review as a document that `reopen` takes."""
        if self.logic.review is None:
            return ""
        self.unsaved = False
        return saved(self.logic.review, self._identity)

    def reopen(self, text: str) -> None:
        """Go on with a saved review of the CT that is open; no server is needed for what it holds."""
        try:
            review = reopened(text, self._identity)
        except ValueError as error:
            self._retry = None
            self._problem(str(error))
            return
        self.clear()
        reviews.save(self.scene.mrml, review, self.scene.volume_node)
        self.logic.restore()
        self.report_text, self._read_when_ready, self.unsaved, self.problem = review.report, False, False, ""
        self.task = Task(False, "The saved review is open.")

    def look_up(self, place: Point) -> None:
        """Find the sentences that speak of a place, world RAS+ mm."""
        self.place = place

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
        self.shown, self.picked, self.map_on, self.place = [], None, True, None
        self.logic.clear()

    def set_opacity(self, value: float) -> None:
        """Of the overlay, 0 to 1."""
        self.logic.parameters.opacity = value
        self.logic.redraw()

    def set_threshold(self, share: float | None) -> None:
        """Share of the peak under which nothing is drawn; None is each map's own."""
        self.logic.parameters.threshold = share
        self.logic.redraw()
        if self.current is not None:
            self.logic.measure(self.current)

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
        self.asks_consent, self.problem = "", ""
        self.logic.allow()

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
        self._clicks.stop()
        self.logic.close()
        self.link.stop()

    # what the page shows

    @property
    def can_retry(self) -> bool:
        """Whether there is something to do again."""
        return self._retry is not None

    @property
    def current(self) -> int | None:
        """The sentence whose heat is drawn."""
        return self.logic.view.shown[-1] if self.logic.view.shown else None

    def snapshot(self) -> dict[str, Any]:
        """All that changes, by the names the page uses."""
        return snapshot_of(self)

    # events

    def _heard(self, event: Event) -> None:
        if event.kind == "progress":
            active = self.logic.busy
            self.task = Task(active, event.message[:1].upper() + event.message[1:], event.share if active else None)
        elif event.kind == "error":
            self._problem(event.message)
        elif event.kind == "consent":
            self.asks_consent = event.message
            self._problem("")
        elif event.kind == "server":
            self._go_on()
        elif event.kind == "shown":
            if self.current is not None:
                self.logic.measure(self.current)
        elif event.kind == "case":
            self.shown, self.seen = [], event.message
            if event.message:
                self.task = Task(False, "")
                self._go_on()
        elif event.kind == "report":
            self.task = Task(self.logic.busy, self.task.stage if self.logic.busy else "")
            count = len(self.logic.review.sentences) if self.logic.review is not None else 0
            self.shown = [index for index in self.shown if index < count]
            self.picked = self.picked if self.picked is not None and self.picked < count else None
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

    @staticmethod
    def _may_send(url: str) -> bool:
        return parse_address(url).is_loopback


def _consent_question(url: str) -> str:
    return f"The voxels of this CT and the report's sentences will be sent to {parse_address(url).host}. Send them?"
