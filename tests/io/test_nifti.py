"""The NIfTI reader against nibabel's geometry, and what it refuses by name."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from asap.errors import InputError, LimitError
from asap.io.nifti import read_nifti, write_nifti
from tests.attacks import build
from tests.io import synthetic

BODY = bytes(128)


def read(tmp_path: Path, data: bytes) -> Any:
    (tmp_path / "a.nii").write_bytes(data)
    return read_nifti(tmp_path / "a.nii")


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("endianness", ["<", ">"])
@pytest.mark.parametrize("codes", [(1, 1), (1, 0), (0, 1)])
@pytest.mark.parametrize("tilt", [0.0, 25.0])
def test_both_versions_orders_and_forms(kind: Any, endianness: str, codes: tuple[int, int], tilt: float, tmp_path: Path) -> None:
    hu, affine = synthetic.stored_as(synthetic.example_hu(), synthetic.ras_affine(tilt_degrees=tilt), "PIR")
    header = kind.header_class(endianness=endianness)
    header.set_data_dtype(np.int16)
    header.set_xyzt_units("mm")
    image = kind(hu, None, header)
    image.set_sform(affine, codes[0])
    image.set_qform(affine, codes[1])
    nib.save(image, tmp_path / "a.nii.gz")
    volume = read_nifti(tmp_path / "a.nii.gz")
    assert np.array_equal(volume.hu, hu)
    np.testing.assert_allclose(volume.affine, affine, atol=1e-3)


@pytest.mark.parametrize(("unit", "per_mm"), [(1, 1e-3), (3, 1e3), (2, 1.0), (0, 1.0), (2 + 8, 1.0)])
def test_units_of_length(unit: int, per_mm: float, tmp_path: Path) -> None:
    s = 2.0 * per_mm
    row = (s, 0, 0, 5 * per_mm, 0, s, 0, 0, 0, 0, s, 0)
    volume = read(tmp_path, build.nifti_1(units=unit, srow=row) + BODY)
    assert volume.spacing_mm == pytest.approx((2, 2, 2), rel=1e-5)
    assert volume.affine[0, 3] == pytest.approx(5, rel=1e-5)


def test_extensions_are_stepped_over(tmp_path: Path) -> None:
    header = bytearray(build.nifti_1(offset=416.0))
    header[348] = 1
    values = np.arange(64, dtype="<i2")
    volume = read(tmp_path, bytes(header) + b"Doe^Jane".ljust(64) + values.tobytes())
    assert np.array_equal(volume.hu.ravel(order="F"), values)


def test_trailing_dimensions_of_one_are_accepted(tmp_path: Path) -> None:
    assert read(tmp_path, build.nifti_1(dim=(5, 4, 4, 4, 1, 1, 1, 1)) + BODY).shape == (4, 4, 4)


def test_several_gzip_members_are_one_file(tmp_path: Path) -> None:
    data = build.nifti_1() + BODY
    assert read(tmp_path, gzip.compress(data[:100]) + gzip.compress(data[100:])).shape == (4, 4, 4)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (build.nifti_1(magic=b"ni1\0") + BODY, "separate data file"),
        (build.nifti_1(magic=b"\0\0\0\0") + BODY, "Analyze"),
        (build.nifti_1(dim=(4, 4, 4, 4, 2, 1, 1, 1)) + BODY * 2, "more than three dimensions"),
        (build.nifti_1(dim=(2, 4, 4, 4, 1, 1, 1, 1)) + BODY, "not three-dimensional"),
        (build.nifti_1(datatype=128, bitpix=24) + BODY, "colours"),
        (build.nifti_1(datatype=32, bitpix=64) + BODY * 4, "complex"),
        (build.nifti_1(bitpix=8) + BODY, "damaged"),
        (build.nifti_1(slope=float("inf")) + BODY, "scaling"),
        (build.nifti_1(slope=2.0, intercept=float("nan")) + BODY, "scaling"),
        (build.nifti_1() + BODY + b"x", "more data"),
        (build.nifti_1() + BODY[:-1], "ends early"),
        (gzip.compress(build.nifti_1() + BODY + b"x"), "more data"),
        (gzip.compress(build.nifti_1() + BODY) + b"x", "ends early|damaged"),
        (gzip.compress(build.nifti_1() + BODY)[:-4], "ends early|damaged"),
        (gzip.compress(build.nifti_1() + BODY)[:-8] + bytes(8), "damaged"),
    ],
)
def test_refused_by_name(data: bytes, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=sentence):
        read(tmp_path, data)


def test_too_large_is_a_limit(tmp_path: Path) -> None:
    with pytest.raises(LimitError, match="crop or resample"):
        read(tmp_path, build.nifti_1(dim=(3, 2000, 2000, 4, 1, 1, 1, 1)))


def test_values_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    values = np.zeros(64, "<f4")
    values[5] = np.nan
    with pytest.raises(InputError, match="not numbers"):
        read(tmp_path, build.nifti_1(datatype=16, bitpix=32) + values.tobytes())


def test_writing_is_deterministic(tmp_path: Path) -> None:
    heat = np.random.default_rng(0).random((9, 8, 7), np.float32)
    for name in ("a.nii.gz", "b.nii.gz"):
        write_nifti(tmp_path / name, heat, synthetic.ras_affine(tilt_degrees=30))
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("order", ["C", "F"])
def test_nibabel_and_simpleitk_read_what_is_written(dtype: Any, order: Any, tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    array = np.asarray(np.random.default_rng(0).integers(0, 200, (5, 6, 7)), dtype=dtype, order=order)
    affine = synthetic.ras_affine(tilt_degrees=15) @ np.diag([-1.0, 1, 1, 1])
    write_nifti(tmp_path / "a.nii.gz", array, affine)
    theirs = nib.load(tmp_path / "a.nii.gz")
    assert theirs.get_data_dtype() == dtype and np.array_equal(np.asanyarray(theirs.dataobj), array)
    np.testing.assert_allclose(theirs.affine, affine, atol=1e-4)
    image = sitk.ReadImage(str(tmp_path / "a.nii.gz"))
    assert np.array_equal(sitk.GetArrayFromImage(image).transpose(2, 1, 0), array)
    corner = np.array(image.TransformIndexToPhysicalPoint((4, 5, 6))) * (-1, -1, 1)
    np.testing.assert_allclose(corner, (affine @ [4, 5, 6, 1])[:3], atol=1e-3)


def test_other_types_are_not_written(tmp_path: Path) -> None:
    for array in (np.zeros((2, 2, 2)), np.zeros((2, 2), np.uint8)):
        with pytest.raises(InputError):
            write_nifti(tmp_path / "a.nii", array, np.eye(4))
    assert list(tmp_path.iterdir()) == []
