"""One bench and one browser for the tests of the page: a start takes the seconds of a server's start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from asap.io.nifti import write_nifti
from asap.phantom.case import generate_case
from tests.browser.bench import CHROMIUM_FLAGS, Bench, Tab, chromium_path, running_bench

REPORT = """FINDINGS:
The left lung is clear.
The right lung is clear.
The liver is homogeneous.
No pleural effusion is seen.
COMPARISON: None.
"""
ENCODED_MS = 180_000


@pytest.fixture(scope="session")
def case_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated CT as a file."""
    path = tmp_path_factory.mktemp("case") / "Mustermann_Erika_19500101.nii.gz"
    volume = generate_case(20).volume
    write_nifti(path, volume.hu, volume.affine)
    return path


@pytest.fixture(scope="session")
def bench(case_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """`asap view VOLUME` with a server of its own. Use it with `tab`: without one it ends by itself after some minutes."""
    pytest.importorskip("trame_slicer", reason="needs the work bench: pip install 'asap-ct[viewer]'")
    pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
    with running_bench(tmp_path_factory.mktemp("bench"), str(case_file)) as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A browser without a window."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    path = chromium_path()
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_FLAGS))
        yield browser
        browser.close()


@contextmanager
def encoded_page(chromium: Any, folder: Path, volume: Path) -> Iterator[Tab]:
    """A work bench of its own with a CT that is encoded, and no report; skipped where bench or server is not installed."""
    pytest.importorskip("trame_slicer", reason="needs the work bench: pip install 'asap-ct[viewer]'")
    pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
    with running_bench(folder, str(volume)) as bench:
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        tab = Tab(page)
        tab.go(bench.address)
        page.wait_for_selector("text=The model saw", timeout=ENCODED_MS)
        yield tab
        page.close()


@pytest.fixture(scope="session")
def tab(chromium: Any, bench: Bench) -> Tab:
    """The page with the case encoded and a report read."""
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    opened = Tab(page)
    opened.go(bench.address)
    page.wait_for_selector("text=The model saw", timeout=ENCODED_MS)
    page.fill("#report-text", REPORT)
    page.click("button:has-text('Find the sentences')")
    page.wait_for_selector("#sentence-4", timeout=60_000)
    return opened
