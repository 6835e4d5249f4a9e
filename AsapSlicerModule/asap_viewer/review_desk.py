"""The review as a whole: signed, amended, saved as a file and taken up again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from AsapSlicerLib import review_nodes
from AsapSlicerLib.review_journal import ReviewJournal
from AsapSlicerLib.sign_off import amend, sign

from .saved_review import reopened, saved

if TYPE_CHECKING:
    from .workbench import WorkBench


class ReviewDesk:
    """What the page asks for. On the scene's thread."""

    def __init__(self, bench: WorkBench) -> None:
        self._bench = bench
        self._journal = ReviewJournal(bench.logic)

    def name_reader(self, name: str) -> None:
        """Whose name stands beside the next decisions."""
        self._bench.logic.parameters.reader = name

    def sign(self) -> None:
        """Freeze the report in the reader's name."""
        self._bench.problem, self._bench.unsaved = "", True
        sign(self._bench.logic)

    def amend(self, text: str) -> None:
        """Add words below the signed report."""
        self._bench.problem, self._bench.unsaved = "", True
        amend(self._bench.logic, text)

    def keep_in(self, folder: str) -> None:
        """Keep every decision in a folder too; a review found there goes on."""
        self._bench.problem = ""
        self._journal.keep_in(Path(folder.strip()).expanduser())

    @property
    def kept_in(self) -> str:
        """The folder, or ""."""
        return str(self._journal.folder or "")

    @property
    def audit_sha256(self) -> str:
        """Head of that folder's audit trail, or ""."""
        return self._journal.audit_sha256

    def save(self) -> str:
        """The review as a document that `reopen` takes."""
        bench = self._bench
        if bench.logic.review is None:
            return ""
        bench.unsaved = False
        return saved(bench.logic.review, bench.identity)

    def reopen(self, text: str) -> None:
        """Go on with a saved review of the CT that is open; no server is needed for what it holds."""
        bench = self._bench
        try:
            review = reopened(text, bench.identity)
        except ValueError as error:
            bench.fail_for_good(str(error))
            return
        bench.clear()
        review_nodes.save(bench.scene.mrml, review, bench.scene.volume_node)
        bench.logic.restore()
        bench.report_text, bench.read_when_ready, bench.unsaved, bench.problem = review.report, False, False, ""
        bench.say("The saved review is open.")
