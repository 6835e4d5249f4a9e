"""Questions on the page: asked, their places shown, judged by the keys of the other judging boxes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from AsapSlicerLib.logic import Event
from AsapSlicerLib.question_desk import QuestionDesk, confidence_words, places_of

from asap.review.documents import review_json

from .judge_desk import VERDICTS

if TYPE_CHECKING:
    from .workbench import WorkBench


class AskDesk:
    """What the page asks for. On the scene's thread."""

    def __init__(self, bench: WorkBench) -> None:
        self._bench = bench
        self._desk = desk = QuestionDesk(bench.logic)
        self._keys: dict[str, Callable[[], None]] = {
            "a": lambda: desk.judge("agree"),
            "d": lambda: desk.judge("disagree"),
            "u": lambda: desk.judge("unsure"),
            "n": lambda: desk.step(1),
            "p": lambda: desk.step(-1),
            "z": desk.undo,
            "w": desk.next_place,
            "1": lambda: desk.prefer("this"),
            "2": lambda: desk.prefer("other"),
        }
        bench.logic.listeners.append(self._heard)

    def ask(self, question: str) -> None:
        """Ask the model about the CT that is open."""
        if question.strip():
            self._bench.begin("Asking the model", lambda: self.ask(question))
            self._desk.ask(question)
            if not self._bench.logic.busy and not self._bench.problem:
                self._bench.say("")

    def show(self, index: int) -> None:
        """Show an answer and the place it rests on."""
        self._desk.show(index)

    def key(self, name: str) -> None:
        """One key at the answer; another key does nothing."""
        if self._desk.at is not None and name in self._keys:
            self._keys[name]()
            self._bench.unsaved = self._bench.unsaved or name in "aduz12"

    def correct(self, words: str) -> None:
        """The answer is wrong and this is the right one."""
        if words.strip():
            self._desk.judge("disagree", words)
            self._bench.unsaved = True

    def export(self) -> str:
        """Questions, answers and verdicts as JSON."""
        review = self._bench.logic.review
        return "" if review is None else review_json(review)

    def _heard(self, event: Event) -> None:
        bench = self._bench
        if event.kind == "question":
            if self._desk.place is not None:  # the views show the answer's place, not a sentence's
                bench.shown, bench.picked, bench.place = [], None, None
            if bench.task.active and not bench.logic.busy:
                bench.say("")

    def shown(self) -> dict[str, Any]:
        """What the page shows."""
        desk, given = self._desk, self._desk.given
        return {
            "can_ask": desk.can_ask,
            "suggestions": list(desk.suggestions),
            "given": None if given is None else self._given(),
            "history": [
                {
                    "id": number,
                    "question": one.question,
                    "answer": one.text,
                    "sure": confidence_words(one),
                    "verdict": VERDICTS[one.verdict],
                    "now": number == desk.at,
                }
                for number, one in enumerate(desk.answers)
            ],
        }

    def _given(self) -> dict[str, Any]:
        desk, given = self._desk, self._desk.given
        assert given is not None
        places, rival = places_of(given), desk.rival
        place = "" if desk.place is None else places[desk.place].text
        count = "" if desk.place is None or len(places) < 2 else f"place {desk.place + 1} of {len(places)}: "
        return {
            "question": given.question,
            "answer": given.draft,
            "sure": confidence_words(given),
            "place": f"{count}{place}",
            "places": len(places),
            "verdict": VERDICTS[given.verdict],
            "correction": given.text if given.state == "edited" else "",
            "rival": "" if rival is None else f"{rival.model}: {rival.draft}",
            "better": desk.better,
            "can_undo": desk.can_undo,
        }
