"""Round trips of the readers and the writer for any geometry: voxels exact, positions to the file's own precision."""

from __future__ import annotations

import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asap.errors import InputError
from asap.io import nifti
from asap.io.dicom import read_dicom_series
from asap.io.nrrd import read_nrrd
from asap.volume import Volume, corner_indices
from tests.io import synthetic
from tests.strategies import affines, volumes

EXAMPLES = settings(max_examples=200, deadline=None)
pytestmark = pytest.mark.slow


@EXAMPLES
@given(volumes(), st.sampled_from([".nii", ".nii.gz"]))
def test_nifti_written_and_read(volume: Volume, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        nifti.write_nifti(path, volume.hu, volume.affine)
        assert_same(nifti.read_nifti(path), volume, atol_mm=2e-3)
        theirs = nib.load(path)
        assert np.array_equal(np.asanyarray(theirs.dataobj), volume.hu)
        np.testing.assert_allclose(theirs.get_qform(), theirs.get_sform(), atol=2e-3)


@EXAMPLES
@given(volumes(), st.sampled_from(["raw", "gzip"]))
def test_nrrd_from_pynrrd(volume: Volume, encoding: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.nrrd"
        synthetic.write_nrrd(path, volume.hu, volume.affine, volume.hu.dtype.str[1:], encoding)
        assert_same(read_nrrd(path), volume, atol_mm=1e-6)


@EXAMPLES
@given(affines(), st.integers(0, 2**32 - 1), st.sampled_from(["signed", "12bit"]))
def test_dicom_from_pydicom(affine: np.ndarray, seed: int, storage: str) -> None:
    volume = Volume(synthetic.example_hu((4, 3, 3), seed), affine)
    with tempfile.TemporaryDirectory() as folder:
        synthetic.write_dicom(Path(folder), volume.hu, affine, storage=storage)
        read = read_dicom_series(Path(folder))
        if np.linalg.det(affine) < 0:  # slices are stacked along their normal, which here runs against k
            flipped = affine @ np.diag([1.0, 1.0, -1.0, 1.0])
            flipped[:3, 3] = (affine @ [0, 0, 2, 1])[:3]
            volume = Volume(np.ascontiguousarray(volume.hu[:, :, ::-1]), flipped)
        assert_same(read, volume, atol_mm=1e-3)


@EXAMPLES
@given(
    st.sampled_from(["u1", "i1", "i2", "u2", "i4", "u4", "f4", "f8", ">i2", ">f4", ">u2"]),
    st.floats(-50, 50).filter(lambda x: abs(x) > 1e-3) | st.sampled_from([1.0, 2.0, 0.5, -1.0]),
    st.floats(-2000, 2000) | st.sampled_from([0.0, -1024.0, 0.5]),
    st.integers(0, 2**32 - 1),
)
def test_nifti_scaling_is_slope_times_stored_plus_intercept(dtype: str, slope: float, inter: float, seed: int) -> None:
    slope, inter = float(np.float32(slope)), float(np.float32(inter))
    stored = np.random.default_rng(seed).integers(0, 100, (3, 4, 2)).astype(dtype)
    image = nib.Nifti1Image(stored, np.eye(4), nib.Nifti1Header(endianness=">" if dtype[0] == ">" else "<"))
    image.header.set_data_dtype(dtype)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.nii"
        nib.save(image, path)
        patch_scaling(path, slope, inter, ">" if dtype[0] == ">" else "<")
        hu = nifti.read_nifti(path).hu
    expected = stored.astype(np.float64) * slope + inter
    whole = bool((expected == np.rint(expected)).all())
    assert hu.dtype == (np.int16 if whole else np.float32)
    np.testing.assert_allclose(hu, expected, rtol=1e-6, atol=1e-6)


@EXAMPLES
@given(volumes(), st.integers(1, 400))
def test_a_shortened_or_lengthened_file_is_refused(volume: Volume, count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for suffix in (".nii", ".nii.gz"):
            path = Path(folder) / f"a{suffix}"
            nifti.write_nifti(path, volume.hu, volume.affine)
            data = path.read_bytes()
            for changed in (data[:-count], data + bytes(count)):
                path.write_bytes(changed)
                with pytest.raises(InputError):
                    nifti.read_nifti(path)


def patch_scaling(path: Path, slope: float, inter: float, order: str) -> None:
    """Set scl_slope and scl_inter in a written file (nibabel would rescale the voxels itself)."""
    data = bytearray(path.read_bytes())
    data[112:120] = np.array([slope, inter], f"{order}f4").tobytes()
    path.write_bytes(data)


def assert_same(read: Volume, written: Volume, atol_mm: float) -> None:
    assert read.hu.dtype == written.hu.dtype or np.array_equal(written.hu, np.rint(written.hu))
    assert np.array_equal(read.hu, written.hu)
    corners = corner_indices(written.shape)
    np.testing.assert_allclose(read.world_from_voxel(corners), written.world_from_voxel(corners), atol=atol_mm)
