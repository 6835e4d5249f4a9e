"""Labelling the studies of a server's datastore: the next one without a label, and its segments back as its label. No window."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from asap.client import AsapClient, Strategy

from .background import Work
from .cases import Plan
from .datastore_images import Held, held_of, opened_from
from .events import Event
from .i18n import _
from .logic import AsapLogic
from .segment_files import LabelFile, label_file
from .segment_masks import LABELMAP, segments_of
from .segments import segmentation_of

NEXT, SUBMIT, STRATEGIES = "next case", "submit", "strategies"
USUAL = "combined"
Stamp = tuple[Any, ...]


class LabelDesk:
    """One logic's labelling. Methods are for the GUI thread and return at once; they end in the event "label" or "error".

    opened: how a face takes up the file of an image, NIfTI or NRRD; called on the GUI thread. strategies: how the server can
    choose the next study. told: what happened last.
    """

    def __init__(self, logic: AsapLogic, opened: Callable[[bytes, Held], None]) -> None:
        self.strategies: tuple[Strategy, ...] = ()
        self.told = ""
        self._logic, self._opened = logic, opened
        self._submitted: Stamp = ()
        self._warned: Stamp = ()
        logic.listeners.append(self.on_event)

    @property
    def usual(self) -> str:
        """The strategy to begin with; "" where the server has none."""
        names = [strategy.name for strategy in self.strategies]
        return USUAL if USUAL in names else next(iter(names), "")

    @property
    def study(self) -> str:
        """The id of the chosen CT in the server's datastore, as far as this side knows; "" for a CT of other origin."""
        held = None if self._logic.volume is None else held_of(self._logic.volume)
        return "" if held is None else held.image

    @property
    def busy(self) -> bool:
        """Whether a study is being fetched or a label sent."""
        return any(self._logic.background.is_busy(key) for key in (NEXT, SUBMIT))

    def on_event(self, event: Event) -> None:
        """The logic has news."""
        if event.kind == "progress" and not self.busy:
            self.told = ""  # it was stopped
        if event.kind == "server":
            self.strategies = ()
            client = self._logic.session.client
            if client is not None:
                self._logic.background.start(
                    lambda _work: client.strategies(), done=self._listed, failed=lambda _error: None, key=STRATEGIES
                )

    def next_case(self, strategy: str) -> None:
        """Open the study the server would have labelled next. Where segments were not submitted it says so, and does it when
        asked again."""
        logic, client = self._logic, self._logic.session.client
        if client is None:
            logic.fail(ValueError(_("There is no server yet; enter its address and test the connection.")))
            return
        stamp = self._stamp()
        if stamp and stamp not in (self._submitted, self._warned):
            self._warned = stamp
            self._tell(_("The segments of this case were not submitted. Submit them, or ask for the next case once more."))
            return

        def fetched(found: tuple[bytes, Held] | None) -> None:
            if found is None:
                self._tell(_("Every study of the server's datastore has a label, or it holds none."))
                return
            self._tell(_("To label: {study}").format(study=found[1].image))
            self._opened(*found)

        self._tell(_("Fetching the next case."))
        logic.background.start(
            lambda work: _fetch(work, client, strategy or self.usual), done=fetched, failed=self._failed, key=NEXT
        )

    def submit(self) -> None:
        """Send the segments of the chosen CT, as they are now, as the label of its study. They stay in the scene."""
        logic = self._logic
        plan = logic.session.plan(logic.volume, self.submit)
        if plan is None:
            return
        try:
            if plan.source.held is None:
                raise ValueError(
                    _("This CT is not of the server's datastore, which keeps labels of its own studies only; save the segments.")
                )
            held, label = plan.source.held, label_file(logic.scene, logic.volume)
        except ValueError as error:
            self._failed(error)
            return
        stamp = self._stamp()

        def sent(_none: None) -> None:
            self._submitted = stamp
            text = _("Submitted as the label of {study}: {names}.")
            said = text.format(study=held.image, names=", ".join(dict.fromkeys(label.names)))
            if label.shared:
                said += " " + _("{count} voxels are of several segments; the smallest has them.").format(count=label.shared)
            self._tell(said)

        self._tell(_("Submitting the label."))
        logic.background.start(lambda work: _send(work, plan, held, label), done=sent, failed=self._failed, key=SUBMIT)

    def _listed(self, found: list[Strategy]) -> None:
        self.strategies = tuple(found)
        self._logic.tell(Event("label"))

    def _failed(self, error: Exception) -> None:
        self.told = ""
        self._logic.fail(error)

    def _tell(self, said: str) -> None:
        self.told = said
        self._logic.tell(Event("label", said))

    def _stamp(self) -> Stamp:
        """Changes whenever a voxel or a name of a segment may have; empty without segments."""
        logic = self._logic
        node = None if logic.volume is None else segmentation_of(logic.scene, logic.volume)
        found = segments_of(None if node is None else node.GetSegmentation())
        images = {identity: one.GetRepresentation(LABELMAP) for identity, one in found.items()}
        return tuple(
            (identity, one.GetName(), 0 if images[identity] is None else images[identity].GetMTime())
            for identity, one in found.items()
        )


def _fetch(work: Work, client: AsapClient, strategy: str) -> tuple[bytes, Held] | None:
    image = client.next_sample(strategy, cancel=work)
    if image is None:
        return None
    data = client.datastore_image(image, cancel=work)
    return data, opened_from(image, hashlib.sha256(data).hexdigest())


def _send(work: Work, plan: Plan, held: Held, label: LabelFile) -> None:
    if not held.is_still_in(plan.client):
        raise ValueError(_("The server's datastore does not hold this very image; nothing was submitted. Save the segments."))
    plan.client.save_label(held.image, label.data, label.names, cancel=work)
