"""What a reader does with the page and sees on it."""

from __future__ import annotations

import json
import os
import re
import signal
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from asap.io.read import read_labels
from asap.phantom.case import generate_case
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
    assert "affirmed, left" in tab.facts(0) and "side agrees" not in tab.facts(0)
    tab.page.click("#sentence-0")
    tab.page.wait_for_selector("#sentence-0 .facts:has-text('side agrees with the lungs')")
    assert "confidence" in tab.facts(2)
    assert "States that something is absent." in tab.facts(3)
    assert "confidence" not in tab.facts(3)
    assert "Names nothing that has a place in the image." in tab.facts(4)


def test_a_sentence_without_a_place_shows_its_reason_and_no_heat(tab: Tab) -> None:
    tab.page.click("#sentence-0")
    assert tab.settled_heat_centre("Red") is not None
    tab.page.click("#sentence-3")
    assert tab.goes_dark("Red")


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
    assert tab.goes_dark("Red")
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
    download.value.save_as(tmp_path / "export.zip")
    with zipfile.ZipFile(tmp_path / "export.zip") as file:
        documents = {name: file.read(name) for name in file.namelist()}
    assert list(documents) == [
        "reviewed.json", "reviewed.md", "reviewed.pdf", "diagnostic-report-r4.json", "diagnostic-report-r5.json",
    ]  # fmt: skip
    page.wait_for_selector("text=No DICOM among them: this CT was not opened as a folder")
    document = json.loads(documents["reviewed.json"])
    assert document["notice"] == "Research use. AI-generated. Not for diagnosis."
    assert document["input_sha256"] == generate_case(20).volume.identity
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
    assert tab.goes_dark("Red")
    tab.press("Several")


def grey(tab: Tab, view: str = "Red") -> float:
    tab.settled_heat_centre(view)
    return float(tab.picture(view).mean())


def test_windows_change_the_greys_by_button_key_and_mouse(tab: Tab) -> None:
    page = tab.page
    tab.press("Clear")
    tab.press("Lung")
    lung = grey(tab)
    assert page.inner_text(".values") == "W 1500 \u00b7 L -600"
    page.keyboard.press("2")
    page.wait_for_selector("button[aria-pressed=true]:has-text('Mediastinum')")
    assert tab.shows("Red", lambda picture: picture.mean() < lung - 10)
    page.keyboard.press("3")
    page.wait_for_selector("button[aria-pressed=true]:has-text('Bone')")
    assert tab.shows("Red", lambda picture: picture.mean() < lung - 10)
    x, y = middle(tab, "Red")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y, steps=6)
    page.mouse.up()
    page.wait_for_function("!document.querySelector('.values').textContent.includes('W 1800')")
    assert page.locator("[aria-label=Window] button[aria-pressed=true]").count() == 0
    page.keyboard.press("1")
    page.wait_for_selector("button[aria-pressed=true]:has-text('Lung')")
    assert tab.shows("Red", lambda picture: abs(picture.mean() - lung) < 1)


def middle(tab: Tab, view: str) -> tuple[float, float]:
    """Page position of the middle of a view."""
    box = tab.page.locator(f"[data-view={view}]").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_the_wheel_pages_the_mouse_reads_values_and_shift_brings_all_views_together(tab: Tab) -> None:
    page = tab.page
    positions = {view: page.inner_text(f"[data-view={view}] .corner") for view in ("Red", "Green", "Yellow")}
    x, y = middle(tab, "Green")
    page.mouse.move(x, y)
    page.mouse.move(x + 2, y)
    page.wait_for_selector(".pointer:has-text('HU')")
    page.mouse.wheel(0, -200)
    page.wait_for_function(f"document.querySelector('[data-view=Green] .corner').textContent !== '{positions['Green']}'")
    assert page.inner_text("[data-view=Red] .corner") == positions["Red"]
    page.keyboard.down("Shift")
    page.mouse.move(x + 40, y + 30, steps=4)
    page.keyboard.up("Shift")
    page.wait_for_function(f"document.querySelector('[data-view=Red] .corner').textContent !== '{positions['Red']}'")
    page.wait_for_function(f"document.querySelector('[data-view=Yellow] .corner').textContent !== '{positions['Yellow']}'")
    tab.press("Fit")


