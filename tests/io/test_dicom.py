"""The DICOM reader against pydicom and SimpleITK: encodings, nested elements, multi-frame files, privacy."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asap import limits
from asap.errors import InputError, LimitError
from asap.io.dicom import read_dicom_file, read_dicom_series
from asap.io.dicom_header import read_header
from asap.io.read import read_volume
from tests.attacks import build
from tests.io import synthetic

HU, AFFINE = synthetic.example_hu((6, 5, 4)), synthetic.ras_affine(tilt_degrees=12)


def enhanced(hu: Any, affine: Any, syntax: str = "explicit", *, shared_spacing: bool = True) -> Any:
    """An Enhanced CT data set with one frame a slice, in reverse order."""
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    slices = [synthetic.dicom_slice(hu, affine, k) for k in reversed(range(hu.shape[2]))]
    out = slices[0]
    out.SOPClassUID = build.ENHANCED_CT
    out.PixelData = b"".join(one.PixelData for one in slices)
    out.NumberOfFrames = len(slices)
    out.PerFrameFunctionalGroupsSequence = Sequence([functional_group(one, with_spacing=not shared_spacing) for one in slices])
    shared = Dataset()
    if shared_spacing:
        shared.PixelMeasuresSequence = Sequence([part(slices[0], "PixelSpacing")])
    shared.PixelValueTransformationSequence = Sequence([part(slices[0], "RescaleSlope", "RescaleIntercept")])
    out.SharedFunctionalGroupsSequence = Sequence([shared])
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept"):
        delattr(out, name)
    return out


def functional_group(one: Any, *, with_spacing: bool) -> Any:
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    group = Dataset()
    group.PlanePositionSequence = Sequence([part(one, "ImagePositionPatient")])
    group.PlaneOrientationSequence = Sequence([part(one, "ImageOrientationPatient")])
    if with_spacing:
        group.PixelMeasuresSequence = Sequence([part(one, "PixelSpacing")])
    return group


def part(source: Any, *names: str) -> Any:
    from pydicom.dataset import Dataset

    out = Dataset()
    for name in names:
        setattr(out, name, getattr(source, name))
    return out


@pytest.mark.parametrize("syntax", ["explicit", "implicit", "big"])
@pytest.mark.parametrize("shared_spacing", [True, False])
def test_a_multi_frame_file(syntax: str, shared_spacing: bool, tmp_path: Path) -> None:
    synthetic.save_dicom(enhanced(HU, AFFINE, shared_spacing=shared_spacing), tmp_path / "a.dcm", syntax)
    for volume in (read_dicom_file(tmp_path / "a.dcm"), read_dicom_series(tmp_path), read_volume(tmp_path / "a.dcm")):
        assert np.array_equal(volume.hu, HU)
        np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-4)


def test_a_multi_frame_file_that_describes_too_few_frames(tmp_path: Path) -> None:
    dataset = enhanced(HU, AFFINE)
    del dataset.PerFrameFunctionalGroupsSequence[-1]
    synthetic.save_dicom(dataset, tmp_path / "a.dcm")
    with pytest.raises(InputError, match="each of its frames"):
        read_dicom_file(tmp_path / "a.dcm")


@pytest.mark.parametrize("undefined", [True, False])
def test_sequences_before_the_pixels_are_stepped_over(undefined: bool, tmp_path: Path) -> None:
    """Nested items that hold an own position and size must not be taken for the slice's."""
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    def edit(dataset: Any, k: int) -> None:
        inner = part(dataset, "Rows", "Columns")
        inner.ImagePositionPatient = ["9", "9", "9"]
        inner.ReferencedImageSequence = Sequence([Dataset(), part(dataset, "ImageOrientationPatient")])
        dataset.SourceImageSequence = Sequence([inner, inner])
        dataset.SourceImageSequence.is_undefined_length = undefined
        dataset["SourceImageSequence"].is_undefined_length = undefined
        inner.is_undefined_length_sequence_item = undefined

    for syntax in ("explicit", "implicit"):
        synthetic.write_dicom(tmp_path / syntax, HU, AFFINE, edit=edit, syntax=syntax)
        assert np.array_equal(read_dicom_series(tmp_path / syntax).reoriented_to_ras().hu, HU)


