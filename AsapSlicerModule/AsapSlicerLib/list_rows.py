"""How rows of a list of sentences look: as high as their words need, and muted where there is nothing to see. Qt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import qt

from .widgets import read

MUTED = 0.65  # share of the text's colour in muted words: readable on a light theme and on a dark one
# Of a row that are no words: margins; tick box and swatch too; above and below.
PLAIN_PIXELS, TICKED_PIXELS, GAP_PIXELS = 20, 58, 4
HIGHEST_PIXELS = 10_000


class RowHeights:
    """Qt cuts what is too long for a row of a tree; this makes the row higher. items: the rows, which its owner keeps."""

    def __init__(self, tree: Any, column: int, items: Mapping[int, Any]) -> None:
        self._tree, self._column, self._items = tree, column, items
        self._width = 0
        self._heights: dict[tuple[str, int, bool], int] = {}
        # While a list is filled its columns change with every row; once after all of them is enough.
        self._soon = qt.QTimer()
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(lambda *_args: self._follow())
        tree.header().sectionResized.connect(lambda *_args: self._soon.start())

    def _follow(self) -> None:
        if int(self._tree.header().sectionSize(self._column)) != self._width:
            self.fit()

    def fit(self) -> None:
        """Rows as high as their words need in the column as wide as it is now."""
        width = self._width = int(self._tree.header().sectionSize(self._column))
        self._tree.blockSignals(True)
        for item in self._items.values():
            taken = PLAIN_PIXELS if item.icon(self._column).isNull() else TICKED_PIXELS
            font, words, room = item.font(self._column), str(item.text(self._column)), max(width - taken, TICKED_PIXELS)
            known = (words, room, bool(font.italic()))
            if known not in self._heights:
                # By the font's measures: a label that wraps its text takes ten times as long.
                folded = qt.QFontMetrics(font).boundingRect(0, 0, room, HIGHEST_PIXELS, int(qt.Qt.TextWordWrap), words)
                self._heights[known] = int(folded.height()) + GAP_PIXELS
            item.setSizeHint(self._column, qt.QSize(0, self._heights[known]))
        self._tree.blockSignals(False)


def muted_brush(widget: Any) -> Any:
    """Between the colour of a widget's text and that of its ground, as the theme has them."""
    palette = read(widget, "palette")
    text, ground = palette.color(qt.QPalette.Text), palette.color(qt.QPalette.Base)
    pairs = ((text.red(), ground.red()), (text.green(), ground.green()), (text.blue(), ground.blue()))
    return qt.QBrush(qt.QColor(*(round(MUTED * over + (1 - MUTED) * under) for over, under in pairs)))
