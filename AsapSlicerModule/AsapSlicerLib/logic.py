"""`AsapLogic`: everything the module does, without a window. Faces (Qt panel, browser page, scripts) call it and listen to it.

Methods return at once; what takes time runs in the background and ends in an `Event` on the GUI thread, from `background.poll()`.
`wait_for_completion()` is for scripts. A failure changes nothing in the scene.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import vtk

from asap.client import AsapClient, ClientError, GroundAnswer, ModelInfo, Progress, ServerInfo

from . import coverage, regions, review
from .background import Background, Work
from .cases import Cases, OpenCase, Plan, case_source
from .events import CaseState, Event, error_event, progress_event
from .i18n import _
from .parameters import Parameters
from .review import Review, State
from .sentence_view import SentenceView
from .undo import Undo
from .volume_nodes import Point

__all__ = ["AsapLogic", "CaseState", "Event"]
CANCELLABLE = ("encode", "ground", "segment")
log = logging.getLogger(__name__)


class AsapLogic:
    """One scene, at most one server, one report under review.

    consent: asked once per server, on the GUI thread, before anything of a case leaves this computer; gets the server's address.
    A face that must first ask returns False, is told by the event "consent", and calls `allow()` when the reader agrees.
    """

    def __init__(self, scene: Any, consent: Callable[[str], bool], background: Background | None = None) -> None:
        self.scene = scene
        self.background = background if background is not None else Background()
        self.parameters = Parameters(scene)
        self.view = SentenceView(scene, self.parameters)
        self.listeners: list[Callable[[Event], None]] = []
        self.server: ServerInfo | None = None
        self.url = ""
        self.case: CaseState | None = None
        self.review: Review | None = None
        self.regions = regions.Regions(scene, self.background, self._tell, self._failed)
        self.undo_stack = Undo()
        self._consent = consent
        self._consented: set[str] = set()
        self._waiting: Callable[[], None] | None = None
        self._client: AsapClient | None = None
        self._cases = Cases()
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
        try:
            client = AsapClient(url, token or None)
        except ClientError as error:
            self._failed(error)
            return

        def connected(info: ServerInfo) -> None:
            self._client, self.server, self.url = client, info, url
            client.keep_alive()
            self._tell(Event("server", _("Connected to ASAP {version}.").format(version=info.version)))

        self.background.start(lambda _work: client.info(), done=connected, failed=self._failed, key="server")

    def disconnect(self) -> None:
        """End the session: the server frees all it holds of us."""
        self.cancel()
        self.background.cancel("server")
        self.background.cancel("health")
        client, self._client, self.server, self.case = self._client, None, None, None
        self._cases = Cases()
        if client is not None:
            self.background.start(lambda _work: client.close(), done=lambda _none: None, failed=self._quiet)
            self._tell(Event("server"))

    def refresh(self) -> None:
        """Ask the server again how it is; ends in the event "health", with a message when it does not answer."""
        client = self._client
        if client is None or self.background.is_busy("health"):
            return

        def well(info: ServerInfo) -> None:
            if client is self._client:
                self.server = info
                self._tell(Event("health"))

        self.background.start(
            lambda _work: client.info(), done=well, failed=lambda error: self._tell(Event("health", str(error))), key="health"
        )

    @property
    def model(self) -> ModelInfo | None:
        """The model that will answer: the chosen one if the server has it, else the server's default."""
        names = {model.name: model for model in self.server.models} if self.server is not None else {}
        return names.get(self.parameters.model or "") or names.get(self.server.default_model if self.server is not None else "")

    # case

    @property
    def volume(self) -> Any:
        """The chosen CT's node, or None."""
        return self.parameters.volume

    def choose_volume(self, node: Any) -> None:
        """Work on another CT of the scene. What is shown of the last one goes."""
        if node is self.volume:
            return
        self.cancel()
        self.view.clear()
        self.parameters.volume = node
        self.case = None
        self._tell(Event("case"))

    def encode(self) -> None:
        """Bring the chosen case to the server and encode it, so that every sentence is answered at once."""
        if (plan := self._plan(self.encode)) is None:
            return

        def run(work: Work) -> tuple[OpenCase, Any]:
            ask = partial(plan.client.encode, model=plan.model.name, fine=plan.fine, progress=work.report, cancel=work)
            return plan.on_study(work, ask)

        def done(result: tuple[OpenCase, Any]) -> None:
            case, answer = result
            self._case_ready(plan, case, answer.coverage)

        self.background.start(run, done=done, failed=self._failed, progressed=self._progressed, key="encode")

    def cancel(self) -> bool:
        """Stop what is under way. False when nothing was."""
        stopped = [self.background.cancel(key) for key in CANCELLABLE]
        if any(stopped):
            self._tell(Event("progress", _("Stopped.")))
        return any(stopped)

    @property
    def busy(self) -> bool:
        """Whether a case, sentences or a segment are under way."""
        return any(self.background.is_busy(key) for key in CANCELLABLE)

    def allow(self) -> None:
        """The reader agrees that cases go to this server; what waited for that goes on."""
        self._consented.add(self.url)
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting()

    # report

    def read_report(self, text: str) -> None:
        """Ask for every sentence of a report. Decisions on sentences of the same words are kept."""
        if not text.strip():
            self._failed(ValueError(_("There is no report yet; paste one or load a text file.")))
            return
        self._ground({"report": text}, lambda answer: review.new_review(text, answer, self.review))

    def ground(self, sentences: Sequence[str]) -> None:
        """Ask for further sentences; they are added to the review and the last one is shown."""
        wanted = [words for sentence in sentences if (words := " ".join(sentence.split()))]
        if not wanted:
            return

        def merged(answer: GroundAnswer) -> Review:
            return (self.review or Review("", "", "", ())).extended(answer)

        self._ground({"sentences": wanted}, merged, show_last=True)

    def _ground(self, what: dict[str, Any], merge: Callable[[GroundAnswer], Review], *, show_last: bool = False) -> None:
        if (plan := self._plan(lambda: self._ground(what, merge, show_last=show_last))) is None:
            return
        known = self.case is not None and self.case.seen is not None

        def act(work: Work, study: str) -> tuple[GroundAnswer, Any]:
            answer = plan.client.ground(study, **what, model=plan.model.name, fine=plan.fine, progress=work.report, cancel=work)
            return answer, None if known else plan.client.study(study).coverage

        def done(result: tuple[OpenCase, tuple[GroundAnswer, Any]]) -> None:
            case, (answer, seen) = result
            volume = self.scene.GetNodeByID(plan.source.node_id)
            if volume is None or volume is not self.volume:
                return
            if not known:
                self._case_ready(plan, case, seen)
            merged = merge(answer)
            self.view.follow(self.review, merged)
            self._replace(merged)
            self._tell(Event("report", answer.notice))
            if show_last and self.review is not None:
                self.show([len(self.review.sentences) - 1])

        self.background.start(
            lambda work: plan.on_study(work, partial(act, work)),
            done=done,
            failed=self._failed,
            progressed=self._progressed,
            key="ground",
        )

    # review

    def decide(self, index: int, state: State) -> None:
        """Accept, reject, or take a sentence back to draft."""
        if self.review is not None:
            self.undo_stack.remember(index, self.review.sentences[index])
            self._replace(self.review.decided(index, state, self.parameters.reader))
            self._tell(Event("report"))

    def undo(self) -> int | None:
        """Take the last decision back; the record keeps both. Returns whose it was, None when there was none."""
        undone = self.undo_stack.undone(self.review, self.parameters.reader) if self.review is not None else None
        if undone is None:
            return None
        self.background.cancel("ground")  # the map of an edited wording that may still be on its way
        self._replace(undone[0])
        self._tell(Event("report"))
        return undone[1]

    def edit(self, index: int, text: str) -> None:
        """Give a sentence other words; with a server, its map follows."""
        if self.review is None or text.split() == self.review.sentences[index].text.split():
            return
        try:
            edited = self.review.decided(index, "edited", self.parameters.reader, text)
        except ValueError as error:
            self._failed(error)
            return
        self.undo_stack.remember(index, self.review.sentences[index])
        self._replace(edited)
        self._tell(Event("report"))
        words = self.review.sentences[index].text

        def merged(answer: GroundAnswer) -> Review:
            current = self.review
            if current is None or index >= len(current.sentences) or current.sentences[index].text != words:
                raise ValueError(_("The report was changed meanwhile."))
            return current.answered(index, answer.sentences[0], answer.model.weights_sha256)

        if self._client is not None:
            self._ground({"sentences": [words]}, merged)

    def _replace(self, new: Review) -> None:
        self.review = new
        review.save(self.scene, new, self.volume)

    # view

    def show(self, indices: Sequence[int], *, jump: bool = True) -> bool:
        """Show sentences; the last is drawn as heat and jumped to, all are outlined. False when none has a map."""
        if self.review is None:
            return False
        drawn = self.view.show(self.review, indices, self.volume, jump=jump)
        self._tell(Event("shown"))
        return drawn

    def clear(self) -> None:
        """Take the overlay away."""
        self.view.clear()
        self._tell(Event("shown"))

    def redraw(self) -> None:
        """Apply changed display parameters."""
        if self.review is not None and self.view.shown:
            self.view.redraw(self.review, self.volume)
            self._tell(Event("shown"))

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

    def _place(self, index: int, cursor_world_mm: Point | None) -> regions.Place | None:
        heat = self.view.map_of(self.review, index) if self.review is not None else None
        return None if heat is None else regions.place(heat, self.view.share(heat), self.volume, cursor_world_mm)

    # life

    def restore(self) -> None:
        """Take up the review a scene brought with it; no server is needed."""
        try:
            loaded = review.load(self.scene)
        except ValueError as error:
            self._failed(error)
            return
        self.view.forget()
        self.undo_stack.forget()
        self.review, volume = loaded if loaded is not None else (None, None)
        if volume is not None:
            self.parameters.volume = volume
        self._tell(Event("report"))

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
        self.undo_stack.forget()
        self.case, self.review = None, None
        self._release(None)
        self._tell(Event("case"))
        self._tell(Event("report"))

    def _node_removed(self, node: Any) -> None:
        if node is None or not node.IsA("vtkMRMLScalarVolumeNode"):
            return
        if self.case is not None and self.case.node_id == node.GetID():
            self.cancel()
            self.view.clear()
            self.case = None
            self._tell(Event("case"))
        if self._cases.holds(node.GetID()):
            self._release(node.GetID())

    def _release(self, node_id: str | None) -> None:
        """Let the server free a volume node's case, or all."""
        client, cases = self._client, self._cases
        if client is not None:
            self.background.start(lambda _work: cases.release(client, node_id), done=lambda _none: None, failed=self._quiet)

    def _plan(self, again: Callable[[], None]) -> Plan | None:
        client, model = self._client, self.model
        try:
            if client is None or model is None:
                raise ValueError(_("There is no server yet; enter its address and test the connection."))
            if self.volume is None:
                raise ValueError(_("There is no CT yet; load one and choose it."))
            source = case_source(self.volume)
        except ValueError as error:
            self._failed(error)
            return None
        if self.url not in self._consented and not self._consent(self.url):
            self._waiting = again
            self._tell(Event("consent", self.url))
            return None
        self._consented.add(self.url)
        return Plan(client, self._cases, source, model, self.parameters.fine)

    def _case_ready(self, plan: Plan, case: OpenCase, box: Any) -> None:
        if self.scene.GetNodeByID(plan.source.node_id) is not self.volume:
            return
        seen = None if box is None else coverage.seen(box.corner_ras_mm, plan.source.image)
        self.case = CaseState(plan.source.node_id, case.origin, seen)
        self._tell(Event("case", seen.sentence if seen is not None else "", 1.0))

    def _progressed(self, progress: Progress) -> None:
        self._tell(progress_event(progress))

    def _failed(self, error: Exception) -> None:
        self._tell(error_event(error))

    @staticmethod
    def _quiet(error: Exception) -> None:
        log.info("asap: the server could not be told to free a case (%s)", type(error).__name__)

    def _tell(self, event: Event) -> None:
        for listener in tuple(self.listeners):
            listener(event)
