"""Slices on a page and what is drawn over them: orientation letters, cross-hair, scale bar, outline of the region."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from contourpy import contour_generator
from scipy import ndimage

from asap.figures.overlay import Heat
from asap.figures.planes import Plane, Point, sample_heatmap
from asap.figures.sheet import ACCENT, INK, Across, Down, Frame, Sheet

CROSS_HAIR_GAP_MM = 9.0
CROSS_HAIR_ARM_MM = 26.0
OUTLINE_STEP = 3
OUTLINE_SMOOTHING_MM = 4.0


@dataclass(frozen=True)
class Panel:
    """Where on the page a plane is drawn: x and y of its top left corner in pixels."""

    plane: Plane
    x: int
    y: int

    @property
    def frame(self) -> Frame:
        """(x, y, width, height) on the page."""
        rows, columns = self.plane.shape
        return self.x, self.y, columns, rows

    def at(self, row: float, column: float) -> tuple[float, float]:
        """Page position (x, y) of a pixel's centre."""
        return self.x + column + 0.5, self.y + row + 0.5

    def page_position(self, point: Point) -> tuple[float, float]:
        """Page position (x, y) of a world point."""
        return self.at(*self.plane.pixel_of(point))


def orientation_letters(sheet: Sheet, panel: Panel, size: float = 14) -> None:
    """R, L, A, P, S, I at the four edges."""
    x, y, width, height = panel.frame
    places: tuple[tuple[float, float, Across, Down], ...] = (
        (x + 7, y + height / 2, "left", "center"),
        (x + width - 7, y + height / 2, "right", "center"),
        (x + width / 2, y + 5, "center", "top"),
        (x + width / 2, y + height - 5, "center", "bottom"),
    )
    for (at_x, at_y, across, down), letter in zip(places, panel.plane.view.marks, strict=True):
        sheet.text(at_x, at_y, letter, size=size, bold=True, align=(across, down), halo=True)


def cross_hair(sheet: Sheet, panel: Panel, point: Point, width: float = 1.4) -> None:
    """Four short arms about a point, open in the middle so that nothing is hidden."""
    x, y = panel.page_position(point)
    gap, arm = CROSS_HAIR_GAP_MM / panel.plane.pixel_mm, CROSS_HAIR_ARM_MM / panel.plane.pixel_mm
    for step in (-1, 1):
        sheet.path([x + step * gap, x + step * arm], [y, y], panel.frame, colour=ACCENT, width=width, halo=True)
        sheet.path([x, x], [y + step * gap, y + step * arm], panel.frame, colour=ACCENT, width=width, halo=True)


def scale_bar(sheet: Sheet, panel: Panel, length_mm: float = 50.0) -> None:
    """A bar of a round length at the lower left."""
    left, top, _, height = panel.frame
    x, y, length = left + 14.0, top + height - 14.0, length_mm / panel.plane.pixel_mm
    sheet.path([x, x + length], [y, y], panel.frame, colour=INK, width=2.2, halo=True)
    for end in (x, x + length):
        sheet.path([end, end], [y - 5, y + 5], panel.frame, colour=INK, width=1.4, halo=True)
    sheet.text(x, y - 9, f"{length_mm:.0f} mm", size=12, bold=True, halo=True)


def region_outline(sheet: Sheet, panel: Panel, heat: Heat, width: float = 1.3) -> None:
    """The contour of the region at the threshold, its corners rounded by a few millimetres."""
    coarse = replace(panel.plane, pixel_mm=panel.plane.pixel_mm * OUTLINE_STEP)
    values = sample_heatmap(heat.region, heat.affine, coarse)
    values = ndimage.gaussian_filter(values, OUTLINE_SMOOTHING_MM / coarse.pixel_mm)
    for line in contour_generator(z=values).lines(heat.threshold):
        points = [
            panel.at((row + 0.5) * OUTLINE_STEP - 0.5, (column + 0.5) * OUTLINE_STEP - 0.5) for column, row in np.asarray(line)
        ]
        sheet.path([x for x, _ in points], [y for _, y in points], panel.frame, colour="white", width=width, halo=True)
