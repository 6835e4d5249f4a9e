"""What a reader does with the page and sees on it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browser.audit import violations
from tests.browser.bench import Bench, Tab

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]


def test_three_clicks_move_the_overlay_to_three_places(tab: Tab) -> None:
    centres = {}
    for sentence, place in enumerate(("left lung", "right lung", "liver")):
        tab.page.click(f"#sentence-{sentence}")
        tab.page.wait_for_selector(f"#sentence-{sentence}[aria-current=true]")
        centres[place] = tab.settled_heat_centre("Green")
    left, right, liver = (centres[place] for place in ("left lung", "right lung", "liver"))
    assert left is not None and right is not None and liver is not None
    assert right[0] < 0.5 < left[0], "the patient's right is on the reader's left"
    assert liver[0] < 0.5, "the liver is on the reader's left"
    assert liver[1] > right[1] + 0.1, "the liver is below the lung"


def test_every_sentence_says_what_the_model_says(tab: Tab) -> None:
    assert "affirmed, left" in tab.facts(0) and "side agrees with the lungs" in tab.facts(0)
    assert "confidence" in tab.facts(2)
    assert "States that something is absent." in tab.facts(3)
    assert "confidence" not in tab.facts(3)
    assert "Names nothing that has a place in the image." in tab.facts(4)


def test_a_sentence_without_a_place_shows_its_reason_and_no_heat(tab: Tab) -> None:
    tab.page.click("#sentence-0")
    assert tab.settled_heat_centre("Red") is not None
    tab.page.click("#sentence-3")
    assert tab.settled_heat_centre("Red") is None


def test_keys_move_decide_and_hide(tab: Tab) -> None:
    page = tab.page
    page.click("#sentence-0")
    page.keyboard.press("j")
    page.wait_for_selector("#sentence-1[aria-current=true]")
    assert page.evaluate("document.activeElement.id") == "sentence-1"
    page.keyboard.press("a")
    page.wait_for_selector(".item.accepted #sentence-1")
    page.keyboard.press("r")
    page.wait_for_selector(".item.rejected #sentence-1")
    page.keyboard.press("r")
    page.wait_for_selector(".item.draft #sentence-1")
    page.keyboard.press("k")
    page.wait_for_selector("#sentence-0[aria-current=true]")
    page.keyboard.press("m")
    page.wait_for_selector("button[aria-pressed=false]:has-text('Map')")
    assert tab.settled_heat_centre("Red") is None
    page.keyboard.press("m")
    page.wait_for_selector("button[aria-pressed=true]:has-text('Map')")
    assert tab.settled_heat_centre("Red") is not None


def test_typing_is_not_a_command_and_an_edit_gets_a_map_of_its_own(tab: Tab) -> None:
    page = tab.page
    page.click("#sentence-2")
    page.keyboard.press("e")
    page.wait_for_selector("#edit-2")
    page.fill("#edit-2", "")
    page.type("#edit-2", "The stomach jams a rake.")
    assert page.input_value("#edit-2") == "The stomach jams a rake."
    assert page.locator(".item.rejected, .item.accepted").count() == 0
    page.fill("#edit-2", "The heart is normal in size.")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".item.edited #sentence-2")
    assert page.inner_text("#sentence-2 del") == "liver"
    assert "heart" in page.inner_text("#sentence-2 ins >> nth=0")
    page.wait_for_function("!document.querySelector('.work')")
    centre = tab.settled_heat_centre("Green")
    assert centre is not None and centre[0] > 0.4, "the heart is not where the liver was"


def test_the_export_holds_what_was_decided(tab: Tab, tmp_path: Path) -> None:
    page = tab.page
    page.click("#sentence-0")
    page.keyboard.press("a")
    page.wait_for_selector(".item.accepted #sentence-0")
    with page.expect_download() as download:
        tab.press("Export")
    download.value.save_as(tmp_path / "export.json")
    document = json.loads((tmp_path / "export.json").read_text(encoding="utf-8"))
    assert document["notice"] == "Research use. AI-generated. Not for diagnosis."
    first = document["sentences"][0]
    assert (first["state"], first["draft"]) == ("accepted", "The left lung is clear.")
    assert [decision["state"] for decision in first["decisions"]] == ["accepted"]
    assert first["peak_ras_mm"][0] < 0, "the left lung lies at negative R"
    page.keyboard.press("a")
    page.wait_for_selector(".item.draft #sentence-0")


def test_a_decision_is_undone_and_a_saved_review_is_taken_up_again(tab: Tab, tmp_path: Path) -> None:
    page = tab.page
    page.click("#sentence-1")
    page.keyboard.press("a")
    page.wait_for_selector(".item.accepted #sentence-1")
    reviewed = page.inner_text(".tally [role=status]")
    with page.expect_download() as download:
        tab.press("Save")
    download.value.save_as(tmp_path / "review.json")
    page.keyboard.press("u")
    page.wait_for_selector(".item.draft #sentence-1")
    assert page.inner_text(".tally [role=status]") != reviewed
    page.set_input_files("#saved-review", tmp_path / "review.json")
    page.wait_for_selector(".item.accepted #sentence-1")
    assert page.inner_text(".tally [role=status]") == reviewed
    page.click("#sentence-1")
    assert tab.settled_heat_centre("Red") is not None, "the maps came with the file"
    page.set_input_files("#saved-review", {"name": "x.json", "mimeType": "application/json", "buffer": b"{}"})
    page.wait_for_selector(".problem:has-text('choose another file')")
    page.click(".problem button:has-text('Dismiss')")
    page.keyboard.press("a")
    page.wait_for_selector(".item.draft #sentence-1")


def test_ctrl_click_lists_the_sentences_of_a_place(tab: Tab) -> None:
    page = tab.page
    page.click("#sentence-0")
    centre = tab.settled_heat_centre("Green")
    assert centre is not None
    box = page.locator("[data-view=Green]").bounding_box()
    assert box is not None
    page.keyboard.down("Control")
    page.mouse.click(box["x"] + 40 + centre[0] * (box["width"] - 80), box["y"] + 40 + centre[1] * (box["height"] - 80))
    page.keyboard.up("Control")
    page.wait_for_selector(".here button:has-text('left lung')")
    assert page.locator(".here button:has-text('right lung')").count() == 0
    tab.press("Clear")
    page.wait_for_function("!document.querySelector('.here')")


def test_several_sentences_are_outlined_at_once(tab: Tab) -> None:
    page = tab.page
    page.click("#sentence-0")
    tab.press("Several")
    page.click("#sentence-1")
    page.wait_for_function("document.querySelectorAll('.swatch').length === 2")
    assert page.locator("#sentence-0 .swatch").count() == 1
    tab.press("Clear")
    page.wait_for_function("document.querySelectorAll('.swatch').length === 0")
    assert tab.settled_heat_centre("Red") is None
    tab.press("Several")


def test_windows_change_the_greys(tab: Tab) -> None:
    tab.settled_heat_centre("Red")
    lung = tab.picture("Red").mean()
    tab.press("Mediastinum")
    tab.settled_heat_centre("Red")
    soft = tab.picture("Red").mean()
    tab.press("Lung")
    assert soft < lung - 10


def test_labels_are_radiological(tab: Tab) -> None:
    sides = {"Red": "RLAP", "Green": "RLSI", "Yellow": "APSI"}
    for view, expected in sides.items():
        edges = tab.page.locator(f"[data-view={view}] .edge").all_inner_texts()
        assert "".join(edges) == expected


def test_the_panels_are_accessible(tab: Tab) -> None:
    tab.page.click("#sentence-0")
    assert violations(tab.page) == []


def test_nothing_leaves_loopback_and_nobody_complains(tab: Tab, bench: Bench) -> None:
    hosts = {urlsplit(url.removeprefix("blob:")).netloc for url in tab.requests if not url.startswith("data:")}
    assert hosts == {urlsplit(bench.address).netloc}
    assert tab.complaints == []


def test_no_name_of_the_file_is_shown_or_logged(tab: Tab, bench: Bench) -> None:
    assert "Mustermann" not in tab.page.content()
    assert "Mustermann" not in bench.log.read_text(errors="replace")


def test_a_dead_server_is_told_and_comes_back_with_the_review_kept(tab: Tab, bench: Bench) -> None:
    page = tab.page
    page.click("#sentence-1")
    page.keyboard.press("a")
    page.wait_for_selector(".item.accepted #sentence-1")
    os.kill(bench.server_pid, signal.SIGKILL)
    page.wait_for_selector(".server.lost", timeout=15_000)
    page.wait_for_selector(".problem button:has-text('Try again')")
    page.click("#sentence-0")
    assert tab.settled_heat_centre("Green") is not None, "what was answered stays without a server"
    page.click(".problem button:has-text('Try again')")
    page.wait_for_selector(".server.ready", timeout=180_000)
    page.wait_for_selector(".item.accepted #sentence-1")
    page.wait_for_function("!document.querySelector('.problem')")
