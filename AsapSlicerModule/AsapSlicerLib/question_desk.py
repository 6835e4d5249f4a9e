"""Questions about the chosen CT: asked, answered with the places they rest on, judged, and kept in its review. No window.

What was asked stands in the scene with the report, so it opens again without a server, and goes into the reader's journal.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from asap.client import QuestionAnswer
from asap.review import Review, ReviewedAnswer, Verdict
from asap.review.worklist import rivals

from .background import Work
from .cases import Plan
from .events import Event
from .evidence import draw_place
from .i18n import _
from .logic import AsapLogic
from .served_segments import Placed, placed, put

TASK = "ask"
# What a reader asks first; a finding that was asked for is followed up by its place and its size.
FIRST = (
    "Is anything abnormal?",
    "Is there a nodule?",
    "Is there a mass?",
    "Is there a consolidation?",
    "Is there a pleural effusion?",
    "Is the heart enlarged?",
)
NAMED = re.compile(r"^is there (?:an? |any )?(?P<finding>[\w -]+?)(?: (?:in|on) .*)?\?$", re.IGNORECASE)
SIZED = ("nodule", "mass", "cavity", "consolidation")  # a size is measured of what stands out from its surroundings
SUGGESTED = 4
DENIED_UP_TO = 0.45  # what is no more probable than this is not there, and what is not there gets no hot spot


# What was said, the digest of the CT it was said of, and the segments that were measured.
Answered = tuple[QuestionAnswer, str, list[Placed]]


class QuestionDesk:
    """The questions of one logic's chosen CT. Every change ends in the event "question", or in "error".

    at: index of the answer that is shown, None before any. place: which of its places is drawn, None when none is.
    """

    def __init__(self, logic: AsapLogic, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._logic, self._clock_s = logic, clock_s
        self._shown_s = clock_s()
        self._of: Any = None
        self.at: int | None = None
        self.place: int | None = None
        logic.listeners.append(self._heard)
        self._take_up()

    # what was asked

    @property
    def answers(self) -> tuple[ReviewedAnswer, ...]:
        """Every question about the chosen CT with its answer, in the order asked."""
        return () if self._logic.review is None else self._logic.review.answers

    @property
    def given(self) -> ReviewedAnswer | None:
        """The answer that is shown."""
        return None if self.at is None else self.answers[self.at]

    @property
    def rival(self) -> ReviewedAnswer | None:
        """Another answer to the same question, such as another model's."""
        other = self._rival()
        return None if other is None else self.answers[other]

    @property
    def better(self) -> str:
        """Which of the two was preferred last: "this", "other", "neither", or "" before that."""
        review, other = self._logic.review, self._rival()
        if review is None or other is None:
            return ""
        said = [one for one in review.preferences if {one.first, one.second} == {self.at, other}]
        return "" if not said else {self.at: "this", other: "other"}.get(said[-1].better, "neither")

    @property
    def can_ask(self) -> bool:
        """Whether the server answers questions."""
        return self._logic.session.can(TASK)

    @property
    def can_undo(self) -> bool:
        """Whether the last decision was a verdict that can be taken back."""
        review = self._logic.review
        last = review.last_decision if review is not None and self._logic.can_undo else None
        return last is not None and last[0] == "answer"

    @property
    def suggestions(self) -> tuple[str, ...]:
        """Questions worth asking that were not asked yet: after a finding its place and size, then the usual ones."""
        asked = {answer.question.casefold() for answer in self.answers}
        named = [found["finding"] for one in reversed(self.answers) if (found := NAMED.match(one.question)) and _said_yes(one)]
        follow: list[str] = []
        for name in named:
            follow += [f"Where is the {name}?"]
            follow += [f"How large is the {name}?"] if name.split()[-1].casefold() in SIZED else []
        return tuple(text for text in dict.fromkeys((*follow, *FIRST)) if text.casefold() not in asked)[:SUGGESTED]

    # what the reader does

    def ask(self, question: str) -> None:
        """Ask; the answer is shown with its place once it is there."""
        logic, words = self._logic, " ".join(question.split())
        if not words:
            return
        try:
            (logic.review or Review("", "", "", ())).must_be_open()
            if logic.server is not None and not self.can_ask:
                raise ValueError(_("This server answers no questions; it is of an older version."))
        except ValueError as error:
            logic.fail(error)
            return

        def act(work: Work, plan: Plan, study: str) -> Answered:
            answer = plan.client.ask(study, words, model=plan.model.name, progress=work.report, cancel=work)
            return answer, plan.cases.identity(plan.source), _measured(answer, plan)

        logic.on_case(TASK, act, lambda result: self._answered(*result), lambda: self.ask(words))

    def show(self, index: int, place: int = 0) -> None:
        """Show an answer and draw one of its places; its time counts from now."""
        if not 0 <= index < len(self.answers):
            return
        self.at, self._shown_s = index, self._clock_s()
        places = places_of(self.answers[index])
        self.place = place if place < len(places) and draw_place(self._logic, places[place]) else None
        if self.place is None:
            self._logic.view.clear()
        self._logic.tell(Event("question"))

    def step(self, by: int) -> None:
        """The next answer (1) or the one before (-1)."""
        if self.at is not None:
            self.show(min(max(self.at + by, 0), len(self.answers) - 1))

    def next_place(self) -> None:
        """Draw the next place the answer rests on; after the last the first again."""
        if self.at is not None and self.given is not None and (count := len(places_of(self.given))):
            self.show(self.at, 0 if self.place is None else (self.place + 1) % count)

    def judge(self, verdict: Verdict, correction: str = "") -> None:
        """A verdict on the answer that is shown; a correction goes with "disagree"."""
        at, reader = self.at, self._logic.parameters.reader
        if at is not None:
            seconds = round(self._clock_s() - self._shown_s, 2)
            self._change(lambda review: review.judged(at, verdict, reader, correction, seconds))

    def prefer(self, better: str) -> None:
        """Of two answers to one question: "this", "other" or "neither" is the better one."""
        at, other = self.at, self._rival()
        if at is not None and other is not None:
            chosen = {"this": at, "other": other}.get(better)
            self._change(lambda review: review.preferred(at, other, chosen, self._logic.parameters.reader))

    def undo(self) -> None:
        """Take the last verdict back and show its answer. A decision on the report is taken back there, not here."""
        if not self.can_undo:
            return
        undone = self._logic.undo()
        if undone is not None:
            self.show(undone[1])

    # inside

    def _change(self, change: Callable[[Review], Review]) -> None:
        review = self._logic.review
        if review is None:
            return
        try:
            self._logic.keep(change(review))
        except ValueError as error:
            self._logic.fail(error)
            return
        self._logic.tell(Event("question"))

    def _answered(self, answer: QuestionAnswer, input_sha256: str, measured: list[Placed]) -> None:
        logic = self._logic
        places = [part.statement for part in answer.evidence if part.probability is None or part.probability > DENIED_UP_TO]
        given = ReviewedAnswer(
            answer.question,
            answer.text,
            answer.model.name,
            answer.model.weights_sha256,
            answer.confidence,
            places[0] if places else None,
            further=tuple(places[1:]),
        )
        review = logic.review or Review("", answer.model.name, answer.notice, (), input_sha256=input_sha256)
        try:
            logic.keep(review.asked(given))
        except ValueError as error:  # signed while the answer was on its way
            logic.fail(error)
            return
        for segment in measured:
            put(logic.scene, logic.volume, segment)
        self.show(len(self.answers) - 1)
        if measured:
            logic.tell(Event("segment", _("What was measured stands in ASAP segments.")))

    def _rival(self) -> int | None:
        review = self._logic.review
        return None if review is None or self.at is None else next(iter(reversed(rivals(review, self.at))), None)

    def _heard(self, event: Event) -> None:
        if event.kind in ("report", "case"):
            self._take_up()
        elif event.kind == "shown":
            self.place = None  # a sentence of the report took the views
        elif event.kind == "display" and self.given is not None and self.place is not None:
            draw_place(self._logic, places_of(self.given)[self.place], jump=False)

    def _take_up(self) -> None:
        """Another CT, a reopened scene, a report that was read anew: stay at the answer, else go to the newest."""
        count = len(self.answers)
        if self._of is not self._logic.volume or (self.at is not None and self.at >= count) or (self.at is None and count):
            self.at, self.place = (count - 1 if count else None), None
        self._of = self._logic.volume
        self._logic.tell(Event("question"))


def places_of(answer: ReviewedAnswer) -> tuple[Any, ...]:
    """The places an answer rests on, the surest first."""
    return () if answer.evidence is None else (answer.evidence, *answer.further)


def _measured(answer: QuestionAnswer, plan: Plan) -> list[Placed]:
    """The segments a size was read off, on the CT's voxels."""
    name = _("measured: {text}")
    return [
        placed(part.segment, plan.source.image, name.format(text=part.statement.text))
        for part in answer.evidence
        if part.segment is not None
    ]


def _said_yes(answer: ReviewedAnswer) -> bool:
    return answer.draft.startswith("Yes")


def confidence_words(answer: ReviewedAnswer) -> str:
    """How sure the answer is, for a reader."""
    if answer.draft.startswith("Cannot tell"):
        return _("the model cannot tell")
    if answer.confidence is None:
        return _("no calibrated confidence")
    return _("confidence {percent} %").format(percent=round(100 * answer.confidence))
