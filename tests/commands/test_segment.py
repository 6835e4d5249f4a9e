"""`asap segment` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from asap.cli import main
from asap.io.dicom_seg import read_segments
from asap.io.nifti_write import write_nifti
from asap.io.read import read_volume
from asap.phantom.case import generate_case
from asap.segmentation import dice
from tests.io.synthetic import write_dicom


def asap(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    return int(stopped.value.code or 0)


@pytest.mark.slow
def test_organs_and_a_clicked_mass_are_written_on_the_scans_own_grid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = generate_case(61_001, required=("mass",))
    mass = next(finding for finding in case.findings if finding.concept == "mass")
    scan, out = tmp_path / "series", tmp_path / "out"
    write_dicom(scan, np.asarray(case.volume.hu), case.volume.affine)
    voxels = np.argwhere(mass.region)
    inside = voxels[np.linalg.norm(voxels - voxels.mean(axis=0), axis=1).argmin()]
    point = ",".join(f"{x:.1f}" for x in case.volume.world_from_voxel(inside.astype(float)))
    assert asap("segment", str(scan), "--targets", "lungs", f"--point={point}", "--out", str(out), "--json") == 0
    document = json.loads((out / "segments.json").read_text(encoding="utf-8"))
    assert json.loads(capsys.readouterr().out) == document
    assert [row["name"] for row in document["segments"]] == ["Right lung", "Left lung", "Lesion"]
    masks = []
    for row in document["segments"]:
        labels = read_volume(out / row["file"])
        assert np.allclose(labels.affine, case.volume.affine, atol=1e-4)
        masks.append(np.asarray(labels.hu == row["label"]))
    assert dice(masks[0], case.organs["right_lung"]) > 0.6
    assert dice(masks[1], case.organs["left_lung"]) > 0.6
    assert masks[2][tuple(inside)]
    assert document["segments"][0]["modifier"]["meaning"] == "Right"
    stored = (read_segments(out / document[name], (case.volume.shape, case.volume.affine)) for name in ("slicer", "dicom"))
    for masks_again in stored:
        assert [(m.label, m.kind.key, m.model) for m in masks_again.masks] == [
            (row["name"], row["key"], "asap-mini") for row in document["segments"]
        ]
        assert all((kept.mask == mask).all() for kept, mask in zip(masks_again.masks, masks, strict=True))
    assert (out / "segments.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--targets", "hart"), "no target of this name"),
        (("--point", "1,2"), "written R,A,S"),
        (("--sentence", "No pleural effusion."), "has no place"),
    ],
    ids=["target", "point", "sentence"],
)
@pytest.mark.slow
def test_bad_use_is_one_sentence_and_leaves_nothing(
    arguments: tuple[str, ...], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = generate_case(3)
    scan, out = tmp_path / "scan.nii.gz", tmp_path / "out"
    write_nifti(scan, np.asarray(case.volume.hu), case.volume.affine)
    assert asap("segment", str(scan), *arguments, "--out", str(out)) == 2
    assert sentence in capsys.readouterr().err
    assert not out.exists()
