"""A lesion of a real CT on the page, with the real server: of a sentence, and by hand with clicks, strokes and a box."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.audit import violations
from tests.browser.bench import EDGE_PX, Tab
from tests.browser.conftest import encoded_page
from tests.reference import reference_data

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ANSWERED_MS = 120_000
TUMOUR_ML = (36.0, 66.0)  # the expert's mask has 48
STEP_PX = 22


@pytest.fixture
def tab(chromium: Any, tmp_path: Path) -> Iterator[Tab]:
    """The page with the tumour's CT, encoded."""
    with encoded_page(chromium, tmp_path / "bench", reference_data("ct/lung2_tumour/lung2_image.nrrd")) as tab:
        yield tab


def told(tab: Tab, said: str) -> float:
    """Millilitres once the server has answered all that was said, which the page counts in these words."""
    tab.page.wait_for_function(
        "said => document.querySelector('.correcting .muted')?.textContent.trim() === said", arg=said, timeout=ANSWERED_MS
    )
    return millilitres(tab.page.inner_text(".correcting [role=status]"))


def millilitres(text: str) -> float:
    """The first size in a text."""
    return float(re.findall(r"([0-9.]+) ml", text)[0])


def drag(tab: Tab, start: tuple[float, float], end: tuple[float, float]) -> None:
    """With the left button down."""
    tab.page.mouse.move(*start)
    tab.page.mouse.down()
    tab.page.mouse.move(*end, steps=4)
    tab.page.mouse.up()


def test_a_sentence_or_a_click_cuts_it_and_every_step_goes_back(tab: Tab, tmp_path: Path) -> None:
    x, y = cut_from_a_sentence(tab)
    first, less = by_clicks(tab, x, y)
    by_drawing(tab, x, y, less)
    tab.page.screenshot(path=tmp_path / "lesion.png")
    assert violations(tab.page) == []
    all_the_way_back(tab, first)
    assert tab.complaints == []


def cut_from_a_sentence(tab: Tab) -> tuple[float, float]:
    """Ask for the mass, press "Lesion", take the segment away again; where on the page the mass is."""
    page = tab.page
    page.fill("#question", "Large mass in the left lower lobe.")
    page.keyboard.press("Enter")
    page.wait_for_selector("#sentence-0[aria-current=true]", timeout=ANSWERED_MS)
    centre, box = tab.settled_heat_centre("Red"), page.locator("[data-view=Red]").bounding_box()
    assert centre is not None and box is not None
    across, down = (EDGE_PX + share * (box[side] - 2 * EDGE_PX) for share, side in zip(centre, ("width", "height"), strict=True))
    x, y = box["x"] + across, box["y"] + down
    page.click("#sentence-0")
    tab.press("Lesion")
    assert TUMOUR_ML[0] < told(tab, "1 inside") < TUMOUR_ML[1]
    tab.press("Done")
    tab.press("Clear")
    page.wait_for_selector(".correcting", state="detached")
    tab.remove_segments()
    return x, y


def by_clicks(tab: Tab, x: float, y: float) -> tuple[float, float]:
    """A new lesion at a click, less of it by a Shift+click, back and forward; both sizes."""
    page = tab.page
    page.keyboard.press("x")
    page.wait_for_selector(".correcting:has-text('Click inside the lesion')")
    page.mouse.click(x, y)
    first = told(tab, "1 inside")
    assert TUMOUR_ML[0] < first < TUMOUR_ML[1]
    page.keyboard.down("Shift")
    page.mouse.click(x + STEP_PX, y)
    page.keyboard.up("Shift")
    less = told(tab, "1 inside, 1 outside")
    assert less < first
    tab.press("Undo click")
    assert told(tab, "1 inside") == first
    page.keyboard.press("y")
    assert told(tab, "1 inside, 1 outside") == less
    assert round(less) == round(millilitres(page.inner_text(".segments .size")))
    return first, less


def by_drawing(tab: Tab, x: float, y: float, less: float) -> None:
    """A stroke, then a box smaller than the tumour."""
    page = tab.page
    page.keyboard.press("w")
    page.wait_for_selector(".correcting button[aria-pressed=true]:has-text('Scribble')")
    window = page.inner_text(".values")
    drag(tab, (x, y), (x - STEP_PX, y + STEP_PX / 2))
    told(tab, "1 inside, 1 outside, 1 stroke")
    tab.press("Box")
    drag(tab, (x - STEP_PX, y - STEP_PX), (x + STEP_PX, y + STEP_PX))
    boxed = told(tab, "1 inside, 1 outside, 1 stroke, a box")
    assert boxed < less, "nothing is left outside of a box smaller than the tumour"
    assert page.inner_text(".values") == window, "a drag that draws changes no window"


def all_the_way_back(tab: Tab, first: float) -> None:
    """Step by step to nothing, forward again, done."""
    page = tab.page
    for said in ("1 inside, 1 outside, 1 stroke", "1 inside, 1 outside", "1 inside"):
        page.keyboard.press("z")
        size = told(tab, said)
    assert size == first
    page.keyboard.press("z")
    page.wait_for_selector(".correcting:has-text('Click inside the lesion')")
    page.wait_for_selector(".segments", state="detached")
    page.keyboard.press("y")
    assert told(tab, "1 inside") == first
    page.keyboard.press("d")
    page.wait_for_selector(".correcting", state="detached")
    assert round(first) == round(millilitres(page.inner_text(".segments .size")))
