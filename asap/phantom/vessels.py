"""Branching trees inside the lungs: arteries with their airways, and veins.

A tree is grown by halving the endpoints it must reach: seen from the end of a branch they are split in two along the widest
direction of their bearings, each half gets a branch part of the way to its middle, and so on until every endpoint has its own
twig. Splitting bearings rather than positions keeps the branches long, radial and acutely forked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]
STEP_MM = 1.5


@dataclass(frozen=True, eq=False)
class Tree:
    """Points along all branches: points_N3 mm, radii_N mm, step_N mm of centreline that each point stands for."""

    points_N3: Points
    radii_N: NDArray[np.float32]
    step_N: NDArray[np.float32]


def grow_tree(
    rng: np.random.Generator,
    root_at_mm: NDArray[np.floating[Any]],
    ends_N3: NDArray[np.floating[Any]],
    *,
    twig_mm: float,
    root_mm: float,
) -> Tree:
    """Grow one tree from a root to 2^L endpoints (N must be a power of two).

    The radius shrinks geometrically with the level from root_mm to twig_mm.
    """
    levels = int(np.log2(len(ends_N3)))
    groups_GN3 = np.asarray(ends_N3, np.float32)[None]
    starts_G3 = np.asarray(root_at_mm, np.float32)[None]
    heading_G3 = groups_GN3.mean(axis=1) - starts_G3
    parts: list[tuple[Points, NDArray[np.float32], NDArray[np.float32]]] = []
    for level in range(levels + 1):
        count = len(starts_G3)
        target_G3 = groups_GN3.mean(axis=1)
        share = min(1.0, 1.2 / (levels + 1 - level))
        stops_G3 = starts_G3 + (target_G3 - starts_G3) * (share * rng.uniform(0.65, 1.0, (count, 1))).astype(np.float32)
        length_G1 = np.linalg.norm(stops_G3 - starts_G3, axis=1, keepdims=True)
        bearing_G3 = heading_G3 / np.maximum(np.linalg.norm(heading_G3, axis=1, keepdims=True), 1e-6)
        wander_G3 = rng.standard_normal((count, 3), dtype=np.float32) * length_G1 * np.float32(0.07)
        straight_G3 = 0.5 * (starts_G3 + stops_G3)
        middle_G3 = 0.5 * (straight_G3 + starts_G3 + 0.5 * bearing_G3 * length_G1) + wander_G3
        shrink = (twig_mm / root_mm) ** (1 / (levels + 1))
        radius = root_mm * shrink**level
        parts.append(_branches(rng, (starts_G3, middle_G3, stops_G3), length_G1, (radius, radius * shrink)))
        if level < levels:
            heading_G3 = np.repeat(stops_G3 - middle_G3, 2, axis=0)
            groups_GN3 = _halved(groups_GN3, stops_G3)
            starts_G3 = np.repeat(stops_G3, 2, axis=0)
    points, radii, steps = zip(*parts, strict=True)
    return Tree(np.concatenate(points), np.concatenate(radii), np.concatenate(steps))


def _branches(
    rng: np.random.Generator, bends: tuple[Points, Points, Points], length_G1: Points, radii_mm: tuple[float, float]
) -> tuple[Points, NDArray[np.float32], NDArray[np.float32]]:
    """Points on quadratic Bezier curves, their radii (from the first to the second) and the length each stands for."""
    starts_G3, middle_G3, stops_G3 = bends
    before_mm, after_mm = radii_mm
    samples = max(3, int(np.ceil(float(length_G1.mean() + length_G1.std()) / STEP_MM)))
    t = (np.arange(samples, dtype=np.float32) + 0.5)[None, :, None] / samples
    curve = (1 - t) ** 2 * starts_G3[:, None] + 2 * t * (1 - t) * middle_G3[:, None] + t**2 * stops_G3[:, None]
    size = (before_mm + (after_mm - before_mm) * t[..., 0]) * rng.uniform(0.85, 1.15, (len(starts_G3), 1))
    step = np.broadcast_to(length_G1 / samples, size.shape)
    return curve.reshape(-1, 3).astype(np.float32), size.reshape(-1).astype(np.float32), step.reshape(-1).astype(np.float32)


def _halved(groups_GN3: Points, seen_from_G3: Points) -> Points:
    """Split every group in two equal halves by bearing from a point, along the widest axis, [2G, N/2, 3]."""
    away = groups_GN3 - seen_from_G3[:, None]
    bearing = away / np.maximum(np.linalg.norm(away, axis=2, keepdims=True), 1e-3)
    axis = bearing.var(axis=1).argmax(axis=1)
    along = np.take_along_axis(bearing, axis[:, None, None], axis=2)[..., 0]
    order = np.argsort(along, axis=1)
    ranked = np.take_along_axis(groups_GN3, order[..., None], axis=1)
    count, size = groups_GN3.shape[:2]
    return ranked.reshape(count * 2, size // 2, 3)
