"""From a click on a sentence to the last of the three slices in the browser, everything on this machine, case encoded.

    python -m tests.benchmarks.browser_click [CLICKS]

Needs Chromium, the server and the work bench. The CT is the reference one when ASAP_REFERENCE_DATA is set, else a generated one.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from asap.commands.demo import CTA_REPORT
from asap.io.nifti import write_nifti
from asap.phantom.case import generate_case
from tests.browser.bench import CHROMIUM_FLAGS, Tab, chromium_path, running_bench

WARM_UP = 5
PAUSE_MS = 1200
CLICK = """(id) => new Promise((done) => {
  const waiting = new Set(["Red", "Green", "Yellow"]);
  const start = performance.now();
  for (const name of waiting) {
    document.querySelector(`[data-view=${name}]`).addEventListener("load", () => {
      waiting.delete(name);
      if (!waiting.size) requestAnimationFrame(() => done(performance.now() - start));
    }, { capture: true, once: true });
  }
  document.getElementById(id).click();
  setTimeout(() => done(null), 15000);
})"""


def main(clicks: int) -> None:
    """Print one line: median and 95th percentile in milliseconds, and how busy the machine was."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        volume = _volume(folder)
        (folder / "report.txt").write_text(CTA_REPORT, encoding="utf-8")
        arguments = (str(volume), "--report", str(folder / "report.txt"))
        with running_bench(folder / "bench", *arguments) as bench, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(CHROMIUM_FLAGS))
            tab = Tab(browser.new_page(viewport={"width": 1440, "height": 900}))
            tab.go(bench.address)
            tab.page.wait_for_selector(".item .facts:has-text('confidence')", timeout=300_000)
            ids = tab.page.eval_on_selector_all(
                ".sentence", "all => all.filter((e) => /confidence/.test(e.innerText)).map((e) => e.id)"
            )
            times_ms = []
            for n in range(WARM_UP + clicks):
                tab.page.wait_for_timeout(PAUSE_MS)
                times_ms.append(tab.page.evaluate(CLICK, ids[n % len(ids)]))
            browser.close()
    seen = [time for time in times_ms[WARM_UP:] if time is not None]
    print(
        f"click -> three slices in the browser: p50 {np.percentile(seen, 50):.0f} ms, p95 {np.percentile(seen, 95):.0f} ms, "
        f"{len(seen)} of {clicks} clicks drawn, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )


def _volume(folder: Path) -> Path:
    reference = Path(os.environ.get("ASAP_REFERENCE_DATA", "")) / "ct/totalseg_cta/ct.nii.gz"
    if reference.is_file():
        return reference
    made = generate_case(20).volume
    write_nifti(folder / "ct.nii.gz", made.hu, made.affine)
    return folder / "ct.nii.gz"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
