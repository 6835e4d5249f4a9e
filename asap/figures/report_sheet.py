"""A whole report on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from asap.figures.doubt import NO_DOUBTS, NO_PROBABILITIES, Doubt
from asap.figures.marks import Panel, cross_hair, orientation_letters, region_outline
from asap.figures.overlay import Heat, heat_of, picture
from asap.figures.overview import confidence_words, reason_words
from asap.figures.planes import AXIAL, CORONAL, TALLEST_BODY_MM, Box, Plane, Point, body_box
from asap.figures.sheet import ACCENT, CARD, EDGE, INK, PAGE, QUIET, WARNING, Sheet, wrapped
from asap.figures.windows import window_for
from asap.grounding import Grounding
from asap.volume import Volume

WIDTH = 1600
MARGIN = 24
GAP = 16
COLUMNS = 3
PADDING = 14
CARD_WIDTH = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) // COLUMNS
TEXT_LINES = 3
LINE = 19
HEADER = 76
LIST_ROW = 46
MOST_CARDS = 60
MOST_ROWS = 120


@dataclass(frozen=True, eq=False)
class _Card:
    """A sentence with a place. probability: that it is true, of a draft's own sentence."""

    grounding: Grounding
    heat: Heat
    peak: Point
    doubt: Doubt | None
    probability: float | None

    @property
    def lines(self) -> list[str]:
        return wrapped(self.grounding.sentence.text, 62, TEXT_LINES)


