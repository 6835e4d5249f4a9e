"""Geometry of generated bodies: a millimetre grid, distance functions, smooth noise and painting with partial volume.

Coordinates are body millimetres: x right, y anterior, z superior, (0, 0, 0) at the level of the carina in the middle of the
chest. Distances are signed, negative inside; they are approximate where an exact one would cost more than it shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Box = tuple[slice, slice, slice]
EMPTY_MM = -99.0
WHOLE: Box = (slice(None), slice(None), slice(None))


@dataclass(frozen=True, eq=False)
class Frame:
    """The voxel grid in body millimetres.

    x_I, y_J, z_K: 1-D float32 voxel-centre coordinates. spacing_mm: isotropic. noise_IJK: smooth field of unit deviation that
    roughens surfaces.
    """

    x_I: Floats
    y_J: Floats
    z_K: Floats
    spacing_mm: float
    noise_IJK: Floats

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along x, y, z."""
        return len(self.x_I), len(self.y_J), len(self.z_K)

    @property
    def first_mm(self) -> Floats:
        """Position of voxel (0, 0, 0), [3]."""
        return np.array([self.x_I[0], self.y_J[0], self.z_K[0]], np.float32)

    def box(self, low_mm: tuple[float, float, float], high_mm: tuple[float, float, float]) -> Box:
        """Slices of the voxels between two corners in mm (possibly empty)."""
        slices = []
        for axis_mm, low, high in zip((self.x_I, self.y_J, self.z_K), low_mm, high_mm, strict=True):
            start = int(np.searchsorted(axis_mm, low))
            slices.append(slice(start, max(start, int(np.searchsorted(axis_mm, high)))))
        return slices[0], slices[1], slices[2]

    def around(self, centre_mm: tuple[float, float, float], reach_mm: float) -> Box:
        """Slices of the cube of half-width `reach_mm` about a point."""
        low = (centre_mm[0] - reach_mm, centre_mm[1] - reach_mm, centre_mm[2] - reach_mm)
        return self.box(low, (centre_mm[0] + reach_mm, centre_mm[1] + reach_mm, centre_mm[2] + reach_mm))

    def coordinates(self, box: Box) -> tuple[Floats, Floats, Floats]:
        """x [I,1,1], y [1,J,1], z [1,1,K] of a box, ready to broadcast."""
        return self.x_I[box[0]][:, None, None], self.y_J[box[1]][None, :, None], self.z_K[box[2]][None, None, :]

    def part(self, box: Box) -> Frame:
        """The same grid cut to a box (views)."""
        return Frame(self.x_I[box[0]], self.y_J[box[1]], self.z_K[box[2]], self.spacing_mm, self.noise_IJK[box])


def extent(mask: NDArray[np.bool_]) -> Box | None:
    """Smallest box around a 3-D mask, None when it is empty."""
    slices = []
    for axes in ((1, 2), (0, 2), (0, 1)):
        used = np.flatnonzero(mask.any(axis=axes))
        if not len(used):
            return None
        slices.append(slice(int(used[0]), int(used[-1]) + 1))
    return slices[0], slices[1], slices[2]


@dataclass(frozen=True, eq=False)
class Painting:
    """Clean HU and labels being painted, from the outside of the body inwards."""

    frame: Frame
    hu_IJK: Floats
    labels_IJK: NDArray[np.uint8]

    def paint(self, box: Box, distance_mm: Floats, hu: Floats | float, label: int | None = None) -> None:
        """Blend `hu` in where the signed distance is negative, with partial volume at the surface; set `label` inside."""
        cover = distance_mm * np.float32(-1.0 / self.frame.spacing_mm)
        cover += np.float32(0.5)
        np.clip(cover, 0, 1, out=cover)
        view = self.hu_IJK[box]
        cover *= np.subtract(hu, view, dtype=np.float32)
        view += cover
        if label is not None:
            self.labels_IJK[box][distance_mm < 0] = label


