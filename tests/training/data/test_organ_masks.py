"""Organ classes lie where the organs lie: label images on other grids, a recorded TotalSegmentator, the classical masks."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from asap.errors import InputError
from asap.io.nifti_write import write_nifti
from asap.io.read import read_labels, read_volume
from asap.volume import apply_affine
from asap_training.data.case import RawCase
from asap_training.data.fields_of_view import ORGANS as GENERATED_ORGANS
from asap_training.data.image import ImageSettings, PreparedImage, prepared_image, resampled
from asap_training.data.organ_masks import ORGANS, OrganSettings, on_grid, organ_labels, read_classes
from tests.reference import reference_data
from tests.training.data.raw_cases import chest

ABDOMEN = "ct/totalseg_abdomen_control/example_ct_sm.nii.gz"
ABDOMEN_LABELS = "ct/totalseg_abdomen_control/example_seg.nii.gz"


def abdomen() -> tuple[RawCase, PreparedImage]:
    raw = RawCase("case", reference_data(ABDOMEN), "Normal.", "", "p", "train", mask=reference_data(ABDOMEN_LABELS))
    return raw, prepared_image(raw, ImageSettings())


def centre_mm(mask: NDArray[np.bool_], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    return apply_affine(affine, np.argwhere(mask).mean(axis=0))


def test_classes_are_those_of_generated_cases() -> None:
    assert tuple(ORGANS) == GENERATED_ORGANS


def test_real_multi_label_file_lands_where_its_organs_are() -> None:
    """Every organ the file shows keeps its place and its volume on the 1.5 x 1.5 x 3 mm grid."""
    raw, image = abdomen()
    labels = organ_labels(OrganSettings("labels"), raw, image)
    assert labels is not None
    numbers, affine = read_labels(reference_data(ABDOMEN_LABELS))
    voxel_ml = abs(np.linalg.det(affine[:3, :3])) / 1000
    seen = 0
    for place, wanted in enumerate(ORGANS.values(), start=1):
        original = np.isin(numbers, wanted)
        ml = original.sum() * voxel_ml
        if ml < 5:
            continue
        seen += 1
        prepared_ml = (labels == place).sum() * abs(np.linalg.det(image.grid.voxel_affine[:3, :3])) / 1000
        assert abs(prepared_ml / ml - 1) < 0.05
        gap = centre_mm(labels == place, image.grid.voxel_affine) - centre_mm(original, affine)
        assert np.abs(gap).max() < 1.5
    assert seen >= 2


def test_a_class_map_of_one_s_own(tmp_path: Path) -> None:
    """Liver and spleen of the real file, told by their numbers; the liver is on the right of the spleen."""
    (tmp_path / "map.json").write_text(json.dumps({"liver": [5], "spleen": [1]}))
    raw, image = abdomen()
    labels = organ_labels(OrganSettings("labels", read_classes(tmp_path / "map.json")), raw, image)
    assert labels is not None
    assert set(np.unique(labels)) == {0, 1, 2}
    assert centre_mm(labels == 1, image.grid.voxel_affine)[0] > centre_mm(labels == 2, image.grid.voxel_affine)[0] + 50


@pytest.mark.parametrize("text", ["[]", "{}", '{"a": [1], "b": [1]}', '{"a": [0]}', '{"a": "x"}', "no json"])
def test_a_class_map_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "map.json").write_text(text)
    with pytest.raises(InputError, match="class map"):
        read_classes(tmp_path / "map.json")


def recorded(tmp_path: Path, body: str) -> str:
    """A command that takes TotalSegmentator's arguments and answers as recorded."""
    script = tmp_path / "recorded run.py"
    script.write_text(
        "import argparse, shutil, sys\n"
        "p = argparse.ArgumentParser()\n"
        "p.add_argument('-i', required=True); p.add_argument('-o', required=True)\n"
        "p.add_argument('--ml', action='store_true', required=True); p.add_argument('--fast', action='store_true')\n"
        "a = p.parse_args()\n" + body
    )
    return shlex.join([sys.executable, str(script), "--fast"])


def test_the_command_gets_hounsfield_units_and_its_answer_is_read(tmp_path: Path) -> None:
    raw, image = abdomen()
    body = f"shutil.copy(a.i, {str(tmp_path / 'given.nii.gz')!r}); shutil.copy({str(reference_data(ABDOMEN_LABELS))!r}, a.o)"
    settings = OrganSettings("totalsegmentator", command=recorded(tmp_path, body))
    made = organ_labels(settings, replace(raw, mask=None), image)
    assert np.array_equal(made, organ_labels(OrganSettings("labels"), raw, image))
    given = read_volume(tmp_path / "given.nii.gz")
    assert np.array_equal(given.hu, image.hu_HWD)
    assert np.allclose(given.affine, image.grid.voxel_affine, atol=1e-3)


@pytest.mark.parametrize("body", ["sys.exit(3)", "open(a.o, 'w').write('no image')", ""])
def test_a_command_that_fails_makes_the_case_unreadable(tmp_path: Path, body: str) -> None:
    raw, image = abdomen()
    with pytest.raises(InputError):
        organ_labels(OrganSettings("totalsegmentator", command=recorded(tmp_path, body)), raw, image)


def test_classical_masks_tell_left_from_right() -> None:
    image = resampled(chest(), None, ImageSettings(spacing_mm=(5.0, 5.0, 5.0)))
    labels = organ_labels(OrganSettings("classical"), RawCase("case", Path("none"), "", "", "p", "train"), image)
    assert labels is not None
    right, left = (centre_mm(labels == place, image.grid.voxel_affine) for place in (1, 2))
    assert right[0] > 30 > -30 > left[0]


def test_a_mask_turned_against_the_image_is_refused(tmp_path: Path) -> None:
    volume = chest()
    image = resampled(volume, None, ImageSettings(spacing_mm=(10.0, 10.0, 10.0)))
    angle = np.radians(10)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    with pytest.raises(InputError, match="axes"):
        on_grid(volume.hu.astype(np.int16), turn @ volume.affine, image.grid, image.hu_HWD.shape)
    write_nifti(tmp_path / "mask.nii", (volume.hu > 0).astype(np.uint8), volume.affine)
    labels, affine = read_labels(tmp_path / "mask.nii")
    assert on_grid(labels, affine, image.grid, image.hu_HWD.shape).any()