def report_sheet(
    volume: Volume,
    groundings: Sequence[Grounding],
    doubts: Mapping[int, Doubt] = NO_DOUBTS,
    probabilities: Mapping[int, float] = NO_PROBABILITIES,
) -> bytes:
    """PNG: a card per sentence with a place (axial and coronal through its peak), then the list of the others with reasons.

    doubts: by the index of the sentence; such a card is marked, and says why. probabilities: by the index, of a draft's own
    sentences: what is decided by stands on their cards, not how sure their places are.
    """
    cards, others = [], []
    for grounding in groundings:
        heat = heat_of(grounding)
        if heat is None or grounding.peak_ras_mm is None:
            others.append(grounding)
        else:
            index = grounding.sentence.index
            cards.append(_Card(grounding, heat, grounding.peak_ras_mm, doubts.get(index), probabilities.get(index)))
    drawn, listed = cards[:MOST_CARDS], others[:MOST_ROWS]
    box = body_box(volume)
    for card in drawn:
        box = box.holding(card.peak, 10.0)
    pixel_mm = 2 * box.size_mm(0) / (CARD_WIDTH - 2 * PADDING - 8)
    tallest = round(max(box.size_mm(1), min(box.size_mm(2), TALLEST_BODY_MM)) / pixel_mm)
    text_height = LINE * max((len(card.lines) for card in drawn), default=1) + 38
    card_height = text_height + tallest + 2 * PADDING
    list_top = HEADER + -(-len(drawn) // COLUMNS) * (card_height + GAP)
    sheet = Sheet(WIDTH, list_top + (44 + LIST_ROW * len(listed) + 12 if listed else 0) + 44)
    _header(sheet, len(groundings), len(cards), sum(g.sentence.index in doubts for g in groundings))
    for number, card in enumerate(drawn):
        x = MARGIN + (number % COLUMNS) * (CARD_WIDTH + GAP)
        y = HEADER + (number // COLUMNS) * (card_height + GAP)
        sheet.box((x, y, CARD_WIDTH, card_height), edge=EDGE if card.doubt is None else WARNING)
        _card_text(sheet, card, x + PADDING, y + PADDING)
        _card_pictures(sheet, volume, card, _side_by_side(box, card.peak, pixel_mm, (x + PADDING, y + PADDING + text_height)))
    if listed:
        _list(sheet, listed, list_top, doubts)
    _footer(sheet, len(groundings) - len(drawn) - len(listed))
    return sheet.png()


def _header(sheet: Sheet, sentences: int, shown: int, doubted: int) -> None:
    name = sheet.text(MARGIN, 37, "ASAP", size=17, colour=ACCENT, bold=True)
    words = f"Report overview: {shown} of {sentences} sentences have a place in the scan"
    if doubted:
        words += f"; {doubted} held back or contradicted"
    sheet.text(MARGIN + name + 12, 37, words, size=14, colour=QUIET)
    sheet.banner()


def _number(sheet: Sheet, grounding: Grounding, x: float, y: float, *, placed: bool, doubted: bool = False) -> None:
    colour = WARNING if doubted else ACCENT
    sheet.box((x, y, 32, 24), fill=colour if placed else CARD, edge=colour if placed or doubted else EDGE)
    words = str(grounding.sentence.index + 1)
    sheet.text(x + 16, y + 17, words, size=13, colour=PAGE if placed else INK, bold=True, align=("center", "baseline"))


def _card_text(sheet: Sheet, card: _Card, x: float, y: float) -> None:
    _number(sheet, card.grounding, x, y, placed=True, doubted=card.doubt is not None)
    for number, line in enumerate(card.lines):
        sheet.text(x + 44, y + 16 + LINE * number, line, size=13, colour=INK if card.doubt is None else QUIET)
    below = y + 16 + LINE * len(card.lines) + 2
    if card.doubt is not None:  # its reason names the probability that counts here
        _doubt(sheet, card.doubt, x + 44, below, columns=52)
        return
    name, (words, colour) = "Confidence", confidence_words(card.grounding)
    if card.probability is not None:
        name, words, colour = "Probability", f"{100 * card.probability:.0f} %", INK
    x += 44
    x += sheet.text(x, below, name, size=12, colour=QUIET) + 7
    x += sheet.text(x, below, words, size=12, colour=colour, bold=True) + 18
    if card.grounding.sentence.assertion == "uncertain":
        x += sheet.text(x, below, "stated as uncertain", size=12, colour=QUIET) + 18
    if card.grounding.side_check == "disagrees":
        sheet.text(x, below, "\N{WARNING SIGN} side check disagrees", size=12, colour=WARNING, bold=True)


def _doubt(sheet: Sheet, doubt: Doubt, x: float, y: float, *, columns: int) -> None:
    state = sheet.text(x, y, doubt.state.upper(), size=12, colour=WARNING, bold=True)
    sheet.text(x + state + 8, y, wrapped(doubt.reason, columns, 1)[0], size=12, colour=QUIET)


def _side_by_side(box: Box, peak: Point, pixel_mm: float, corner: tuple[int, int]) -> tuple[Panel, Panel]:
    box = box.at_most_tall(TALLEST_BODY_MM, peak[2])
    axial, coronal = (Plane(view, box, peak[view.across], pixel_mm) for view in (AXIAL, CORONAL))
    x, y = corner
    return Panel(axial, x, y), Panel(coronal, x + axial.shape[1] + 8, y)


def _card_pictures(sheet: Sheet, volume: Volume, card: _Card, panels: tuple[Panel, Panel]) -> None:
    window = window_for(card.grounding.sentence)
    for panel in panels:
        sheet.picture(panel.x, panel.y, picture(volume, card.heat, panel.plane, window))
        region_outline(sheet, panel, card.heat, width=0.9)
        cross_hair(sheet, panel, card.peak, width=0.9)
        orientation_letters(sheet, panel, size=11)


def _list(sheet: Sheet, groundings: Sequence[Grounding], top: int, doubts: Mapping[int, Doubt]) -> None:
    sheet.text(MARGIN, top + 24, "Sentences without a place", size=16, bold=True)
    for row, grounding in enumerate(groundings):
        y = top + 44 + LIST_ROW * row
        doubt = doubts.get(grounding.sentence.index)
        _number(sheet, grounding, MARGIN, y, placed=False, doubted=doubt is not None)
        ink = INK if doubt is None else QUIET
        said = sheet.text(MARGIN + 46, y + 15, wrapped(grounding.sentence.text, 90, 1)[0], size=14, colour=ink)
        if doubt is not None:
            _doubt(sheet, doubt, MARGIN + 66 + said, y + 15, columns=80)
        sheet.text(MARGIN + 46, y + 33, wrapped(reason_words(grounding), 180, 1)[0], size=12, colour=QUIET)


def _footer(sheet: Sheet, left_out: int) -> None:
    words = "axial and coronal plane through the highest point   ·   white outline: region   ·   patient right on image left"
    if left_out:
        words = f"{left_out} further sentences are not shown here   ·   {words}"
    sheet.rule(MARGIN, sheet.height - 44, sheet.width - 2 * MARGIN)
    sheet.text(MARGIN, sheet.height - 20, words, size=12, colour=QUIET)
