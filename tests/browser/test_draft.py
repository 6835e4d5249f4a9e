"""From a CT to a signed report on the page: drafted by the server, reviewed by keyboard, signed, exported with DICOM."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest

from asap.phantom.case import generate_case
from tests.browser.audit import violations
from tests.browser.bench import Bench, Tab, running_bench
from tests.browser.conftest import ENCODED_MS
from tests.io.synthetic import write_dicom
from tests.server.live import held

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SEED = 3
DRAFTED_MS = 180_000


@pytest.fixture(scope="module")
def series_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """`asap view FOLDER` on a generated CT stored as a DICOM series."""
    pytest.importorskip("trame_slicer", reason="needs the work bench: pip install 'asap-ct[viewer]'")
    pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
    folder = tmp_path_factory.mktemp("draft")
    volume = generate_case(SEED, required=("mass",)).volume
    write_dicom(folder / "series", volume.hu, volume.affine)
    with running_bench(folder, str(folder / "series")) as running:
        yield running


def states(page: Any) -> list[str]:
    """What stands below each sentence as its state."""
    return [str(text) for text in page.locator(".item .state").all_inner_texts()]


def test_draft_review_by_keyboard_sign_and_export(chromium: Any, series_bench: Bench, tmp_path: Path) -> None:
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    tab = Tab(page)
    tab.go(series_bench.address)
    page.wait_for_selector("text=The model saw", timeout=ENCODED_MS)
    with held(series_bench.server_pid):
        tab.press("Draft a report")
        tab.press("Cancel")
        page.wait_for_selector("text=Stopped.")
    assert page.locator(".item").count() == 0
    tab.press("Draft a report")
    page.wait_for_selector(".item", timeout=DRAFTED_MS)
    drafted = states(page)
    assert {"Draft"} < set(drafted) <= {"Draft", "Held back by the draft", "Contradicted"}
    for row in page.locator(".item.held-back, .item.contradicted").all():
        assert len(row.locator(".remark").inner_text()) > 10  # it says why
    assert violations(page) == []
    page.click(".item:not(.held-back):not(.contradicted) .sentence >> nth=0")
    assert tab.lights_up("Red")
    page.screenshot(path=tmp_path / "page-drafted.png")
    # By keyboard from the first to the last: what is doubted is rejected, the second kept sentence gets other words.
    page.click("#sentence-0")
    kept = 0
    for index, state in enumerate(drafted):
        page.wait_for_selector(f"#sentence-{index}[aria-current=true]")
        kept += state == "Draft"
        if state == "Held back by the draft":
            pass  # nobody needs to decide about it
        elif state == "Draft" and kept == 2:
            page.keyboard.press("e")
            page.fill(f"#edit-{index}", "As the reader says it.")
            page.keyboard.press("Control+Enter")
            page.wait_for_selector(f".item.edited #sentence-{index}")
            page.wait_for_selector(".work", state="detached")
            page.focus(f"#sentence-{index}")
        else:
            page.keyboard.press("a" if state == "Draft" else "r")
            page.wait_for_selector(f".item.{'accepted' if state == 'Draft' else 'rejected'} #sentence-{index}")
        page.keyboard.press("j")
    page.fill("#reader", "Dr Sample")
    page.keyboard.press("Tab")
    tab.press("Sign")
    page.wait_for_selector("text=Signed by Dr Sample")
    page.screenshot(path=tmp_path / "page-signed.png")
    with page.expect_download(timeout=DRAFTED_MS) as download:
        tab.press("Export")
    download.value.save_as(tmp_path / "export.zip")
    with zipfile.ZipFile(tmp_path / "export.zip") as file:
        check_documents({name: file.read(name) for name in file.namelist()}, drafted)
    assert "Exported: JSON, Markdown, PDF and FHIR, DICOM SR" in page.inner_text(".sentence-of-state")
    assert tab.complaints == []
    page.close()


def check_documents(files: dict[str, bytes], drafted: list[str]) -> None:
    """Signed, tied to its CT and its weights, and no word in it of what the draft held back."""
    record = json.loads(files["reviewed.json"])
    assert record["signature"]["author"] == "Dr Sample"
    assert record["input_sha256"] == generate_case(SEED, required=("mass",)).volume.identity
    assert all(len(row["weights_sha256"]) == 64 for row in record["sentences"])
    assert [row["in_report"] for row in record["sentences"]] == [state == "Draft" for state in drafted]
    assert files["reviewed.pdf"].startswith(b"%PDF")
    report = pydicom.dcmread(io.BytesIO(files["dicom/report-sr.dcm"]))
    said = {str(one.value) for one in report.iterall() if one.keyword == "TextValue"}
    assert "As the reader says it." in said
    texts = [row["text"] for row in record["sentences"] if row["in_report"]]
    for row in record["sentences"]:
        assert (row["text"] in said) == (row["text"] in texts)
    assert any(name.startswith("dicom/heatmap-") for name in files)
