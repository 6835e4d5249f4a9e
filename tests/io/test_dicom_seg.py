"""DICOM SEG: written, judged by dciodvfy, read back by dcmqi (nobody's code of ours) and by us: same voxels, codes and sides."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from asap.errors import InputError
from asap.io.dicom_seg import read_segments, write_dicom_seg
from asap.io.read import read_volume
from asap.io.segments import MaskSet, NamedMask
from asap.segment_types import LESIONS, ORGANS, on_side
from asap.volume import apply_affine
from tests.io.synthetic import ORIENTATIONS, ras_affine, stored_as, write_dicom
from tests.reference import reference_data

pytestmark = pytest.mark.slow  # each reading starts a process of its own

SPACING_MM = (6.0, 6.5, 7.0)


@cache
def _chest() -> tuple[np.ndarray[Any, Any], dict[str, np.ndarray[Any, Any]]]:
    """A generated chest with a mass in each lung, every second voxel: HU and masks in RAS order."""
    from asap.phantom.case import generate_case

    case = generate_case(11, bilateral="mass")
    masks = {name: case.organs[name] for name in ("left_lung", "right_lung", "heart", "right_middle_lobe")}
    for finding in case.findings:
        if finding.concept == "mass":
            side = "left" if finding.region[: finding.region.shape[0] // 2].any() else "right"
            masks[f"{side} mass"] = finding.region
    return case.volume.hu[::2, ::2, ::2], {name: mask[::2, ::2, ::2] for name, mask in masks.items()}


def _stored(tmp_path: Path, codes: str, tilt_degrees: float = 0.0) -> tuple[Path, MaskSet]:
    """A DICOM series with its axes in the given order, and the segments on the voxels as our reader gives them."""
    hu, masks = _chest()
    ras = ras_affine(SPACING_MM, tilt_degrees)
    data, affine = stored_as(hu, ras, codes)
    series = tmp_path / "series"
    write_dicom(series, data, affine, edit=_complete)
    volume = read_volume(series)
    segments = []
    for name, mask in masks.items():
        side, _, kind = name.partition(" ")
        coded = on_side(LESIONS[kind], side) if kind else ORGANS[name]  # type: ignore[arg-type]
        segments.append(NamedMask(name, mask, coded, "asap-mini" if kind else None))
    drawn = MaskSet(tuple(segments), hu.shape, ras).on_grid(volume.shape, volume.affine)
    return series, drawn


def _complete(dataset: Any, _: int) -> None:
    dataset.StudyDate, dataset.StudyTime, dataset.StudyID = "20260102", "101500", "1"
    dataset.PatientBirthDate, dataset.PatientSex, dataset.AccessionNumber = "19600101", "O", "7"


def _dcmqi(seg: Path, out: Path) -> list[tuple[dict[str, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """What dcmqi reads: for each segment its description, its mask and the affine to RAS+ mm."""
    import dcmqi

    out.mkdir()
    program = Path(dcmqi.__file__).parent / "bin" / "segimage2itkimage"
    command = [str(program), "--inputDICOM", str(seg), "--outputDirectory", str(out), "--outputType", "nifti"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    found = []
    for number, group in enumerate(json.loads((out / "meta.json").read_text())["segmentAttributes"], 1):
        image = nib.load(out / f"{number}.nii.gz")
        labels = np.asarray(image.dataobj)
        found += [(item, labels == item["labelID"], image.affine) for item in group]
    return sorted(found, key=lambda entry: str(entry[0]["SegmentLabel"]))


def _voxels_mm(mask: np.ndarray[Any, Any], affine: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """World positions of all marked voxels, in a fixed order."""
    points = np.round(apply_affine(affine, np.argwhere(mask).astype(float)), 2)
    return points[np.lexsort(points.T)]


def _check_codes(said: dict[str, Any], segment: NamedMask) -> None:
    wanted = {
        "SegmentedPropertyCategoryCodeSequence": segment.kind.category,
        "SegmentedPropertyTypeCodeSequence": segment.kind.type,
        "SegmentedPropertyTypeModifierCodeSequence": segment.kind.modifier,
        "AnatomicRegionSequence": segment.kind.region,
        "AnatomicRegionModifierSequence": segment.kind.region_modifier,
    }
    for name, code in wanted.items():
        found = said.get(name)
        given = None if found is None else (found["CodeValue"], found["CodingSchemeDesignator"], found["CodeMeaning"])
        assert given == (None if code is None else (code.value, code.scheme, code.meaning)), name
    assert said["SegmentAlgorithmType"] == ("MANUAL" if segment.model is None else "AUTOMATIC")
    assert said.get("SegmentAlgorithmName") == segment.model


def _came_back(series: Path, drawn: MaskSet, tmp_path: Path) -> bool:
    seg = tmp_path / "out.dcm"
    write_dicom_seg(seg, drawn, series)
    judged = subprocess.run(["dciodvfy", str(seg)], capture_output=True, text=True, timeout=60, check=False)
    assert "Error" not in judged.stderr, judged.stderr
    ours = read_segments(seg, (drawn.shape, drawn.affine))
    theirs = _dcmqi(seg, tmp_path / "dcmqi")
    assert len(theirs) == len(drawn.masks)
    for segment, mine, (said, mask, affine) in zip(
        sorted(drawn.masks, key=lambda s: s.label), sorted(ours.masks, key=lambda s: s.label), theirs, strict=True
    ):
        assert said["SegmentLabel"] == mine.label == segment.label
        assert (mine.mask == segment.mask).all()  # Dice 1.0
        assert (mine.kind.key, mine.kind.modifier, mine.kind.region_modifier) == (
            segment.kind.key, segment.kind.modifier, segment.kind.region_modifier,
        )  # fmt: skip
        assert np.abs(np.subtract(mine.kind.colour, segment.kind.colour)).max() <= 1
        wanted_mm, found_mm = _voxels_mm(segment.mask, drawn.affine), _voxels_mm(mask, affine)
        assert wanted_mm.shape == found_mm.shape  # Dice 1.0 for dcmqi: the same voxels at the same places
        assert np.abs(wanted_mm - found_mm).max() < 0.05
        _check_codes(said, segment)
    right_mm = {said["SegmentLabel"]: _voxels_mm(mask, affine)[:, 0].mean() for said, mask, affine in theirs}
    return bool(right_mm["left_lung"] < right_mm["right_lung"])


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_every_orientation_comes_back_whole(codes: str, tmp_path: Path) -> None:
    _need_tools()
    series, drawn = _stored(tmp_path, codes)
    assert _came_back(series, drawn, tmp_path)


def test_an_oblique_series_comes_back_whole(tmp_path: Path) -> None:
    _need_tools()
    series, drawn = _stored(tmp_path, "LPS", tilt_degrees=15)
    assert _came_back(series, drawn, tmp_path)


def test_a_real_series_comes_back_whole(tmp_path: Path) -> None:
    _need_tools()
    series = tmp_path / "series"
    shutil.copytree(
        reference_data("ct/lung_dx_A0002_dicom"), series, ignore=lambda _, names: [n for n in names if not n.endswith(".dcm")]
    )
    volume = read_volume(series)
    air = volume.hu < -500
    right_mm = apply_affine(volume.affine, np.argwhere(np.ones((volume.shape[0], 1, 1))).astype(float))[:, 0]
    left_half = (right_mm < right_mm.mean())[:, None, None]
    masks = {"left_lung": air & left_half, "right_lung": air & ~left_half}
    segments = tuple(NamedMask(name, mask, ORGANS[name], "threshold") for name, mask in masks.items())
    assert _came_back(series, MaskSet(segments, volume.shape, volume.affine), tmp_path)


def _need_tools() -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("needs dciodvfy (Debian: dicom3tools)")


def test_masks_of_other_voxels_and_strangers_are_refused(tmp_path: Path) -> None:
    series, drawn = _stored(tmp_path, "RAS")
    shifted = drawn.affine.copy()
    shifted[:3, 3] += 0.4 * drawn.affine[:3, 0]
    with pytest.raises(InputError, match="same voxels"):
        write_dicom_seg(tmp_path / "a.dcm", MaskSet(drawn.masks, drawn.shape, shifted), series)
    with pytest.raises(InputError, match="neither"):
        (tmp_path / "text").write_text("no segmentation")
        read_segments(tmp_path / "text")
    with pytest.raises(InputError, match="not a binary segmentation"):
        read_segments(next(series.glob("*.dcm")))
    assert not (tmp_path / "a.dcm").exists()


def test_a_cut_off_file_is_refused(tmp_path: Path) -> None:
    series, drawn = _stored(tmp_path, "LPS")
    whole = tmp_path / "a.dcm"
    write_dicom_seg(whole, drawn, series)
    data = whole.read_bytes()
    for share in (0.4, 0.99):
        (tmp_path / "cut.dcm").write_bytes(data[: int(share * len(data))])
        with pytest.raises(InputError):
            read_segments(tmp_path / "cut.dcm")
