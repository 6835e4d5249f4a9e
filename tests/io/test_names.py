"""Images are read, and answers written, whatever their files and folders are called."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asap.cli import main
from asap.io.read import read_volume
from asap.phantom.case import generate_case
from tests.io import synthetic
from tests.names import NAMES

HU = synthetic.example_hu()
AFFINE = synthetic.ras_affine()


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_images_are_read(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    synthetic.write_nifti(folder / f"{name}.nii.gz", HU, AFFINE)
    synthetic.write_nrrd(folder / f"{name}.nrrd", HU, AFFINE)
    (tmp_path / "dicom" / name).mkdir(parents=True)
    synthetic.write_dicom(tmp_path / "dicom" / name, HU, AFFINE)
    for path in (folder / f"{name}.nii.gz", folder / f"{name}.nrrd", tmp_path / "dicom" / name):
        assert np.array_equal(read_volume(path).reoriented_to_ras().hu, HU)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_folder_of_answers(tmp_path: Path, name: str) -> None:
    volume = generate_case(3, spacing_mm=6.0).volume
    path, out = tmp_path / f"{name}.nii.gz", tmp_path / name / name
    synthetic.write_nifti(path, np.asarray(volume.hu), volume.affine)
    with pytest.raises(SystemExit) as stopped:
        main(["ground", str(path), "--sentence", "The heart is enlarged.", "--out", str(out), "--model", "asap-test"])
    assert not stopped.value.code
    written = sorted(file.name for file in out.iterdir())
    assert {"groundings.json", "ground_000.nii.gz", "region_000.nii.gz"} <= set(written)
    assert name not in (out / "groundings.json").read_text(encoding="utf-8")
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([path.name, name])
