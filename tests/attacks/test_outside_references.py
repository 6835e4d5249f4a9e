"""A5: files that name other files are refused and nothing outside the upload is opened.

Every name points at a valid image of the same kind, so that a reader that follows it would succeed.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asap.errors import InputError
from asap.io.detect import parse
from asap.io.nifti import write_nifti
from tests.attacks import build

_opened: list[str] = []
_watching = False


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event in ("open", "os.listdir", "os.scandir", "socket.connect", "subprocess.Popen"):
        if event == "open" and isinstance(arguments[0], int):
            return  # a descriptor that was opened before, and recorded then
        _opened.append(str(arguments[0]))


sys.addaudithook(_watch)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside the upload with readable images: 128 raw bytes, a NIfTI file, a DICOM slice, a password file."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "data.raw").write_bytes(bytes(128))
    (folder / "data.raw.gz").write_bytes(gzip.compress(bytes(128)))
    (folder / "passwd").write_bytes(b"root:x:0:0" * 13)
    write_nifti(folder / "image.nii", np.zeros((4, 4, 4), np.int16), np.eye(4))
    for k in range(4):
        (folder / f"{k}.dcm").write_bytes(build.dicom(k))
    return folder


def mhd(name: str, extra: str = "") -> bytes:
    return f"ObjectType = Image\nNDims = 3\nDimSize = 4 4 4\nElementType = MET_SHORT\n{extra}ElementDataFile = {name}\n".encode()


def detached(line: str) -> Callable[[Path], bytes]:
    return lambda outside: build.nrrd(extra=line.format(outside=outside) + "\n") + bytes(128)


NAMING: dict[str, Callable[[Path], bytes]] = {
    "absolute": detached("data file: {outside}/data.raw"),
    "dots": detached("data file: ../outside/data.raw"),
    "datafile": detached("datafile: {outside}/data.raw"),
    "capitals": detached("Data File: {outside}/data.raw"),
    "spaces": detached("data   file :   {outside}/data.raw"),
    "list": detached("data file: LIST\n{outside}/data.raw"),
    "list 2": detached("data file: LIST 2\n{outside}/data.raw"),
    "pattern": detached("data file: {outside}/%d.dcm 0 3 1 2"),
    "skip": detached("data file: skip={outside}/data.raw"),
    "file url": detached("data file: file://{outside}/data.raw"),
    "web": detached("data file: http://127.0.0.1:9/data.raw"),
    "drive letter": detached("data file: C:\\outside\\data.raw"),
    "network share": detached("data file: \\\\127.0.0.1\\outside\\data.raw"),
    "gzip": lambda outside: build.nrrd(encoding="gzip", extra=f"data file: {outside}/data.raw.gz\n"),
    "no blank line": lambda outside: build.nrrd(extra=f"data file: {outside}/data.raw\n").rstrip(b"\n"),
    "line ends": lambda outside: build.nrrd(extra=f"data file: {outside}/data.raw\n").replace(b"\n", b"\r\n"),
    "byte skip": lambda outside: build.nrrd(extra="byte skip: -1\n") + bytes(4096),
    "mhd absolute": lambda outside: mhd(f"{outside}/data.raw"),
    "mhd dots": lambda outside: mhd("../outside/data.raw"),
    "mhd list": lambda outside: mhd(f"LIST\n{outside}/data.raw"),
    "mhd pattern": lambda outside: mhd(f"{outside}/%d.dcm 0 3 1"),
    "mhd compressed": lambda outside: mhd(f"{outside}/data.raw.gz", "CompressedData = True\n"),
    "mha local": lambda outside: mhd("LOCAL") + bytes(128),
    "nifti pair": lambda outside: build.nifti_1(magic=b"ni1\0", offset=0.0)[:348],
    "nifti-2 pair": lambda outside: build.nifti_2().replace(b"n+2", b"ni2"),
    "analyze": lambda outside: build.nifti_1(magic=bytes(4), offset=0.0)[:348],
    "gzipped pair": lambda outside: gzip.compress(build.nifti_1(magic=b"ni1\0", offset=0.0)[:348]),
    "xml": lambda outside: f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file://{outside}/passwd">]><a>&b;</a>'.encode(),
    "dicomdir": lambda outside: build.dicom(
        sop_class="1.2.840.10008.1.3.10", early=build.element(4, 0x1500, "CS", "..\\outside\\0.dcm")
    ),
    "provider url": lambda outside: build.dicom(
        0, "1.2.840.10008.1.2.4.94", frames="2", extra=build.element(0x28, 0x7FE0, "UT", f"file://{outside}/0.dcm")
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMING)
def test_a_file_that_names_another(name: str, tmp_path: Path, outside: Path) -> None:
    upload = tmp_path / "upload"
    upload.mkdir()
    (upload / "image").write_bytes(NAMING[name](outside))
    (upload / "image.img").write_bytes(bytes(128))
    assert_refused_without_looking_outside(upload / "image", upload)


def make_link(upload: Path, outside: Path) -> None:
    (upload / "3.dcm").symlink_to(outside / "3.dcm")


def make_relative_link(upload: Path, outside: Path) -> None:
    (upload / "3.dcm").symlink_to("../outside/3.dcm")


def make_inner_link(upload: Path, outside: Path) -> None:
    (upload / "3.dcm").symlink_to(upload / "0.dcm")


def make_folder_link(upload: Path, outside: Path) -> None:
    (upload / "more").symlink_to(outside)


def make_secret_link(upload: Path, outside: Path) -> None:
    (upload / "notes.txt").symlink_to(outside / "passwd")


def make_reference(upload: Path, outside: Path) -> None:
    """A DICOMDIR beside good slices is passed over, not followed: the volume has the three slices of the upload."""
    (upload / "DICOMDIR").write_bytes(NAMING["dicomdir"](outside))


@pytest.mark.parametrize("make", [make_link, make_relative_link, make_inner_link, make_folder_link, make_secret_link])
def test_a_series_with_links(make: Callable[[Path, Path], None], tmp_path: Path, outside: Path) -> None:
    assert_refused_without_looking_outside(series(tmp_path, make, outside), tmp_path / "upload")


def test_a_dicomdir_beside_slices_is_not_followed(tmp_path: Path, outside: Path) -> None:
    upload = series(tmp_path, make_reference, outside)
    with watched() as opened:
        volume = parse(upload)
    assert volume.shape == (4, 4, 3)
    assert opened and all(name.startswith(str(upload)) for name in opened)


def series(tmp_path: Path, make: Callable[[Path, Path], None], outside: Path) -> Path:
    upload = tmp_path / "upload"
    upload.mkdir()
    for k in range(3):
        (upload / f"{k}.dcm").write_bytes(build.dicom(k))
    make(upload, outside)
    return upload


def assert_refused_without_looking_outside(path: Path, upload: Path) -> None:
    with watched() as opened, pytest.raises(InputError):
        parse(path)
    assert opened, "the watch saw nothing"
    assert [name for name in opened if not name.startswith(str(upload))] == []


class watched:
    """Collect what Python opens while the block runs."""

    def __enter__(self) -> list[str]:
        global _watching  # noqa: PLW0603
        _opened.clear()
        _watching = True
        return _opened

    def __exit__(self, *_: object) -> None:
        global _watching  # noqa: PLW0603
        _watching = False
