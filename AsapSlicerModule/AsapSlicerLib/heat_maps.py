"""`HeatMap`: one sentence's answer on the model's own grid, and what can be asked of it without a scene. numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asap.client import HeatmapBox

Affine = NDArray[np.float64]
Point = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class HeatMap:
    """heat_abc: (a, b, c) float32, the cells of the answer's box. affine_ras_mm: cell index -> RAS+ mm of the cell's centre.

    peak: highest heat. threshold: heat at which the model's region is cut.
    """

    heat_abc: NDArray[np.float32]
    affine_ras_mm: Affine
    peak: float
    threshold: float

    @property
    def threshold_share(self) -> float:
        """The threshold as a share of the peak."""
        return self.threshold / self.peak if self.peak > 0 else 1.0

    def at(self, ras_mm: Point) -> float:
        """Heat at a place, linear between cell centres; 0 outside the box."""
        shape = np.asarray(self.heat_abc.shape)
        index = (np.linalg.inv(self.affine_ras_mm) @ [*ras_mm, 1.0])[:3]
        if (index < -0.5).any() or (index > shape - 0.5).any():
            return 0.0
        index = np.clip(index, 0, shape - 1)
        low = np.minimum(index.astype(int), np.maximum(shape - 2, 0))
        value = self.heat_abc[tuple(slice(start, start + 2) for start in low)]
        for share in index - low:
            value = value[0] if len(value) == 1 else value[0] * (1 - share) + value[1] * share
        return float(value)

    def subdivided(self, parts: int) -> HeatMap:
        """The same linear interpolation on cells `parts` times smaller that fill the same space; beyond the outermost centres
        the heat stays as it is there, as Slicer draws it. An odd number of parts keeps every cell's centre."""
        heat = self.heat_abc
        for axis, size in enumerate(heat.shape):
            heat = np.moveaxis(np.tensordot(_between(size, parts), heat, axes=(1, axis)), 0, axis)
        steps = np.diag([1 / parts, 1 / parts, 1 / parts, 1.0])
        steps[:3, 3] = 0.5 / parts - 0.5
        return HeatMap(np.asarray(heat, dtype=np.float32), self.affine_ras_mm @ steps, self.peak, self.threshold)


def _between(size: int, parts: int) -> NDArray[np.float32]:
    """Linear weights [out, in] of the centres of `parts` smaller cells a cell."""
    where = np.clip((np.arange(size * parts) + 0.5) / parts - 0.5, 0, size - 1)
    return np.maximum(0.0, 1.0 - np.abs(where[:, None] - np.arange(size)[None, :])).astype(np.float32)


def heat_map(box: HeatmapBox, fine: HeatmapBox | None = None) -> HeatMap:
    """The map a viewer shows: the model's cells, or, with a fine box around the peak, half cells that hold the fine heat."""
    coarse = _of_box(box)
    return coarse if fine is None else _with_fine(coarse, _of_box(fine))


def _of_box(box: HeatmapBox) -> HeatMap:
    heat = np.asarray(box.heat(), dtype=np.float32).reshape(box.shape)
    return HeatMap(heat, np.asarray(box.affine_ras_mm, dtype=np.float64), box.peak, box.threshold)


def _with_fine(coarse: HeatMap, fine: HeatMap) -> HeatMap:
    """One map on the fine lattice over both boxes: coarse heat by interpolation, fine heat where there is some."""
    to_fine = np.linalg.inv(fine.affine_ras_mm)
    corners = np.array([[i, j, k, 1.0] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    ends = corners * [*(n - 1 for n in coarse.heat_abc.shape), 1.0]
    reach = (to_fine @ coarse.affine_ras_mm @ ends.T)[:3]
    low = np.minimum(np.floor(reach.min(axis=1) + 1e-6), 0).astype(int)
    high = np.maximum(np.ceil(reach.max(axis=1) - 1e-6), np.asarray(fine.heat_abc.shape) - 1).astype(int)
    shift = np.eye(4)
    shift[:3, 3] = low
    affine = fine.affine_ras_mm @ shift
    heat = _sampled(coarse, affine, tuple(int(n) for n in high - low + 1))
    place = tuple(slice(-start, -start + size) for start, size in zip(low, fine.heat_abc.shape, strict=True))
    heat[place] = fine.heat_abc
    return HeatMap(heat, affine, max(coarse.peak, fine.peak), fine.threshold)


def _sampled(source: HeatMap, affine: Affine, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Linear interpolation of `source` on a lattice parallel to its own; 0 beyond half a cell outside its box."""
    steps = np.linalg.inv(source.affine_ras_mm) @ affine
    heat = source.heat_abc
    for axis, size in enumerate(shape):
        where = steps[axis, 3] + steps[axis, axis] * np.arange(size)
        inside = (where >= -0.5) & (where <= heat.shape[axis] - 0.5)
        near = np.clip(where, 0, heat.shape[axis] - 1)
        weights = np.maximum(0.0, 1.0 - np.abs(near[:, None] - np.arange(heat.shape[axis])[None, :])) * inside[:, None]
        heat = np.moveaxis(np.tensordot(weights, heat, axes=(1, axis)), 0, axis)
    return np.asarray(heat, dtype=np.float32)