def test_private_elements_of_unknown_kind_are_stepped_over(tmp_path: Path) -> None:
    item, item_end, end = b"\xfe\xff\x00\xe0\xff\xff\xff\xff", b"\xfe\xff\x0d\xe0\0\0\0\0", b"\xfe\xff\xdd\xe0\0\0\0\0"
    nested_implicit = item + b"\x09\x00\x01\x10\x04\x00\x00\x00abcd" + item_end + end
    unknown = build.element(9, 0x1000, "UN", nested_implicit, build.UNDEFINED) + build.element(9, 0x1002, "UN", b"x" * 70_000)
    for k in range(3):
        (tmp_path / f"{k}.dcm").write_bytes(build.dicom(k, early=unknown))
    assert read_dicom_series(tmp_path).shape == (4, 4, 3)


@pytest.mark.parametrize("storage", ["signed", "unsigned", "12bit", "half", "8bit"])
def test_stored_numbers_become_hounsfield_units(storage: str, tmp_path: Path) -> None:
    hu = (HU // 16 * 16).clip(-1024, 3000) if storage == "8bit" else HU
    synthetic.write_dicom(tmp_path, hu, AFFINE, storage=storage)
    assert np.array_equal(read_dicom_series(tmp_path).hu, hu)


def test_bits_above_the_stored_ones_are_ignored(tmp_path: Path) -> None:
    """Old files keep overlays in the high bits."""

    def edit(dataset: Any, k: int) -> None:
        stored = np.frombuffer(dataset.PixelData, "<u2") | 0xA000
        dataset.PixelData = stored.astype("<u2").tobytes()

    synthetic.write_dicom(tmp_path, HU, AFFINE, storage="12bit", edit=edit)
    assert np.array_equal(read_dicom_series(tmp_path).hu, HU)


def test_each_slice_has_its_own_rescale(tmp_path: Path) -> None:
    def edit(dataset: Any, k: int) -> None:
        dataset.RescaleIntercept = str(-10 * k)
        dataset.RescaleSlope = "1.5" if k == 2 else "1"

    synthetic.write_dicom(tmp_path, HU, AFFINE, edit=edit)
    expected = HU * np.array([1, 1, 1.5, 1]) - 10.0 * np.arange(4)
    volume = read_dicom_series(tmp_path)
    assert volume.hu.dtype == np.float32 and np.array_equal(volume.hu, expected.astype(np.float32))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"syntax": build.DEFLATED}, "deflated"),
        ({"syntax": "1.2.840.10008.1.2.4.100"}, "transfer syntax"),
        ({"syntax": ""}, "transfer syntax"),
        ({"pixel_length": 30}, "size"),
        ({"pixels": bytes(34)}, "size"),
        ({"pixels": b"", "pixel_length": 32}, "damaged or cut off"),
        ({"rows": 0}, "voxel"),
        ({"sop_class": "1.2.840.10008.1.3.10"}, "no CT"),
    ],
)
def test_refused_by_name(changes: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    for k in range(3):
        (tmp_path / f"{k}.dcm").write_bytes(build.dicom(k, **changes))
    with pytest.raises(InputError, match=sentence):
        read_dicom_series(tmp_path)


def test_a_compression_without_decoder_is_named(tmp_path: Path) -> None:
    lossless = build.encapsulated(b"\xff\xd8\xff\xc3" + bytes(60))
    for k in range(3):
        data = build.dicom(k, "1.2.840.10008.1.2.4.70", pixels=lossless, pixel_length=build.UNDEFINED)
        (tmp_path / f"{k}.dcm").write_bytes(data)
    with pytest.raises(InputError, match="JPEG Lossless"):
        read_dicom_series(tmp_path)


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_DICOM_FILES", 3)
    synthetic.write_dicom(tmp_path, HU, AFFINE)
    with pytest.raises(LimitError, match="3 files"):
        read_dicom_series(tmp_path)


def test_nothing_identifying_is_kept(tmp_path: Path) -> None:
    """G4: neither the header as read nor the volume holds the name or number of the patient."""
    (path, *_) = synthetic.write_dicom(tmp_path, HU, AFFINE)
    volume = read_dicom_series(tmp_path)
    kept = pickle.dumps((read_header(path), volume.hu, volume.affine))
    assert b"Doe" not in kept and b"4711" not in kept
