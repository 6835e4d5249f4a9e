"""Segmentations of other tools, submitted as labels: a DICOM SEG written by dcmqi, and a .seg.nrrd whose segments overlap."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from asap.io.nifti_write import write_nifti
from asap.io.read import read_labels, read_volume
from asap.io.seg_nrrd import write_seg_nrrd
from asap.io.segments import MaskSet, NamedMask
from asap.segment_types import LESIONS, ORGANS
from asap.volume import Affine, Volume
from monailabel_app.lib.label_names import label_names
from tests.io.synthetic import ras_affine, stored_as, write_dicom
from tests.server.http_requests import ask, ask_form
from tests.server.live import LiveServer

pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

Labels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def scan(live: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, Volume]:
    """A small CT as a DICOM series, and in the datastore as a NIfTI file whose axes run otherwise. (id, series, the latter)."""
    folder = tmp_path_factory.mktemp("series")
    hu = np.random.default_rng(3).integers(-900, 200, (14, 12, 8)).astype(np.int16)
    data, affine = stored_as(hu, ras_affine((2.0, 2.5, 3.0)), "LPS")
    write_dicom(folder / "series", data, affine, edit=_complete)
    ras = read_volume(folder / "series").reoriented_to_ras()
    write_nifti(folder / "ct.nii.gz", ras.hu.astype(np.int16), ras.affine)
    stored = ask_form(
        live, "PUT", "/datastore/image?image=scan", files={"file": ("x.nii.gz", (folder / "ct.nii.gz").read_bytes())}
    )
    assert stored.json() == {"image": "scan"}
    return "scan", folder / "series", ras


def _complete(dataset: Any, _: int) -> None:
    dataset.StudyDate, dataset.StudyTime, dataset.StudyID = "20260102", "101500", "1"
    dataset.PatientBirthDate, dataset.PatientSex, dataset.AccessionNumber = "19600101", "O", "7"


def _by_dcmqi(labels: Labels, affine: Affine, names: dict[str, int], series: Path, out: Path) -> None:
    """A DICOM SEG as dcmqi writes it."""
    import dcmqi

    tissue = {"CodeValue": "85756007", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Tissue"}
    rows = [
        {
            "labelID": value,
            "SegmentLabel": name,
            "SegmentDescription": name,
            "SegmentAlgorithmType": "MANUAL",
            "SegmentedPropertyCategoryCodeSequence": tissue,
            "SegmentedPropertyTypeCodeSequence": tissue,
        }
        for name, value in names.items()
    ]
    about = {"ContentCreatorName": "Reader", "SeriesDescription": "Drawn", "SeriesNumber": "300", "InstanceNumber": "1"}
    (out.parent / "meta.json").write_text(json.dumps({**about, "BodyPartExamined": "CHEST", "segmentAttributes": [rows]}))
    write_nifti(out.parent / "drawn.nii.gz", labels, affine)
    program = Path(dcmqi.__file__).parent / "bin" / "itkimage2segimage"
    command = [
        str(program), "--inputImageList", str(out.parent / "drawn.nii.gz"), "--inputDICOMDirectory", str(series),
        "--inputMetadata", str(out.parent / "meta.json"), "--outputDICOM", str(out),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _kept(live: LiveServer, scan: str, folder: Path) -> tuple[NDArray[np.int16], Affine, dict[int, str]]:
    """The label the server gives back, and the names learning will read."""
    (folder / "back.nii.gz").write_bytes(ask(live, "GET", f"/datastore/label?label={scan}&tag=final").body)
    info = ask(live, "GET", f"/datastore/label/info?label={scan}&tag=final").json()
    return *read_labels(folder / "back.nii.gz"), label_names(info)


def _left_behind(live: LiveServer) -> list[Path]:
    """Submitted files that still lie in the server's temporary folder; a scan that a session holds is not one of them."""
    return [path for path in live.temp.rglob("upload-*") if path.parent.parent.name != "stock-sessions"]


def test_a_dicom_seg_of_dcmqi_becomes_the_label_of_its_scan(
    stock: Any, live: LiveServer, scan: tuple[str, Path, Volume], tmp_path: Path
) -> None:
    pytest.importorskip("dcmqi")
    image, series, ras = scan
    labels = np.zeros(ras.shape, dtype=np.uint8)
    labels[2:7, 3:9, 1:5], labels[9:12, 2:6, 4:7] = 1, 2
    _by_dcmqi(labels, ras.affine, {"Heart": 1, "Odd thing": 2}, series, tmp_path / "seg.dcm")
    stock.save_label(image, str(tmp_path / "seg.dcm"))
    back, affine, names = _kept(live, image, tmp_path)
    assert back.shape == ras.shape
    assert np.abs(affine - ras.affine).max() < 1e-3
    values = {name: value for value, name in names.items()}
    assert set(values) == {"Heart", "Odd thing"}
    for name, value in (("Heart", 1), ("Odd thing", 2)):
        assert ((back == values[name]) == (labels == value)).all()
    assert _left_behind(live) == []


def test_a_seg_nrrd_keeps_its_own_names_and_overlap_has_one_label(
    stock: Any, live: LiveServer, scan: tuple[str, Path, Volume], tmp_path: Path
) -> None:
    image, _, ras = scan
    one, other = np.zeros(ras.shape, np.bool_), np.zeros(ras.shape, np.bool_)
    one[2:8, 2:8, 1:6] = True
    other[6:10, 6:10, 3:7] = True
    masks = (NamedMask("Right lung", one, ORGANS["right_lung"]), NamedMask("Mass", other, LESIONS["mass"]))
    write_seg_nrrd(tmp_path / "drawn.seg.nrrd", MaskSet(masks, ras.shape, ras.affine))
    stock.save_label(image, str(tmp_path / "drawn.seg.nrrd"), params={"label_info": [{"name": "wrong"}]})
    back, _, names = _kept(live, image, tmp_path)
    assert names == {1: "Right lung", 2: "Mass"}
    assert ((back == 2) == other).all()
    assert ((back == 1) == (one & ~other)).all()


def test_segments_of_another_scan_and_other_files_are_one_sentence(
    live: LiveServer, scan: tuple[str, Path, Volume], tmp_path: Path
) -> None:
    image, series, ras = scan
    moved = ras.affine + np.array([[0, 0, 0, 0.7], *[[0] * 4] * 3])
    mask = np.ones(ras.shape, np.bool_)
    write_seg_nrrd(tmp_path / "moved.seg.nrrd", MaskSet((NamedMask("Mass", mask, LESIONS["mass"]),), ras.shape, moved))
    slice_of_ct = next(iter(sorted(series.iterdir()))).read_bytes()
    for name, data, word in (
        ("a.seg.nrrd", (tmp_path / "moved.seg.nrrd").read_bytes(), "same voxels"),
        ("a.dcm", slice_of_ct, "not a binary segmentation"),
        ("a.dcm", b"nothing", "neither a DICOM"),
        ("a.txt", b"nothing", ".seg.nrrd, .dcm"),
    ):
        answer = ask_form(live, "PUT", f"/datastore/label?image={image}&tag=odd", files={"label": (name, data)})
        assert answer.status == 422
        assert word in answer.body.decode()
    assert _left_behind(live) == []
