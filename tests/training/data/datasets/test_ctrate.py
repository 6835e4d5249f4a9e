"""CT-RATE's tables and folders, with the published metadata's own values."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from asap.errors import InputError
from asap.io.nifti_write import write_nifti
from asap_training.data.datasets.ctrate import ctrate_cases
from asap_training.data.image import ImageSettings, prepared_image
from tests.reference import reference_data
from tests.training.data.raw_cases import chest, save_rows

COLUMNS = ["VolumeName", "ClinicalInformation_EN", "Technique_EN", "Findings_EN", "Impressions_EN"]


def reports(tmp_path: Path, *names: str) -> Path:
    rows = [[name, "Cough", "Non-contrast", "A nodule, 5 mm.", "Not given."] for name in names]
    return save_rows(tmp_path / "reports.csv", [COLUMNS, *rows])


def test_real_metadata_makes_stored_numbers_a_case(tmp_path: Path) -> None:
    """The first release: numbers from 0 upwards and a header without spacing; both come from the published table."""
    table = reference_data("nc/reports/ctrate_valid_metadata.csv")
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    chosen = next(row for row in rows if row["RescaleIntercept"] == "-8192")
    name = chosen["VolumeName"]
    patient, scan = name.rsplit("_", 2)[0], name.rsplit("_", 1)[0]
    folder = tmp_path / "dataset" / "valid" / patient / scan
    folder.mkdir(parents=True)
    write_nifti(folder / name, (chest().hu + 8192).astype(np.int16), np.eye(4))
    [raw] = ctrate_cases(tmp_path / "dataset", reports(tmp_path, name), table)
    assert (raw.split, raw.patient) == ("valid", patient)
    assert raw.texts == ("A nodule, 5 mm.", "A nodule, 5 mm.")
    assert raw.stored is not None
    assert raw.stored.spacing_mm is not None
    image = prepared_image(raw, ImageSettings(spacing_mm=(1.0, 1.0, 1.0)))
    wanted = [int(n * s + 1e-6) for n, s in zip(chest().shape, raw.stored.spacing_mm, strict=True)]
    assert list(image.hu_HWD.shape) == wanted
    assert -1000 <= image.hu_HWD.min() < -900


def test_every_published_row_is_understood(tmp_path: Path) -> None:
    table = reference_data("nc/reports/ctrate_valid_metadata.csv")
    with table.open(newline="") as file:
        names = [row["VolumeName"] for row in csv.DictReader(file)]
    cases = ctrate_cases(tmp_path, reports(tmp_path, *names), table)
    assert len(cases) == len(names) > 2000
    assert {raw.stored.intercept for raw in cases if raw.stored is not None} == {-1024.0, -8192.0}


@pytest.mark.parametrize("place", ["train/train_7/train_7_b", "train/train_7/train_7b", "train_7/train_7_b", "."])
def test_the_folders_in_use_are_found(tmp_path: Path, place: str) -> None:
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    (tmp_path / place / "train_7_b_1.nii.gz").touch()
    [raw] = ctrate_cases(tmp_path, reports(tmp_path, "train_7_b_1.nii.gz"))
    assert raw.volume.exists()
    assert raw.patient == "train_7"


def test_tables_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="form train_1_a_1"):
        ctrate_cases(tmp_path, reports(tmp_path, "Doe_1.nii.gz"))
    metadata = save_rows(tmp_path / "m.csv", [["VolumeName", "RescaleSlope", "RescaleIntercept", "XYSpacing", "ZSpacing"]])
    with pytest.raises(InputError, match="Report 1"):
        ctrate_cases(tmp_path, reports(tmp_path, "train_7_b_1.nii.gz"), metadata)
    with pytest.raises(InputError, match="no column volumename"):
        ctrate_cases(tmp_path, save_rows(tmp_path / "r.csv", [["a", "b"]]))
