"""Answers judged on the page by keyboard, in the browser: question, place in the CT, verdict, correction, undo, the next case."""

from __future__ import annotations

from pathlib import Path

import pytest

from asap.review import kept_review, study
from asap.review.answer_lists import ListedAnswer
from tests.browser.audit import violations
from tests.browser.bench import Tab

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

ROWS = [
    ListedAnswer(case, question, f"The {organ} {words}.", model)
    for case in ("case one", "case two")
    for question, organ in (("How is the right lung?", "right lung"), ("How is the liver?", "liver"))
    for model, words in (("alpha", "is clear"), ("beta", "is unremarkable"))
]


def verdicts(folder: Path) -> list[str | None]:
    """What is on the disk."""
    review = kept_review.opened(folder).review
    assert review is not None
    return [answer.verdict for answer in review.answers]


def test_question_evidence_verdict(tab: Tab, tmp_path: Path) -> None:
    study.begin(tmp_path / "study", ROWS, ["Dr A"], seed=4)
    folder, page = tmp_path / "study" / "reader-1", tab.page
    tab.remove_segments()
    page.click("text=Judge answers")
    page.fill("#list-path", str(folder))
    page.press("#list-path", "Enter")
    page.wait_for_selector("#judging:focus")
    page.wait_for_selector("#judging >> text=1 of 8; 0 judged")
    page.keyboard.press("w")
    page.wait_for_selector("#judging >> text=The place is shown", timeout=60_000)
    assert tab.settled_heat_centre("Green") is not None
    picture = tmp_path / "judging.png"
    page.screenshot(path=picture)
    assert picture.stat().st_size > 50_000
    page.keyboard.press("a")
    page.wait_for_selector("#judging >> text=2 of 8; 1 judged")
    assert tab.goes_dark("Green")
    page.keyboard.press("c")
    page.keyboard.type("a dense liver")  # letters that are keys at the answer
    page.keyboard.press("Enter")
    page.wait_for_selector("#judging:focus")
    page.wait_for_selector("#judging >> text=3 of 8; 2 judged")
    assert verdicts(folder)[:3] == ["agree", "disagree", None]
    page.keyboard.press("z")
    page.wait_for_selector("#judging >> text=2 of 8; 1 judged")
    assert tab.goes_dark("Green")
    page.keyboard.press("u")
    page.wait_for_selector("#judging >> text=3 of 8; 2 judged")
    page.keyboard.press("N")
    page.wait_for_selector("#judging >> text=5 of 8")
    assert verdicts(folder)[:3] == ["agree", "unsure", None]
    assert not violations(page)
    assert not tab.complaints
    page.click("#judging >> text=Close")
    page.wait_for_selector("text=Judge answers")
