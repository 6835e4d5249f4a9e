"""The report box: sentences with what the model says of each, decisions by mouse or keyboard. Qt.

Keys work while the list of sentences has the focus, and nowhere else: typing a report never accepts a sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import qt

from asap.review import ReviewedSentence
from asap.review.word_diff import as_html, word_changes

from .colours import region_colour
from .events import Event
from .i18n import _
from .lesion_row import LesionRow
from .lesions import KEY as LESION
from .list_rows import RowHeights, muted_brush
from .logic import AsapLogic
from .report_box import ReportBox
from .sign_row import SignRow
from .volume_nodes import Point
from .widgets import Box, button, label, read, row, say

WORDS, SAYS, CONFIDENCE, STATE = range(4)
PERCENT = 100
SWATCH_PIXELS = 12
LIST_HEIGHT = 230


# Translated one at a time when asked for: a translation looks up where it is asked from, and a list asks for many.
WORD: dict[str, Callable[[], str]] = {
    "present": lambda: _("present"),
    "absent": lambda: _("absent"),
    "uncertain": lambda: _("uncertain"),
    "draft": lambda: _("draft"),
    "accepted": lambda: _("accepted"),
    "edited": lambda: _("edited"),
    "rejected": lambda: _("rejected"),
    "held back": lambda: _("held back"),
    "contradicted": lambda: _("contradicted"),
    "findings": lambda: _("findings"),
    "impression": lambda: _("impression"),
    "technique": lambda: _("technique"),
    "comparison": lambda: _("comparison"),
    "clinical_information": lambda: _("clinical information"),
    "examination": lambda: _("examination"),
    "recommendation": lambda: _("recommendation"),
    "added": lambda: _("added"),
}


def word(name: str) -> str:
    """An assertion, a state or a section in the reader's language."""
    known = WORD.get(name)
    return name if known is None else known()


def state_of(sentence: ReviewedSentence) -> str:
    """What the reader decided, or what the draft itself doubts while nobody has."""
    return sentence.drafted.state if sentence.doubted and sentence.drafted is not None else sentence.state


