"""NRRD files with attached raw or gzip data, read by an own bounded header parser.

Source: "Definition of NRRD File Format" (teem.sourceforge.net/nrrd/format.html). The `nrrd` package is not used: it opens the
data file a header names and raises many error classes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from asap import limits
from asap.errors import InputError
from asap.io.byte_stream import ByteStream, GzipStream, PlainStream, open_regular
from asap.io.voxels import read_hu
from asap.volume import Affine, Volume, checked_affine

MAGIC = b"NRRD000"
_FIRST_PIECE = 4096
_MAX_LINES = 4096  # 3D Slicer writes some hundreds of key/value lines
_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
_TYPE_OF_NAME = {name: code for code, names in _TYPES.items() for name in names}
# Signs that turn each space's axes into RAS+.
_SPACES = {
    "right-anterior-superior": (1, 1, 1), "ras": (1, 1, 1),
    "left-anterior-superior": (-1, 1, 1), "las": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1), "lps": (-1, -1, 1),
}  # fmt: skip
_SPATIAL_KINDS = {"domain", "space", "???", "none"}
_DAMAGED = "The NRRD header is damaged or incomplete."


def read_nrrd(path: Path) -> Volume:
    """Read one self-contained NRRD file into a Volume. In-process: use `asap.io.read` for files of others.

    Raises InputError for detached data, other encodings, other than three dimensions, or a header without orientation.
    """
    with open_regular(path) as file:
        raw, rest = split_header(file)
        fields = parse_fields(raw)
        shape, dtype = shape_and_dtype(fields)
        affine = affine_of(fields)
        stream = data_stream(file, rest, fields)
        hu = read_hu(stream, shape, dtype, 1.0, 0.0)
    return Volume(hu, affine)


def split_header(file: Any) -> tuple[bytes, bytes]:
    """The header's bytes and what was read beyond its closing blank line, reading at most MAX_HEADER_BYTES."""
    data = b""
    while len(data) <= limits.MAX_HEADER_BYTES:
        piece = file.read(_FIRST_PIECE if not data else 16 * _FIRST_PIECE)
        seen, data = max(0, len(data) - 3), data + (piece or b"")
        if not data.startswith(MAGIC[: len(data)]):
            raise InputError("The file is not an NRRD image.")
        ends = [(at, len(mark)) for mark in (b"\n\n", b"\r\n\r\n") if (at := data.find(mark, seen)) >= 0]
        if ends:
            at, width = min(ends)
            return data[:at], data[at + width :]
        if not piece:
            raise InputError(
                "The NRRD header does not end: its data are in another file or missing; save one attached .nrrd file."
            )
    raise InputError(_DAMAGED)


def parse_fields(raw: bytes) -> dict[str, str]:
    """The `field: value` lines; comments and `key:=value` pairs are passed over. Raises InputError."""
    if raw.count(b"\n") > _MAX_LINES:
        raise InputError(_DAMAGED)
    fields: dict[str, str] = {}
    for line in raw.decode("ascii", errors="replace").splitlines()[1:]:
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, value = line.partition(":")
        if not colon:
            raise InputError(_DAMAGED)
        if value.startswith("="):
            continue
        name = name.strip().lower().replace(" ", "")
        if name in fields:
            raise InputError("The NRRD header states one field twice.")
        fields[name] = value.strip()
    if "datafile" in fields:
        raise InputError("The NRRD header names a separate data file; save the image as one attached .nrrd file.")
    skips = (fields.get("lineskip", "0"), fields.get("byteskip", "0"))
    if skips != ("0", "0"):
        raise InputError("The NRRD header skips parts of its data; save the image again without line or byte skip.")
    return fields


def shape_and_dtype(fields: dict[str, str]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    if fields.get("dimension") != "3":
        raise InputError("The NRRD image is not three-dimensional.")
    sizes = fields.get("sizes", "").split()
    if len(sizes) != 3 or not all(size.isascii() and size.isdigit() and len(size) <= 18 for size in sizes):
        raise InputError(_DAMAGED)
    kinds = fields.get("kinds", "").lower().split()
    if kinds and (len(kinds) != 3 or not set(kinds) <= _SPATIAL_KINDS):
        raise InputError("The NRRD image's axes are not three axes of space.")
    code = _TYPE_OF_NAME.get(" ".join(fields.get("type", "").lower().split()))
    if code is None:
        raise InputError("The NRRD file stores an unsupported type of numbers; export it as short or float.")
    endian = fields.get("endian", "little" if code[1] == "1" else "").lower()
    if endian not in ("little", "big"):
        raise InputError("The NRRD header does not state the byte order.")
    shape = tuple(int(size) for size in sizes)
    dtype = np.dtype(("<" if endian == "little" else ">") + code)
    limits.check_shape(shape, dtype.itemsize)
    return shape, dtype


def affine_of(fields: dict[str, str]) -> Affine:
    """`space directions` and `space origin` in the stated space, turned into RAS+ mm."""
    signs = _SPACES.get(fields.get("space", "").lower())
    if signs is None:
        raise InputError("The NRRD header states no patient orientation (space); left and right cannot be told.")
    units = fields.get("spaceunits", "").replace('"', " ").split()
    if units and units != ["mm"] * 3:
        raise InputError("The NRRD header's unit of length is not mm.")
    columns = [_vector(text) for text in _vectors(fields.get("spacedirections", ""))]
    origin = [_vector(text) for text in _vectors(fields.get("spaceorigin", ""))]
    if len(columns) != 3 or len(origin) != 1:
        raise InputError("The NRRD header has no complete space directions and space origin.")
    affine = np.eye(4)
    affine[:3, :3] = np.array(columns).T
    affine[:3, 3] = origin[0]
    affine[:3] *= np.array(signs, dtype=np.float64)[:, None]
    return checked_affine(affine)


def _vectors(text: str) -> list[str]:
    """Split "(a,b,c) (d,e,f)" into its bracketed parts; anything outside the brackets is an error."""
    parts = text.replace(")", ") ").split(") ")
    if parts[-1].strip() or any(not part.strip().startswith("(") for part in parts[:-1]):
        raise InputError(_DAMAGED)
    return [part.strip()[1:] for part in parts[:-1]]


def _vector(text: str) -> list[float]:
    numbers = text.split(",")
    try:
        values = [float(number) for number in numbers]
    except ValueError as error:
        raise InputError(_DAMAGED) from error
    if len(values) != 3:
        raise InputError(_DAMAGED)
    return values


def data_stream(file: Any, rest: bytes, fields: dict[str, str]) -> ByteStream:
    encoding = fields.get("encoding", "").lower()
    if encoding == "raw":
        return PlainStream(file, rest)
    if encoding in ("gzip", "gz"):
        return GzipStream(file, rest)
    raise InputError("The NRRD data are neither raw nor gzip; save the image again in one of these encodings.")
