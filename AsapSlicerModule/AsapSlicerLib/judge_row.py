"""Buttons that judge an answer, each with a key that works while the answer has the focus, and the line for a correction. Qt.

Keys work nowhere else: typing a correction never judges an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import qt

from asap.review import Verdict

from .i18n import _
from .widgets import button, read


class Judged(Protocol):
    """What the buttons act on: a worklist, or the questions of a case."""

    def judge(self, verdict: Verdict, correction: str = "") -> None: ...
    def prefer(self, better: str) -> None: ...
    def undo(self) -> None: ...


@dataclass(frozen=True)
class Act:
    """One button. tip: what it does, said beside its key."""

    name: str
    text: str
    key: str
    tip: str
    call: Callable[[], object]


class JudgeRow:
    """answer: the widget whose keys judge. judged: what they act on now, None while there is nothing to judge."""

    def __init__(self, answer: Any, judged: Callable[[], Judged | None]) -> None:
        self._answer, self._judged = answer, judged
        self._shortcuts: list[Any] = []
        self.buttons: dict[str, Any] = {}
        self.correction = qt.QLineEdit()
        self.correction.setAccessibleName(_("Correction"))
        self.correction.setPlaceholderText(_("The right answer; press Enter"))
        self.correction.setVisible(False)
        self.correction.returnPressed.connect(lambda *_args: self._correct())
        for act in self._acts():
            self.add(act)

    def add(self, act: Act) -> None:
        """One more button."""

        def call() -> None:
            if self._judged() is not None:
                act.call()

        self.buttons[act.name] = button(act.text, _("{what} (key {key} at the answer)").format(what=act.tip, key=act.key), call)
        shortcut = qt.QShortcut(qt.QKeySequence(act.key), self._answer)
        shortcut.setContext(qt.Qt.WidgetShortcut)
        shortcut.activated.connect(lambda *_args: call())
        self._shortcuts.append(shortcut)

    def _acts(self) -> tuple[Act, ...]:
        return (
            Act("agree", _("Agree"), "A", _("The answer is right"), lambda: self._to(lambda on: on.judge("agree"))),
            Act("disagree", _("Disagree"), "D", _("The answer is wrong"), lambda: self._to(lambda on: on.judge("disagree"))),
            Act("correct", _("Correct..."), "C", _("The answer is wrong; write the right one"), self._begin_correction),
            Act("unsure", _("Unsure"), "U", _("It cannot be said"), lambda: self._to(lambda on: on.judge("unsure"))),
            Act(
                "this",
                _("This one is better"),
                "1",
                _("Compare: this answer is better"),
                lambda: self._to(lambda on: on.prefer("this")),
            ),
            Act(
                "other",
                _("Other is better"),
                "2",
                _("Compare: the other answer is better"),
                lambda: self._to(lambda on: on.prefer("other")),
            ),
            Act("undo", _("Undo"), "Z", _("Take the last verdict back"), lambda: self._to(lambda on: on.undo())),
        )

    def _to(self, act: Callable[[Judged], None]) -> None:
        judged = self._judged()
        if judged is not None:
            act(judged)

    def _begin_correction(self) -> None:
        self.correction.setText("")
        self.correction.setVisible(True)
        self.correction.setFocus()

    def _correct(self) -> None:
        words = str(read(self.correction, "text")).strip()
        self.correction.setVisible(False)
        self._answer.setFocus()
        if words:
            self._to(lambda on: on.judge("disagree", words))
