"""Every decision in the module is in the reader's folder at once: a scene that was never saved loses none."""

from __future__ import annotations

from pathlib import Path

from asap.review import kept_review, new_review
from asap.review.journal import AUDIT
from tests.review.cases import answer
from tests.slicer.desk import Desk, open_desk


def states(folder: Path) -> list[str]:
    review = kept_review.opened(folder).review
    assert review is not None
    return [sentence.state for sentence in review.sentences]


def begun(desk: Desk) -> None:
    """A report under review, as if a server had answered."""
    desk.choose_ct()
    desk.widget.logic.keep(new_review("r", answer()))


def test_a_scene_that_was_lost_loses_no_decision(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with open_desk(tmp_path / "one") as desk:
        begun(desk)
        journal, logic = desk.widget.report_panel.signing.journal, desk.widget.logic
        journal.keep_in(folder)
        logic.decide(0, "accepted")
        assert states(folder)[0] == "accepted"
        logic.edit(1, "Some effusion.")
        logic.decide(2, "rejected")
        logic.undo()
        assert states(folder) == ["accepted", "edited", "draft", "draft"]
    with open_desk(tmp_path / "two") as desk:  # another scene, in which nothing was saved
        desk.choose_ct()
        journal, logic = desk.widget.report_panel.signing.journal, desk.widget.logic
        assert logic.review is None
        journal.keep_in(folder)
        assert [sentence.state for sentence in logic.review.sentences] == ["accepted", "edited", "draft", "draft"]
        logic.decide(3, "accepted")
        assert states(folder)[3] == "accepted"
    assert len((folder / AUDIT).read_text().splitlines()) == 7


def test_a_journal_that_cannot_be_kept_is_told_and_changes_nothing(desk: Desk, tmp_path: Path) -> None:
    journal, logic = desk.widget.report_panel.signing.journal, desk.widget.logic
    journal.keep_in(tmp_path / "j")
    assert "Choose a CT first" in desk.widget.case_panel.status.text
    begun(desk)
    (tmp_path / "file").write_text("no folder")
    journal.keep_in(tmp_path / "file" / "below")
    assert "cannot be made" in desk.widget.case_panel.status.text
    assert journal.folder is None
    logic.decide(0, "accepted")
    assert logic.review.sentences[0].state == "accepted"
