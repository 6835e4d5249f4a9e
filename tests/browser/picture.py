"""The picture of the work bench in the project's README: the generated sample, one sentence clicked, as Chromium shows the page.

python -m tests.browser.picture [FILE]
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser.bench import CHROMIUM_FLAGS, Tab, chromium_path, running_bench

OUT = Path("asap/figures/work_bench.png")
PICKED = "Aortic calibre is preserved."
SIZE = {"width": 1280, "height": 800}
COLOURS = 256
WAIT_MS = 300_000


def main(out: Path) -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as name, running_bench(Path(name), "--sample") as bench, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(CHROMIUM_FLAGS))
        tab = Tab(browser.new_page(viewport=SIZE))
        tab.go(bench.address)
        tab.page.wait_for_selector(".item .facts:has-text('confidence')", timeout=WAIT_MS)
        tab.page.click(f".sentence:has-text('{PICKED}')")
        tab.page.mouse.move(SIZE["width"] / 2, 20)
        tab.settled_heat_centre("Yellow")
        shot = tab.page.screenshot()
        browser.close()
    full = Image.open(io.BytesIO(shot)).convert("RGB")
    palette = full.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE)  # keeps the few colours of the map beside many greys
    full.quantize(palette=palette, dither=Image.Dither.NONE).save(out, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else OUT)
