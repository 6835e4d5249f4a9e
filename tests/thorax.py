"""A chest of a few ellipsoids with known geometry, small enough for quick tests."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from asap.volume import Volume, apply_affine

Point = tuple[float, float, float]

LUNG_CENTRES = {"right": (75.0, 0.0, 0.0), "left": (-75.0, 0.0, 0.0)}
LUNG_RADII = (52.0, 75.0, 105.0)


@dataclass(frozen=True)
class Lesion:
    """A ball of soft tissue."""

    centre_ras_mm: Point
    radius_mm: float
    hu: float = 40.0


def thorax(
    *,
    spacing_mm: Point = (4.0, 4.0, 4.0),
    lungs: tuple[str, ...] = ("left", "right"),
    touching: bool = False,
    trachea: bool = True,
    prone: bool = False,
    lesions: tuple[Lesion, ...] = (),
    seed: int = 0,
) -> Volume:
    """Body, spine, ribs, lungs, trachea and a table, axes RAS, world origin in the middle of the chest.

    touching: both lungs reach the midline in front of the heart (the anterior junction). The table is a shell with foam inside;
    prone: it lies in front.
    """
    extent = (380.0, 300.0, 280.0)
    shape = tuple(int(e / s) for e, s in zip(extent, spacing_mm, strict=True))
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = [-(n - 1) / 2 * s for n, s in zip(shape, spacing_mm, strict=True)]
    r, a, s = (
        np.moveaxis(apply_affine(affine, np.moveaxis(np.indices(shape), 0, -1).astype(float)), -1, 0)[axis] for axis in range(3)
    )
    hu = np.full(shape, -1000.0)
    hu[(r / 170) ** 2 + (a / 110) ** 2 < 1] = 30
    behind = -a if prone else a
    hu[(np.abs(behind + 132) < 14) & (np.abs(r) < 180)] = -905
    hu[(np.abs(np.abs(behind + 132) - 14) < 3) & (np.abs(r) < 180)] = -150
    for centre_r, centre_a, centre_s in LUNG_CENTRES.values():
        shell = _ellipsoid((r - centre_r, a - centre_a, s - centre_s), LUNG_RADII)
        hu[(shell > 1.02) & (shell < 1.18) & (np.mod(s, 26) < 12) & (np.abs(r) > 60)] = 450
    hu[np.hypot(r, a + 85) < 17] = 350
    inside = np.zeros(shape, dtype=bool)
    for side in lungs:
        centre_r, centre_a, centre_s = LUNG_CENTRES[side]
        inside |= _ellipsoid((r - centre_r, a - centre_a, s - centre_s), LUNG_RADII) < 1
    if touching:
        inside |= (np.abs(r) < 40) & (np.abs(a - 45) < 9) & (np.abs(s) < 40)
    hu[inside] = -830
    hu[inside & (np.mod(r, 24) < 3) & (np.mod(s, 24) < 3)] = 0
    if trachea:
        hu[(np.hypot(r, a + 25) < 9) & (s > 20)] = -1000
    for lesion in lesions:
        hu[sum((x - c) ** 2 for x, c in zip((r, a, s), lesion.centre_ras_mm, strict=True)) < lesion.radius_mm**2] = lesion.hu
    hu += np.random.default_rng(seed).normal(0, 15, shape)
    return Volume(np.rint(hu).astype(np.int16), affine)


def _ellipsoid(offsets: tuple[NDArray[np.float64], ...], radii: Point) -> NDArray[np.float64]:
    return np.asarray(sum((x / radius) ** 2 for x, radius in zip(offsets, radii, strict=True)))


def stored_as(volume: Volume, order: tuple[int, int, int], flips: tuple[bool, ...]) -> Volume:
    """The same scan with its voxel axes permuted and flipped in storage; every voxel keeps its world position."""
    hu, affine = volume.hu.transpose(order), volume.affine.copy()
    affine[:3, :3] = affine[:3, list(order)]
    for axis, flip in enumerate(flips):
        if flip:
            affine[:3, 3] += affine[:3, axis] * (hu.shape[axis] - 1)
            affine[:3, axis] *= -1
            hu = np.flip(hu, axis)
    return Volume(np.ascontiguousarray(hu), affine)


EIGHT_FLIPS = tuple(product((False, True), repeat=3))


def turned(volume: Volume, degrees: float) -> Volume:
    """The same voxels with the world turned about the body axis: an oblique acquisition."""
    angle = np.deg2rad(degrees)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return Volume(volume.hu, turn @ volume.affine)
