"""A dark page laid out in pixels from its top left corner. No pyplot, no global state, the same bytes for the same content."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib import patheffects
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.text import Text
from matplotlib.transforms import Bbox, IdentityTransform
from numpy.typing import NDArray

DPI = 100
POINTS_PER_PIXEL = 72.0 / DPI
FONT = ["DejaVu Sans"]

PAGE = "#0d1117"
CARD = "#161b22"
EDGE = "#30363d"
INK = "#e6edf3"
QUIET = "#8b949e"
ACCENT = "#58c4ff"
GOOD = "#7ee2b8"
WARNING = "#ffb454"

BANNER = "Research use.  AI-generated.  Not for diagnosis."

Frame = tuple[float, float, float, float]
Across = Literal["left", "center", "right"]
Down = Literal["top", "center", "baseline", "bottom"]


class Sheet:
    """A page of width x height pixels; x and y count from its top left corner, text sizes are pixels."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=PAGE)
        self._canvas = FigureCanvasAgg(self._figure)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 13,
        colour: str = INK,
        bold: bool = False,
        align: tuple[Across, Down] = ("left", "baseline"),
        halo: bool = False,
    ) -> float:
        """Place a line and return its width in pixels; `y` is its baseline unless `align` says otherwise."""
        placed = Text(
            x,
            self.height - y,
            drawable(text),
            fontsize=size * POINTS_PER_PIXEL,
            color=colour,
            family=FONT,
            fontweight="bold" if bold else "normal",
            ha=align[0],
            va=align[1],
            linespacing=1.35,
            parse_math=False,
            transform=IdentityTransform(),
            zorder=4,
        )
        if halo:
            placed.set_path_effects([patheffects.withStroke(linewidth=2.2, foreground="black")])
        self._figure.add_artist(placed)
        return float(placed.get_window_extent(self._canvas.get_renderer()).width)  # type: ignore[no-untyped-call]

    def box(self, frame: Frame, *, fill: str = CARD, edge: str = EDGE, radius: float = 6) -> None:
        """A rounded rectangle (x, y, width, height) under all else."""
        x, y, width, height = frame
        self._figure.add_artist(
            FancyBboxPatch(
                (x, self.height - y - height),
                width,
                height,
                boxstyle=f"round,pad=0,rounding_size={radius}",
                facecolor=fill,
                edgecolor=edge,
                linewidth=1,
                transform=IdentityTransform(),
                zorder=-1,
            )
        )

    def rule(self, x: float, y: float, width: float) -> None:
        """A hair line."""
        corner = (x, self.height - y)
        self._figure.add_artist(Rectangle(corner, width, 1, facecolor=EDGE, edgecolor="none", transform=IdentityTransform()))

    def path(
        self, x: Sequence[float], y: Sequence[float], within: Frame, *, colour: str, width: float, halo: bool = False
    ) -> None:
        """A line through points, cut at the frame (x, y, width, height)."""
        line = Line2D(
            list(x),
            [self.height - value for value in y],
            color=colour,
            linewidth=width,
            solid_capstyle="butt",
            solid_joinstyle="round",
            transform=IdentityTransform(),
            zorder=3,
        )
        left, top, columns, rows = within
        line.set_clip_box(Bbox.from_bounds(left, self.height - top - rows, columns, rows))
        if halo:
            line.set_path_effects([patheffects.withStroke(linewidth=width + 1.2, foreground="black")])
        self._figure.add_artist(line)

    def chips(self, x: float, y: float, chips: Sequence[tuple[str, str, str]], *, size: float = 13) -> None:
        """Labelled values in a row: (label, value, colour of the value); `y` is the top."""
        for label, value, colour in chips:
            name = self.text(x + 12, y + 20, label, size=size, colour=QUIET)
            shown = self.text(x + 20 + name, y + 20, value, size=size, colour=colour, bold=True)
            self.box((x, y, name + shown + 32, 30), radius=8)
            x += name + shown + 42

    def picture(self, x: int, y: int, rgb: NDArray[np.float32]) -> None:
        """A picture [rows, columns, 3] of 0 to 1, one pixel to a pixel, its top left corner at (x, y)."""
        levels = np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)
        self._figure.figimage(levels, xo=x, yo=self.height - y - rgb.shape[0], origin="upper", zorder=1)

    def banner(self) -> None:
        """The line every picture carries, at the top right."""
        width = 24 + self.text(self.width - 36, 37, BANNER, size=13, colour=WARNING, bold=True, align=("right", "baseline"))
        self.box((self.width - 24 - width, 17, width, 30), fill="#2b2111", edge="#5c4416", radius=8)

    def png(self) -> bytes:
        """The page as PNG without time or version in it."""
        buffer = io.BytesIO()
        self._canvas.print_png(buffer, metadata={"Software": None}, pil_kwargs={"compress_level": 4})  # type: ignore[no-untyped-call]
        return buffer.getvalue()


def drawable(text: str) -> str:
    """The text with a hollow square for every character the font has no picture of."""
    font = get_font(findfont(FontProperties(family=FONT)))
    return "".join(c if font.get_char_index(ord(c)) else "\N{WHITE SQUARE}" for c in text)


def wrapped(text: str, columns: int, lines: int) -> list[str]:
    """Text broken into at most `lines` lines of `columns` characters, the last one ended by an ellipsis where it was cut."""
    return textwrap.wrap(" ".join(text.split()), columns, max_lines=lines, placeholder=" …") or [""]
