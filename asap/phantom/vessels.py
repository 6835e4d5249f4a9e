"""Branching trees inside the lungs: arteries with their airways, and veins.

A tree is grown by halving: the endpoints it must reach are split in two along their widest direction, each half gets a branch
that runs part of the way to its middle, and so on until every endpoint has its own twig. The radius of a parent follows from
its children by Murray's law (r^3 = r1^3 + r2^3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Tree:
    """Points along all branches: points_N3 mm, radii_N mm, level_N (0 at the root)."""

    points_N3: NDArray[np.float32]
    radii_N: NDArray[np.float32]
    level_N: NDArray[np.int32]


def grow_tree(
    rng: np.random.Generator,
    root_mm: NDArray[np.floating],
    ends_N3: NDArray[np.floating],
    twig_mm: float,
    root_mm_radius: float,
    step_mm: float = 1.6,
) -> Tree:
    """Grow one tree from a root to 2^L endpoints (N must be a power of two).

    twig_mm: radius of the last branches; root_mm_radius: radius at the root; between them the radius shrinks geometrically.
    """
    levels = int(np.log2(len(ends_N3)))
    groups = np.asarray(ends_N3, np.float64)[None]
    starts = np.asarray(root_mm, np.float64)[None]
    heading = groups.mean(axis=1) - starts
    parts: list[NDArray[np.float64]] = []
    radii: list[NDArray[np.float64]] = []
    depths: list[NDArray[np.int32]] = []
    for level in range(levels + 1):
        target = groups.mean(axis=1)
        share = rng.uniform(0.3, 0.5, (len(starts), 1)) if level < levels else np.ones((len(starts), 1))
        stops = starts + (target - starts) * share
        length = np.linalg.norm(stops - starts, axis=1, keepdims=True)
        bend = heading / np.maximum(np.linalg.norm(heading, axis=1, keepdims=True), 1e-6)
        middle = starts + bend * length * 0.45 + rng.normal(0, 0.06, stops.shape) * length
        count = max(2, int(np.ceil(float(np.percentile(length, 90)) / step_mm)))
        t = np.linspace(0, 1, count)[None, :, None]
        curve = (1 - t) ** 2 * starts[:, None] + 2 * t * (1 - t) * middle[:, None] + t**2 * stops[:, None]
        before = root_mm_radius * (twig_mm / root_mm_radius) ** (level / (levels + 1))
        after = root_mm_radius * (twig_mm / root_mm_radius) ** ((level + 1) / (levels + 1))
        size = (before + (after - before) * t[..., 0]) * rng.uniform(0.85, 1.15, (len(starts), 1))
        parts.append(curve.reshape(-1, 3))
        radii.append(size.reshape(-1))
        depths.append(np.full(size.size, level, np.int32))
        if level == levels:
            break
        heading = np.repeat(stops - middle, 2, axis=0)
        starts = np.repeat(stops, 2, axis=0)
        groups = _halved(groups)
    return Tree(
        np.concatenate(parts).astype(np.float32), np.concatenate(radii).astype(np.float32), np.concatenate(depths).astype(np.int32)
    )


def _halved(groups_GN3: NDArray[np.float64]) -> NDArray[np.float64]:
    """Split every group in two equal halves along its axis of greatest spread, [2G, N/2, 3]."""
    axis = groups_GN3.var(axis=1).argmax(axis=1)
    along = np.take_along_axis(groups_GN3, axis[:, None, None], axis=2)[..., 0]
    order = np.argsort(along, axis=1)
    ranked = np.take_along_axis(groups_GN3, order[..., None], axis=1)
    count, size = groups_GN3.shape[:2]
    return ranked.reshape(count * 2, size // 2, 3)
