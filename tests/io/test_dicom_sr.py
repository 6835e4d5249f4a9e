"""A review as DICOM: no error by dciodvfy, every link resolves, dcmqi reads the same findings and the same heat."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest

from asap.client import HeatmapBox
from asap.errors import InputError
from asap.io import sr_build
from asap.io.dicom_seg import read_segments
from asap.io.dicom_sr import Drawn, dicom_report_files, region_on, write_dicom_report
from asap.io.read import read_volume
from asap.io.segments import MaskSet, NamedMask
from asap.review import Drafted, Review, amended, signed
from asap.segment_types import LESIONS
from asap.volume import Volume, apply_affine
from tests.io.synthetic import ras_affine, stored_as, write_dicom
from tests.review.cases import TEXTS, accepted

pytestmark = pytest.mark.slow  # each writing starts a process of its own

NAME = "Zebra^Zoe"


def stored(tmp_path: Path, codes: str = "LPS", tilt_degrees: float = 15.0) -> tuple[Path, Volume]:
    """A small oblique series with a named patient."""

    def complete(dataset: Any, _: int) -> None:
        dataset.StudyDate, dataset.StudyTime, dataset.StudyID = "20260102", "101500", "1"
        dataset.PatientBirthDate, dataset.PatientSex, dataset.AccessionNumber = "19600101", "O", "7"
        dataset.PatientName, dataset.PatientID = NAME, "ZEBRA-1"

    data, affine = stored_as(np.full((40, 36, 20), -800, np.int16), ras_affine((6.0, 6.5, 7.0), tilt_degrees), codes)
    write_dicom(tmp_path / "series", data, affine, edit=complete)
    return tmp_path / "series", read_volume(tmp_path / "series")


def heat(volume: Volume, start: tuple[int, int, int]) -> HeatmapBox:
    """A warm box on cells of two voxels a side, its peak at cell (4, 4, 3)."""
    cells = np.array(volume.affine) @ np.diag([2.0, 2, 2, 1]) @ np.block([[np.eye(3), np.array([start]).T], [0, 0, 0, 1]])
    levels = np.zeros((8, 7, 6), np.uint8)
    levels[3:6, 3:6, 2:5] = 40
    levels[4, 4, 3] = 63
    affine = tuple(tuple(row) for row in cells.tolist())
    return HeatmapBox((8, 7, 6), affine, (20, 18, 10), start, 0.9, 0.45, levels.tobytes())


def reviewed(volume: Volume) -> Review:
    """Two places, one absence, one rejected sentence; signed."""
    review = accepted()
    maps = [heat(volume, (1, 1, 1)), None, heat(volume, (6, 5, 2)), heat(volume, (1, 1, 1))]
    for index, box in enumerate(maps):
        answer = replace(review.sentences[index].answer, map=box, assertion="absent" if index == 1 else "present")
        review = review.answered(index, answer, "ab" * 32)
    review = replace(review.decided(3, "rejected", "Dr A"), input_sha256=volume.identity)
    doubt = Drafted("contradicted", "Lungs", 0.7, "The place found lies on the other side.")
    told = [replace(one, drafted=doubt if n == 2 else None) for n, one in enumerate(review.sentences)]
    review = replace(review, sentences=tuple(told))
    return amended(signed(review, "Dr S"), "Dr S", "Compared with last year.")


@pytest.mark.parametrize(("codes", "tilt_degrees"), [("LPS", 15.0), ("RAS", 0.0), ("SAR", 0.0)])
def test_every_file_is_valid_and_every_link_resolves(tmp_path: Path, codes: str, tilt_degrees: float) -> None:
    series, volume = stored(tmp_path, codes, tilt_degrees)
    (tmp_path / "out").mkdir()
    written = write_dicom_report(tmp_path / "out", reviewed(volume), series, volume)
    assert [path.name for path in written] == ["seg-1.dcm", "report-sr.dcm", "heatmap-001.dcm", "heatmap-003.dcm"]
    for path in written:
        assert "Error" not in judged(path)
    check_links(*(pydicom.dcmread(path) for path in written[:2]), series)
    for path in written:
        file = pydicom.dcmread(path)
        assert (file.PatientName, file.PatientID) == (NAME, "ZEBRA-1")
        assert "Not for diagnosis" in file.SeriesDescription


def judged(path: Path) -> str:
    """What dciodvfy says."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("needs dciodvfy (Debian: dicom3tools)")
    return subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, timeout=60, check=False).stderr


