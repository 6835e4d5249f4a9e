"""Accessibility of the page: axe-core where npm can fetch it, else the checks of it that matter most here."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

AXE = "axe-core@4.14.1"  # MPL-2.0; fetched for the test, not kept
FETCH_S = 60
OWN_CHECKS = """() => {
  const found = [];
  const name = (e) => (e.getAttribute("aria-label") || e.labels?.[0]?.textContent || e.textContent || e.title || "").trim();
  for (const e of document.querySelectorAll("button, input, textarea, summary")) {
    if (!name(e)) found.push("no name: " + e.outerHTML.slice(0, 80));
  }
  const linear = (v) => v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4;
  const light = (css) => {
    const [r, g, b] = css.match(/[0-9.]+/g).map(Number).map(linear);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (e) => {
    while (getComputedStyle(e).backgroundColor.startsWith("rgba")) e = e.parentElement;
    return getComputedStyle(e).backgroundColor;
  };
  for (const e of document.querySelectorAll(".panel *, .top *, .bar *")) {
    if (e.children.length || !e.innerText?.trim() || e.disabled || !e.getClientRects().length) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) found.push("contrast: " + e.innerText.slice(0, 60));
  }
  return found;
}"""


def violations(page: Any) -> list[str]:
    """What is wrong, one line a rule; empty when nothing is."""
    found = list(page.evaluate(OWN_CHECKS))
    source = _axe()
    if source is not None:
        page.evaluate(source)
        # The document's frame (viewport, title) is trame's own.
        result = page.evaluate("axe.run('.bench', {rules: {'meta-viewport': {enabled: false}}})")
        found += [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in result["violations"]]
    return found


@cache
def _axe() -> str | None:
    if shutil.which("npm") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", AXE]
        try:
            subprocess.run(command, cwd=folder, check=True, timeout=FETCH_S, capture_output=True)
        except (OSError, subprocess.SubprocessError):
            return None
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
            member = archive.extractfile("package/axe.min.js")
            return member.read().decode() if member is not None else None
