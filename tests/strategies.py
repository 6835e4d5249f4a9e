"""Hypothesis strategies for volumes: any spacing within limits, any rotation, any stored orientation."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from asap.volume import Volume


@st.composite
def affines(draw: st.DrawFn) -> NDArray[np.float64]:
    """Rotation (from a random quaternion) or an exact permutation with signs, times spacing, plus an origin; RAS+ mm."""
    spacing_mm = np.array([draw(st.floats(0.15, 19.0)) for _ in range(3)])
    if draw(st.booleans()):
        rotation = np.eye(3)[list(draw(st.permutations(range(3))))]
    else:
        rotation = rotation_of(np.random.default_rng(draw(st.integers(0, 2**32 - 1))).standard_normal(4))
    signs = np.array([draw(st.sampled_from([-1.0, 1.0])) for _ in range(3)])
    out = np.eye(4)
    out[:3, :3] = rotation * (spacing_mm * signs)
    out[:3, 3] = [draw(st.floats(-2000, 2000)) for _ in range(3)]
    return out


@st.composite
def volumes(draw: st.DrawFn, largest: int = 6, smallest: int = 1) -> Volume:
    """Small volumes of random int16 HU or float32 HU."""
    shape = tuple(draw(st.integers(smallest, largest)) for _ in range(3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    hu: NDArray[Any] = rng.integers(-1024, 3000, shape).astype(np.int16)
    if draw(st.booleans()):
        hu = hu.astype(np.float32) + rng.random(shape, np.float32)
    return Volume(hu, draw(affines()))


def rotation_of(quaternion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotation matrix of a quaternion (w, x, y, z) of any length but zero."""
    w, x, y, z = quaternion / np.linalg.norm(quaternion)
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip
