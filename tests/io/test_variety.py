"""A8: one image in 8 orientations x 4 stored types x 3 formats x compressed or not is one world-space Volume, 192 times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asap.io.dicom import read_dicom_series
from asap.io.nifti import read_nifti
from asap.io.nrrd import read_nrrd
from asap.io.read import read_volume
from asap.volume import Volume
from tests.io import synthetic

HU = synthetic.example_hu()
AFFINE = synthetic.ras_affine()
TRUTH = Volume(HU, AFFINE)


@pytest.mark.parametrize("codes", synthetic.ORIENTATIONS)
@pytest.mark.parametrize("dtype", ["i2", "u2", "i4", "f4"])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_nifti(tmp_path: Path, codes: str, dtype: str, suffix: str) -> None:
    hu, affine = synthetic.stored_as(HU, AFFINE, codes)
    path = tmp_path / f"a{suffix}"
    synthetic.write_nifti(path, hu, affine, dtype, intercept=-1024.0 if dtype == "u2" else 0.0)
    assert_same_in_world(read_nifti(path))


@pytest.mark.parametrize("codes", synthetic.ORIENTATIONS)
@pytest.mark.parametrize("dtype", ["i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("encoding", ["raw", "gzip"])
def test_nrrd(tmp_path: Path, codes: str, dtype: str, encoding: str) -> None:
    hu, affine = synthetic.stored_as(HU, AFFINE, codes)
    synthetic.write_nrrd(tmp_path / "a.nrrd", hu, affine, dtype, encoding)
    assert_same_in_world(read_nrrd(tmp_path / "a.nrrd"))


@pytest.mark.parametrize("codes", synthetic.ORIENTATIONS)
@pytest.mark.parametrize("storage", ["signed", "unsigned", "12bit", "half"])
@pytest.mark.parametrize("syntax", ["explicit", "rle"])
def test_dicom(tmp_path: Path, codes: str, storage: str, syntax: str) -> None:
    hu, affine = synthetic.stored_as(HU, AFFINE, codes)
    synthetic.write_dicom(tmp_path, hu, affine, storage=storage, syntax=syntax)
    assert_same_in_world(read_dicom_series(tmp_path))


@pytest.mark.parametrize("syntax", ["implicit", "big", "j2k"])
@pytest.mark.parametrize("storage", ["signed", "unsigned", "12bit"])
def test_dicom_in_other_transfer_syntaxes(tmp_path: Path, syntax: str, storage: str) -> None:
    if syntax == "j2k":
        pytest.importorskip("openjpeg.utils")
    hu = synthetic.example_hu((32, 40, 3))
    synthetic.write_dicom(tmp_path, hu, AFFINE, storage=storage, syntax=syntax)
    volume = read_dicom_series(tmp_path).reoriented_to_ras()
    assert np.array_equal(volume.hu, hu)


@pytest.mark.parametrize("syntax", ["rle", "j2k"])
def test_compressed_dicom_through_the_child(tmp_path: Path, syntax: str) -> None:
    """The decoders load inside the child's limits and behind its guard."""
    if syntax == "j2k":
        pytest.importorskip("openjpeg.utils")
    hu = synthetic.example_hu((64, 48, 3))
    synthetic.write_dicom(tmp_path / "a", hu, AFFINE, storage="12bit", syntax=syntax)
    assert np.array_equal(read_volume(tmp_path / "a").reoriented_to_ras().hu, hu)


def assert_same_in_world(volume: Volume) -> None:
    canonical = volume.reoriented_to_ras()
    assert volume.hu.dtype == np.int16
    assert np.array_equal(canonical.hu, HU)
    np.testing.assert_allclose(canonical.affine, AFFINE, atol=2e-4)
    assert volume.identity == TRUTH.identity
    assert volume.is_same_case(TRUTH)
