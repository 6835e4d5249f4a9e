"""A question in the browser against the real server: answered, its place in the slices, judged by keyboard, exported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from asap.io.nifti import write_nifti
from asap.phantom.case import generate_case
from tests.browser.audit import violations
from tests.browser.bench import Tab
from tests.browser.conftest import encoded_page

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

ANSWER_MS = 60_000
EFFUSION = "Is there a pleural effusion?"


@pytest.fixture
def sick(chromium: Any, tmp_path: Path) -> Iterator[Tab]:
    """The page with a generated CT that has an effusion, encoded, and no report."""
    volume = generate_case(7_900_100, required=("pleural_effusion", "mass")).volume
    write_nifti(tmp_path / "case.nii.gz", volume.hu, volume.affine)
    with encoded_page(chromium, tmp_path / "bench", tmp_path / "case.nii.gz") as tab:
        yield tab


def ask(tab: Tab, question: str, number: int) -> None:
    """Type a question, press Enter, wait for its answer."""
    tab.page.fill("#asked-words", question)
    tab.page.press("#asked-words", "Enter")
    tab.page.wait_for_selector(f"#asked-{number}[aria-current=true]", timeout=ANSWER_MS)


def test_question_evidence_verdict(sick: Tab, tmp_path: Path) -> None:
    page = sick.page
    assert sick.goes_dark("Green")
    page.click("text=Is anything abnormal?")
    page.wait_for_selector("#asked-0[aria-current=true]", timeout=ANSWER_MS)
    ask(sick, EFFUSION, 1)
    page.wait_for_selector("#answered >> text=Yes. There is pleural effusion")
    page.wait_for_selector("#answered >> text=Shown: There is pleural effusion")
    assert sick.settled_heat_centre("Green") is not None
    picture = tmp_path / "questions.png"
    page.screenshot(path=picture)
    assert picture.stat().st_size > 50_000
    page.wait_for_selector("#answered:focus")
    page.keyboard.press("a")
    page.wait_for_selector("#answered >> text=Verdict: agree")
    page.keyboard.press("c")
    page.keyboard.type("a dull and undecided answer")  # letters that are keys at the answer
    page.keyboard.press("Enter")
    page.wait_for_selector("#answered >> text=right is: a dull and undecided answer")
    page.keyboard.press("z")
    page.wait_for_selector("#answered >> text=Verdict: agree")
    ask(sick, "What does this scan cost?", 2)
    page.wait_for_selector("#answered >> text=the model cannot tell")
    assert sick.goes_dark("Green"), "an answer without a place shows none"
    page.click("#asked-1")
    page.wait_for_selector("#asked-1[aria-current=true]")
    assert sick.settled_heat_centre("Green") is not None
    with page.expect_download() as download:
        page.click("text=Export verdicts")
    rows = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))["answers"]
    assert [(row["question"], row["verdict"]) for row in rows][1:] == [(EFFUSION, "agree"), ("What does this scan cost?", None)]
    page.click("#answered >> text=Undo")
    page.wait_for_selector("#answered >> text=Verdict: not judged yet")
    page.select_option("#organ", "heart")
    page.click(".organs >> text=Draw")
    page.wait_for_selector(".segments >> text=Heart", timeout=ANSWER_MS)
    page.screenshot(path=tmp_path / "organs.png")
    assert not violations(page)
    assert not sick.complaints
