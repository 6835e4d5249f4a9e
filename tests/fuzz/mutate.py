"""Seeded damage to small valid files: the mutations that found most in the trial this bar comes from."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.io import synthetic

FORMATS = ("nifti", "nifti_gz", "nrrd", "dicom")
_EDGE_VALUES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FC00000, 0x7F800000)
_TOKENS = {
    "nifti": (b"n+1\0", b"ni1\0", b"n+2\0\r\n\x1a\n", b"\x1f\x8b", b"\x5c\x01\0\0", b"\0\0\x02\x1c"),
    "nrrd": (
        b"\n\n", b"data file: /etc/passwd\n", b"sizes: 32000 32000 32000\n", b"encoding: gzip\n", b"encoding: bzip2\n", b"nan",
        b"inf", b"1e400", b"none", b"(", b")", b"dimension: 4\n", b":=", b"endian: big\n", b"-1", b"type: block\n", b"\xff\xfe",
    ),
    "dicom": (
        b"\xfe\xff\x00\xe0\xff\xff\xff\xff", b"\xfe\xff\xdd\xe0\0\0\0\0", b"\xfe\xff\x0d\xe0\0\0\0\0", b"SQ\0\0\xff\xff\xff\xff",
        b"UN\0\0\xff\xff\xff\xff", b"\xe0\x7f\x10\0OW\0\0\xff\xff\xff\xff", b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.5\0",
        b"1.2.840.10008.1.2.4.90", b"\x28\0\x10\0US\x02\0\xff\xff", b"\x28\0\x08\0IS\x04\x009999", b"nan\\nan", b"1e999",
        b"\x29\x52\x30\x92SQ\0\0\xff\xff\xff\xff", b"\x30\x52\x00\x92SQ\0\0\xff\xff\xff\xff",
    ),
}  # fmt: skip


def damaged(data: bytes, rng: np.random.Generator, family: str, header_bytes: int) -> bytes:
    """`data` after one to four random mutations, most of them within the first `header_bytes`."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        if not out:
            break
        reach = min(len(out), header_bytes) if rng.random() < 0.8 else len(out)
        at = int(rng.integers(0, reach))
        _MUTATIONS[int(rng.integers(0, len(_MUTATIONS)))](out, at, rng, family)
    return bytes(out)


def _flip(out: bytearray, at: int, rng: np.random.Generator, family: str) -> None:
    out[at] ^= 1 << int(rng.integers(0, 8))


def _random_byte(out: bytearray, at: int, rng: np.random.Generator, family: str) -> None:
    out[at] = int(rng.integers(0, 256))


def _edge_value(out: bytearray, at: int, rng: np.random.Generator, family: str) -> None:
    width = int(rng.choice([1, 2, 4, 8]))
    value = int(rng.choice(_EDGE_VALUES)) & ((1 << (8 * width)) - 1)
    out[at : at + width] = value.to_bytes(width, str(rng.choice(["little", "big"])))  # type: ignore[arg-type]


def _token(out: bytearray, at: int, rng: np.random.Generator, family: str) -> None:
    tokens = _TOKENS[family]
    token = tokens[int(rng.integers(0, len(tokens)))]
    out[at : at + (len(token) if rng.random() < 0.5 else 0)] = token


def _cut(out: bytearray, at: int, rng: np.random.Generator, family: str) -> None:
    del out[at:]


def _remove(out: bytearray, at: int, rng: np.random.Generator, family: str) -> None:
    del out[at : at + int(rng.integers(1, 64))]


def _repeat(out: bytearray, at: int, rng: np.random.Generator, family: str) -> None:
    piece = bytes(out[at : at + int(rng.integers(1, 64))])
    out[at:at] = piece * int(rng.integers(1, 4))


def _swap(out: bytearray, at: int, rng: np.random.Generator, family: str) -> None:
    width, other = int(rng.integers(1, 16)), int(rng.integers(0, len(out)))
    out[at : at + width], out[other : other + width] = out[other : other + width], out[at : at + width]


def _digit(out: bytearray, at: int, rng: np.random.Generator, family: str) -> None:
    digits = [n for n, byte in enumerate(out[:4096]) if chr(byte).isdigit()]
    if digits:
        out[int(rng.choice(digits))] = int(rng.choice(list(b"0123456789-.e,() ")))


_MUTATIONS: tuple[Callable[[bytearray, int, np.random.Generator, str], None], ...] = (
    _flip, _random_byte, _edge_value, _token, _cut, _remove, _repeat, _swap, _digit,
)  # fmt: skip


class Seeds:
    """Valid small files of one format and their damaged copies, written into a folder."""

    def __init__(self, family: str, folder: Path) -> None:
        self._family, self._folder = family, folder
        hu, affine = synthetic.example_hu((9, 7, 4)), synthetic.ras_affine()
        self._files: list[list[bytes]] = []
        if family.startswith("nifti"):
            for dtype in ("i2", "f4", "u1"):
                path = folder / "seed.nii"
                synthetic.write_nifti(path, hu.clip(0, 255), affine, dtype)
                self._files.append([path.read_bytes()])
        elif family == "nrrd":
            for dtype, encoding in (("i2", "raw"), ("f4", "gzip"), ("u1", "raw")):
                path = folder / "seed.nrrd"
                synthetic.write_nrrd(path, hu.clip(0, 255), affine, dtype, encoding)
                self._files.append([path.read_bytes()])
        else:
            for syntax in ("explicit", "implicit", "rle", "big"):
                paths = synthetic.write_dicom(folder / "seed", hu, affine, syntax=syntax)
                self._files.append([path.read_bytes() for path in paths])

    def write(self, seed: int) -> Path:
        """Write damaged copy number `seed`; returns the path to read (a folder for DICOM, with one to all slices damaged)."""
        rng = np.random.default_rng(seed)
        files = self._files[seed % len(self._files)]
        if self._family == "dicom":
            return self._write_series(files, rng, seed)
        if self._family == "nrrd":
            path = self._folder / "case.nrrd"
            path.write_bytes(damaged(files[0], rng, "nrrd", 500))
            return path
        path = self._folder / "case.nii"
        if self._family == "nifti":
            path.write_bytes(damaged(files[0], rng, "nifti", 352))
        elif rng.random() < 0.5:
            path.write_bytes(gzip.compress(damaged(files[0], rng, "nifti", 352), 1, mtime=0))
        else:
            path.write_bytes(damaged(gzip.compress(files[0], 1, mtime=0), rng, "nifti", 4096))
        return path

    def _write_series(self, files: list[bytes], rng: np.random.Generator, seed: int) -> Path:
        folder = self._folder / "series"
        folder.mkdir(exist_ok=True)
        one = int(rng.integers(0, len(files)))
        same = rng.random() < 0.3  # the same damage in every slice gets past the checks of consistency
        for number, data in enumerate(files):
            hurt = same or number == one
            content = damaged(data, np.random.default_rng(seed if same else seed + 1), "dicom", 1400) if hurt else data
            (folder / f"{number}.dcm").write_bytes(content)
        return folder
