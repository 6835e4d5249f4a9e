"""Answers judged on the page: the same worklist and the same keys as in the Slicer module."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from AsapSlicerLib.logic import AsapLogic
from AsapSlicerLib.worklist_desk import WorklistDesk

VERDICTS = {None: "not judged yet", "agree": "agree", "disagree": "disagree", "unsure": "unsure"}


class JudgeDesk:
    """What the page asks for. On the scene's thread."""

    def __init__(self, logic: AsapLogic) -> None:
        self._desk = desk = WorklistDesk(logic)
        self._keys: dict[str, Callable[[], None]] = {
            "a": lambda: desk.judge("agree"),
            "d": lambda: desk.judge("disagree"),
            "u": lambda: desk.judge("unsure"),
            "n": lambda: desk.step(1),
            "p": lambda: desk.step(-1),
            "N": lambda: desk.step_case(1),
            "P": lambda: desk.step_case(-1),
            "z": desk.undo,
            "w": desk.show_evidence,
            "1": lambda: desk.prefer("this"),
            "2": lambda: desk.prefer("other"),
        }

    def open(self, folder: str) -> None:
        """Take up a reader's folder."""
        self._desk.open(Path(folder.strip()).expanduser())

    def close(self) -> None:
        """Put the list away."""
        self._desk.close()

    def key(self, name: str) -> None:
        """One key at the answer; another key does nothing."""
        if self._desk.reading is not None and name in self._keys:
            self._keys[name]()

    def correct(self, words: str) -> None:
        """The answer is wrong and this is the right one."""
        if words.strip():
            self._desk.judge("disagree", words)

    def shown(self) -> dict[str, Any] | None:
        """The answer before the reader as the page shows it; None without a list."""
        reading = self._desk.reading
        if reading is None:
            return None
        answer = reading.answer
        return {
            "place": self._desk.place,
            "case": answer.case,
            "question": answer.question,
            "answer": answer.draft,
            "verdict": VERDICTS[answer.verdict],
            "correction": answer.text if answer.state == "edited" else "",
            "rival": self._desk.rival,
            "evidence": self._desk.evidence,
            "history": [
                {"question": one.question, "said": VERDICTS[one.verdict]} for one in reading.history if one is not answer
            ],
            "suggestions": reading.suggestions[:3],
        }
