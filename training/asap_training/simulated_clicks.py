"""A user who always clicks where the answer is most wrong: the deepest voxel of the largest error component."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Click:
    """A voxel, and whether it is said to be inside."""

    voxel: tuple[int, int, int]
    inside: bool


def next_click(answer: Mask, truth: Mask, rng: np.random.Generator | None = None) -> Click | None:
    """Where the largest 6-connected error component is deepest; None when there is no error.

    rng: a person who does not aim so well: a voxel drawn among those at least half as deep as the deepest.
    """
    errors = answer ^ truth
    labels, count = ndimage.label(errors)
    if count == 0:
        return None
    largest = 1 + int(np.bincount(labels.ravel())[1:].argmax())
    box = ndimage.find_objects(labels)[largest - 1]
    depth = ndimage.distance_transform_edt(np.pad(labels[box] == largest, 1))[1:-1, 1:-1, 1:-1]
    if rng is None:
        inside_box = np.unravel_index(int(depth.argmax()), depth.shape)
    else:
        inside_box = np.argwhere(depth >= 0.5 * depth.max())[int(rng.integers((depth >= 0.5 * depth.max()).sum()))]
    i, j, k = (int(n) + axis.start for n, axis in zip(inside_box, box, strict=True))
    return Click((i, j, k), bool(truth[i, j, k]))