class ReportPanel:
    """Listens to the logic and shows its review."""

    def __init__(self, layout: Any) -> None:
        self._logic: AsapLogic | None = None
        self._items: dict[int, Any] = {}
        self._place: Point | None = None
        form = Box("Report", _("Report"), layout, opened=True).form
        self.report = ReportBox(form)
        self._build_list(form)
        self._build_actions(form)
        self._enable()

    def start_logic(self, logic: AsapLogic) -> None:
        """Show what the scene brought and listen from now on."""
        self._logic = logic
        logic.listeners.append(self.on_event)
        self.report.start_logic(logic)
        self.lesion.start_logic(logic)
        self.signing.start_logic(logic)
        self.report.audit_sha256 = lambda: self.signing.audit_sha256
        self._show_report()

    def on_event(self, event: Event) -> None:
        """The logic has news."""
        if event.kind == "report":
            self._show_report()
        elif event.kind in ("shown", "case"):
            self._measure()
            self._show_details()
        elif event.kind == "region":
            self._show_details()
        elif event.kind == "segment":
            self.details.setText(event.message)
        self._enable()

    def show_place(self, world_ras_mm: Point) -> None:
        """The reader ctrl-clicked: say which sentences speak of that place, and show the one that does most."""
        if self._logic is None or self._logic.review is None:
            return
        self._place = world_ras_mm
        found = self._logic.sentences_at(world_ras_mm)
        if not found:
            self.details.setText(_("No sentence speaks of this place."))
            return
        self._select(found[0][0])
        self._logic.show([index for index, _share in reversed(found)], jump=False)
        lines = [f"{PERCENT * share:.0f} %  {self._logic.review.sentences[index].text}" for index, share in found]
        self.details.setText("\n".join([_("Of this place speak:"), *lines]))

    # building

    def _build_list(self, form: Any) -> None:
        self.list = qt.QTreeWidget()
        self.list.setObjectName("AsapSentences")
        self.list.setAccessibleName(_("Sentences of the report"))
        self.list.setColumnCount(4)
        self.list.setHeaderLabels([_("Sentence"), _("Says"), _("Confidence"), _("State")])
        self.list.setWordWrap(True)
        self.list.setRootIsDecorated(False)
        self.list.setIndentation(10)
        self.list.setAlternatingRowColors(True)
        self.list.setMinimumHeight(LIST_HEIGHT)
        header = self.list.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(WORDS, qt.QHeaderView.Stretch)
        for column in (SAYS, CONFIDENCE, STATE):
            header.setSectionResizeMode(column, qt.QHeaderView.ResizeToContents)
        self.list.itemSelectionChanged.connect(lambda *_args: self._selected())
        self.list.itemChanged.connect(lambda *_args: self._checked())
        self._heights = RowHeights(self.list, WORDS, self._items)
        self.progress = label("AsapProgress")
        self.changes = label("AsapChanges")
        self.changes.setTextFormat(qt.Qt.RichText)
        self.changes.setToolTip(_("Struck out: words of the draft that went. Bold and underlined: words that came."))
        self.changes.setVisible(False)
        self.details = label("AsapDetails")
        self.details.setMinimumHeight(48)
        self.details.setAlignment(qt.Qt.AlignTop)
        self.edit_line = qt.QLineEdit()
        self.edit_line.setAccessibleName(_("New wording"))
        self.edit_line.setVisible(False)
        self.edit_line.returnPressed.connect(lambda *_args: self._finish_edit())
        form.addRow(self.list)
        form.addRow(self.progress)
        form.addRow(self.changes)
        form.addRow(self.details)
        form.addRow(self.edit_line)

    def _build_actions(self, form: Any) -> None:
        actions: tuple[tuple[str, str, str, str, Callable[[], None]], ...] = (
            ("previous", _("Previous"), "P", _("Previous sentence"), lambda: self._step(-1)),
            ("next", _("Next"), "N", _("Next sentence"), lambda: self._step(1)),
            ("accept", _("Accept"), "A", _("Accept the sentence"), lambda: self._decide("accepted")),
            ("reject", _("Reject"), "R", _("Reject the sentence"), lambda: self._decide("rejected")),
            ("edit", _("Edit"), "E", _("Give the sentence other words"), self._begin_edit),
            ("undo", _("Undo"), "U", _("Take the last decision back"), self._undo),
            ("toggle", _("Map on/off"), "M", _("Show or hide the heat"), self._toggle),
        )
        self.buttons: dict[str, Any] = {}
        self._shortcuts = []
        for name, text, key, tip, call in actions:
            self.buttons[name] = button(text, _("{what} (key {key} in the list)").format(what=tip, key=key), call)
            shortcut = qt.QShortcut(qt.QKeySequence(key), self.list)
            shortcut.setContext(qt.Qt.WidgetShortcut)
            shortcut.activated.connect(lambda *_args, call=call: call())
            self._shortcuts.append(shortcut)
        self.segment = button(
            _("Make segment"), _("Turn the region around the last ctrl-click, or the peak, into a segment."), self._make_segment
        )
        self.cut = button(
            _("Cut lesion"),
            _("The server cuts the lesion out of the image, around the last ctrl-click or the peak; clicks correct it."),
            self._cut_lesion,
        )
        self.clear = button(_("Clear overlay"), _("Take heat and outlines away."), self._clear)
        self.lesion = LesionRow()
        form.addRow(row(*(self.buttons[name] for name in ("previous", "next", "toggle")), self.clear))
        form.addRow(row(*(self.buttons[name] for name in ("accept", "reject", "edit", "undo"))))
        form.addRow(row(self.segment, self.cut, self.lesion.new))
        form.addRow(self.lesion.frame)
        self.signing = SignRow(form)
        self.report.writing.addWidget(self.signing.keep)

    # the reader acts

    def _selected(self) -> None:
        index = self.current
        self.edit_line.setVisible(False)
        if self._logic is not None and index is not None:
            self._place = None
            self._logic.show([*(other for other in self._together() if other != index), index])
        self._enable()

    def _checked(self) -> None:
        if self._logic is None:
            return
        together, current = self._together(), self.current
        self._logic.show(
            [*(other for other in together if other != current), *([] if current is None else [current])], jump=False
        )

    def _step(self, by: int) -> None:
        indices = sorted(self._items)
        if not indices:
            return
        current = self.current
        at = indices.index(current) + by if current in indices else (0 if by > 0 else len(indices) - 1)
        self.list.setCurrentItem(self._items[indices[min(max(at, 0), len(indices) - 1)]])

    def _decide(self, state: Any) -> None:
        index = self.current
        if self._logic is not None and index is not None:
            self._logic.decide(index, state)

    def _begin_edit(self) -> None:
        index = self.current
        if self._logic is not None and self._logic.review is not None and index is not None:
            self.edit_line.setText(self._logic.review.sentences[index].text)
            self.edit_line.setVisible(True)
            self.edit_line.setFocus()
            self.edit_line.selectAll()

    def _finish_edit(self) -> None:
        index = self.current
        self.edit_line.setVisible(False)
        self.list.setFocus()
        if self._logic is not None and index is not None:
            self._logic.edit(index, str(read(self.edit_line, "text")))

    def _toggle(self) -> None:
        if self._logic is None:
            return
        if self._logic.view.shown:
            self._logic.clear()
        elif self.current is not None:
            self._logic.show([self.current], jump=False)

    def _clear(self) -> None:
        if self._logic is not None:
            self._logic.clear()

    def _make_segment(self) -> None:
        index = self.current
        if self._logic is None or index is None:
            return
        self._logic.make_segment(index, self._place)

    def _cut_lesion(self) -> None:
        index = self.current
        if self._logic is not None and index is not None:
            self._logic.make_lesion(index, self._place)

    def _undo(self) -> None:
        undone = self._logic.undo() if self._logic is not None else None
        if undone is not None and undone[0] == "sentence":
            self.list.setCurrentItem(self._items[undone[1]])

    def _measure(self) -> None:
        index = self.current
        if self._logic is not None and index is not None and index in self._logic.view.shown:
            self._logic.measure(index, self._place)

    # what is shown

    @property
    def current(self) -> int | None:
        """Index of the selected sentence, or None."""
        chosen = self.list.selectedItems()
        value = chosen[0].data(WORDS, qt.Qt.UserRole) if len(chosen) else None
        return None if value is None else int(value)

    def _together(self) -> list[int]:
        return [index for index, item in self._items.items() if item.checkState(WORDS) == qt.Qt.Checked]

    def _select(self, index: int) -> None:
        self.list.blockSignals(True)
        self.list.setCurrentItem(self._items[index])
        self.list.blockSignals(False)

    def _show_report(self) -> None:
        review = self._logic.review if self._logic is not None else None
        current, together = self.current, self._together()
        self.list.blockSignals(True)
        self.list.clear()
        self._items.clear()
        parent: Any = None
        section: str | None = None
        for index, sentence in enumerate(review.sentences if review is not None else ()):
            name = sentence.answer.section or "added"
            if parent is None or name != section:
                parent, section = qt.QTreeWidgetItem(self.list), name
                parent.setText(WORDS, word(name).upper())
                parent.setFlags(qt.Qt.ItemIsEnabled)
                parent.setFirstColumnSpanned(True)
            self._items[index] = self._item(parent, index, sentence, checked=index in together)
        self.list.expandAll()
        if current in self._items:
            self.list.setCurrentItem(self._items[current])
        self.list.blockSignals(False)
        self._heights.fit()
        if review is None or not review.sentences:
            say(self.progress, "")
        else:
            told = _("{done} of {all} reviewed")
            say(self.progress, told.format(done=review.reviewed, all=review.reviewed + review.waiting))
        self._show_details()
        self._enable()

    def _item(self, parent: Any, index: int, sentence: ReviewedSentence, *, checked: bool) -> Any:
        answer = sentence.answer
        item = qt.QTreeWidgetItem(parent)
        item.setText(WORDS, sentence.text)
        item.setData(WORDS, qt.Qt.UserRole, index)
        item.setText(SAYS, word(answer.assertion))
        sure = sentence.sure
        item.setText(CONFIDENCE, "" if sure is None else f"{PERCENT * sure:.0f} %")
        item.setText(STATE, word(state_of(sentence)))
        remark = "" if sentence.drafted is None else sentence.drafted.words
        item.setToolTip(WORDS, f"<p>{escape(sentence.text)}</p>" + (f"<p>{escape(remark)}</p>" if remark else ""))
        slanted = item.font(WORDS)
        slanted.setItalic(sentence.doubted)
        item.setFont(WORDS, slanted)
        if answer.map is None or sentence.doubted:
            for column in range(4):
                item.setForeground(column, muted_brush(self.list))
        if answer.map is None:
            return item
        item.setCheckState(WORDS, qt.Qt.Checked if checked else qt.Qt.Unchecked)
        swatch = qt.QPixmap(SWATCH_PIXELS, SWATCH_PIXELS)
        swatch.fill(qt.QColor(*(round(255 * part) for part in region_colour(index))))
        item.setIcon(WORDS, qt.QIcon(swatch))
        return item

    def _show_details(self) -> None:
        logic, index = self._logic, self.current
        if logic is None or logic.review is None or index is None or index >= len(logic.review.sentences):
            self.details.setText("")
            self.changes.setVisible(False)
            return
        self.details.setText(" ".join(self._sayings(logic, index)))
        sentence = logic.review.sentences[index]
        self.changes.setVisible(True)  # the list cuts long sentences; here they stand in full
        self.changes.setText(as_html(word_changes(sentence.draft, sentence.text)))

    def _sayings(self, logic: AsapLogic, index: int) -> list[str]:
        sentence = logic.review.sentences[index] if logic.review is not None else None
        if sentence is None:
            return []
        answer, lines = sentence.answer, []
        if sentence.drafted is not None and sentence.drafted.words:
            lines.append(f"{sentence.drafted.words[:1].upper()}{sentence.drafted.words[1:]}")
        if answer.reason is not None:
            lines.append(answer.reason)
        if sentence.text != answer.text:
            lines.append(_("The map is that of the earlier wording."))
        if answer.side_check == "disagrees":
            lines.append(_("Caution: the heat lies on the other side than the sentence says."))
        if answer.map is not None and sentence.sure is None:
            lines.append(_("No confidence: this finding was not calibrated."))
        measured = logic.regions.measured
        if index in logic.view.shown and measured is not None and measured.index == index and measured.millilitres is not None:
            lines.append(_("Region at the threshold: {ml} ml.").format(ml=f"{measured.millilitres:.1f}"))
        if sentence.decisions:
            last = sentence.decisions[-1]
            lines.append(f"{word(last.state)}: {last.author or _('unnamed')}, {last.time_utc}")
        return lines

    def _enable(self) -> None:
        review = self._logic.review if self._logic is not None else None
        chosen = self.current is not None and review is not None and review.signature is None
        for name in ("accept", "reject", "edit"):
            self.buttons[name].setEnabled(chosen)
        for name in ("previous", "next", "toggle"):
            self.buttons[name].setEnabled(bool(self._items))
        self.buttons["undo"].setEnabled(self._logic is not None and self._logic.can_undo)
        shown = self._logic.view.shown if self._logic is not None else ()
        mapped = self.current is not None and self.current in shown
        self.segment.setEnabled(mapped)
        can_cut = self._logic is not None and self._logic.session.can(LESION)
        self.cut.setEnabled(can_cut and mapped)
        self.clear.setEnabled(bool(shown))
