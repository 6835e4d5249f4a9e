"""The box in which questions about the CT are asked, and their answers looked at and judged; by mouse or keyboard. Qt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt

from asap.review import ReviewedAnswer

from .events import Event
from .i18n import _
from .judge_row import Act, JudgeRow
from .logic import AsapLogic
from .question_desk import SUGGESTED, QuestionDesk, confidence_words, places_of
from .report_export import write_report
from .widgets import Box, button, label, read, row

QUESTION, ANSWER, SURE, VERDICT = range(4)
ROWS_HEIGHT = 130
PERCENT = 100
# Translated one at a time when asked for, as in the report.
SAID: dict[str | None, Callable[[], str]] = {
    None: lambda: _("not judged"),
    "agree": lambda: _("agree"),
    "disagree": lambda: _("disagree"),
    "unsure": lambda: _("unsure"),
}


class QuestionPanel:
    """Listens to the logic and shows the questions of its CT."""

    def __init__(self, layout: Any) -> None:
        self._desk: QuestionDesk | None = None
        self._logic: AsapLogic | None = None
        self._filling = False
        self.box = Box("Questions", _("Ask a question"), layout)
        form = self.box.form
        self.question = qt.QLineEdit()
        self.question.setObjectName("AsapAsk")
        self.question.setAccessibleName(_("Question about the CT"))
        self.question.setPlaceholderText(_("Such as: Is there a nodule in the left lung?"))
        self.question.returnPressed.connect(lambda *_args: self.ask(str(read(self.question, "text"))))
        self.ask_button = button(_("Ask"), _("Ask the model (Enter)"), lambda: self.ask(str(read(self.question, "text"))))
        form.addRow(row(self.question, self.ask_button))
        self.suggested = [self._suggestion(number) for number in range(SUGGESTED)]
        for first in range(0, SUGGESTED, 2):
            form.addRow(row(*self.suggested[first : first + 2]))
        self._build_answer(form)
        self._build_history(form)
        self._show()

    def start_logic(self, logic: AsapLogic) -> None:
        """Show what the scene brought and listen from now on."""
        self._logic = logic
        self._desk = QuestionDesk(logic)
        logic.listeners.append(self.on_event)
        self._show()

    def on_event(self, event: Event) -> None:
        """The logic has news."""
        if event.kind in ("question", "report", "server", "health"):
            self._show()

    def ask(self, words: str) -> None:
        """Ask the model."""
        if self._desk is not None and words.strip():
            self._desk.ask(words)
            self.question.setText("")
            self.box.show()
            self.answer.setFocus()

    # building

    def _suggestion(self, number: int) -> Any:
        return button("", _("Ask this"), lambda: self.ask(self._suggestions()[number]))

    def _build_answer(self, form: Any) -> None:
        self.asked = label("AsapAsked")
        self.answer = qt.QPlainTextEdit()
        self.answer.setObjectName("AsapAnswered")
        self.answer.setAccessibleName(_("Answer of the model"))
        self.answer.setReadOnly(True)
        self.answer.setMaximumHeight(64)
        self.told = label("AsapTold")
        self.rival = label("AsapOther")
        self.judging = JudgeRow(self.answer, self._at_answer)
        self.buttons, self.correction = self.judging.buttons, self.judging.correction
        self.judging.add(Act("previous", _("Previous"), "P", _("Question before"), lambda: self._step(-1)))
        self.judging.add(Act("next", _("Next"), "N", _("Next question"), lambda: self._step(1)))
        self.judging.add(Act("place", _("Next place"), "W", _("Show the next place the answer rests on"), self._next_place))
        for widget in (self.asked, self.answer, self.told, self.rival, self.correction):
            form.addRow(widget)
        form.addRow(row(*(self.buttons[name] for name in ("agree", "disagree", "correct", "unsure"))))
        form.addRow(row(*(self.buttons[name] for name in ("place", "previous", "next", "undo"))))
        form.addRow(row(*(self.buttons[name] for name in ("this", "other"))))

    def _build_history(self, form: Any) -> None:
        self.history = qt.QTreeWidget()
        self.history.setObjectName("AsapQuestions")
        self.history.setAccessibleName(_("Questions about this CT"))
        self.history.setColumnCount(4)
        self.history.setHeaderLabels([_("Question"), _("Answer"), _("Sure"), _("Verdict")])
        self.history.setRootIsDecorated(False)
        self.history.setAlternatingRowColors(True)
        self.history.setMaximumHeight(ROWS_HEIGHT)
        header = self.history.header()
        header.setStretchLastSection(False)
        for column in (QUESTION, ANSWER):
            header.setSectionResizeMode(column, qt.QHeaderView.Stretch)
        for column in (SURE, VERDICT):
            header.setSectionResizeMode(column, qt.QHeaderView.ResizeToContents)
        self.history.currentItemChanged.connect(lambda *_args: self._chosen())
        form.addRow(self.history)
        self.export = button(_("Export verdicts..."), _("Questions, answers and verdicts as JSON or Markdown"), self._export)
        form.addRow(self.export)

    # acting

    def _at_answer(self) -> QuestionDesk | None:
        return self._desk if self._desk is not None and self._desk.at is not None else None

    def _step(self, by: int) -> None:
        if self._desk is not None:
            self._desk.step(by)

    def _next_place(self) -> None:
        if self._desk is not None:
            self._desk.next_place()

    def _chosen(self) -> None:
        item = self.history.currentItem()
        if self._filling or self._desk is None or item is None:
            return
        self._desk.show(self.history.indexOfTopLevelItem(item))

    def _export(self) -> None:
        kinds = _("JSON (*.json);;Markdown (*.md)")
        chosen = qt.QFileDialog.getSaveFileName(None, _("Export verdicts"), "asap-questions.json", kinds)
        path = chosen if isinstance(chosen, str) else chosen[0]
        if path:
            self.write(Path(str(path)))

    def write(self, path: Path) -> None:
        """Questions, answers and verdicts as the file's ending says."""
        if self._logic is None or self._logic.review is None:
            return
        try:
            write_report(path, self._logic.review)
        except ValueError as error:
            self._logic.fail(error)

    # showing

    def _suggestions(self) -> tuple[str, ...]:
        return () if self._desk is None else self._desk.suggestions

    def _show(self) -> None:
        desk = self._desk
        suggestions = self._suggestions()
        for number, made in enumerate(self.suggested):
            made.setVisible(number < len(suggestions))
            made.setText(suggestions[number] if number < len(suggestions) else "")
        ready = desk is not None and self._logic is not None and self._logic.server is not None
        for widget in (self.question, self.ask_button, *self.suggested):
            widget.setEnabled(ready)
        given = desk.given if desk is not None else None
        for widget in (self.asked, self.answer, self.told, self.history, self.export, *self.buttons.values()):
            widget.setVisible(given is not None)
        if desk is None or given is None:
            self.rival.setVisible(False)
            return
        self._show_answer(desk, given)
        self._show_history(desk)

    def _show_answer(self, desk: QuestionDesk, given: ReviewedAnswer) -> None:
        self.asked.setText(given.question)
        self.answer.setPlainText(given.draft)
        places = places_of(given)
        parts = [confidence_words(given)]
        if desk.place is not None:
            place = _("shown: {text}") if len(places) == 1 else _("place {n} of {count}: {text}")
            parts.append(place.format(n=desk.place + 1, count=len(places), text=places[desk.place].text.rstrip(".")))
        elif not places:
            parts.append(_("there is no place to show"))
        parts.append(_("verdict: {said}").format(said=SAID[given.verdict]()))
        if given.state == "edited":
            parts.append(_("right is: {text}").format(text=given.text))
        self.told.setText("; ".join(parts))
        other = desk.rival
        self.rival.setVisible(other is not None)
        if other is not None:
            better = {"this": _(" (this one is better)"), "other": _(" (that one is better)")}.get(desk.better, "")
            text = _("Another answer, of {model}: {words}").format(model=other.model, words=other.draft)
            self.rival.setText(text + better)
        for name in ("this", "other"):
            self.buttons[name].setVisible(other is not None)
        self.buttons["place"].setEnabled(bool(places))
        self.buttons["undo"].setEnabled(desk.can_undo)

    def _show_history(self, desk: QuestionDesk) -> None:
        self._filling = True
        self.history.clear()
        for answer in desk.answers:
            item = qt.QTreeWidgetItem()
            sure = "" if answer.confidence is None else f"{PERCENT * answer.confidence:.0f} %"
            texts = (answer.question, answer.text, sure, SAID[answer.verdict]())
            for column, text in zip((QUESTION, ANSWER, SURE, VERDICT), texts, strict=True):
                item.setText(column, text)
                item.setToolTip(column, text)
            self.history.addTopLevelItem(item)
        if desk.at is not None:
            self.history.setCurrentItem(self.history.topLevelItem(desk.at))
        self._filling = False
