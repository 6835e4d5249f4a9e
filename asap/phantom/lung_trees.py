"""Arteries, veins and airways inside the lungs of a generated chest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asap.phantom.labels import LABELS, LOBES
from asap.phantom.scene import Scene
from asap.phantom.solids import Floats, Frame, splat, tube_depth
from asap.phantom.vessels import Tree, grow_tree


def paint_trees(scene: Scene, room_IJK: Floats) -> None:
    """Arteries beside airways, and veins, from each hilum to the pleura.

    room_IJK: signed distance to the inside of the chest above the diaphragm. Endpoints are drawn from it and not from the
    lungs, so that a larger heart hides vessels but moves none.
    """
    rng, frame, canvas = scene.rng, scene.frame, scene.canvas
    vessels: list[Tree] = []
    airways: list[Tree] = []
    flat = room_IJK.reshape(-1)
    litres = float((room_IJK < 0).sum()) * frame.spacing_mm**3 * 0.8e-6
    thick = float(rng.uniform(0.85, 1.1) * np.clip((litres / 6) ** (1 / 3), 0.6, 1.05))
    middle = [int(np.searchsorted(frame.x_I, x)) * frame.shape[1] * frame.shape[2] for x in (-22.0, 22.0)]
    for hilum, outward, low, high in (
        (scene.airway.hila_mm[0], 1.0, middle[1], room_IJK.size),
        (scene.airway.hila_mm[1], -1.0, 0, middle[0]),
    ):
        deep = np.flatnonzero(flat[low:high] < -5) + low
        if len(deep) * frame.spacing_mm**3 < 5e4:
            continue
        outer = deep[flat[deep] > -15]
        ends = np.concatenate([_positions(rng, frame, outer, 288), _positions(rng, frame, deep, 224)])[rng.permutation(512)]
        veins = np.concatenate([_positions(rng, frame, outer, 160), _positions(rng, frame, deep, 96)])
        artery_at = hilum + np.array([4 * outward, 5.0, 2.0])
        vein_at = hilum + np.array([-4 * outward, 11.0, -16.0])
        vessels.append(grow_tree(rng, artery_at, ends, twig_mm=1.08 * thick, root_mm=7.0 * thick))
        vessels.append(grow_tree(rng, vein_at, veins, twig_mm=1.15 * thick, root_mm=6.5 * thick))
        airways.append(grow_tree(rng, hilum, ends[:64] + rng.normal(0, 3, (64, 3)), twig_mm=1.0, root_mm=5.5))
    if not vessels:
        return
    labels = canvas.labels_IJK
    lung = (labels >= LABELS[LOBES[0]]) & (labels <= LABELS[LOBES[-1]])
    hu = 45.0 + 0.85 * (0.5 * (scene.blood.right + scene.blood.left) - 42)
    cover = _cover(frame, vessels)
    cover *= lung
    cover *= np.float32(hu) - canvas.hu_IJK
    np.add(canvas.hu_IJK, cover, out=canvas.hu_IJK)
    points, radii = np.concatenate([t.points_N3 for t in airways]), np.concatenate([t.radii_N for t in airways])
    open_enough = radii > 1.2
    box, depth = tube_depth(frame, points[open_enough], radii[open_enough])
    view, inside = canvas.hu_IJK[box], lung[box]
    wall = np.clip(depth + 1.8, 0, 1.5) * np.float32(0.28)
    view += np.where(inside, wall * np.maximum(-250 - view, 0), 0).astype(np.float32)
    lumen = np.clip((depth + 0.2) / np.float32(frame.spacing_mm), 0, 1)
    view += np.where(inside, lumen * (-990 - view), 0).astype(np.float32)


def _cover(frame: Frame, trees: list[Tree]) -> Floats:
    """Share of every voxel filled by vessels: wide ones as tubes, narrow ones by volume."""
    points = np.concatenate([t.points_N3 for t in trees])
    radii = np.concatenate([t.radii_N for t in trees])
    steps = np.concatenate([t.step_N for t in trees])
    narrow = radii < 0.7 * frame.spacing_mm
    cover = splat(frame, points[narrow], np.pi * radii[narrow] ** 2 * steps[narrow])
    if not narrow.all():
        box, depth = tube_depth(frame, points[~narrow], radii[~narrow])
        view = cover[box]
        np.maximum(view, np.clip(0.5 + depth / np.float32(frame.spacing_mm), 0, 1), out=view)
    return np.minimum(cover, 1, out=cover)


def _positions(rng: np.random.Generator, frame: Frame, flat_N: NDArray[np.int64], count: int) -> NDArray[np.float32]:
    """Random lung positions in mm, [count, 3]."""
    i, j, k = np.unravel_index(flat_N[rng.integers(0, len(flat_N), count)], frame.shape)
    place = np.stack([frame.x_I[i], frame.y_J[j], frame.z_K[k]], axis=1)
    return np.asarray(place + rng.uniform(-0.5, 0.5, place.shape) * frame.spacing_mm, np.float32)
