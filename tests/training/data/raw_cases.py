"""Raw volumes and tables that the tests of preparing share."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np

from asap.io.nifti_write import write_nifti
from asap.volume import Volume
from asap_training.data.image import ImageSettings
from asap_training.data.organ_masks import OrganSettings
from asap_training.prepare import PrepareOptions
from tests.thorax import thorax

TEST_SPACING = (7.0, 7.0, 14.0)  # of the recipe asap_test
FINDINGS = "There is a nodule in the left lung. No pleural effusion."


def chest(number: int = 0) -> Volume:
    """A small chest that differs by its number only, and stays in HU for any number."""
    volume = thorax(spacing_mm=(10.0, 10.0, 10.0))
    hu = (volume.hu + number % 100).astype(np.int16)
    hu[:4, :4] += 7 * (number // 100)
    return Volume(hu, volume.affine)


def write_table(folder: Path, count: int, *, patients: int | None = None) -> Path:
    """`count` volumes and their table; a patient has every so many-th volume."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [["volume", "findings", "impression", "patient"]]
    for number in range(count):
        volume = chest(number)
        write_nifti(folder / f"v{number}.nii", volume.hu, volume.affine)
        rows.append([f"v{number}.nii", FINDINGS, "Nodule.", f"p{number % (patients or count)}"])
    return save_rows(folder / "cases.csv", rows)


def save_rows(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def options(out: Path, organs: OrganSettings | None = None, **others: float | bool) -> PrepareOptions:
    """A cache for the recipe asap_test, with the features of its text encoder."""
    image = ImageSettings(spacing_mm=TEST_SPACING)
    return PrepareOptions(out, image, organs or OrganSettings(), weights="asap-test", **others)  # type: ignore[arg-type]


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder by its content."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def quiet(_text: str) -> None:
    """Progress that nobody reads."""
