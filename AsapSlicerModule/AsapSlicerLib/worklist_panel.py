"""The box in which answers are judged: question, answer, where it is true, the verdict; by mouse or keyboard. Qt.

Keys work while the answer has the focus, and nowhere else: typing a correction never judges an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt

from .events import Event
from .i18n import _
from .judge_row import Act, JudgeRow
from .logic import AsapLogic
from .widgets import Box, button, label, row
from .worklist_desk import WorklistDesk


class WorklistPanel:
    """Listens to the logic and shows the worklist."""

    def __init__(self, layout: Any) -> None:
        self._desk: WorklistDesk | None = None
        self.box = Box("Worklist", _("Answers to judge"), layout)
        form = self.box.form
        self.open_button = button(_("Open worklist..."), _("A reader's folder that `asap review new` made."), self._open)
        self.place = label("AsapWorklistPlace")
        self.question = label("AsapQuestion")
        self.answer = qt.QPlainTextEdit()
        self.answer.setObjectName("AsapAnswer")
        self.answer.setAccessibleName(_("Answer to judge"))
        self.answer.setReadOnly(True)
        self.answer.setMaximumHeight(90)
        self.told = label("AsapVerdict")
        self.rival = label("AsapRival")
        self.judging = JudgeRow(self.answer, self._at_work)
        self.buttons, self.correction = self.judging.buttons, self.judging.correction
        for widget in (self.open_button, self.place, self.question, self.answer, self.told, self.rival, self.correction):
            form.addRow(widget)
        self._build_actions(form)
        self._show()

    def _build_actions(self, form: Any) -> None:
        acts = (
            Act("previous", _("Previous"), "P", _("Previous answer"), self._calling(lambda desk: desk.step(-1))),
            Act("next", _("Next"), "N", _("Next answer"), self._calling(lambda desk: desk.step(1))),
            Act(
                "previous_case",
                _("Previous case"),
                "Shift+P",
                _("First answer about the case before"),
                self._calling(lambda desk: desk.step_case(-1)),
            ),
            Act(
                "next_case",
                _("Next case"),
                "Shift+N",
                _("First answer about the next case"),
                self._calling(lambda desk: desk.step_case(1)),
            ),
            Act(
                "evidence",
                _("Show place"),
                "W",
                _("Show where in the CT the answer is true"),
                self._calling(lambda desk: desk.show_evidence()),
            ),
        )
        for act in acts:
            self.judging.add(act)
        names = (
            ("previous", "next", "previous_case", "next_case"),
            ("agree", "disagree", "correct", "unsure"),
            ("evidence", "this", "other", "undo"),
        )
        for together in names:
            form.addRow(row(*(self.buttons[name] for name in together)))

    def start_logic(self, logic: AsapLogic) -> None:
        """Listen from now on."""
        self._desk = WorklistDesk(logic)
        logic.listeners.append(self.on_event)

    def on_event(self, event: Event) -> None:
        """The logic has news."""
        if event.kind == "worklist":
            self._show()

    def open(self, folder: Path) -> None:
        """Take up the list of a folder."""
        if self._desk is not None:
            self._desk.open(folder)
            self.box.show()
            self.answer.setFocus()

    def _open(self) -> None:
        chosen = qt.QFileDialog.getExistingDirectory(None, _("Choose a reader's folder"))
        if chosen:
            self.open(Path(str(chosen)))

    def _at_work(self) -> WorklistDesk | None:
        """The desk while a list is open."""
        return self._desk if self._desk is not None and self._desk.reading is not None else None

    def _calling(self, act: Callable[[WorklistDesk], None]) -> Callable[[], None]:
        def call() -> None:
            if (desk := self._at_work()) is not None:
                act(desk)

        return call

    def _show(self) -> None:
        desk = self._desk
        reading = desk.reading if desk is not None else None
        for name, made in self.buttons.items():
            made.setEnabled(reading is not None and (name not in ("this", "other") or reading.rival is not None))
        shown = (self.place, self.question, self.answer, self.told)
        for widget in shown:
            widget.setVisible(reading is not None)
        self.rival.setVisible(bool(desk is not None and desk.rival))
        if desk is None or reading is None:
            return
        answer = reading.answer
        self.place.setText(desk.place)
        self.question.setText(f"{answer.case}: {answer.question}")
        self.answer.setPlainText(answer.draft)
        self.rival.setText(_("Another answer: {words}").format(words=desk.rival))
        said = {
            None: _("Not judged yet."),
            "agree": _("Judged: agree."),
            "disagree": _("Judged: disagree."),
            "unsure": _("Judged: unsure."),
        }[answer.verdict]
        corrected = f" {answer.text}" if answer.state == "edited" else ""
        self.told.setText(" ".join(part for part in (said + corrected, desk.evidence) if part))
