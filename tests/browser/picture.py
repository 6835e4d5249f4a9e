"""The picture of the work bench in the project's README: a generated CT, one sentence clicked, as Chromium shows the page.

python -m tests.browser.picture [FILE]
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from asap.io.nifti import write_nifti
from asap.phantom.case import generate_case
from tests.browser.bench import CHROMIUM_FLAGS, Tab, chromium_path, running_bench

OUT = Path("asap/figures/work_bench.png")
SEED, SPACING_MM, REQUIRED = 34, 2.0, ("mass", "pleural_effusion")
PICKED = ("mass", "tumour", "effusion", "lung")  # the first of these words that a sentence with a place has
SIZE = {"width": 1280, "height": 800}
COLOURS = 256  # a third of the bytes, and no difference that can be seen
WAIT_MS = 300_000


def main(out: Path) -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        case = generate_case(SEED, spacing_mm=SPACING_MM, required=REQUIRED)
        write_nifti(folder / "ct.nii.gz", case.volume.hu, case.volume.affine)
        (folder / "report.txt").write_text(case.report, encoding="utf-8")
        arguments = (str(folder / "ct.nii.gz"), "--report", str(folder / "report.txt"))
        with running_bench(folder / "bench", *arguments) as bench, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(CHROMIUM_FLAGS))
            tab = Tab(browser.new_page(viewport=SIZE))
            tab.go(bench.address)
            tab.page.wait_for_selector(".item .facts:has-text('confidence')", timeout=WAIT_MS)
            placed = tab.page.locator(".sentence:has(.facts:has-text('confidence'))")
            found = [placed.filter(has_text=word) for word in PICKED]
            next(sentences for sentences in found if sentences.count()).first.click()
            tab.page.mouse.move(SIZE["width"] / 2, 20)
            tab.settled_heat_centre("Yellow")
            shot = tab.page.screenshot()
            browser.close()
    Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(out, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else OUT)
