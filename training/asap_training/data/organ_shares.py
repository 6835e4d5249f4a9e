"""Organ classes per voxel -> share of each class per token, exactly, for any crop (asap-method 1.5)."""

from __future__ import annotations

from functools import lru_cache
from math import gcd

import numpy as np
from numpy.typing import NDArray

Triple = tuple[int, int, int]


def organ_shares(labels_HWD: NDArray[np.uint8], patch: Triple, classes: int) -> NDArray[np.float32]:
    """Share [N, C] of each token's voxels per class, tokens in C order; shape a multiple of the patch, C-contiguous.

    Voxels are counted in runs of up to eight along the last axis, compared as one machine word: most hold one organ only.
    """
    run = gcd(patch[2], 8)
    token_R = _token_of_runs(labels_HWD.shape, patch, run)
    runs_RV = labels_HWD.reshape(-1, run)
    first_R = runs_RV[:, 0]
    word = np.dtype(f"u{run}")
    ones = word.type(int.from_bytes(b"\x01" * run, "little"))
    mixed = np.flatnonzero(labels_HWD.reshape(-1).view(word) != first_R.astype(word) * ones)
    tokens = labels_HWD.size // int(np.prod(patch))
    place_R = token_R * classes + first_R
    counts = run * np.bincount(place_R, minlength=tokens * classes)
    counts -= run * np.bincount(place_R[mixed], minlength=tokens * classes)
    counts += np.bincount((token_R[mixed, None] * classes + runs_RV[mixed]).ravel(), minlength=tokens * classes)
    return (counts.reshape(tokens, classes) / np.float32(np.prod(patch))).astype(np.float32)


@lru_cache(maxsize=4)
def _token_of_runs(shape: tuple[int, ...], patch: Triple, run: int) -> NDArray[np.int64]:
    """Token of each run of voxels, in C order of the volume."""
    h, w, d = shape[0] // patch[0], shape[1] // patch[1], shape[2] // patch[2]
    token = np.arange(h * w * d, dtype=np.int64).reshape(h, w, d)
    for axis, repeats in enumerate((patch[0], patch[1], patch[2] // run)):
        token = token.repeat(repeats, axis=axis)
    return token.ravel()
