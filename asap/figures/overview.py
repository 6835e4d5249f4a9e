"""One sentence, one picture: three planes through the peak, or a mosaic of the volume with the reason why there is no place."""

from __future__ import annotations

import numpy as np

from asap.figures.marks import Panel, cross_hair, orientation_letters, region_outline, scale_bar
from asap.figures.overlay import Heat, colour_of, heat_of, picture
from asap.figures.planes import AXIAL, CORONAL, POINT_MARGIN_MM, SAGITTAL, TALLEST_BODY_MM, Box, Plane, Point, body_box
from asap.figures.sheet import ACCENT, GOOD, INK, QUIET, WARNING, Sheet, wrapped
from asap.figures.windows import Window, window_for
from asap.grounding import Grounding
from asap.report import Sentence
from asap.volume import Volume

WIDTH = 1600
MARGIN = 24
GAP = 14
COLOUR_BAR = 96
TALLEST_PANEL = 640
HEADER = 66
MOSAIC_COLUMNS = 6
MOSAIC_ROWS = 2


def overview(volume: Volume, grounding: Grounding) -> bytes:
    """PNG of one grounding over its volume."""
    heat = heat_of(grounding)
    window = window_for(grounding.sentence)
    if heat is None or grounding.peak_ras_mm is None:
        return _mosaic(volume, grounding, window)
    top = header_height(grounding)
    panels = three_planes(body_box(volume), grounding.peak_ras_mm, top)
    height = max(panel.y + panel.plane.shape[0] for panel in panels) + 76
    sheet = Sheet(WIDTH, height)
    _header(sheet, grounding)
    for panel in panels:
        sheet.picture(panel.x, panel.y, picture(volume, heat, panel.plane, window))
        region_outline(sheet, panel, heat)
        cross_hair(sheet, panel, grounding.peak_ras_mm)
        orientation_letters(sheet, panel)
        scale_bar(sheet, panel)
        _caption(sheet, panel)
    bottom = max(panel.y + panel.plane.shape[0] for panel in panels)
    right = max(panel.x + panel.plane.shape[1] for panel in panels)
    _colour_bar(sheet, heat, right + GAP + 4, top + 30, min(300, bottom - top - 60))
    _footer(sheet, grounding, window)
    return sheet.png()


def header_height(grounding: Grounding) -> int:
    """Pixels above the panels' captions: the sentence takes one to three lines, a side warning one more."""
    warned = grounding.side_check == "disagrees"
    return HEADER + 33 * len(_sentence_lines(grounding.sentence)) + 62 + (34 if warned else 0)


