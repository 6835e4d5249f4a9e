"""One reader's list in a terminal: an answer, a key, the next answer. What was typed is on the disk before the next is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from asap.review import ReviewError, Verdict, kept_review
from asap.review.review import Review
from asap.review.worklist import history, next_case, progress, rivals, suggestions, to_do

KEYS = (
    "a agree  d disagree  c WORDS disagree, the right answer is WORDS  u unsure\n"
    "n next  p previous  N next case  P previous case  2 compare  h history  z undo  q stop"
)
VERDICT_KEYS: dict[str, Verdict] = {"a": "agree", "d": "disagree", "u": "unsure"}


class Judge:
    """A worklist and the place in it. name: beside the verdicts; "" takes the one the list was made for."""

    def __init__(
        self,
        folder: Path,
        name: str,
        say: Callable[[str], None],
        ask: Callable[[str], str],
        clock_s: Callable[[], float],
    ) -> None:
        self._kept = kept_review.opened(folder)
        if self._kept.review is None or not self._kept.review.answers:
            raise ReviewError("There is no list of answers in this folder.")
        self._name = name or self._kept.author
        self._say, self._ask, self._clock_s = say, ask, clock_s
        self._at = to_do(self._review) or 0
        self._shown_s = clock_s()

    @property
    def _review(self) -> Review:
        assert self._kept.review is not None
        return self._kept.review

    def run(self) -> None:
        """Show and ask until the reader stops, the input ends, or all is judged."""
        self._say(f"{self._review.notice}\n{KEYS}")
        self._show()
        while True:
            try:
                typed = self._ask("> ").strip()
            except EOFError:
                typed = "q"
            if typed == "q":
                break
            try:
                done = self._typed(typed)
            except ReviewError as error:
                self._say(str(error))
                continue
            if done:
                break
        self._say(self._told())

    def _typed(self, typed: str) -> bool:
        """One line of the reader's. Whether the list is finished by it."""
        key, _, words = typed.partition(" ")
        if key in VERDICT_KEYS or (key == "c" and words.strip()):
            verdict, seconds = VERDICT_KEYS.get(key, "disagree"), round(self._clock_s() - self._shown_s, 2)
            correction = words if key == "c" else ""
            self._kept.keep(self._review.judged(self._at, verdict, self._name, correction, seconds), self._name)
            following = to_do(self._review, self._at)
            if following is None:
                return True
            self._go(following)
        elif key in ("n", "p"):
            self._go(min(max(self._at + (1 if key == "n" else -1), 0), len(self._review.answers) - 1))
        elif key in ("N", "P"):
            self._go(next_case(self._review, self._at, 1 if key == "N" else -1))
        elif key == "z":
            self._undo()
        elif key == "h":
            self._history()
        elif key == "2":
            self._compare()
        else:
            self._say(KEYS)
        return False

    def _undo(self) -> None:
        last = self._review.last_decision
        undone = self._review.undone(self._name)
        if last is None or undone is None:
            self._say("There is nothing to take back.")
            return
        self._kept.keep(undone, self._name)
        self._go(last[1])

    def _history(self) -> None:
        case = self._review.answers[self._at].case
        for index in history(self._review, case):
            answer = self._review.answers[index]
            self._say(f"  {answer.question}  {answer.text}  [{answer.verdict or 'not judged'}]")
        for question in suggestions(self._review, case)[:3]:
            self._say(f"  could be asked: {question}")

    def _compare(self) -> None:
        others = rivals(self._review, self._at)
        if not others:
            self._say("There is no second answer to this question.")
            return
        first, second = self._at, others[0]
        self._say(f"  1: {self._review.answers[first].draft}\n  2: {self._review.answers[second].draft}")
        better = {"1": first, "2": second, "0": None}
        try:
            typed = self._ask("which is better, 1 or 2, or 0 for neither? ").strip()
        except EOFError:
            return
        if typed in better:
            self._kept.keep(self._review.preferred(first, second, better[typed], self._name), self._name)

    def _go(self, index: int) -> None:
        self._at, self._shown_s = index, self._clock_s()
        self._show()

    def _show(self) -> None:
        answer = self._review.answers[self._at]
        said = "" if answer.verdict is None else f"   [{answer.verdict}{f': {answer.text}' if answer.state == 'edited' else ''}]"
        self._say(f"\n{self._at + 1}/{len(self._review.answers)}  {answer.case}\n  {answer.question}\n  {answer.draft}{said}")

    def _told(self) -> str:
        done = progress(self._review)
        return f"{done.judged} of {done.answers} answers judged, {done.cases_done} of {done.cases} cases done."
