"""One reader's list in a terminal: an answer, a key, the next answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from asap.review import ReviewError, Verdict
from asap.review.reading import Reading

KEYS = (
    "a agree  d disagree  c WORDS disagree, the right answer is WORDS  u unsure\n"
    "n next  p previous  N next case  P previous case  2 compare  h history  z undo  q stop"
)
VERDICT_KEYS: dict[str, Verdict] = {"a": "agree", "d": "disagree", "u": "unsure"}


class Judge:
    """A reader at a terminal. say, ask: how lines go out and come in; the end of the input is a stop."""

    def __init__(
        self,
        folder: Path,
        name: str,
        say: Callable[[str], None],
        ask: Callable[[str], str],
        clock_s: Callable[[], float],
    ) -> None:
        self._reading = Reading(folder, name, clock_s)
        self._say, self._ask = say, ask

    def run(self) -> None:
        """Show and ask until the reader stops, the input ends, or all is judged."""
        self._say(f"{self._reading.review.notice}\n{KEYS}")
        self._show()
        while (typed := self._typed("> ")) != "q":
            try:
                if not self._done(typed):
                    break
            except ReviewError as error:
                self._say(str(error))
        told = self._reading.progress
        self._say(f"{told.judged} of {told.answers} answers judged, {told.cases_done} of {told.cases} cases done.")

    def _typed(self, prompt: str) -> str:
        try:
            return self._ask(prompt).strip()
        except EOFError:
            return "q"

    def _done(self, typed: str) -> bool:
        """One line of the reader's. False when the list is finished by it."""
        reading = self._reading
        key, _, words = typed.partition(" ")
        moves: dict[str, Callable[[], object]] = {
            "n": lambda: reading.step(1),
            "p": lambda: reading.step(-1),
            "N": lambda: reading.step_case(1),
            "P": lambda: reading.step_case(-1),
            "z": lambda: reading.undo() or self._say("There is nothing to take back."),
        }
        told: dict[str, Callable[[], None]] = {"h": self._history, "2": self._compare}
        if key in VERDICT_KEYS or (key == "c" and words.strip()):
            if not reading.judge(VERDICT_KEYS.get(key, "disagree"), words if key == "c" else ""):
                return False
        elif key in moves:
            moves[key]()
        else:
            told.get(key, lambda: self._say(KEYS))()
            return True
        self._show()
        return True

    def _history(self) -> None:
        for answer in self._reading.history:
            self._say(f"  {answer.question}  {answer.text}  [{answer.verdict or 'not judged'}]")
        for question in self._reading.suggestions[:3]:
            self._say(f"  could be asked: {question}")

    def _compare(self) -> None:
        rival = self._reading.rival
        if rival is None:
            self._say("There is no second answer to this question.")
            return
        self._say(f"  1: {self._reading.answer.draft}\n  2: {self._reading.review.answers[rival].draft}")
        better = {"1": self._reading.at, "2": rival, "0": None}
        typed = self._typed("which is better, 1 or 2, or 0 for neither? ")
        if typed in better:
            self._reading.prefer(better[typed])

    def _show(self) -> None:
        answer = self._reading.answer
        said = "" if answer.verdict is None else f"   [{answer.verdict}{f': {answer.text}' if answer.state == 'edited' else ''}]"
        place = f"{self._reading.at + 1}/{len(self._reading.review.answers)}"
        self._say(f"\n{place}  {answer.case}\n  {answer.question}\n  {answer.draft}{said}")
