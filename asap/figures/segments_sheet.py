"""One segmentation, one picture: three planes through its middle, every segment outlined and tinted, and a legend."""

from __future__ import annotations

import numpy as np
from contourpy import contour_generator
from numpy.typing import NDArray
from scipy import ndimage

from asap.figures.marks import Panel, orientation_letters, scale_bar
from asap.figures.overlay import picture
from asap.figures.overview import MARGIN, WIDTH, three_planes
from asap.figures.planes import Plane, Point, body_box
from asap.figures.sheet import ACCENT, INK, QUIET, Sheet
from asap.figures.windows import LUNG, SOFT_TISSUE, Window
from asap.segmentation import Segment, Segmentation
from asap.volume import Volume, apply_affine

TOP = 66
LEGEND_LINE = 26
LEGEND_COLUMN = 780
TINT = 0.28
AERATED_BELOW_HU = -300.0


def segments_sheet(volume: Volume, result: Segmentation) -> bytes:
    """PNG of a segmentation over its volume, cut through the middle of its smallest segment's largest slice."""
    focus = min(result.segments, key=lambda segment: segment.measurements.volume_ml)
    window = LUNG if focus.measurements.mean_hu < AERATED_BELOW_HU or focus.kind.region is not None else SOFT_TISSUE
    panels = three_planes(body_box(volume), middle_ras_mm(focus, result), TOP)
    bottom = max(panel.y + panel.plane.shape[0] for panel in panels)
    lines = -(-len(result.segments) // (WIDTH // LEGEND_COLUMN))
    sheet = Sheet(WIDTH, bottom + 40 + LEGEND_LINE * lines + 40)
    name = sheet.text(MARGIN, 37, "ASAP", size=17, colour=ACCENT, bold=True)
    sheet.text(MARGIN + name + 12, 37, "Segments", size=14, colour=QUIET)
    sheet.banner()
    for panel in panels:
        _panel(sheet, panel, volume, result, window)
    for number, segment in enumerate(result.segments):
        row, column = divmod(number, WIDTH // LEGEND_COLUMN)
        _legend(sheet, MARGIN + column * LEGEND_COLUMN, bottom + 44 + row * LEGEND_LINE, segment)
    sheet.text(MARGIN, sheet.height - 20, f"{window.name} window   ·   patient right on image left", size=12, colour=QUIET)
    return sheet.png()


def middle_ras_mm(segment: Segment, result: Segmentation) -> Point:
    """A voxel deep inside a segment: the one furthest from its surface."""
    depth = ndimage.distance_transform_edt(np.pad(segment.mask, 1))[1:-1, 1:-1, 1:-1]
    deepest = np.array(np.unravel_index(int(depth.argmax()), depth.shape), dtype=np.float64)
    r, a, s = apply_affine(result.affine, deepest + segment.start_ijk)
    return float(r), float(a), float(s)


def _panel(sheet: Sheet, panel: Panel, volume: Volume, result: Segmentation, window: Window) -> None:
    rgb = picture(volume, None, panel.plane, window)
    shares = [_share(segment, result, panel.plane) for segment in result.segments]
    for segment, share in zip(result.segments, shares, strict=True):
        tint = np.asarray(segment.kind.colour, dtype=np.float32) / 255
        alpha = np.where(share > 0.5, np.float32(TINT), np.float32(0))[..., None]
        rgb = np.asarray(rgb * (1 - alpha) + tint * alpha, dtype=np.float32)
    sheet.picture(panel.x, panel.y, rgb)
    for segment, share in zip(result.segments, shares, strict=True):
        colour = "#{:02x}{:02x}{:02x}".format(*segment.kind.colour)
        for line in contour_generator(z=share).lines(0.5):
            points = [panel.at(row, column) for column, row in np.asarray(line)]
            sheet.path([x for x, _ in points], [y for _, y in points], panel.frame, colour=colour, width=1.4)
    orientation_letters(sheet, panel)
    scale_bar(sheet, panel)


def _share(segment: Segment, result: Segmentation, plane: Plane) -> NDArray[np.float32]:
    """The mask on a plane, interpolated linearly, 0 outside its box."""
    first = np.asarray(segment.start_ijk) - 1
    index = [axis - start for axis, start in zip(plane.index_in(result.affine), first, strict=True)]
    padded = np.pad(segment.mask, 1).astype(np.float32)
    return np.asarray(ndimage.map_coordinates(padded, index, order=1, mode="constant", output=np.float32))


def _legend(sheet: Sheet, x: float, y: float, segment: Segment) -> None:
    colour = "#{:02x}{:02x}{:02x}".format(*segment.kind.colour)
    sheet.box((x, y - 13, 18, 16), fill=colour, edge=colour, radius=3)
    name = sheet.text(x + 28, y, segment.name, size=14, colour=INK, bold=True)
    measured = segment.measurements
    words = f"{measured.volume_ml:,.1f} ml   {measured.longest_diameter_mm:.0f} mm   {measured.mean_hu:.0f} HU   {segment.source}"
    sheet.text(x + 40 + name, y, words, size=12, colour=QUIET)