def test_a_view_is_enlarged_and_the_slab_is_thicker(tab: Tab) -> None:
    page = tab.page
    thin = grey(tab)
    page.keyboard.press("i")
    page.wait_for_selector("button[aria-pressed=true]:has-text('MIP')")
    assert grey(tab) > thin + 2, "the brightest of 10 mm is brighter"
    page.keyboard.press("i")
    page.dblclick("[data-view=Yellow] .area")
    page.wait_for_selector(".view.big[data-view=Yellow]")
    box = page.locator("[data-view=Yellow]").bounding_box()
    assert box is not None and box["width"] > 900
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.wait_for_function("!document.querySelector('.view.big')")


def test_the_help_names_every_key_and_gives_the_focus_back(tab: Tab) -> None:
    page = tab.page
    page.keyboard.press("?")
    page.wait_for_selector("[role=dialog]")
    keys = {key for text in page.locator(".help kbd").all_inner_texts() for key in text.split()}
    assert {"J", "K", "A", "R", "E", "U", "M", "S", "C", "G", "I", "1", "2", "3", "?", "Ctrl+click", "Shift+move"} <= keys
    assert violations(page) == []
    state = page.inner_text(".tally [role=status]")
    page.keyboard.press("a")  # behind the dialog nothing is decided
    page.keyboard.press("Escape")
    page.wait_for_function("!document.querySelector('.help')")
    assert page.inner_text(".tally [role=status]") == state


def test_one_more_sentence_is_asked_and_picked(tab: Tab) -> None:
    page = tab.page
    page.fill("#question", "The heart is normal in size.")
    page.keyboard.press("Enter")
    page.wait_for_selector("#sentence-5[aria-current=true]")
    assert page.locator("h2:has-text('Added')").count() == 1
    assert tab.settled_heat_centre("Green") is not None


def test_the_region_under_the_cursor_becomes_a_segment_with_its_size(tab: Tab, tmp_path: Path) -> None:
    page = tab.page
    page.click("#sentence-0")
    centre = tab.settled_heat_centre("Green")
    assert centre is not None
    page.wait_for_selector(".peak:has-text('ml')")
    box = page.locator("[data-view=Green]").bounding_box()
    assert box is not None
    page.keyboard.down("Control")
    page.mouse.click(box["x"] + 40 + centre[0] * (box["width"] - 80), box["y"] + 40 + centre[1] * (box["height"] - 80))
    page.keyboard.up("Control")
    page.wait_for_selector(".peak:has-text('region at the Ctrl+click')")
    told = millilitres(page.inner_text(".peak"))
    page.locator("#threshold").fill("0.8")
    page.wait_for_function(f"!document.querySelector('.peak').textContent.includes(' {told:.0f} ml')")
    assert millilitres(page.inner_text(".peak")) < told, "a higher threshold, a smaller region"
    page.click("button:has-text('Auto')")
    page.wait_for_function(f"document.querySelector('.peak').textContent.includes('{told:.0f} ml')")
    page.keyboard.press("g")
    page.wait_for_selector(".segments li")
    assert abs(millilitres(page.inner_text(".segments .size")) - told) <= 0.1 * told + 1
    with page.expect_download() as download:
        page.click(".segments button:has-text('Save')")
    download.value.save_as(tmp_path / "segments.nii.gz")
    labels, affine = read_labels(tmp_path / "segments.nii.gz")
    volume_ml = np.count_nonzero(labels == 1) * abs(np.linalg.det(affine[:3, :3])) / 1000
    assert abs(volume_ml - millilitres(page.inner_text(".segments .size"))) <= 1
    assert violations(page) == []
    page.click(".segments button[title=Remove]")
    page.wait_for_function("!document.querySelector('.segments')")
    tab.press("Clear")


def millilitres(text: str) -> float:
    """The last size in a text."""
    return float(re.findall(r"([0-9.]+) ml", text)[-1])


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
