"""Soft shapes on a small window of the voxel grid: distances in mm, coverage in [0, 1], and smooth random fields.

A coverage is the share of a voxel a lesion fills. It is taken from the signed distance d of the voxel's centre to the
lesion's surface as clip(1/2 - d / width), which for width = voxel size is the exact partial volume of a flat boundary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
Mask = NDArray[np.bool_]
Box = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class Window:
    """A box of voxels and the offset of each voxel's centre from a point.

    box: slices into the grid. x_mm, y_mm, z_mm: open grids (a,1,1), (1,b,1), (1,1,c) float32 towards right, anterior, superior.
    """

    box: Box
    x_mm: Field
    y_mm: Field
    z_mm: Field

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels of the box along (i, j, k)."""
        return self.x_mm.shape[0], self.y_mm.shape[1], self.z_mm.shape[2]


def window_around(shape: tuple[int, ...], spacing_mm: float, centre_ijk: NDArray[np.float64], reach_mm: float) -> Window:
    """The voxels within reach_mm of centre_ijk along each axis, clipped to the grid (never empty)."""
    slices, grids = [], []
    for axis, (n, centre) in enumerate(zip(shape, centre_ijk, strict=True)):
        reach = reach_mm / spacing_mm
        start = int(np.clip(np.floor(centre - reach), 0, n - 1))
        stop = int(np.clip(np.ceil(centre + reach) + 1, start + 1, n))
        slices.append(slice(start, stop))
        line = ((np.arange(start, stop) - centre) * spacing_mm).astype(np.float32)
        grids.append(line.reshape([-1 if a == axis else 1 for a in range(3)]))
    return Window((slices[0], slices[1], slices[2]), grids[0], grids[1], grids[2])


def window_on(shape: tuple[int, ...], spacing_mm: float, box: Box, margin_mm: float = 0.0) -> Window:
    """A given box widened by a margin; offsets count from the centre of its first voxel without the margin."""
    margin = int(np.ceil(margin_mm / spacing_mm))
    slices, grids = [], []
    for axis, (n, part) in enumerate(zip(shape, box, strict=True)):
        start, stop = max(part.start - margin, 0), min(part.stop + margin, n)
        slices.append(slice(start, stop))
        line = ((np.arange(start, stop) - part.start) * spacing_mm).astype(np.float32)
        grids.append(line.reshape([-1 if a == axis else 1 for a in range(3)]))
    return Window((slices[0], slices[1], slices[2]), grids[0], grids[1], grids[2])


def random_rotation(rng: np.random.Generator) -> NDArray[np.float32]:
    """A rotation drawn uniformly: QR of a Gaussian matrix with the signs fixed (Mezzadri 2007)."""
    q, r = np.linalg.qr(rng.standard_normal((3, 3)))
    return np.asarray(q * np.sign(np.diag(r)), dtype=np.float32)


def rotated(window: Window, rotation: NDArray[np.float32]) -> tuple[Field, Field, Field]:
    """Offsets in a turned frame; row n of `rotation` is the n-th axis of that frame."""
    x, y, z = window.x_mm, window.y_mm, window.z_mm
    u, v, w = (row[0] * x + row[1] * y + row[2] * z for row in rotation)
    return u, v, w


def coverage(distance_mm: Field, width_mm: float) -> Field:
    """Share of a voxel inside the surface at distance 0, with an edge of width_mm."""
    return np.clip(np.float32(0.5) - distance_mm * np.float32(1 / width_mm), 0, 1)


def lumpy_distance(
    window: Window,
    rng: np.random.Generator,
    radii_mm: tuple[float, float, float],
    *,
    lobulation: float = 0.0,
    spikes: int = 0,
    spike_length: float = 0.5,
) -> Field:
    """Signed distance (mm, negative inside) to a randomly turned ellipsoid with round bumps and thin radial spikes.

    lobulation: height of the bumps as a share of the radius; spike_length: the same for the spikes.
    """
    u, v, w = rotated(window, random_rotation(rng))
    radius = float(np.cbrt(np.prod(radii_mm)))
    scaled = np.sqrt((u / radii_mm[0]) ** 2 + (v / radii_mm[1]) ** 2 + (w / radii_mm[2]) ** 2)
    distance = (scaled - 1) * np.float32(radius)
    if lobulation == 0 and spikes == 0:
        return np.asarray(distance, dtype=np.float32)
    length = np.sqrt(u * u + v * v + w * w) + np.float32(1e-3)
    bumps = np.zeros(window.shape, dtype=np.float32)
    directions = rng.standard_normal((6 + spikes, 3)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for index, direction in enumerate(directions):
        along = np.maximum((direction[0] * u + direction[1] * v + direction[2] * w) / length, 0)
        if index < 6:
            height = lobulation * rng.uniform(-0.7, 1.0)
            bumps += np.float32(height) * along * along * along
        else:
            bumps += np.float32(spike_length * rng.uniform(0.5, 1.0)) * along**40
    return np.asarray(distance - bumps * np.float32(radius), dtype=np.float32)


def polyline_distance(window: Window, points_mm: NDArray[np.float64]) -> Field:
    """Distance (mm) of each voxel to a line through points [n, 3] given as offsets from the window's centre."""
    best = np.full(window.shape, np.inf, dtype=np.float32)
    for start, stop in pairwise(points_mm):
        a, d = start.astype(np.float32), (stop - start).astype(np.float32)
        square = float(d @ d) + 1e-6
        x, y, z = window.x_mm - a[0], window.y_mm - a[1], window.z_mm - a[2]
        t = np.clip((x * d[0] + y * d[1] + z * d[2]) / np.float32(square), 0, 1)
        np.minimum(best, (x - t * d[0]) ** 2 + (y - t * d[1]) ** 2 + (z - t * d[2]) ** 2, out=best)
    return np.sqrt(best)


def smooth_field(rng: np.random.Generator, shape: Sequence[int], scale_voxels: float) -> Field:
    """A random field of mean 0 and standard deviation 1 that varies over about scale_voxels: cubic B-splines on a coarse grid."""
    coarse = [int(np.ceil(n / scale_voxels)) + 4 for n in shape]
    field = rng.standard_normal(coarse, dtype=np.float32)
    for axis, (n, m) in enumerate(zip(shape, coarse, strict=True)):
        weights = _spline_weights(n, m, scale_voxels, float(rng.uniform()))
        field = np.moveaxis(np.tensordot(weights, field, axes=(1, axis)), 0, axis)
    field -= field.mean()
    return np.ascontiguousarray(field / (field.std() + np.float32(1e-6)), dtype=np.float32)


def _spline_weights(n: int, m: int, scale: float, phase: float) -> Field:
    t = np.abs((np.arange(n)[:, None] / scale + 1 + phase) - np.arange(m)[None, :])
    near = 2 / 3 - t**2 + t**3 / 2
    far = np.maximum(2 - t, 0) ** 3 / 6
    return np.where(t < 1, near, far).astype(np.float32)
