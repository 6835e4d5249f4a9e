"""The NRRD reader: the format's spellings, and what it refuses by name."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asap.errors import InputError
from asap.io.nrrd import read_nrrd
from tests.attacks import build

BODY = np.arange(64, dtype="<i2").tobytes()


def read(tmp_path: Path, data: bytes) -> Any:
    (tmp_path / "a.nrrd").write_bytes(data)
    return read_nrrd(tmp_path / "a.nrrd")


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("left-posterior-superior", (-1, -1, 1)), ("LPS", (-1, -1, 1)), ("right-anterior-superior", (1, 1, 1)),
        ("RAS", (1, 1, 1)), ("left-anterior-superior", (-1, 1, 1)), ("las", (-1, 1, 1)),
    ],
)  # fmt: skip
def test_spaces(space: str, signs: tuple[int, int, int], tmp_path: Path) -> None:
    data = build.nrrd(space=space, space_directions="(2,0,0) (0,3,0) (0,0,4)", space_origin="(5, 6,7)") + BODY
    volume = read(tmp_path, data)
    np.testing.assert_array_equal(volume.affine[:3, 3], np.array([5, 6, 7]) * signs)
    np.testing.assert_array_equal(np.diag(volume.affine)[:3], np.array([2, 3, 4]) * signs)
    assert np.array_equal(volume.hu.ravel(order="F"), np.arange(64))


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("signed char", "i1"), ("int8_t", "i1"), ("uchar", "u1"), ("unsigned char", "u1"), ("uint8", "u1"), ("short", "i2"),
        ("signed short int", "i2"), ("int16", "i2"), ("ushort", "u2"), ("uint16_t", "u2"), ("int", "i4"), ("int32", "i4"),
        ("uint", "u4"), ("longlong", "i8"), ("uint64", "u8"), ("float", "f4"), ("double", "f8"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("endian", ["little", "big"])
def test_types_and_byte_orders(name: str, dtype: str, endian: str, tmp_path: Path) -> None:
    values = np.arange(64).astype(("<" if endian == "little" else ">") + dtype)
    volume = read(tmp_path, build.nrrd(type=name, endian=endian) + values.tobytes())
    assert volume.hu.dtype == np.int16 and np.array_equal(volume.hu.ravel(order="F"), np.arange(64))


def test_fractions_stay_fractions(tmp_path: Path) -> None:
    values = np.linspace(-1000, 1000, 64, dtype="<f4")
    volume = read(tmp_path, build.nrrd(type="float", encoding="gz") + gzip.compress(values.tobytes()))
    assert volume.hu.dtype == np.float32 and np.array_equal(volume.hu.ravel(order="F"), values)


def test_comments_keys_and_line_ends(tmp_path: Path) -> None:
    extra = '# a comment\nSegment0_Name:=a: b\ncontent: Doe^Jane\nspace units: "mm" "mm" "mm"\nline skip: 0\nbyte skip: 0\n'
    header = build.nrrd(extra=extra)
    assert read(tmp_path, header + BODY).shape == (4, 4, 4)
    assert read(tmp_path, header.replace(b"\n", b"\r\n") + BODY).shape == (4, 4, 4)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (build.nrrd(dimension="4", sizes="4 4 4 1") + BODY, "not three-dimensional"),
        (build.nrrd(encoding="bzip2") + BODY, "raw nor gzip"),
        (build.nrrd(encoding="hex") + BODY, "raw nor gzip"),
        (build.nrrd(encoding="ascii") + BODY, "raw nor gzip"),
        (build.nrrd(encoding=None) + BODY, "raw nor gzip"),
        (build.nrrd(type="block") + BODY, "type of numbers"),
        (build.nrrd(type=None) + BODY, "type of numbers"),
        (build.nrrd(endian=None) + BODY, "byte order"),
        (build.nrrd(extra="data file: x\n") + BODY, "separate data file"),
        (build.nrrd(extra="sizes: 4 4 4\n") + BODY, "twice"),
        (build.nrrd(extra="byte skip: 4\n") + BODY, "skip"),
        (build.nrrd(space="scanner-xyz") + BODY, "orientation"),
        (build.nrrd(space_units='"um" "um" "um"') + BODY, "not mm"),
        (build.nrrd() + BODY + b"\n", "more data"),
        (build.nrrd() + BODY[:-1], "ends early"),
        (build.nrrd(encoding="gzip") + BODY, "damaged"),
        (build.nrrd(encoding="gzip") + gzip.compress(BODY + b"x"), "more data"),
        (build.nrrd(extra="no colon here\n") + BODY, "damaged"),
        (b"NRRD0005\n", "does not end"),
        (b"P5 4 4 255\n", "not an NRRD"),
    ],
)
def test_refused_by_name(data: bytes, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=sentence):
        read(tmp_path, data)
