"""World-aligned axial, coronal and sagittal planes in radiological convention, and what lies on them.

Everything is drawn through RAS+ millimetres, so the orientation a volume is stored in makes no difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from asap.lungs import body_tissue, coarse_hu
from asap.volume import Affine, Volume, apply_affine

PlaneName = Literal["axial", "coronal", "sagittal"]
Point = tuple[float, float, float]
Rows = NDArray[np.float32]

OUTSIDE_HU = -32768.0
BODY_MARGIN_MM = 12.0
POINT_MARGIN_MM = 30.0
TALLEST_BODY_MM = 420.0


@dataclass(frozen=True)
class View:
    """How a plane is looked at: world axes to the right and downwards of the picture (always the negative ones), and its marks.

    marks: what the left, right, top and bottom edges show. Patient right on image left; sagittal seen from the left.
    """

    name: PlaneName
    columns: int
    rows: int
    across: int
    marks: tuple[str, str, str, str]


AXIAL = View("axial", columns=0, rows=1, across=2, marks=("R", "L", "A", "P"))
CORONAL = View("coronal", columns=0, rows=2, across=1, marks=("R", "L", "S", "I"))
SAGITTAL = View("sagittal", columns=1, rows=2, across=0, marks=("A", "P", "S", "I"))


@dataclass(frozen=True)
class Box:
    """A box in RAS+ mm."""

    low: Point
    high: Point

    def size_mm(self, axis: int) -> float:
        """Extent along one world axis."""
        return self.high[axis] - self.low[axis]

    def holding(self, point: Point, margin_mm: float) -> Box:
        """The smallest larger box that keeps `margin_mm` around a point."""
        low = [min(edge, x - margin_mm) for edge, x in zip(self.low, point, strict=True)]
        high = [max(edge, x + margin_mm) for edge, x in zip(self.high, point, strict=True)]
        return Box((low[0], low[1], low[2]), (high[0], high[1], high[2]))

    def at_most_tall(self, length_mm: float, centre_s: float) -> Box:
        """The part of a box taller than `length_mm` that lies about a height, moved so that it stays inside."""
        if self.size_mm(2) <= length_mm:
            return self
        bottom = min(max(centre_s - length_mm / 2, self.low[2]), self.high[2] - length_mm)
        return Box((self.low[0], self.low[1], bottom), (self.high[0], self.high[1], bottom + length_mm))


@dataclass(frozen=True)
class Plane:
    """Pixels of one view over `box` at a depth: pixel (0, 0) lies at the high ends of both axes, `pixel_mm` apart."""

    view: View
    box: Box
    depth_mm: float
    pixel_mm: float

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the picture."""
        rows, columns = (max(1, round(self.box.size_mm(axis) / self.pixel_mm)) for axis in (self.view.rows, self.view.columns))
        return rows, columns

    def index_in(self, affine: Affine) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Index of every pixel's centre in an array with this affine: three [rows, columns]."""
        rows, columns = self.shape
        corner = np.zeros(3)
        corner[self.view.across] = self.depth_mm
        for axis in (self.view.rows, self.view.columns):
            corner[axis] = self.box.high[axis] - 0.5 * self.pixel_mm
        inverse = np.linalg.inv(affine)
        first = apply_affine(inverse, corner)
        down, right = (-self.pixel_mm * inverse[:3, axis] for axis in (self.view.rows, self.view.columns))
        i, j, k = (first[n] + down[n] * np.arange(rows)[:, None] + right[n] * np.arange(columns) for n in range(3))
        return i, j, k

    def pixel_of(self, point: Point) -> tuple[float, float]:
        """(row, column) where a world point is drawn (its depth is ignored)."""
        row, column = ((self.box.high[axis] - point[axis]) / self.pixel_mm - 0.5 for axis in (self.view.rows, self.view.columns))
        return row, column


def body_box(volume: Volume) -> Box:
    """The box around the body with a margin, cut to the image; the whole image where no body is found."""
    hu, affine = coarse_hu(volume)
    body = body_tissue(hu)
    cells = np.argwhere(body if body.any() else np.ones_like(body)).astype(np.float64)
    found = apply_affine(affine, cells)
    faces = np.array([[-0.5] * 3, [n - 0.5 for n in volume.shape]])
    corners = volume.world_from_voxel(np.array(np.meshgrid(*faces.T)).reshape(3, -1).T)
    low = np.maximum(found.min(axis=0) - BODY_MARGIN_MM, corners.min(axis=0))
    high = np.minimum(found.max(axis=0) + BODY_MARGIN_MM, corners.max(axis=0))
    return Box((float(low[0]), float(low[1]), float(low[2])), (float(high[0]), float(high[1]), float(high[2])))


def sample_hu(volume: Volume, plane: Plane) -> Rows:
    """HU on a plane [rows, columns], trilinear; far below air outside the image, so black in every window."""
    return _sampled(volume.hu, volume.affine, plane, OUTSIDE_HU)


def sample_heatmap(heatmap: NDArray[np.float32], affine: Affine, plane: Plane) -> Rows:
    """Heatmap on a plane [rows, columns], trilinear between token centres, held to the edge of the outer tokens, then 0."""
    return _sampled(heatmap, affine, plane, 0.0)


def _sampled(array: NDArray[np.float32] | NDArray[np.int16], affine: Affine, plane: Plane, outside: float) -> Rows:
    index = plane.index_in(affine)
    values = ndimage.map_coordinates(array, index, order=1, mode="nearest", output=np.float32)
    for axis, count in zip(index, array.shape, strict=True):
        values[(axis < -0.5) | (axis > count - 0.5)] = outside
    return np.asarray(values, dtype=np.float32)