def check_links(seg: Any, report: Any, series: Path) -> None:
    """From each finding to its segment and its slices, and from all of these to the report's evidence."""
    slices = {}
    for path in series.iterdir():
        header = pydicom.dcmread(path, stop_before_pixels=True)
        slices[header.SOPInstanceUID] = header
    pointed = listed(report.CurrentRequestedProcedureEvidenceSequence)
    assert pointed | listed(report.PertinentOtherEvidenceSequence) == {*slices, seg.SOPInstanceUID}
    groups = measurement_groups(report)
    assert [texts(group)[0] for group in groups] == TEXTS[:3]
    pointing = [items(group, "IMAGE") for group in groups]
    assert [len(found) > 0 for found in pointing] == [True, False, True]
    for number, found in ((1, pointing[0]), (2, pointing[2])):
        target = found[0].ReferencedSOPSequence[0]
        assert target.ReferencedSOPInstanceUID == seg.SOPInstanceUID
        assert target.ReferencedSegmentNumber == number
        assert seg.SegmentSequence[number - 1].SegmentNumber == number
        under = {item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in found[1:]}
        planes = [
            np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)
            for frame in seg.PerFrameFunctionalGroupsSequence
            if frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber == number
        ]
        places = {uid: np.array(header.ImagePositionPatient, float) for uid, header in slices.items()}
        drawn = {uid for uid, at in places.items() if min(np.abs(at - plane).max() for plane in planes) < 0.01}
        assert under == drawn
        assert len(drawn) == len(planes)
        assert under <= pointed


def listed(sequence: Any) -> set[str]:
    """Instances an evidence sequence names."""
    return {
        item.ReferencedSOPInstanceUID
        for study in sequence
        for one in study.ReferencedSeriesSequence
        for item in one.ReferencedSOPSequence
    }


def items(group: Any, kind: str) -> list[Any]:
    return [item for item in group.ContentSequence if item.ValueType == kind]


def texts(group: Any) -> list[str]:
    found = [item for item in items(group, "TEXT") if item.ConceptNameCodeSequence[0].CodeMeaning == "Finding"]
    return [str(item.TextValue) for item in found]


def measurement_groups(report: Any) -> list[Any]:
    containers = [item for item in report.ContentSequence if item.ValueType == "CONTAINER"]
    return [group for one in containers for group in one.ContentSequence if group.ValueType == "CONTAINER"]


def test_dcmqi_reads_the_same_findings_and_the_same_heat(tmp_path: Path) -> None:
    import dcmqi

    tools = Path(dcmqi.__file__).parent / "bin"
    series, volume = stored(tmp_path)
    review = reviewed(volume)
    write_dicom_report(tmp_path, review, series, volume)
    run(tools / "tid1500reader", "--inputDICOM", tmp_path / "report-sr.dcm", "--outputMetadata", tmp_path / "sr.json")
    rows = [row for row in json.loads((tmp_path / "sr.json").read_text())["Measurements"] if "ReferencedSegment" in row]
    assert [(row["TrackingIdentifier"], row["ReferencedSegment"]) for row in rows] == [("sentence 1", 1), ("sentence 3", 2)]
    assert rows[0]["Finding"]["CodeMeaning"] == "Nodule"
    states = [one["conceptValue"]["CodeValue"] for one in rows[0]["qualitativeEvaluations"]]
    assert states == ["52101004", "accepted"]
    *coded, remark = (one["conceptValue"] for one in rows[1]["qualitativeEvaluations"])
    assert [one["CodeValue"] for one in coded] == ["52101004", "accepted", "contradicted"]
    assert remark == "contradicted: The place found lies on the other side."
    box = review.sentences[2].answer.map
    assert box is not None
    heat_file, kind = tmp_path / "heatmap-003.dcm", ("--outputType", "nifti")
    run(tools / "paramap2itkimage", "--inputDICOM", heat_file, "--outputDirectory", tmp_path, *kind)
    image = nib.load(next(tmp_path.glob("*.nii.gz")))
    read = np.asarray(image.dataobj)
    ours = np.frombuffer(box.heat(), np.float32).reshape(box.shape)
    for cell in np.argwhere(ours > 0):
        place = apply_affine(np.array(box.affine_ras_mm), cell[None].astype(float))
        index = apply_affine(np.linalg.inv(image.affine), place)[0]
        assert np.abs(index - np.rint(index)).max() < 0.02
        assert read[tuple(np.rint(index).astype(int))] == pytest.approx(float(ours[tuple(cell)]), abs=1e-6)
    assert np.count_nonzero(read) == np.count_nonzero(ours)