def ellipsoid(
    frame: Frame,
    centre_mm: tuple[float, float, float],
    radii_mm: tuple[float, float, float],
    rotation: NDArray[np.float64] | None = None,
    *,
    margin_mm: float = 8.0,
    roughness_mm: float = 0.0,
    within: Box | None = None,
    stretch: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> tuple[Box, Floats]:
    """A box and the signed distance to an ellipsoid within it (first order: exact at the surface, scaled elsewhere).

    rotation: 3x3, columns are the ellipsoid's axes in body coordinates. within: box to use instead of the ellipsoid's own.
    stretch: lengthen the rotated shape along x, y, z by these factors.
    """
    axes = np.eye(3) if rotation is None else rotation
    half = np.sqrt(((axes * np.asarray(radii_mm)) ** 2).sum(axis=1)) * np.asarray(stretch) + margin_mm
    low, high = np.asarray(centre_mm) - half, np.asarray(centre_mm) + half
    box = frame.box((low[0], low[1], low[2]), (high[0], high[1], high[2])) if within is None else within
    x, y, z = (
        (axis - np.float32(centre)) / np.float32(by)
        for axis, centre, by in zip(frame.coordinates(box), centre_mm, stretch, strict=True)
    )
    level, steepness = np.float32(0), np.float32(1e-8)
    for axis in range(3):
        a, b, c = (np.float32(v / radii_mm[axis]) for v in axes[:, axis])
        square = (a * x + b * y + c * z) ** 2
        level = level + square
        steepness = steepness + square * np.float32(1 / radii_mm[axis] ** 2)
    root = np.sqrt(level)
    distance = root * (root - 1) / np.sqrt(steepness)
    if roughness_mm:
        distance += np.float32(roughness_mm) * frame.noise_IJK[box]
    return box, np.asarray(distance, np.float32)


def rotation_from_angles(yaw_deg: float, pitch_deg: float, roll_deg: float) -> NDArray[np.float64]:
    """Rotation about z (yaw), then x (pitch), then y (roll)."""
    a, b, c = np.deg2rad([yaw_deg, pitch_deg, roll_deg])
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    about_y = np.array([[np.cos(c), 0, np.sin(c)], [0, 1, 0], [-np.sin(c), 0, np.cos(c)]])
    return np.asarray(about_z @ about_x @ about_y)


def smooth_minimum(a: Floats, b: Floats, radius_mm: float) -> Floats:
    """Minimum with rounded creases (union of two shapes with a fillet)."""
    overlap = np.maximum(np.float32(radius_mm) - np.abs(a - b), 0)
    return np.asarray(np.minimum(a, b) - overlap * overlap * np.float32(0.25 / radius_mm), np.float32)


def tube_depth(
    frame: Frame, points_N3: NDArray[np.floating[Any]], radii_N: NDArray[np.floating[Any]], flatness: float = 1.0
) -> tuple[Box, Floats]:
    """How deep every voxel of the tubes' bounding box lies in a union of balls, in mm (EMPTY_MM far from all of them).

    points_N3, radii_N: densely sampled centrelines (closer than a radius) in mm. Depth is max(radius - distance).
    flatness > 1 stretches every ball along z by that factor.
    """
    radii = np.asarray(radii_N, np.float32)
    reach = np.ceil((radii * flatness + frame.spacing_mm) / frame.spacing_mm).astype(int)
    at = (np.asarray(points_N3, np.float32) - frame.first_mm) / np.float32(frame.spacing_mm)
    top = int(reach.max(initial=1)) + 1
    low = np.clip(np.floor(at.min(axis=0)).astype(int) - top, 0, frame.shape)
    high = np.clip(np.ceil(at.max(axis=0)).astype(int) + top + 1, 0, frame.shape)
    box = (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))
    depth = np.full(np.maximum(high - low, 0), EMPTY_MM, np.float32)
    if not depth.size:
        return box, depth
    for steps in np.unique(reach):
        chosen = reach == steps
        scale = (frame.spacing_mm, flatness)
        _stamp(depth, at[chosen] - low.astype(np.float32), radii[chosen], int(steps), scale)
    return box, depth


