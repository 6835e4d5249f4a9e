"""A server elsewhere: nothing leaves before the reader agrees, work is stopped, and another CT takes all of the last away."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asap.phantom.case import generate_case
from tests.browser.audit import violations
from tests.browser.bench import Bench, Tab, running_bench
from tests.client.scripted import EVENTS, EVENTS_ROUTE, TOKEN, Scripted, stream
from tests.io.synthetic import write_dicom

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
LONG_MS = 180_000
HANGING = stream(EVENTS[0], EVENTS[1], EVENTS[3], after="hang")
SENTENCES = "Nodule in the right lung.\nThe heart is normal."


@pytest.fixture(scope="module")
def server() -> Iterator[Scripted]:
    # The computer's own name is not known to be this computer: the reader must be asked.
    with Scripted(host=socket.gethostname(), wait_for_jobs=False) as scripted:
        yield scripted


@pytest.fixture(scope="module")
def bench(server: Scripted, case_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    pytest.importorskip("trame_slicer", reason="needs the work bench: pip install 'asap-ct[viewer]'")
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "token").write_text(TOKEN)
    with running_bench(folder, str(case_file), "--server", server.url, "--token-file", str(folder / "token")) as running:
        yield running


@pytest.fixture(scope="module")
def tab(chromium: Any, bench: Bench) -> Tab:
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(LONG_MS)
    opened = Tab(page)
    opened.go(bench.address)
    return opened


def test_nothing_is_sent_before_the_reader_agrees(tab: Tab, server: Scripted) -> None:
    page = tab.page
    page.wait_for_selector("[role=alertdialog]")
    assert socket.gethostname() in page.inner_text("#consent-text")
    assert page.evaluate("document.activeElement.textContent") == "Send"
    assert violations(page) == []
    assert server.paths("POST") == []
    tab.press("Do not send")
    page.wait_for_selector(".problem:has-text('Nothing was sent')")
    page.fill("#report-text", SENTENCES)
    tab.press("Find the sentences")
    page.wait_for_selector("[role=alertdialog]")
    tab.press("Do not send")
    page.wait_for_selector(".problem:has-text('Nothing was sent')")
    assert server.paths("POST") == []


def test_sending_shows_progress_and_is_stopped(tab: Tab, server: Scripted) -> None:
    page = tab.page
    server.play(EVENTS_ROUTE, HANGING)
    tab.press("Try again")
    page.wait_for_selector("[role=alertdialog]")
    tab.press("Send")
    # The sending itself counts too, and may say 50 % on its way: what the server then reports stays.
    page.wait_for_selector(".sentence-of-state:has-text('ncoding the volume')")
    page.wait_for_selector("progress[value='0.5']")
    assert "50 %" in page.inner_text(".sentence-of-state")
    assert violations(page) == []
    tab.press("Cancel")
    page.wait_for_selector(".sentence-of-state:has-text('Stopped')")
    assert page.locator(".work").count() == 0
    page.wait_for_timeout(1500)
    assert any(path.startswith("/jobs/") for path in server.paths("DELETE")), "the server was told to stop"
    assert "/studies" in server.paths("POST")


def test_afterwards_nobody_is_asked_again(tab: Tab) -> None:
    page = tab.page
    page.fill("#report-text", SENTENCES)
    tab.press("Find the sentences")
    page.wait_for_selector("#sentence-1")
    assert page.locator("[role=alertdialog]").count() == 0
    page.click("#sentence-0")
    page.keyboard.press("a")
    page.wait_for_selector(".item.accepted #sentence-0")


def test_another_ct_takes_report_decisions_and_maps_of_the_last_away(tab: Tab, tmp_path: Path, case_file: Path) -> None:
    page = tab.page
    page.click("#sentence-0")
    page.keyboard.press("g")
    page.wait_for_selector(".segments li")
    with page.expect_download() as download:
        tab.press("Save")
    download.value.save_as(tmp_path / "review.json")
    page.keyboard.press("r")
    page.wait_for_selector(".item.rejected #sentence-0")
    series = tmp_path / "Mustermann"
    volume = generate_case(21).volume
    write_dicom(series, np.asarray(volume.hu), volume.affine)
    structured_report(series)
    page.click(".other summary")
    page.wait_for_selector(".other .warn:has-text('takes them away')")
    page.fill("#other-path", str(series))
    page.click(".other button:has-text('Open')")
    page.wait_for_selector(".item", state="detached")
    page.wait_for_selector(".sentence-of-state:has-text('The model saw')")
    assert page.locator(".segments").count() == 0
    assert tab.goes_dark("Red")
    page.set_input_files("#saved-review", tmp_path / "review.json")
    page.wait_for_selector(".problem:has-text('another CT')")
    tab.press("Dismiss")
    tab.press("Structured report 1")
    page.wait_for_function("document.querySelector('#report-text').value.includes('Nodule, right lung')")
    tab.press("Find the sentences")
    page.wait_for_selector("#sentence-1")
    assert "Mustermann" not in page.content()
    page.fill("#other-path", str(case_file))
    page.click(".other button:has-text('Open')")
    page.wait_for_selector(".item", state="detached")
    page.wait_for_selector(".sentence-of-state:has-text('The model saw')")
    page.set_input_files("#saved-review", tmp_path / "review.json")
    page.wait_for_selector(".item.accepted #sentence-0")
    page.click("#sentence-0")
    page.wait_for_selector("#sentence-0[aria-current=true]")


def test_a_report_comes_from_a_file(tab: Tab, tmp_path: Path) -> None:
    page = tab.page
    page.click(".entry summary")
    page.set_input_files("#report-file", structured_report(tmp_path))
    page.wait_for_function("document.querySelector('#report-text').value.includes('Nodule, right lung')")
    (tmp_path / "report.txt").write_text("Befund: \u00fcberbl\u00e4ht.", encoding="utf-8-sig")
    page.set_input_files("#report-file", tmp_path / "report.txt")
    page.wait_for_function("document.querySelector('#report-text').value === 'Befund: \u00fcberbl\u00e4ht.'")
    page.set_input_files("#report-file", {"name": "x.dcm", "mimeType": "application/dicom", "buffer": bytes(200)})
    page.wait_for_selector(".problem:has-text('save the report as plain text')")
    assert page.input_value("#report-text") == "Befund: \u00fcberbl\u00e4ht."
    tab.press("Dismiss")


def test_nothing_was_complained_of(tab: Tab) -> None:
    assert tab.complaints == []


def structured_report(folder: Path) -> Path:
    """A measurement report of the study of the series in `folder`, where there is one."""
    pydicom = pytest.importorskip("pydicom", reason="needs pydicom")
    from tests.slicer.test_structured_reports import measurement_report

    slices = sorted(folder.glob("*.dcm"))
    study = str(pydicom.dcmread(slices[0], stop_before_pixels=True).StudyInstanceUID) if slices else "1.2.3"
    return measurement_report(folder / "zz_report.dcm", study, "1.2.3.1")
