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
STEP = 3  # between levels of a channel: a third of the bytes go, and nothing that can be seen
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
        tab.lights_up("Yellow", timeout_s=60.0)
        tab.settled_heat_centre("Yellow")
        shot = tab.page.screenshot()
        browser.close()
    fewer = Image.open(io.BytesIO(shot)).convert("RGB").point([STEP * round(level / STEP) for level in range(256)] * 3)
    fewer.save(out, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else OUT)