def run(*command: Path | str) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True, timeout=60)


def test_a_region_lies_where_its_heat_does(tmp_path: Path) -> None:
    _series, volume = stored(tmp_path)
    box = heat(volume, (6, 5, 2))
    region = region_on(box, volume.shape, volume.affine)
    peak = apply_affine(np.array(box.affine_ras_mm), np.array([[4.0, 4, 3]]))
    centre = apply_affine(volume.affine, np.argwhere(region).astype(float)).mean(axis=0)
    assert np.abs(centre - peak).max() < 1.0
    outside = replace(box, affine_ras_mm=tuple((*row[:3], row[3] + 9e3 * (n < 3)) for n, row in enumerate(box.affine_ras_mm)))
    assert not region_on(outside, volume.shape, volume.affine).any()


def test_the_segment_a_person_has_of_a_sentence_stands_for_its_region(tmp_path: Path) -> None:
    series, volume = stored(tmp_path)
    mask = np.zeros((6, 4, 3), np.bool_)
    mask[1:, :, 1:] = True
    shift = np.eye(4)
    shift[:3, 3] = (9, 8, 5)
    turned = np.diag([-1.0, 1.0, 1.0, 1.0])  # a viewer may keep another order of the voxels
    turned[0, 3] = 5
    drawn = {0: Drawn(mask[::-1], volume.affine @ shift @ turned, by_hand=True)}
    files = dicom_report_files(reviewed(volume), series, volume, drawn)
    (tmp_path / "seg.dcm").write_bytes(files["seg-1.dcm"])
    back = read_segments(tmp_path / "seg.dcm", (volume.shape, volume.affine))
    truth = np.zeros(volume.shape, np.bool_)
    truth[9:15, 8:12, 5:8] = mask
    np.testing.assert_array_equal(back.masks[0].mask, truth)
    assert [one.model is None for one in back.masks] == [True, False]
    assert back.masks[1].mask.any(), "the other sentence keeps the region of its heat"
    with pytest.raises(InputError, match="outside the image"):
        dicom_report_files(reviewed(volume), series, volume, {0: Drawn(mask, volume.affine @ np.linalg.inv(shift), by_hand=True)})


def test_segments_that_are_too_large_for_one_file_are_spread_over_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series, volume = stored(tmp_path)
    mask = region_on(heat(volume, (1, 1, 1)), volume.shape, volume.affine)
    masks = MaskSet(tuple(NamedMask(f"s{n}", mask, LESIONS["nodule"], "m") for n in range(3)), volume.shape, volume.affine)
    row = {"state": "draft", "assertion": "present", "confidence": None, "map": None, "text": "A nodule."}
    row |= {"draft_state": None, "remark": "", "model": "m", "digests": ["weights"]}
    monkeypatch.setattr(sr_build, "SEG_BYTES", 4 * mask.size)
    rows = [{**row, "number": n + 1, "segment": n} for n in range(3)]
    files = dict(sr_build.report_files(masks, rows, None, series))
    assert sorted(files) == ["report-sr.dcm", "seg-1.dcm", "seg-2.dcm"]
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    segs = [pydicom.dcmread(tmp_path / name) for name in ("seg-1.dcm", "seg-2.dcm")]
    pointing = [
        items(group, "IMAGE")[0].ReferencedSOPSequence[0]
        for group in measurement_groups(pydicom.dcmread(tmp_path / "report-sr.dcm"))
    ]
    assert [(one.ReferencedSOPInstanceUID, one.ReferencedSegmentNumber) for one in pointing] == [
        (segs[0].SOPInstanceUID, 1),
        (segs[0].SOPInstanceUID, 2),
        (segs[1].SOPInstanceUID, 1),
    ]


def test_a_review_of_another_ct_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    series, volume = stored(tmp_path)
    other = replace(reviewed(volume), input_sha256="00" * 32)
    with pytest.raises(InputError, match="another CT"):
        write_dicom_report(tmp_path, other, series, volume)
    assert not list(tmp_path.glob("*.dcm"))