def _stamp(depth: Floats, at_N3: Floats, radii_N: Floats, steps: int, scale: tuple[float, float]) -> None:
    """Raise `depth` to radius - distance in the ball of `steps` voxels about each point (voxel coordinates).

    scale: voxel size in mm and the factor by which balls are longer along z.
    """
    spacing_mm, flatness = scale
    span = np.arange(-steps, steps + 1)
    offsets_M3 = np.stack(np.meshgrid(span, span, span, indexing="ij"), axis=-1).reshape(-1, 3)
    squash = np.array([1, 1, 1 / flatness], np.float32)
    squared_M = ((offsets_M3 * squash) ** 2).sum(axis=1).astype(np.float32)
    kept = squared_M <= (steps / flatness + 0.5) ** 2
    offsets_M3, squared_M = offsets_M3[kept], squared_M[kept]
    nearest_N3 = np.rint(at_N3).astype(np.int64)
    size = np.array(depth.shape)
    near_N = ((nearest_N3 >= -steps) & (nearest_N3 < size + steps)).all(axis=1)
    nearest_N3, at_N3, radii_N = nearest_N3[near_N], at_N3[near_N], radii_N[near_N]
    rest_N3 = (nearest_N3 - at_N3).astype(np.float32) * squash
    squared_NM = rest_N3 @ (2 * offsets_M3 * squash).T.astype(np.float32)
    squared_NM += squared_M
    squared_NM += (rest_N3**2).sum(axis=1)[:, None]
    np.sqrt(np.maximum(squared_NM, 0, out=squared_NM), out=squared_NM)
    squared_NM *= np.float32(-spacing_mm)
    squared_NM += radii_N[:, None]
    strides = np.array([depth.shape[1] * depth.shape[2], depth.shape[2], 1])
    flat_NM = (nearest_N3 @ strides)[:, None] + offsets_M3 @ strides
    flat = depth.reshape(-1)
    if (nearest_N3 < steps).any() or (nearest_N3 >= size - steps).any():
        index_NM3 = nearest_N3[:, None] + offsets_M3
        valid_NM = ((index_NM3 >= 0) & (index_NM3 < size)).all(axis=2)
        np.maximum.at(flat, flat_NM[valid_NM], squared_NM[valid_NM])
    else:
        np.maximum.at(flat, flat_NM.ravel(), squared_NM.ravel())


def splat(frame: Frame, points_N3: NDArray[np.floating[Any]], volume_N: NDArray[np.floating[Any]]) -> Floats:
    """Share of every voxel filled by small bodies of the given volumes in mm^3, spread over the eight nearest voxels."""
    at = (np.asarray(points_N3, np.float32) - frame.first_mm) / np.float32(frame.spacing_mm)
    size = np.array(frame.shape)
    near = ((at >= 0) & (at < size - 1)).all(axis=1)
    at, volume = at[near], np.asarray(volume_N, np.float32)[near]
    lower = at.astype(np.int64)
    rest = at - lower
    strides = np.array([size[1] * size[2], size[2], 1])
    corners = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), axis=-1).reshape(-1, 3)
    pair_N23 = np.stack([1 - rest, rest], axis=1)
    weights = pair_N23[:, corners[:, 0], 0] * pair_N23[:, corners[:, 1], 1] * pair_N23[:, corners[:, 2], 2] * volume[:, None]
    flat = (lower @ strides)[:, None] + corners @ strides
    filled = np.bincount(flat.ravel(), weights.ravel(), minlength=int(size.prod()))
    return np.asarray(filled.reshape(frame.shape) / frame.spacing_mm**3, np.float32)


def smooth_curve(knots_K3: NDArray[np.floating[Any]], step_mm: float) -> NDArray[np.float32]:
    """Points at most about `step_mm` apart on a Catmull-Rom spline through the knots, [N, 3]."""
    knots = np.asarray(knots_K3, np.float32)
    padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    a, b, c, d = padded[:-3, None], padded[1:-2, None], padded[2:-1, None], padded[3:, None]
    longest = float(np.sqrt(((c - b) ** 2).sum(axis=2).max()))
    t = np.linspace(0, 1, max(2, int(np.ceil(longest / step_mm))), endpoint=False, dtype=np.float32)[None, :, None]
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.asarray(np.concatenate([curve.reshape(-1, 3), knots[-1:]]), np.float32)


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], knots: tuple[int, ...]) -> Floats:
    """Gaussian noise on a coarse grid of `knots` raised to a 2-D or 3-D `shape` by cubic B-splines; about unit deviation."""
    field = rng.standard_normal(knots).astype(np.float32)
    weights = [_interpolation(size, count) for size, count in zip(shape, knots, strict=True)]
    field = np.tensordot(weights[0], field, axes=(1, 0))
    for weight in weights[1:-1]:
        field = np.matmul(weight, field)
    field = field @ weights[-1].T
    deviation = float(field[tuple(slice(None, None, 3) for _ in shape)].std()) if field.size else 1.0
    field *= np.float32(1 / max(deviation, 1e-6))
    return np.asarray(field, np.float32)


def _interpolation(size: int, count: int) -> Floats:
    """[size, count] weights of a cubic B-spline (smooth, not interpolating) over equally spaced knots."""
    at = np.linspace(0, count - 1, size)[:, None] - np.arange(count)[None, :]
    away = np.abs(at)
    weights = np.where(away < 1, 2 / 3 - away**2 + away**3 / 2, np.where(away < 2, (2 - away) ** 3 / 6, 0))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)
