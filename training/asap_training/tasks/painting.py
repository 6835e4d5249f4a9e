"""A finding painted out of a generated case, and the controls that this is done with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from asap.phantom.canvas import PlacedFinding
from asap.phantom.case import PhantomCase
from asap.volume import Volume

FALL = 0.2  # of the probability that counts as noticed when the finding is painted out


def painted_out(case: PhantomCase, finding: PlacedFinding) -> Volume:
    """The case with one finding replaced by what its twin has there, 6 mm around included."""
    spacing = case.volume.spacing_mm[0]
    around = ndimage.binary_dilation(finding.region, iterations=max(1, round(6 / spacing)))
    return Volume(np.where(around, case.twin.hu, case.volume.hu), case.volume.affine)


def patched_elsewhere(case: PhantomCase, finding: PlacedFinding, rng: np.random.Generator) -> Volume | None:
    """The case with a patch of the finding's shape elsewhere in that lung filled with lung from a third place.

    None when that lung has no room for it beside its findings.
    """
    lung = case.organs.get(f"{finding.side}_lung")
    if lung is None:
        return None
    taken = np.logical_or.reduce([other.region for other in case.findings])
    free = np.argwhere(lung & ~ndimage.binary_dilation(taken, iterations=3))
    where = np.argwhere(finding.region)
    if len(free) < len(where):
        return None
    shape = where - np.rint(where.mean(axis=0)).astype(int)
    places = [_moved(shape, free[int(rng.integers(len(free)))], lung & ~taken) for _ in range(40)]
    fitting = sorted((place for place in places if len(place)), key=len)[-2:]
    if len(fitting) < 2 or len(fitting[0]) < len(where) / 2:
        return None
    count = min(len(fitting[0]), len(fitting[1]))
    hu: NDArray[np.int16] = case.volume.hu.astype(np.int16).copy()
    hu[tuple(fitting[1][:count].T)] = case.volume.hu[tuple(fitting[0][:count].T)]
    return Volume(hu, case.volume.affine)


def _moved(shape: NDArray[np.int64], centre: NDArray[np.int64], allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The voxels of a shape around another centre that are allowed."""
    moved = shape + centre
    inside = ((moved >= 0) & (moved < allowed.shape)).all(axis=1)
    kept = moved[inside]
    return np.asarray(kept[allowed[tuple(kept.T)]], dtype=np.int64)


def noticed(before: float | None, after: float | None) -> bool:
    """Whether the answer flipped, or its probability fell by `FALL`."""
    if before is None or after is None:
        return False
    return (before >= 0.5 > after) or before - after >= FALL
