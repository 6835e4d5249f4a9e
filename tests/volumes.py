"""Small volumes that tests share."""

from __future__ import annotations

import itertools

import numpy as np

from asap.volume import Affine, Volume

ORIENTATIONS = tuple(itertools.product((1, -1), repeat=3))


def marked_volume(marker_ras_mm: tuple[float, float, float], shape: tuple[int, int, int], affine: Affine) -> Volume:
    """Air with a soft ball of 1000 HU, 9 mm wide at half height, centred at a world position."""
    index = np.stack(np.meshgrid(*(np.arange(n, dtype=np.float64) for n in shape), indexing="ij"), axis=-1)
    world = index @ affine[:3, :3].T + affine[:3, 3]
    squared = ((world - np.asarray(marker_ras_mm)) ** 2).sum(axis=-1)
    return Volume((-1000 + 2000 * np.exp(-squared / (2 * 9.0**2))).astype(np.float32), affine)


def oriented(signs: tuple[int, int, int], spacing_mm: tuple[float, float, float], shape: tuple[int, int, int]) -> Affine:
    """Affine of a grid centred at the world's origin whose axes run along +- right, anterior, superior."""
    affine = np.diag([*(s * d for s, d in zip(signs, spacing_mm, strict=True)), 1.0])
    affine[:3, 3] = -affine[:3, :3] @ ((np.asarray(shape) - 1) / 2)
    return affine


def rotated(affine: Affine, degrees: float) -> Affine:
    """The same grid turned about the superior axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    return turn @ affine
