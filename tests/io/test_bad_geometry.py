"""A6: geometry that cannot be trusted is refused, or reported by a warning, never passed on in silence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asap.errors import GeometryWarning, InputError
from asap.io.dicom import read_dicom_series
from asap.io.nifti import read_nifti
from asap.io.nrrd import read_nrrd
from tests.attacks import build
from tests.io import synthetic

NAN, INF = float("nan"), float("inf")
BODY = bytes(128)


def srow(*columns: tuple[float, float, float], origin: tuple[float, float, float] = (0, 0, 0)) -> bytes:
    """A NIfTI file whose sform has these columns."""
    return build.nifti_1(srow=tuple(np.column_stack([*columns, origin]).ravel())) + BODY


X, Y, Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
NIFTI = {
    "not a number": srow((NAN, 0, 0), Y, Z),
    "infinite": srow((INF, 0, 0), Y, Z),
    "zero axis": srow((0, 0, 0), Y, Z),
    "all zero": srow((0, 0, 0), (0, 0, 0), (0, 0, 0)),
    "two equal axes": srow(X, X, Z),
    "sheared": srow(X, (0.3, 1, 0), Z),
    "spacing of 10 micrometres": srow((0.01, 0, 0), Y, Z),
    "spacing of 10 centimetres": srow(X, Y, (0, 0, 100)),
    "spacing in metres called millimetres": build.nifti_1(srow=(7e-4, 0, 0, 0, 0, 7e-4, 0, 0, 0, 0, 1e-3, 0)) + BODY,
    "origin beyond a kilometre": srow(X, Y, Z, origin=(0, 0, 3e6)),
    "origin not a number": srow(X, Y, Z, origin=(NAN, 0, 0)),
    "unknown unit": build.nifti_1(units=5) + BODY,
    "quaternion too long": build.nifti_1(sform_code=0, qform_code=1, quatern=(0.9, 0.9, 0.9)) + BODY,
    "quaternion not a number": build.nifti_1(sform_code=0, qform_code=1, quatern=(NAN, 0, 0)) + BODY,
    "quaternion with zero spacing": build.nifti_1(sform_code=0, qform_code=1, pixdim=(1, 0, 1, 1, 0, 0, 0, 0)) + BODY,
    "quaternion with negative spacing": build.nifti_1(sform_code=0, qform_code=1, pixdim=(1, -1, 1, 1, 0, 0, 0, 0)) + BODY,
    "no orientation and no spacing": build.nifti_1(sform_code=0, pixdim=(0, 0, 0, 0, 0, 0, 0, 0)) + BODY,
}
NRRD = {
    "no space": build.nrrd(space=None) + BODY,
    "scanner space": build.nrrd(space="scanner-xyz") + BODY,
    "3D right-handed": build.nrrd(space="3D-right-handed") + BODY,
    "no directions": build.nrrd(space_directions=None) + BODY,
    "spacings only": build.nrrd(space_directions=None, spacings="1 1 1") + BODY,
    "two directions": build.nrrd(space_directions="(1,0,0) (0,1,0)") + BODY,
    "a direction of none": build.nrrd(space_directions="(1,0,0) (0,1,0) none") + BODY,
    "no origin": build.nrrd(space_origin=None) + BODY,
    "origin not a number": build.nrrd(space_origin="(nan,0,0)") + BODY,
    "zero direction": build.nrrd(space_directions="(1,0,0) (0,1,0) (0,0,0)") + BODY,
    "sheared": build.nrrd(space_directions="(1,0,0) (0.4,1,0) (0,0,1)") + BODY,
    "inches": build.nrrd(space_units='"in" "in" "in"') + BODY,
    "an axis of vectors": build.nrrd(kinds="vector domain domain") + BODY,
    "an axis of time": build.nrrd(kinds="domain domain time") + BODY,
}


def change(**values: Any) -> Callable[[Any, int], None]:
    """Set elements in the second slice only."""

    def edit(dataset: Any, k: int) -> None:
        if k == 1:
            for name, value in values.items():
                setattr(dataset, name, value)

    return edit


def everywhere(**values: Any) -> Callable[[Any, int], None]:
    """Set elements (None: remove) in every slice."""

    def edit(dataset: Any, k: int) -> None:
        for name, value in values.items():
            if value is None:
                delattr(dataset, name)
            else:
                setattr(dataset, name, value)

    return edit


def shift(axis: int, millimetres: Callable[[int], float]) -> Callable[[Any, int], None]:
    """Move slice k along one patient axis."""

    def edit(dataset: Any, k: int) -> None:
        position = [float(v) for v in dataset.ImagePositionPatient]
        position[axis] += millimetres(k)
        dataset.ImagePositionPatient = [synthetic.decimal(v) for v in position]

    return edit


DICOM = {
    "tilted gantry": (shift(1, lambda k: 0.5 * k), "tilted gantry"),
    "missing slice": (shift(2, lambda k: 2.5 if k >= 3 else 0), "missing between slices 3 and 4"),
    "uneven": (shift(2, lambda k: 0.9 if k >= 4 else 0), "unevenly spaced, most between slices 4 and 5"),
    "one slice out of place": (shift(2, lambda k: 0.3 if k == 2 else 0), "unevenly"),
    "one slice moved sideways": (shift(0, lambda k: 4.0 if k == 2 else 0), "unevenly"),
    "same position twice": (shift(2, lambda k: -2.5 if k == 3 else 0), "same position"),
    "all at one position": (shift(2, lambda k: -2.5 * k), "same position"),
    "two series": (change(SeriesInstanceUID="1.2.3.4"), "2 CT series"),
    "two orientations": (change(ImageOrientationPatient=["0", "1", "0", "1", "0", "0"]), "orientation"),
    "two spacings": (change(PixelSpacing=["0.5", "0.5"]), "pixel spacing"),
    "two frames of reference": (change(FrameOfReferenceUID="1.2.3.5"), "frames of reference"),
    "zero spacing": (everywhere(PixelSpacing=["0", "0"]), "positive"),
    "negative spacing": (everywhere(PixelSpacing=["-1", "-1"]), "positive"),
    "spacing of 10 centimetres": (everywhere(PixelSpacing=["100", "100"]), "spacing"),
    "long directions": (everywhere(ImageOrientationPatient=["2", "0", "0", "0", "2", "0"]), "unit vectors"),
    "oblique directions": (everywhere(ImageOrientationPatient=["1", "0", "0", "0.6", "0.8", "0"]), "perpendicular"),
    "zero directions": (everywhere(ImageOrientationPatient=["0", "0", "0", "0", "0", "0"]), "."),
    "no position": (everywhere(ImagePositionPatient=None), "lacks its image position"),
    "no orientation": (everywhere(ImageOrientationPatient=None), "lacks its image orientation"),
    "no pixel spacing": (everywhere(PixelSpacing=None), "lacks its pixel spacing"),
    "no rescale slope": (everywhere(RescaleSlope=None), "lacks its rescale slope"),
    "no rescale intercept": (everywhere(RescaleIntercept=None), "lacks its rescale intercept"),
    "electron density": (everywhere(RescaleType="ED"), "Hounsfield"),
    "zero slope": (everywhere(RescaleSlope="0"), "damaged"),
    "magnetic resonance": (everywhere(SOPClassUID="1.2.840.10008.5.1.4.1.1.4"), "another modality"),
    "one slice of magnetic resonance": (change(SOPClassUID="1.2.840.10008.5.1.4.1.1.4"), "mixes"),
    "colour": (everywhere(PhotometricInterpretation="RGB"), "grey-scale"),
    "inverted": (everywhere(PhotometricInterpretation="MONOCHROME1"), "grey-scale"),
    "localizers only": (everywhere(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), "localizer"),
}


@pytest.mark.parametrize("name", NIFTI)
@pytest.mark.filterwarnings("ignore::asap.errors.GeometryWarning")
def test_nifti_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(NIFTI[name])
    with pytest.raises(InputError):
        read_nifti(tmp_path / "a.nii")


@pytest.mark.parametrize("name", NRRD)
def test_nrrd_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.nrrd").write_bytes(NRRD[name])
    with pytest.raises(InputError):
        read_nrrd(tmp_path / "a.nrrd")


@pytest.mark.parametrize("name", DICOM)
def test_dicom_is_refused_by_name(name: str, tmp_path: Path) -> None:
    edit, sentence = DICOM[name]
    synthetic.write_dicom(tmp_path, synthetic.example_hu((6, 5, 7)), synthetic.ras_affine(), edit=edit)
    with pytest.raises(InputError, match=sentence) as caught:
        read_dicom_series(tmp_path)
    assert "Doe" not in str(caught.value) and "4711" not in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        build.nifti_1(sform_code=0),
        build.nifti_1(qform_code=1, quatern=(0, 1, 0)),  # turned by half a turn about y against the sform
    ],
    ids=["no orientation", "two orientations"],
)
def test_doubtful_sides_are_reported(data: bytes, tmp_path: Path) -> None:
    from asap.io.read import read_volume

    (tmp_path / "a.nii").write_bytes(data + BODY)
    for read in (read_nifti, read_volume):
        with pytest.warns(GeometryWarning, match=r"orientation"):
            assert read(tmp_path / "a.nii").shape == (4, 4, 4)


def test_rounded_positions_are_accepted(tmp_path: Path) -> None:
    """Slices 0.75 mm apart whose positions were written with one decimal."""
    affine = synthetic.ras_affine((0.7, 0.7, 0.75))
    affine[:3, 3] = 0

    def edit(dataset: Any, k: int) -> None:
        dataset.ImagePositionPatient = ["0", "0", f"{0.75 * k:.1f}"]

    hu = synthetic.example_hu((6, 5, 21))
    synthetic.write_dicom(tmp_path, hu, affine, edit=edit)
    volume = read_dicom_series(tmp_path)
    assert volume.spacing_mm == pytest.approx((0.7, 0.7, 0.75), abs=0.005)


def test_localizers_and_reports_beside_a_series_are_passed_over(tmp_path: Path) -> None:
    hu, affine = synthetic.example_hu((6, 5, 7)), synthetic.ras_affine()
    synthetic.write_dicom(tmp_path, hu, affine)
    scout = synthetic.dicom_slice(hu, affine, 0)
    scout.ImageType, scout.SeriesInstanceUID = ["ORIGINAL", "PRIMARY", "LOCALIZER"], "1.2.3.9"
    synthetic.save_dicom(scout, tmp_path / "scout.dcm")
    report = synthetic.dicom_slice(hu, affine, 0)
    report.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    del report.PixelData
    synthetic.save_dicom(report, tmp_path / "report.dcm")
    (tmp_path / "README.md").write_text("about this series")
    (tmp_path / "._IM0001.dcm").write_bytes(b"\0\5\x16\7resource fork")
    assert np.array_equal(read_dicom_series(tmp_path).reoriented_to_ras().hu, hu)


@pytest.mark.parametrize("name", ["IM0006", "1.2.840.113619", "ct-0006", "slice_6", "00000006", "a.dcm", "b.IMA"])
def test_a_damaged_slice_is_not_taken_for_a_stranger(name: str, tmp_path: Path) -> None:
    paths = synthetic.write_dicom(tmp_path, synthetic.example_hu((6, 5, 7)), synthetic.ras_affine())
    paths[-1].unlink()  # the last slice: nothing would seem to be missing
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match="damaged"):
        read_dicom_series(tmp_path)


def test_padding_becomes_air_but_water_stays(tmp_path: Path) -> None:
    hu = np.zeros((4, 4, 3), np.int16)
    hu[0] = -2000
    synthetic.write_dicom(tmp_path / "a", hu, np.eye(4), edit=everywhere(PixelPaddingValue=-2000))
    assert set(read_dicom_series(tmp_path / "a").hu.ravel()) == {-1024, 0}
    synthetic.write_dicom(tmp_path / "b", hu, np.eye(4), edit=everywhere(PixelPaddingValue=0))
    assert set(read_dicom_series(tmp_path / "b").hu.ravel()) == {-2000, 0}
