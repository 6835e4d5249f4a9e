"""The end of the report panel: the reader's name, signing, and what is added afterwards. Qt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qt

from .events import Event
from .i18n import _
from .logic import AsapLogic
from .review_journal import ReviewJournal
from .sign_off import amend, can_sign, sign
from .widgets import button, label, read, row


class SignRow:
    """Adds its rows to the report panel's form; `keep` stands beside the other buttons that write."""

    def __init__(self, form: Any) -> None:
        self._logic: AsapLogic | None = None
        self.journal: ReviewJournal | None = None
        self.reader = qt.QLineEdit()
        self.reader.setAccessibleName(_("Reader"))
        self.reader.setPlaceholderText(_("Your name stands beside your decisions"))
        self.reader.editingFinished.connect(lambda *_args: self._reader_named())
        self.sign = button(
            _("Sign report"), _("Every sentence is decided: freeze the report. Amendments stay possible."), self._sign
        )
        self.told = label("AsapSignature")
        self.told.setVisible(False)
        self.amendment = qt.QLineEdit()
        self.amendment.setPlaceholderText(_("Amendment to the signed report; press Enter"))
        self.amendment.setAccessibleName(_("Amendment"))
        self.amendment.returnPressed.connect(lambda *_args: self._amend())
        self.amendment.setVisible(False)
        self.keep = button(
            _("Keep journal..."), _("Keep every decision in a folder of your own too; a review found there goes on."), self._keep
        )
        form.addRow(_("Reader:"), row(self.reader, self.sign))
        form.addRow(self.told)
        form.addRow(self.amendment)

    def start_logic(self, logic: AsapLogic) -> None:
        """Listen from now on."""
        self._logic, self.journal = logic, ReviewJournal(logic)
        logic.listeners.append(self.on_event)
        self.reader.setText(logic.parameters.reader)
        self._show()

    @property
    def audit_sha256(self) -> str:
        """Head of the journal's audit trail, "" without one."""
        return "" if self.journal is None else self.journal.audit_sha256

    def on_event(self, event: Event) -> None:
        """The logic has news."""
        if event.kind == "report":
            self._show()

    def _show(self) -> None:
        logic = self._logic
        review = logic.review if logic is not None else None
        self.sign.setEnabled(logic is not None and can_sign(logic))
        signature = review.signature if review is not None else None
        self.told.setVisible(signature is not None)
        self.amendment.setVisible(signature is not None)
        if review is None or signature is None:
            return
        text = _("Signed by {author}, {time}; digest {digest}.")
        lines = [text.format(author=signature.author, time=signature.time_utc, digest=signature.sha256[:12])]
        lines += [f"{one.author}, {one.time_utc}: {one.text}" for one in review.amendments]
        self.told.setText("\n".join(lines))

    def _keep(self) -> None:
        chosen = qt.QFileDialog.getExistingDirectory(None, _("Choose a folder of your own"))
        if chosen and self.journal is not None:
            self.journal.keep_in(Path(str(chosen)))

    def _reader_named(self) -> None:
        if self._logic is not None:
            self._logic.parameters.reader = str(read(self.reader, "text"))
            self._show()

    def _sign(self) -> None:
        if self._logic is not None:
            self._reader_named()
            sign(self._logic)

    def _amend(self) -> None:
        if self._logic is not None:
            amend(self._logic, str(read(self.amendment, "text")))
            self.amendment.setText("")
