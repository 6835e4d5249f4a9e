"""`make demo` as a user types it: server and page come up with the sample chest CT, and its sentences are clicked."""

from __future__ import annotations

import shutil
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.browser.audit import violations
from tests.browser.bench import Tab, running_bench
from tests.reference import reference_data

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
MADE = Path(sys.prefix) / ".bench"
ANSWERED_MS = 400_000
PLACES = {  # where on the coronal view, as shares of its width and height from the upper left
    "The heart is normal in size.": ((0.4, 0.75), (0.3, 0.9)),
    "The right lung is clear.": ((0.1, 0.5), (0.1, 0.9)),
    "The left lung is clear.": ((0.5, 0.9), (0.1, 0.9)),
}


def test_make_demo_opens_the_sample_and_its_sentences_light_up(chromium: Any, tmp_path: Path) -> None:
    if not MADE.is_file():
        pytest.skip("needs an environment made by make")
    cache = tmp_path / "cache" / "asap"
    cache.mkdir(parents=True)
    shutil.copy(reference_data("ct/totalseg_cta/ct.nii.gz"), cache / "demo-chest-cta.nii.gz")  # as an earlier run left it
    command = ("make", "-C", str(ROOT), "demo", f"VENV={sys.prefix}", "-o", "pyproject.toml", "-o", "constraints.txt")
    environment = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    with running_bench(tmp_path / "bench", command=command, environment=environment) as bench:
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        tab = Tab(page)
        tab.go(bench.opened.read_text().split()[0])  # the address the system's browser was given
        page.wait_for_selector(".item .facts:has-text('confidence')", timeout=ANSWERED_MS)
        assert "Chest CT angiography from the TotalSegmentator package" in page.inner_text("#report")
        pictures = []
        for words, (across, down) in PLACES.items():
            page.click(f".sentence:has-text('{words}')")
            page.wait_for_selector(f".item.picked:has-text('{words}')")
            centre = tab.settled_heat_centre("Green")
            assert centre is not None
            assert across[0] < centre[0] < across[1]
            assert down[0] < centre[1] < down[1]
            pictures.append(tab.picture("Green"))
        assert all((one != other).any() for one, other in pairwise(pictures))
        page.keyboard.press("a")
        page.wait_for_selector(".item.accepted.picked")
        page.screenshot(path=tmp_path / "demo.png")
        assert violations(page) == []
        assert tab.complaints == []
        page.close()
