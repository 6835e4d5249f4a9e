"""`AsapLogic`: everything the module does, without a window. Faces (Qt panel, browser page, scripts) call it and listen to it.

Methods return at once; what takes time runs in the background and ends in an `Event` on the GUI thread, from `background.poll()`.
`wait_for_completion()` is for scripts. A failure changes nothing in the scene.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import vtk

from asap.client import EncodeAnswer, GroundAnswer, ModelInfo, Progress, SentenceAnswer, ServerInfo
from asap.review import Review, State, new_review, pack_ahead

from . import coverage, lesions, regions, review_nodes
from .background import Background, Work
from .cases import OpenCase, Plan
from .colours import region_colour
from .events import CaseState, Event, error_event, progress_event
from .i18n import _
from .parameters import Parameters
from .segments import show_only
from .sentence_view import SentenceView
from .session import Session
from .volume_nodes import Point

__all__ = ["AsapLogic", "CaseState", "Event"]
Answer = TypeVar("Answer")
Act, Done = Callable[[Work, Plan, str], Answer], Callable[[Answer], None]
Merge = Callable[[GroundAnswer, str], Review]
CANCELLABLE = ("encode", "ground", "ask", "draft", "organs", "segment", "documents", lesions.KEY, "next case", "submit")


class AsapLogic:
    """One scene, at most one server, one report under review.

    consent: asked once per server, on the GUI thread, before anything of a case leaves this computer; gets the server's address.
    A face that must first ask returns False, is told by the event "consent", and calls `session.allow()` when the reader agrees.
    """

    def __init__(self, scene: Any, consent: Callable[[str], bool], background: Background | None = None) -> None:
        self.scene = scene
        self.background = background if background is not None else Background()
        self.parameters = Parameters(scene)
        self.view = SentenceView(scene, self.parameters)
        self.listeners: list[Callable[[Event], None]] = []
        self.case: CaseState | None = None
        self.review: Review | None = None
        self.kept_by: Callable[[Review], None] | None = None
        self.regions = regions.Regions(scene, self.background, self.tell, self.fail)
        ears: Any = {"tell": self.tell, "failed": self.fail, "progressed": self.progressed}
        self.session = Session(self.background, self.parameters, consent, **ears)
        self.lesions = lesions.Lesions(scene, self.background, self.session, **ears)
        self._earlier: dict[tuple[int, str], tuple[SentenceAnswer, str]] = {}
        self._tags = [
            scene.AddObserver(scene.EndCloseEvent, lambda *_args: self._scene_closed()),
            scene.AddObserver(scene.EndImportEvent, lambda *_args: self.restore()),
        ]
        removed = vtk.calldata_type(vtk.VTK_OBJECT)(lambda _caller, _event, node: self._node_removed(node))
        self._tags.append(scene.AddObserver(scene.NodeRemovedEvent, removed))
        self.restore()

    # server

    def connect(self, url: str, token: str | None = None) -> None:
        """Ask a server who it is; ends in the event "server", or "error" that names the reason."""
        self.disconnect()
        self.session.connect(url, token)

    def disconnect(self) -> None:
        """End the session: the server frees all it holds of us."""
        self.cancel()
        self.case = None
        self.session.disconnect()

    def refresh(self) -> None:
        """Ask the server again how it is; ends in the event "health"."""
        self.session.refresh()

    @property
    def server(self) -> ServerInfo | None:
        """Who the connected server is, or None."""
        return self.session.server

    @property
    def url(self) -> str:
        """Address of the newest server."""
        return self.session.url

    @property
    def model(self) -> ModelInfo | None:
        """The model that will answer."""
        return self.session.model

    # case

    @property
    def volume(self) -> Any:
        """The chosen CT's node, or None."""
        return self.parameters.volume

    def choose_volume(self, node: Any) -> None:
        """Work on another CT of the scene, with the review it has, if any. What is shown of the last one goes."""
        if node is self.volume:
            return
        self.cancel()
        self.view.clear()
        self.parameters.volume = node
        self.case = None
        show_only(self.scene, node)
        self.tell(Event("case"))
        self._take_review()

    def encode(self) -> None:
        """Bring the chosen case to the server and encode it, so that every sentence is answered at once."""

        def act(work: Work, plan: Plan, study: str) -> EncodeAnswer:
            return plan.client.encode(study, model=plan.model.name, fine=plan.fine, progress=work.report, cancel=work)

        def done(plan: Plan, case: OpenCase, answer: EncodeAnswer, _seen: Any) -> None:
            self.case_ready(plan, case, answer.coverage)

        self.session.ask_about(self.volume, "encode", act, done=done, again=self.encode, seen=True)

    def cancel(self) -> bool:
        """Stop what is under way. False when nothing was."""
        stopped = [self.background.cancel(key) for key in CANCELLABLE]
        self.lesions.give_up()
        if any(stopped):
            self.tell(Event("progress", _("Stopped.")))
        return any(stopped)

    @property
    def busy(self) -> bool:
        """Whether a case, sentences or a segment are under way."""
        return any(self.background.is_busy(key) for key in CANCELLABLE)

    # report

    def read_report(self, text: str) -> None:
        """Ask for every sentence of a report. Decisions on sentences of the same words are kept."""
        if not text.strip():
            self.fail(ValueError(_("There is no report yet; paste one or load a text file.")))
            return
        if not self.is_open():
            return
        self._ground({"report": text}, lambda answer, input_sha256: new_review(text, answer, self.review, input_sha256))

    def ground(self, sentences: Sequence[str]) -> None:
        """Ask for further sentences; they are added to the review and the last one is shown."""
        wanted = [words for sentence in sentences if (words := " ".join(sentence.split()))]

        def merged(answer: GroundAnswer, input_sha256: str) -> Review:
            added = replace(answer, sentences=tuple(replace(one, section=None) for one in answer.sentences))
            return (self.review or Review("", "", "", (), input_sha256=input_sha256)).extended(added)

        if wanted:
            self._ground({"sentences": wanted}, merged, show_last=True)

    def _ground(self, what: dict[str, Any], merge: Merge, *, show_last: bool = False) -> None:
        def act(work: Work, plan: Plan, study: str) -> tuple[GroundAnswer, str]:
            answer = plan.client.ground(study, **what, model=plan.model.name, fine=plan.fine, progress=work.report, cancel=work)
            pack_ahead(answer)
            return answer, plan.cases.identity(plan.source)

        def done(result: tuple[GroundAnswer, str]) -> None:
            if self.reviewed(lambda: merge(*result), result[0].notice) and show_last and self.review is not None:
                self.show([len(self.review.sentences) - 1])

        self.on_case("ground", act, done, lambda: self._ground(what, merge, show_last=show_last))

    def is_open(self) -> bool:
        """Whether the report may change; the reader is told when it is signed."""
        if self.review is None or self.review.signature is None:
            return True
        self.fail(ValueError(_("This CT's report is signed and stays as it is; add an amendment.")))
        return False

    def reviewed(self, make: Callable[[], Review], notice: str) -> bool:
        """Go on with a review made from what a server answered. False when it was signed or changed meanwhile."""
        if not self.is_open():
            return False
        try:
            made = make()
        except ValueError as error:
            self.fail(error)
            return False
        self.view.follow(self.review, made)
        self.keep(made)
        self.tell(Event("report", notice))
        return True

    def on_case(self, key: str, act: Act[Answer], done: Done[Answer], again: Callable[[], None], *, full: bool = False) -> None:
        """Ask the server about the chosen case (`Session.ask_about`). done: called when the volume is still the chosen one."""

        def arrived(plan: Plan, case: OpenCase, answer: Answer, seen: Any) -> None:
            volume = self.scene.GetNodeByID(plan.source.node_id)
            if volume is None or volume is not self.volume:
                return
            if seen is not None:
                self.case_ready(plan, case, seen)
            done(answer)

        known = self.case is not None and self.case.seen is not None
        self.session.ask_about(self.volume, key, act, done=arrived, again=again, seen=known, full=full)

    def change(self, make: Callable[[Review], Review]) -> bool:
        """Go on with a changed review; ends in the event "report". False, and "error" says why, where it may not be changed."""
        if self.review is None:
            return False
        try:
            changed = make(self.review)
        except ValueError as error:
            self.fail(error)
            return False
        self.keep(changed)
        self.tell(Event("report"))
        return True

    def decide(self, index: int, state: State) -> None:
        """Accept, reject, or take a sentence back to draft."""
        self.change(lambda review: review.decided(index, state, self.parameters.reader))

    @property
    def can_undo(self) -> bool:
        """Whether there is a decision to take back."""
        return self.review is not None and self.review.signature is None and self.review.last_decision is not None

    def undo(self) -> tuple[str, int] | None:
        """Take the last decision back; the record keeps both. Returns ("sentence" or "answer", its index), None without any."""
        last = self.review.last_decision if self.review is not None and self.can_undo else None
        if self.review is None or last is None or (undone := self.review.undone(self.parameters.reader)) is None:
            return None
        self.background.cancel("ground")  # the map of an edited wording that may still be on its way
        of, index, _number = last
        if of == "sentence" and (earlier := self._earlier.get((index, undone.sentences[index].text))) is not None:
            undone = undone.answered(index, *earlier)
        self.keep(undone)
        self.tell(Event("report"))
        return of, index

    def edit(self, index: int, text: str) -> None:
        """Give a sentence other words; with a server, its map follows."""
        if self.review is None or text.split() == self.review.sentences[index].text.split():
            return
        before = self.review.sentences[index]
        if not self.change(lambda review: review.decided(index, "edited", self.parameters.reader, text)):
            return
        self._earlier[index, before.text] = (before.answer, before.weights_sha256)
        words = self.review.sentences[index].text

        def merged(answer: GroundAnswer, _input_sha256: str) -> Review:
            current = self.review
            if current is None or index >= len(current.sentences) or current.sentences[index].text != words:
                raise ValueError(_("The report was changed meanwhile."))
            return current.answered(index, answer.sentences[0], answer.model.weights_sha256)

        if self.session.client is not None:
            self._ground({"sentences": [words]}, merged)

    def keep(self, changed: Review) -> None:
        """Go on with a changed review; it stands in the scene from now on."""
        if self.kept_by is not None:
            self.kept_by(changed)
        self.review = changed
        review_nodes.save(self.scene, changed, self.volume)

    # view

    def show(self, indices: Sequence[int], *, jump: bool = True) -> bool:
        """Show sentences; the last is drawn as heat and jumped to, all are outlined. False when none has a map."""
        if self.review is None:
            return False
        drawn = self.view.show(self.review, indices, self.volume, jump=jump)
        self.tell(Event("shown"))
        return drawn

    def clear(self) -> None:
        """Take the overlay away."""
        self.view.clear()
        self.tell(Event("shown"))

    def redraw(self) -> None:
        """Apply changed display parameters."""
        if self.review is not None and self.view.shown:
            self.view.redraw(self.review, self.volume)
        self.tell(Event("shown" if self.view.shown else "display"))

    def sentences_at(self, world_ras_mm: Point) -> list[tuple[int, float]]:
        """Which sentences speak of this place, (index, share of the peak), warmest first."""
        if self.review is None or self.volume is None:
            return []
        return self.view.sentences_at(self.review, self.volume, world_ras_mm)

    def measure(self, index: int, cursor_world_mm: Point | None = None) -> None:
        """Find the size of the region around the cursor, or the peak; ends in the event "region" with `regions.measured`."""
        place = self._place(index, cursor_world_mm)
        if place is not None:
            self.regions.measure(index, place)

    def make_segment(self, index: int, cursor_world_mm: Point | None = None) -> None:
        """Turn that region into a segment; ends in the event "segment" with `regions.made`, None when it is cold there."""
        place = self._place(index, cursor_world_mm)
        if place is not None and self.review is not None and self.volume is not None:
            self.regions.make(index, self.review.sentences[index], place, self.volume)

    def make_lesion(self, index: int, cursor_world_mm: Point | None = None) -> None:
        """Cut the lesion a sentence speaks of out of the image; `lesions.click` corrects it. Ends in the event "segment"."""
        place = self._place(index, cursor_world_mm)
        if place is None or self.review is None:
            return
        sentence = self.review.sentences[index]
        inside = sentence.answer.peak_ras_mm if cursor_world_mm is None else place.cursor_ras_mm
        self.lesions.begin(self.volume, sentence.text, inside, region_colour(index))

    def _place(self, index: int, cursor_world_mm: Point | None) -> regions.Place | None:
        heat = self.view.map_of(self.review, index) if self.review is not None else None
        return None if heat is None else regions.place(heat, self.view.share(heat), self.volume, cursor_world_mm)

    # life

    def restore(self) -> None:
        """Take up the review a scene brought with it; no server is needed."""
        volume = review_nodes.reviewed_volume(self.scene, self.volume)
        if volume is not self.volume:
            self.parameters.volume = volume
        self._take_review()

    def _take_review(self) -> None:
        try:
            loaded = review_nodes.load(self.scene, self.volume)
        except ValueError as error:
            self.fail(error)
            loaded = None
        self.view.forget()
        self._earlier.clear()
        self.regions.forget()
        self.lesions.finish()
        self.review = loaded
        self.tell(Event("report"))

    def wait_for_completion(self, timeout_s: float = 600.0) -> bool:
        """For scripts: wait until nothing is under way. False when time ran out first."""
        return self.background.wait_for_completion(timeout_s)

    def close(self) -> None:
        """Let go of the server, the threads and the scene."""
        for tag in self._tags:
            self.scene.RemoveObserver(tag)
        self._tags.clear()
        self.listeners.clear()
        self.disconnect()
        self.background.wait_for_completion(2.0)
        self.background.stop()

    def _scene_closed(self) -> None:
        self.cancel()
        self.view.forget()
        self._earlier.clear()
        self.regions.forget()
        self.lesions.finish()
        self.case, self.review = None, None
        self.session.release(None)
        self.tell(Event("case"))
        self.tell(Event("report"))

    def _node_removed(self, node: Any) -> None:
        if node is None or not node.IsA("vtkMRMLScalarVolumeNode"):
            return
        if self.case is not None and self.case.node_id == node.GetID():
            self.cancel()
            self.view.clear()
            self.case = None
            self.tell(Event("case"))
        self.session.release(node.GetID())

    def case_ready(self, plan: Plan, case: OpenCase, box: Any) -> None:
        """The server has the case now. box: what the model saw of it."""
        if self.scene.GetNodeByID(plan.source.node_id) is not self.volume:
            return
        seen = None if box is None else coverage.seen(box.corner_ras_mm, plan.source.image)
        self.case = CaseState(plan.source.node_id, case.origin, seen)
        self.tell(Event("case", seen.sentence if seen is not None else "", 1.0))

    def progressed(self, progress: Progress) -> None:
        """Tell the faces how far work is."""
        self.tell(progress_event(progress))

    def fail(self, error: Exception) -> None:
        """Tell the faces why something did not work."""
        self.tell(error_event(error))

    def tell(self, event: Event) -> None:
        """Tell the faces."""
        for listener in tuple(self.listeners):
            listener(event)
