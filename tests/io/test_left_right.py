"""B2, the readers' part: a marker in the right lung stays right through every reader and every way of storing it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from asap.io import nifti
from asap.io.read import read_volume
from asap.volume import Volume
from tests.io import synthetic

Array = NDArray[Any]
MARK_HU = 700


def body(tilt_degrees: float = 0.0, spacing_mm: tuple[float, float, float] = (3.0, 2.0, 5.0)) -> tuple[Array, Array, Array]:
    """A body centred on the world's origin with a bright marker in its right, front, upper part: voxels, affine, its mm."""
    hu = np.full((30, 24, 12), -850, np.int16)
    affine = synthetic.ras_affine(spacing_mm, tilt_degrees)
    affine[:3, 3] = -affine[:3, :3] @ (np.array(hu.shape) - 1) / 2
    at = (22, 17, 8)
    hu[at] = MARK_HU
    world_mm = (affine @ [*at, 1])[:3]
    assert world_mm[0] > 10 and world_mm[2] > 5
    return hu, affine, world_mm


def as_nifti(folder: Path, hu: Array, affine: Array) -> Path:
    synthetic.write_nifti(folder / "a.nii.gz", hu, affine)
    return folder / "a.nii.gz"


def as_own_nifti(folder: Path, hu: Array, affine: Array) -> Path:
    nifti.write_nifti(folder / "a.nii.gz", hu, affine)
    return folder / "a.nii.gz"


def as_nrrd(folder: Path, hu: Array, affine: Array) -> Path:
    synthetic.write_nrrd(folder / "a.nrrd", hu, affine, encoding="gzip")
    return folder / "a.nrrd"


def as_dicom(folder: Path, hu: Array, affine: Array) -> Path:
    synthetic.write_dicom(folder / "series", hu, affine)
    return folder / "series"


WRITERS = (as_nifti, as_own_nifti, as_nrrd, as_dicom)
KINDS: dict[str, dict[str, Any]] = {
    "straight": {},
    "oblique": {"tilt_degrees": 20.0},
    "anisotropic": {"spacing_mm": (1.5, 1.5, 8.0)},
}


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("codes", synthetic.ORIENTATIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_marker_stays_where_it_is(write: Callable[[Path, Array, Array], Path], codes: str, kind: str, tmp_path: Path) -> None:
    hu, affine, world_mm = body(**KINDS[kind])
    volume = read_volume(write(tmp_path, *synthetic.stored_as(hu, affine, codes)))
    for seen in (volume, volume.reoriented_to_ras()):
        np.testing.assert_allclose(marker_mm(seen), world_mm, atol=0.01)


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("codes", synthetic.ORIENTATIONS)
def test_the_marker_survives_cropping(write: Callable[[Path, Array, Array], Path], codes: str, tmp_path: Path) -> None:
    hu, affine, world_mm = body(tilt_degrees=10.0)
    cropped = Volume(hu, affine).cropped((13, 8, 4), (28, 21, 11))
    volume = read_volume(write(tmp_path, *synthetic.stored_as(cropped.hu, cropped.affine, codes)))
    np.testing.assert_allclose(marker_mm(volume), world_mm, atol=0.01)


def marker_mm(volume: Volume) -> Array:
    (at,) = np.argwhere(volume.hu == MARK_HU)
    return volume.world_from_voxel(at.astype(np.float64))
