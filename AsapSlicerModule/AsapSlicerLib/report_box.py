"""The upper part of the report box: a report comes in as text, from a file or from the study, and goes out reviewed. Qt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt

from .documents import export_all, no_dicom
from .drafting import can_draft, draft_report
from .events import Event, error_event
from .i18n import _
from .logic import AsapLogic
from .report_export import write_report
from .report_sources import StoredReport, read_report, study_reports
from .widgets import button, label, read, row


class ReportBox:
    """Adds its rows to the report panel's form."""

    def __init__(self, form: Any) -> None:
        self._logic: AsapLogic | None = None
        self._stored: list[StoredReport] = []
        self.audit_sha256: Callable[[], str] = str
        self.text = qt.QPlainTextEdit()
        self.text.setPlaceholderText(_("Paste a report here."))
        self.text.setAccessibleName(_("Report text"))
        self.text.setMaximumHeight(76)
        self.text.setTabChangesFocus(True)
        self.load = button(_("Load report..."), _("Read a report from a text file or a DICOM structured report."), self._load)
        self.stored = qt.QComboBox()
        self.stored.setAccessibleName(_("Reports of this study"))
        self.stored.setToolTip(_("Structured reports that lie beside this CT in the DICOM database."))
        self.stored.activated.connect(lambda *_args: self._load_stored())
        self.stored.setVisible(False)
        self.ask = button(_("Find sentences"), _("Ask where every sentence of the report is true."), self._read_report)
        self.draft = button(
            _("Draft a report"),
            _("The server writes a report; every sentence comes with its place and how sure it is."),
            self._draft,
        )
        self.export = button(_("Export..."), _("Write the reviewed report as JSON, FHIR, Markdown or text."), self._export)
        self.export_all = button(
            _("Export all..."),
            _("Write every document into a folder: JSON, FHIR, Markdown, text, and from the server PDF and DICOM."),
            self._export_all,
        )
        self.sentence = qt.QLineEdit()
        self.sentence.setPlaceholderText(_("Or type one sentence and press Enter"))
        self.sentence.setAccessibleName(_("One sentence"))
        self.sentence.returnPressed.connect(lambda *_args: self._ask_sentence())
        self.told = label("AsapReportFile")
        self.told.setVisible(False)
        form.addRow(self.text)
        form.addRow(row(self.load, self.ask, self.draft))
        self.writing = row(self.export, self.export_all)
        form.addRow(self.writing)
        form.addRow(self.stored)
        form.addRow(self.told)
        form.addRow(self.sentence)

    def start_logic(self, logic: AsapLogic) -> None:
        """Listen from now on."""
        self._logic = logic
        logic.listeners.append(self.on_event)
        self._list_stored()

    def on_event(self, event: Event) -> None:
        """The logic has news."""
        logic = self._logic
        if event.kind == "case":
            self._list_stored()
        ready = logic is not None and logic.server is not None and logic.volume is not None
        for widget in (self.ask, self.sentence):
            widget.setEnabled(ready)
        self.draft.setEnabled(logic is not None and can_draft(logic))
        review = logic.review if logic is not None else None
        self.export.setEnabled(review is not None)
        self.export_all.setEnabled(review is not None)
        if event.kind == "exported":
            self._tell(event.message)
        if event.kind == "report" and review is not None and review.report and not self._typed():
            self.text.setPlainText(review.report)

    def load_file(self, path: Path) -> None:
        """Put a file's report into the field; says so when it holds none."""
        if self._logic is not None:
            self._logic.background.start(
                lambda _work: read_report(path), done=self._loaded, failed=lambda error: self._tell(error_event(error).message)
            )

    def export_file(self, path: Path) -> None:
        """Write the reviewed report; the ending says whether as JSON or text."""
        logic = self._logic
        if logic is None or logic.review is None:
            return
        review = logic.review
        logic.background.start(
            lambda _work: write_report(path, review),
            done=lambda _none: self._tell(_("The reviewed report was written.")),
            failed=lambda error: self._tell(error_event(error).message),
        )

    def export_folder(self, folder: Path) -> None:
        """Write every document that can be had into a new folder there."""
        if self._logic is not None:
            self._tell(no_dicom(self._logic))
            export_all(self._logic, folder, self.audit_sha256())

    def _typed(self) -> str:
        return str(read(self.text, "plainText")).strip()

    def _tell(self, sentence: str) -> None:
        self.told.setText(sentence)
        self.told.setVisible(bool(sentence))

    def _loaded(self, text: str) -> None:
        self.text.setPlainText(text)
        self._tell("")

    def _load(self) -> None:
        kinds = _("Reports (*.txt *.md *.dcm);;All files (*)")
        chosen = qt.QFileDialog.getOpenFileName(None, _("Load a report"), "", kinds)
        if name := chosen if isinstance(chosen, str) else chosen[0]:
            self.load_file(Path(name))

    def _list_stored(self) -> None:
        self._stored = study_reports(self._logic.volume) if self._logic is not None else []
        self.stored.clear()
        self.stored.addItem(_("Reports of this study: choose one"))
        for report in self._stored:
            self.stored.addItem(report.name)
        self.stored.setVisible(bool(self._stored))

    def _load_stored(self) -> None:
        index = int(read(self.stored, "currentIndex")) - 1
        if 0 <= index < len(self._stored):
            self.load_file(self._stored[index].path)

    def _export(self) -> None:
        kinds = _("JSON (*.json);;FHIR (*.fhir.json);;Markdown (*.md);;Text (*.txt)")
        chosen = qt.QFileDialog.getSaveFileName(None, _("Export the reviewed report"), "", kinds)
        if name := chosen if isinstance(chosen, str) else chosen[0]:
            self.export_file(Path(name))

    def _export_all(self) -> None:
        chosen = qt.QFileDialog.getExistingDirectory(None, _("Choose a folder; a new one is made in it"))
        if chosen:
            self.export_folder(Path(str(chosen)))

    def _draft(self) -> None:
        if self._logic is not None:
            draft_report(self._logic)

    def _read_report(self) -> None:
        if self._logic is not None:
            self._logic.read_report(str(read(self.text, "plainText")))

    def _ask_sentence(self) -> None:
        if self._logic is not None:
            self._logic.ground([str(read(self.sentence, "text"))])
            self.sentence.setText("")
