"""One call reads every format, and what cannot be read is refused with one sentence."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from asap.errors import InputError
from asap.io.nifti import write_nifti
from asap.io.read import read_labels, read_volume

AFFINE = np.array([[-0.7, 0, 0, 120.0], [0, -0.7, 0, 90.5], [0, 0, 2.5, -300.25], [0, 0, 0, 1]])


def test_a_written_file_comes_back_through_the_child(tmp_path: Path) -> None:
    hu = np.random.default_rng(0).integers(-1024, 3000, (7, 5, 4)).astype(np.int16)
    write_nifti(tmp_path / "a.nii.gz", hu, AFFINE)
    volume = read_volume(tmp_path / "a.nii.gz")
    assert np.array_equal(volume.hu, hu)
    np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-5)


@pytest.mark.parametrize("form", ["relative", "dots", "link"])
def test_a_path_may_be_written_in_any_form(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_nifti(tmp_path / "a.nii.gz", np.zeros((3, 4, 5), np.int16), AFFINE)
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a.nii.gz")
    monkeypatch.chdir(tmp_path / "sub")
    path = {"relative": Path("../a.nii.gz"), "dots": tmp_path / "sub" / ".." / "a.nii.gz", "link": tmp_path / "link"}[form]
    assert read_volume(path).shape == (3, 4, 5)


def test_the_content_decides_not_the_name(tmp_path: Path) -> None:
    hu = np.zeros((3, 4, 5), np.int16)
    write_nifti(tmp_path / "a.nii.gz", hu, AFFINE)
    (tmp_path / "a.nii.gz").rename(tmp_path / "picture.nrrd")
    assert read_volume(tmp_path / "picture.nrrd").shape == (3, 4, 5)


@pytest.mark.parametrize("content", [b"", b"x", b"PK\x03\x04zip", b"\x1f\x8b", b"NDims = 3\n", b"\0" * 5000])
def test_other_content_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.nii").write_bytes(content)
    with pytest.raises(InputError):
        read_volume(tmp_path / "a.nii")


def test_things_that_are_not_files_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path / "missing.nii", Path("/dev/zero"), tmp_path):
        with pytest.raises(InputError):
            read_volume(path)


def test_a_single_slice_is_not_a_volume(tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii", np.zeros((8, 8, 1), np.int16), AFFINE)
    with pytest.raises(InputError, match="single slice"):
        read_volume(tmp_path / "a.nii")


def test_labels_are_whole_numbers(tmp_path: Path) -> None:
    write_nifti(tmp_path / "mask.nii.gz", np.full((4, 4, 4), 7, np.uint8), AFFINE)
    labels, affine = read_labels(tmp_path / "mask.nii.gz")
    assert labels.dtype.kind == "i" and set(labels.ravel()) == {7}
    np.testing.assert_allclose(affine, AFFINE, atol=1e-5)
    write_nifti(tmp_path / "heat.nii.gz", np.full((4, 4, 4), 0.25, np.float32), AFFINE)
    with pytest.raises(InputError, match="whole numbers"):
        read_labels(tmp_path / "heat.nii.gz")
