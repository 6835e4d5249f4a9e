"""`WorkBench`: what the page can ask for, over the logic it shares with the Slicer module. No trame in here.

Methods return at once. `poll()` delivers what the background finished; `snapshot()` is everything the page shows, as plain data.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from AsapSlicerLib import review_nodes
from AsapSlicerLib.drafting import draft_report
from AsapSlicerLib.logic import AsapLogic, Event
from AsapSlicerLib.report_sources import report_text
from AsapSlicerLib.segments import segmentation_of
from AsapSlicerLib.slice_clicks import SliceClicks
from AsapSlicerLib.volume_nodes import Point

from asap.client.address import parse_address
from asap.errors import AsapError
from asap.review import State

from .ask_desk import AskDesk
from .export_desk import ExportDesk
from .judge_desk import JudgeDesk
from .label_view import LabelView
from .lung_surface import lung_surface
from .model_choice import ModelChoice
from .read_case import ReadCase, read_case
from .review_desk import ReviewDesk
from .scene import StudyScene
from .segment_desk import SegmentDesk
from .server_link import ServerLink
from .snapshot import CASE_NAME, snapshot_of
from .stored_reports import StoredText, reports_beside
from .task import Task
from .views import Views


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
        self.stored_reports: tuple[StoredText, ...] = ()
        self.picked: int | None = None
        self.shown: list[int] = []
        self.map_on, self.several = True, False
        self.views = Views(scene)
        self.reviewing = ReviewDesk(self)
        self.segments = SegmentDesk(self.logic, self._failed)
        self.judging = JudgeDesk(self.logic)
        self.asking = AskDesk(self)
        self.exporting = ExportDesk(self)
        self.models = ModelChoice(self)
        self.labelling = LabelView(self)
        self.problem, self.caution, self.asks_consent, self.identity = "", "", "", ""
        self._retry: Callable[[], None] | None = None
        self._pick_from: int | None = None
        self.place: Point | None = None
        self.unsaved = False
        self._clicks = SliceClicks(self.look_up, self.segments.tools.tapped, self._moved, pen=self.segments.tools)
        for view in scene.slice_views().values():
            self._clicks.watch(view.interactor(), view.get_view_node())
        self.read_when_ready = bool(report)
        self.seen, self.task = "", Task(False, "")
        link.start(self.logic)

    # study

    def open_volume(self, path: Path) -> None:
        """Read a CT in the background and show it."""
        self._read(lambda: read_case(path), "Reading the CT", lambda: self.open_volume(path))

    def open_case(self, make: Callable[[], ReadCase]) -> None:
        """The same for a CT that is made, fetched, or being read already."""
        self._read(make, "Opening the CT", lambda: self.open_case(make))

    def _read(self, read: Callable[[], ReadCase], stage: str, again: Callable[[], None]) -> None:
        self.begin(stage, again)
        self.logic.background.start(lambda _work: read(), done=self._opened, failed=self._failed, key="read")

    def _opened(self, case: ReadCase) -> None:
        self.task = Task(False, "")
        self.caution, self.sample_report, self.stored_reports = case.caution, case.report, ()
        if self.identity:
            self._forget_review()
        self.identity, self.exporting.series = case.volume.identity, case.folder
        node = self.scene.open(case.volume, CASE_NAME, case.held)
        self.views.opened()
        self.logic.choose_volume(node)
        self.logic.background.start(
            lambda _work: lung_surface(case.volume), done=self._lungs_found, failed=lambda _error: None, key="lungs"
        )
        if case.folder is not None:
            folder = case.folder
            self.logic.background.start(
                lambda _work: reports_beside(folder), done=self._reports_found, failed=lambda _error: None, key="reports"
            )
        if case.report and not self.report_text:
            self.report_text, self.read_when_ready = case.report, True
        self._go_on()

    def _forget_review(self) -> None:
        """The report and the decisions of the CT before are not those of the next."""
        self.clear()
        mrml, volume = self.scene.mrml, self.scene.volume_node
        for node in (review_nodes.review_node(mrml, volume), segmentation_of(mrml, volume)):
            if node is not None:
                mrml.RemoveNode(node)
        self.logic.restore()
        self.report_text, self.read_when_ready, self.unsaved, self.place = "", False, False, None
        self.seen = ""

    def _reports_found(self, found: tuple[StoredText, ...]) -> None:
        self.stored_reports = found

    def _lungs_found(self, surface: Any | None) -> None:
        if surface is not None:
            self.scene.show_lungs(surface)

    # report

    def read_report(self, text: str) -> None:
        """Find the sentences of a report and where each is true."""
        self.report_text = text
        self.begin("Reading the report", lambda: self.read_report(text))
        self.logic.read_report(text)

    def draft(self) -> None:
        """Let the server write a report; it comes into review sentence by sentence."""
        self.begin("Drafting a report", self.draft)
        draft_report(self.logic)

    def read_report_file(self, data: bytes) -> None:
        """Take the report out of a text file or a DICOM structured report."""
        try:
            self.report_text, self.problem = report_text(data), ""
        except ValueError as error:
            self.fail_for_good(str(error))

    def take_stored_report(self, number: int) -> None:
        """Take one of the reports that lie beside the series."""
        if 0 <= number < len(self.stored_reports):
            self.report_text = self.stored_reports[number].text

    def ask(self, sentence: str) -> None:
        """One more sentence; it is picked once it is answered."""
        self.begin("Reading the sentence", lambda: self.ask(sentence))
        self._pick_from = len(self.logic.review.sentences) if self.logic.review is not None else 0
        self.logic.ground([sentence])
        if not self.logic.busy and not self.problem:
            self.task = Task(False, "")

    def pick(self, index: int) -> None:
        """Show a sentence: slices at its peak, its map lit."""
        if self.logic.review is None or not 0 <= index < len(self.logic.review.sentences):
            return
        self.picked, self.place = index, None
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
        undone = self.logic.undo()
        if undone is not None:
            self.unsaved = True
            if undone[0] == "sentence":
                self.pick(undone[1])

    def edit(self, index: int, text: str) -> None:
        """Give a sentence other words; its map follows."""
        if self.logic.review is not None and 0 <= index < len(self.logic.review.sentences):
            self.begin("Reading the sentence", lambda: self.edit(index, text))
            self.unsaved = True
            self.logic.edit(index, text)
            if not self.logic.busy and not self.problem:
                self.task = Task(False, "")

    def look_up(self, place: Point) -> None:
        """Find the sentences that speak of a place, world RAS+ mm, and the region around it."""
        self.place = place
        self._measure()

    def _moved(self, place: Point, shift: bool) -> None:
        self.views.moved(place, together=shift and not self.logic.lesions.active)

    def make_segment(self, index: int) -> None:
        """A segment of the sentence's region: the island around the place last ctrl-clicked, else the one at the peak."""
        if self.logic.review is not None and 0 <= index < len(self.logic.review.sentences):
            self.begin("Making the segment", lambda: self.make_segment(index))
            self.logic.make_segment(index, self.place)

    def make_lesion(self, index: int) -> None:
        """The lesion of the sentence, cut out of the image around the same place; clicks in the slices correct it."""
        if self.logic.review is not None and 0 <= index < len(self.logic.review.sentences):
            self.begin("Cutting the lesion", lambda: self.make_lesion(index))
            self.logic.make_lesion(index, self.place)

    def _measure(self) -> None:
        if self.current is not None:
            self.logic.measure(self.current, self.place)

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
        self._measure()

    # trouble

    def stop(self) -> None:
        """Stop what is under way."""
        self.logic.background.cancel("read")
        self.exporting.give_up()
        self.logic.cancel()
        self.read_when_ready = False
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

    def consent(self, agreed: bool) -> None:
        """The reader lets the study go to the server it was asked about, or does not."""
        self.asks_consent, self.problem = "", ""
        if agreed:
            self.logic.session.allow()
            return
        self.logic.session.refuse()
        self.read_when_ready = False
        self.fail("Nothing was sent; a sentence finds its place only once the server has the case.")
        self._retry = self._go_on

    def poll(self) -> None:
        """Deliver what has arrived. Call it often, on the thread of the scene."""
        self.logic.background.poll()
        was_lost = self.link.state == "lost"
        self.link.poll()
        if self.link.state == "lost" and not was_lost:
            self._retry = self._go_on
            self.fail("The server has ended or cannot be reached; what it answered stays. Try again to connect anew.")
        self.views.mark(self.map_on and self.current is not None)

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
            self.fail(event.message)
        elif event.kind == "consent":
            self.asks_consent = event.message
            self.task = Task(False, "")
        elif event.kind == "server":
            self._go_on()
        elif event.kind == "shown":
            self._measure()
        elif event.kind == "segment":
            self.task = Task(False, event.message)
        elif event.kind == "case":
            self.shown, self.seen = [], event.message
            if event.message:
                self.task = Task(False, "")
                self._go_on()
        elif event.kind == "report":
            self._report_changed()

    def _report_changed(self) -> None:
        self.task = Task(self.logic.busy, self.task.stage if self.logic.busy else "")
        count = len(self.logic.review.sentences) if self.logic.review is not None else 0
        self.shown = [index for index in self.shown if index < count]
        self.picked = self.picked if self.picked is not None and self.picked < count else None
        if self._pick_from is not None and count > self._pick_from:
            self._pick_from = None
            self.pick(count - 1)
        elif self.picked is not None and self.shown and not self.logic.busy and self.map_on:
            self.logic.show(self.shown, jump=False)

    def _go_on(self) -> None:
        """The next step nobody has to ask for: encode an open case, then read the report that came with it."""
        if self.logic.server is None or self.logic.volume is None or self.logic.busy:
            return
        if self.logic.case is None:
            self.begin("Bringing the case to the server", self._go_on)
            self.logic.encode()
        elif self.read_when_ready:
            self.read_when_ready = False
            self.read_report(self.report_text)

    def begin(self, stage: str, again: Callable[[], None]) -> None:
        """Work starts; again: what "Try again" does should it fail."""
        self.problem, self._retry = "", again
        self.task = Task(True, stage)

    def say(self, sentence: str) -> None:
        """Tell the reader the outcome of something."""
        self.task = Task(False, sentence)

    def fail(self, sentence: str) -> None:
        """Tell the reader what did not work; "Try again" does what was begun last."""
        self.task = Task(False, "")
        self._pick_from = None
        self.problem = sentence

    def fail_for_good(self, sentence: str) -> None:
        """The same where trying again is of no use."""
        self._retry = None
        self.fail(sentence)

    def _failed(self, error: Exception) -> None:
        if isinstance(error, AsapError | ValueError):
            self.fail(str(error))
        else:
            self.fail(f"The CT could not be opened ({type(error).__name__}); try another copy of it.")

    @staticmethod
    def _may_send(url: str) -> bool:
        return parse_address(url).is_loopback
