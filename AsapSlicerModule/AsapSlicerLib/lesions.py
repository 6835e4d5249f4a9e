"""One lesion at a time, made from a sentence or from a first click, stroke or box, and corrected by more: every step undoes.

The server keeps no state that could differ: a correction sends all clicks so far, an undo sends nothing because each step's mask
is kept here. The mask stands on the CT's own voxels: the first click brings the CT to the server in full, once, unless the
server's archive holds the series.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from asap.client import Progress, SegmentPrompt, SegmentsAnswer

from . import volume_nodes
from .background import Background, Work
from .cases import OpenCase
from .colours import Colour
from .events import Event
from .i18n import _
from .lesion_steps import Step, changed_by_hand, merged
from .segment_list import remove_segment
from .segment_masks import mark_drawn
from .segments import add_segment, replace_mask, segmentation_of
from .served_segments import terminology_of
from .session import Session
from .volume_nodes import Point

KEY = "lesion"
NOTHING_SAID = SegmentPrompt()


class Lesions:
    """All methods are for the GUI thread and return at once; they end in the event "segment" or "error".

    A click is never lost: those made before an answer has come go together with the next.
    """

    def __init__(
        self,
        scene: Any,
        background: Background,
        session: Session,
        *,
        tell: Callable[[Event], None],
        failed: Callable[[Exception], None],
        progressed: Callable[[Progress], None],
    ) -> None:
        self.identity = ""
        self._scene, self._background, self._session = scene, background, session
        self._tell, self._failed, self._progressed = tell, failed, progressed
        self._volume: Any = None
        self._colour: Colour = (0.0, 0.0, 0.0)
        self._name = ""
        self._wanted: SegmentPrompt | None = None
        self._steps: list[Step] = []
        self._at = -1
        self._by_hand = False

    @property
    def active(self) -> bool:
        """Whether clicks correct a lesion now."""
        return self._wanted is not None

    @property
    def step(self) -> Step | None:
        """What is drawn, or None before the first answer."""
        return self._steps[self._at] if self._at >= 0 else None

    @property
    def asking(self) -> bool:
        """Whether an answer is still to come."""
        return self._background.is_busy(KEY)

    @property
    def waits(self) -> bool:
        """Whether a new lesion is nowhere yet: its first place makes it."""
        return self._wanted == NOTHING_SAID

    @property
    def can_undo(self) -> bool:
        """Whether there is an earlier step; a lesion made by hand can also be taken back whole."""
        return self._at > 0 or (self._by_hand and not self.waits)

    @property
    def can_redo(self) -> bool:
        """Whether there is a step that was undone."""
        return self._at + 1 < len(self._steps)

    @property
    def measures(self) -> str:
        """Size and density of what is drawn, for the reader; "" before the first answer."""
        if self.step is None:
            return ""
        answer = self.step.answer
        text = _("{ml} ml, longest diameter {mm} mm, mean {hu} HU")
        return text.format(ml=f"{answer.volume_ml:.1f}", mm=f"{answer.longest_diameter_mm:.0f}", hu=f"{answer.mean_hu:.0f}")

    @property
    def prompt(self) -> SegmentPrompt:
        """All that was said so far, in the CT's own frame."""
        return self._wanted or NOTHING_SAID

    def begin(self, volume: Any, sentence: str, inside_ras_mm: Point | None, colour: Colour) -> None:
        """A new lesion of a sentence: around a place in the volume's own frame, or where the sentence is true."""
        self.finish()
        self._volume, self._colour, self._name = volume, colour, sentence
        include = () if inside_ras_mm is None else (inside_ras_mm,)
        self._ask(SegmentPrompt(include=include, sentence=sentence))

    def begin_by_hand(self, volume: Any, name: str, colour: Colour) -> None:
        """A new lesion that is nowhere yet: the first place said to be inside makes it."""
        self.finish()
        self._volume, self._colour, self._name = volume, colour, name
        self._wanted, self._by_hand = NOTHING_SAID, True
        self._tell(Event("segment"))

    def click(self, world_ras_mm: Point, *, inside: bool) -> None:
        """Say that a place in the world belongs to the lesion, or does not."""
        if self._wanted is not None and self._volume is not None:
            wanted, place = self._wanted, volume_nodes.from_world(self._volume, world_ras_mm)
            if inside:
                self._say(replace(wanted, include=(*wanted.include, place)))
            else:
                self._say(replace(wanted, exclude=(*wanted.exclude, place)))

    def stroke(self, world_ras_mm: Sequence[Point], *, inside: bool) -> None:
        """Say the same of every place along a line."""
        if self._wanted is not None and self._volume is not None:
            wanted, line = self._wanted, tuple(volume_nodes.from_world(self._volume, place) for place in world_ras_mm)
            if inside:
                self._say(replace(wanted, include_strokes=(*wanted.include_strokes, line)))
            else:
                self._say(replace(wanted, exclude_strokes=(*wanted.exclude_strokes, line)))

    def enclose(self, world_ras_mm: Sequence[Point]) -> None:
        """Say that nothing belongs outside a box, given by its corners in the world; it takes the place of an earlier one."""
        if self._wanted is not None and self._volume is not None:
            self._say(replace(self._wanted, box=volume_nodes.box_around(self._volume, world_ras_mm)))

    def _say(self, prompt: SegmentPrompt) -> None:
        if prompt.include or prompt.include_strokes or prompt.box or prompt.sentence:
            self._ask(prompt)
        else:
            self._tell(Event("segment", _("Show a place inside the lesion first.")))

    def undo(self) -> None:
        """One step back; a click that was not answered yet is given up."""
        given_up = self._background.cancel(KEY)
        self._take_hand()
        if given_up:
            self._go(self._at)
        elif self.can_undo:
            self._go(self._at - 1)

    def redo(self) -> None:
        """One step forward again."""
        self._take_hand()
        if self.can_redo:
            self._go(self._at + 1)

    def _take_hand(self) -> bool:
        """What a hand has changed in the scene since the last step was drawn is a step of its own, so that it is never lost.

        True when there was something.
        """
        node, step = segmentation_of(self._scene, self._volume), self.step
        segment = None if node is None or step is None else node.GetSegmentation().GetSegment(self.identity)
        if segment is None or step is None:
            return False
        made = changed_by_hand(step, segment, volume_nodes.source_image(self._volume))
        if made is not None:
            self._steps = [*self._steps[: self._at + 1], made]
            self._at += 1
            mark_drawn(segment)
        return made is not None

    def give_up(self) -> None:
        """A click that was not answered was stopped: go on from what is drawn."""
        self._background.cancel(KEY)
        self._wanted = self._said_at(self.step)

    def finish(self) -> None:
        """The lesion stays as it is; clicks mean nothing any more."""
        self._background.cancel(KEY)
        self._wanted, self._steps, self._at, self.identity, self._volume = None, [], -1, "", None
        self._by_hand = False

    def _said_at(self, step: Step | None) -> SegmentPrompt | None:
        """What had been said at a step; before the first one nothing, or there is no lesion at all."""
        if step is not None:
            return step.prompt
        return NOTHING_SAID if self._by_hand else None

    def _ask(self, prompt: SegmentPrompt) -> None:
        plan = self._session.plan(self._volume, partial(self._ask, prompt))
        if plan is None:
            self._wanted = prompt if self._wanted is None else self._wanted
            return
        self._take_hand()
        self._wanted = prompt
        before = self.step

        def act(work: Work, study: str) -> SegmentsAnswer:
            from_where = {} if before is None else {"base": before.answer.revision, "previous": before.previous}
            asked = partial(plan.client.segment, study, prompt=prompt, model=plan.model.name, **from_where)
            return asked(progress=work.report, cancel=work)

        def done(result: tuple[OpenCase, SegmentsAnswer]) -> None:
            if self._volume is None or self._volume.GetID() != plan.source.node_id:
                return
            case, answer = result
            if case.origin == "datastore" and any(segment.affine_ras_mm is None for segment in answer.segments):
                failed(ValueError(_("This server does not say where its segments stand; it is of an older version.")))
                return
            self._answered(prompt, before, answer)

        def failed(error: Exception) -> None:
            self._wanted = self._said_at(before)
            self._failed(error)

        self._background.start(
            lambda work: plan.on_study(work, partial(act, work), full=True),
            done=done,
            failed=failed,
            progressed=self._progressed,
            key=KEY,
        )

    def _answered(self, prompt: SegmentPrompt, before: Step | None, answer: SegmentsAnswer) -> None:
        if not answer.segments:
            self._wanted = self._said_at(before)
            self._tell(Event("segment", _("Nothing there stands out from what is around it; click another place.")))
            return
        segment = answer.segments[0]
        try:
            mask, start = merged(before if segment.base is not None else None, segment)
        except ValueError as error:
            self._wanted = self._said_at(before)
            self._failed(error)
            return
        if self._take_hand():  # while the answer was under way: it is asked for again, from there
            self._ask(prompt)
            return
        self._steps = [*self._steps[: self._at + 1], Step(prompt, mask, start, segment)]
        self._go(len(self._steps) - 1)

    def _go(self, at: int) -> None:
        """Draw a step and go on from it; before the first one nothing is drawn."""
        self._at = at
        self._wanted = self._said_at(self.step)
        if self.step is not None:
            self._draw(self.step)
        elif self.identity:
            remove_segment(self._scene, self._volume, self.identity)
            self.identity = ""
        self._tell(Event("segment"))

    def _draw(self, step: Step) -> None:
        mask, affine = step.on_ct(volume_nodes.source_image(self._volume))
        node = segmentation_of(self._scene, self._volume)
        if self.identity and node is not None and node.GetSegmentation().GetSegment(self.identity) is not None:
            replace_mask(node, self.identity, mask, affine)
        else:
            _node, self.identity = add_segment(
                self._scene,
                self._volume,
                mask,
                affine,
                name=self._name,
                colour=self._colour,
                terminology=terminology_of(step.answer),
                label=step.answer.name,
            )