def three_planes(box: Box, peak: Point, top: int) -> tuple[Panel, Panel, Panel]:
    """Axial, coronal and sagittal side by side at one scale, as large as the page allows."""
    box = box.holding(peak, POINT_MARGIN_MM).at_most_tall(TALLEST_BODY_MM, peak[2])
    room = WIDTH - 2 * MARGIN - 2 * GAP - COLOUR_BAR
    widths_mm = 2 * box.size_mm(0) + box.size_mm(1)
    pixel_mm = max(widths_mm / room, max(box.size_mm(1), box.size_mm(2)) / TALLEST_PANEL)
    planes = [Plane(view, box, peak[view.across], pixel_mm) for view in (AXIAL, CORONAL, SAGITTAL)]
    tallest = max(plane.shape[0] for plane in planes)
    x, panels = MARGIN, []
    for plane in planes:
        panels.append(Panel(plane, x, top + 26 + (tallest - plane.shape[0]) // 2))
        x += plane.shape[1] + GAP
    return panels[0], panels[1], panels[2]


def _sentence_lines(sentence: Sentence) -> list[str]:
    return wrapped(f"“{sentence.text}”", 104, 3)


def _header(sheet: Sheet, grounding: Grounding) -> None:
    name = sheet.text(MARGIN, 37, "ASAP", size=17, colour=ACCENT, bold=True)
    sheet.text(MARGIN + name + 12, 37, "Where the sentence is true", size=14, colour=QUIET)
    sheet.banner()
    lines = _sentence_lines(grounding.sentence)
    for number, line in enumerate(lines):
        sheet.text(MARGIN, HEADER + 24 + 33 * number, line, size=23)
    y = HEADER + 33 * len(lines) + 10
    sheet.chips(MARGIN, y, _chips(grounding))
    if grounding.side_check == "disagrees":
        sheet.text(MARGIN, y + 58, f"\N{WARNING SIGN}  {side_warning(grounding.sentence)}", size=15, colour=WARNING, bold=True)


def side_warning(sentence: Sentence) -> str:
    """What the reader is told when the hot spot lies on the other side."""
    side = sentence.laterality or "one side"
    return f"Side check: the sentence says {side}, the highest point lies on the other side. Check the place."


def _chips(grounding: Grounding) -> list[tuple[str, str, str]]:
    sentence = grounding.sentence
    chips = [("Section", sentence.section.capitalize() or "none", INK), ("Stated as", sentence.assertion, INK)]
    if sentence.laterality:
        chips.append(("Side", sentence.laterality, INK))
    if grounding.peak_ras_mm is not None:
        chips.append(("Confidence", *confidence_words(grounding)))
        chips.append(("Peak", position_words(grounding.peak_ras_mm), ACCENT))
    if grounding.side_check == "agrees":
        chips.append(("Side check", "agrees", GOOD))
    elif grounding.side_check == "disagrees":
        chips.append(("Side check", "disagrees", WARNING))
    return chips


def reason_words(grounding: Grounding) -> str:
    """Why no place is shown."""
    return grounding.reason or grounding.sentence.reason or "The model found no place for this sentence."


def confidence_words(grounding: Grounding) -> tuple[str, str]:
    """The calibrated confidence in per cent and its colour, or that there is none."""
    if grounding.confidence is None:
        return "not calibrated", QUIET
    return f"{100 * grounding.confidence:.0f} %", INK


def position_words(point: Point) -> str:
    """A point by its side: "R 84   P 31   S 112 mm"."""
    pairs = zip(("RL", "AP", "SI"), point, strict=True)
    return "   ".join(f"{names[0] if x >= 0 else names[1]} {abs(x):.0f}" for names, x in pairs) + " mm"


def _caption(sheet: Sheet, panel: Panel) -> None:
    names = {2: "SI", 1: "AP", 0: "RL"}[panel.plane.view.across]
    depth = panel.plane.depth_mm
    name = sheet.text(panel.x, panel.y - 9, panel.plane.view.name.capitalize(), size=14, bold=True)
    where = f"{names[0] if depth >= 0 else names[1]} {abs(depth):.0f} mm"
    sheet.text(panel.x + name + 10, panel.y - 9, where, size=13, colour=QUIET)


def _colour_bar(sheet: Sheet, heat: Heat, x: int, y: int, height: int) -> None:
    share = np.repeat(np.linspace(1, 0, height, dtype=np.float32)[:, None], 16, axis=1)
    sheet.text(x, y - 13, "Match", size=13, colour=QUIET)
    sheet.picture(x, y, colour_of(share))
    at = y + (heat.highest - heat.threshold) / (heat.highest - heat.lowest) * (height - 1)
    sheet.path([x, x + 16], [at, at], (x, y, 16, height), colour="white", width=1.6)
    sheet.text(x + 24, y + 10, f"{heat.highest:.2f}", size=12)
    sheet.text(x + 24, at + 4, f"{heat.threshold:.2f}", size=12)
    sheet.text(x + 24, at + 19, "region", size=11, colour=QUIET)


def _footer(sheet: Sheet, grounding: Grounding, window: Window) -> None:
    y = sheet.height - 24
    sheet.rule(MARGIN, y - 24, sheet.width - 2 * MARGIN)
    parts = [f"{window.name} window (level {window.level_hu:.0f}, width {window.width_hu:.0f} HU)"]
    if grounding.heatmap is not None:
        parts.append("white outline: region at the threshold; cross-hair: highest point")
    parts.append("patient right on image left")
    sheet.text(MARGIN, y, "   ·   ".join(parts), size=12, colour=QUIET)
    if grounding.weights_sha256:
        sheet.text(
            sheet.width - MARGIN,
            y,
            f"weights {grounding.weights_sha256[:12]}",
            size=12,
            colour=QUIET,
            align=("right", "baseline"),
        )


def _mosaic(volume: Volume, grounding: Grounding, window: Window) -> bytes:
    """Axial slices through the whole body, and the reason why no place is shown."""
    box = body_box(volume)
    room = (WIDTH - 2 * MARGIN - (MOSAIC_COLUMNS - 1) * GAP) / MOSAIC_COLUMNS
    pixel_mm = max(box.size_mm(0) / room, box.size_mm(1) / 300)
    count = MOSAIC_COLUMNS * MOSAIC_ROWS
    planes = [Plane(AXIAL, box, box.high[2] - box.size_mm(2) * (n + 0.5) / count, pixel_mm) for n in range(count)]
    rows = planes[0].shape[0]
    top = header_height(grounding) + 30
    sheet = Sheet(WIDTH, top + MOSAIC_ROWS * (rows + 34) + 56)
    _header(sheet, grounding)
    reason = wrapped(reason_words(grounding), 130, 1)[0]
    sheet.text(MARGIN, header_height(grounding) + 6, f"No place is shown: {reason}", size=16, colour=ACCENT, bold=True)
    for number, plane in enumerate(planes):
        x = MARGIN + (number % MOSAIC_COLUMNS) * (room + GAP)
        panel = Panel(plane, int(x), top + 24 + (number // MOSAIC_COLUMNS) * (rows + 34))
        sheet.picture(panel.x, panel.y, picture(volume, None, plane, window))
        orientation_letters(sheet, panel, size=12)
        where = f"{'S' if plane.depth_mm >= 0 else 'I'} {abs(plane.depth_mm):.0f} mm"
        sheet.text(panel.x, panel.y - 7, where, size=12, colour=QUIET)
    _footer(sheet, grounding, window)
    return sheet.png()
