"""Region growing from a prompt: the method that has learnt nothing, beside which every learnt one is scored.

Voxels connected to the seeds whose smoothed HU lie near the seeds' own, not further than a reach, thin bridges cut. numpy and
scipy only. Adams and Bischof, IEEE PAMI 16:641 (1994), in its threshold form.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from asap.grounding import Grounding
from asap.prompt import Prompt
from asap.resample import Mask, Triple, place
from asap.volume import Volume, apply_affine

REACH_MM = 70.0
SMOOTHING_MM = 1.0
SEED_RADIUS_MM = 3.0
TOLERANCE_HU = 160.0
BRIDGE_MM = 2.5
AROUND_GROUNDING = 0.4  # of the heatmap's level, so that the region may be left by about half a cell


def grow(ras: Volume, prompt: Prompt) -> tuple[Mask, Triple]:
    """The grown region and its first voxel in a volume in RAS order, whose order `prompt.previous` shares."""
    start, stop = _box(ras, prompt)
    if any(a >= b for a, b in zip(start, stop, strict=True)):
        return np.zeros((1, 1, 1), dtype=np.bool_), (0, 0, 0)
    crop = ras.cropped(start, stop)
    grown = np.zeros(crop.shape, dtype=np.bool_)
    seeds = _cells(crop, prompt.seeds_ras_mm())
    if len(seeds):
        grown = _connected(crop, seeds, _allowed(crop, prompt))
    if prompt.previous is not None:
        first = np.subtract(prompt.previous.start_ijk, start)
        grown[tuple(slice(f, f + n) for f, n in zip(first, prompt.previous.mask.shape, strict=True))] |= prompt.previous.mask
    outside = prompt.outside_ras_mm()
    if len(outside):
        grown &= ~_nearer_outside(crop, prompt.inside_ras_mm(), outside)
    return grown, start


def _box(ras: Volume, prompt: Prompt) -> tuple[Triple, Triple]:
    """The voxels that may be reached: the box, or what lies near the seeds, and the previous segment with it."""
    points = prompt.seeds_ras_mm() if prompt.box is None else np.asarray(prompt.box, dtype=np.float64)
    margin = np.asarray([0.0 if prompt.box is not None else REACH_MM / s for s in ras.spacing_mm])
    index = ras.voxel_from_world(points)
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    if len(index):
        low, high = index.min(axis=0) - margin, index.max(axis=0) + margin + 1
    if prompt.previous is not None:
        low, high = np.minimum(low, prompt.previous.start_ijk), np.maximum(high, prompt.previous.stop_ijk)
    i, j, k = (int(x) for x in np.clip(np.floor(low), 0, ras.shape))
    a, b, c = (int(x) for x in np.clip(np.ceil(high), 0, ras.shape))
    return (i, j, k), (a, b, c)


def _cells(crop: Volume, points_ras_mm: NDArray[np.float64]) -> NDArray[np.int64]:
    """Voxels that hold the points, [n, 3]; those outside the crop are left out."""
    index = np.rint(crop.voxel_from_world(points_ras_mm)).astype(np.int64)
    return np.asarray(index[((index >= 0) & (index < crop.shape)).all(axis=1)])


def _allowed(crop: Volume, prompt: Prompt) -> Mask:
    allowed = np.ones(crop.shape, dtype=np.bool_)
    if prompt.box is not None:
        allowed[:] = False
        ends = crop.voxel_from_world(np.asarray(prompt.box, dtype=np.float64))
        low, high = np.rint(ends.min(axis=0)).astype(int), np.rint(ends.max(axis=0)).astype(int) + 1
        allowed[tuple(slice(max(0, a), max(0, b)) for a, b in zip(low, high, strict=True))] = True
    if prompt.grounding is not None and not len(prompt.inside_ras_mm()):
        allowed &= near_region(crop, prompt.grounding)
    return allowed


def near_region(crop: Volume, grounding: Grounding) -> Mask:
    """Voxels of a volume in RAS order where the region's own heat is at least part of the grounding's threshold."""
    near = np.zeros(crop.shape, dtype=np.bool_)
    region = grounding.region()
    if region is None or grounding.heatmap is None or grounding.threshold is None:
        return near
    heat = np.where(ndimage.binary_dilation(region), grounding.heatmap, np.float32(0)).astype(np.float32)
    placed = place(heat.shape, grounding.affine, crop.shape, crop.affine)
    if placed is not None:
        near[placed.box] = placed.mask(heat, AROUND_GROUNDING * grounding.threshold)
    return near


def _connected(crop: Volume, seeds: NDArray[np.int64], allowed: Mask) -> Mask:
    hu = ndimage.gaussian_filter(crop.hu.astype(np.float32), [SMOOTHING_MM / s for s in crop.spacing_mm])
    reach = [max(1, round(SEED_RADIUS_MM / s)) for s in crop.spacing_mm]
    around = [hu[tuple(slice(max(0, x - r), x + r + 1) for x, r in zip(seed, reach, strict=True))].ravel() for seed in seeds]
    level = float(np.median(np.concatenate(around)))
    alike = allowed & (np.abs(hu - level) < TOLERANCE_HU)
    cut = ndimage.binary_opening(alike, ball(crop.spacing_mm, BRIDGE_MM))
    for mask in (cut, alike):  # a lesion thinner than a bridge is grown as it is
        labels, _ = ndimage.label(mask)
        wanted = np.unique(labels[tuple(seeds.T)])
        grown = np.isin(labels, wanted[wanted > 0])
        if grown.any():
            return np.asarray(ndimage.binary_dilation(grown, mask=alike), dtype=np.bool_)
    return np.zeros(crop.shape, dtype=np.bool_)


def ball(spacing_mm: tuple[float, float, float], radius_mm: float) -> Mask:
    """A structuring element: the voxels within a radius."""
    reach = [int(radius_mm / s) for s in spacing_mm]
    grids = np.meshgrid(*(np.arange(-r, r + 1) * s for r, s in zip(reach, spacing_mm, strict=True)), indexing="ij")
    return np.asarray(sum(g**2 for g in grids) <= radius_mm**2, dtype=np.bool_)


def _nearer_outside(crop: Volume, inside_mm: NDArray[np.float64], outside_mm: NDArray[np.float64]) -> Mask:
    """Voxels nearer to a point said to be outside than to any said to be inside; without those, within a seed's radius."""
    places = apply_affine(crop.affine, np.moveaxis(np.indices(crop.shape), 0, -1).astype(np.float64))
    outside = np.min([np.linalg.norm(places - point, axis=-1) for point in outside_mm], axis=0)
    if not len(inside_mm):
        return np.asarray(outside < SEED_RADIUS_MM, dtype=np.bool_)
    inside = np.min([np.linalg.norm(places - point, axis=-1) for point in inside_mm], axis=0)
    return np.asarray(outside < inside, dtype=np.bool_)
