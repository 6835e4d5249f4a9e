"""NIfTI-1 and NIfTI-2 single files (.nii, .nii.gz): read by an own bounded header parser.

Source: the NIfTI-1.1 and NIfTI-2 header definitions (nifti1.h, nifti2.h of the NIfTI Data Format Working Group).
"""

from __future__ import annotations

import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asap import limits
from asap.errors import GeometryWarning, InputError
from asap.io.byte_stream import GZIP_MAGIC, ByteStream, GzipStream, PlainStream, open_regular
from asap.io.nifti_write import write_nifti
from asap.io.voxels import read_hu
from asap.volume import Affine, Volume, checked_affine, ras_axes

__all__ = ["NiftiHeader", "is_nifti", "parse_header", "read_nifti", "write_nifti"]

_SIZE_1, _SIZE_2 = 348, 540
_TYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8",
}  # fmt: skip
_MM_PER_UNIT = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}  # unknown is taken as mm, as every reader does
_UNSUPPORTED = "The NIfTI file stores colours, complex or other unusual numbers; export it as int16 or float32."
_DAMAGED = "The NIfTI header is damaged."


@dataclass(frozen=True)
class NiftiHeader:
    """The fields of a NIfTI header this reader uses, checked one by one."""

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    data_offset: int
    slope: float
    intercept: float
    affine: Affine


def is_nifti(prefix: bytes) -> bool:
    """Whether (inflated) bytes start like a NIfTI or Analyze header of either byte order."""
    return (
        len(prefix) >= 4
        and {struct.unpack("<i", prefix[:4])[0], struct.unpack(">i", prefix[:4])[0]} & {_SIZE_1, _SIZE_2} != set()
    )


def read_nifti(path: Path) -> Volume:
    """Read one NIfTI file into a Volume in HU (scaling applied). In-process: use `asap.io.read` for files of others.

    Raises InputError for anything but a single-file 3-D image of real numbers with a usable geometry, LimitError for size.
    Warns with GeometryWarning where left and right rest on an assumption.
    """
    with open_regular(path) as file:
        start = file.read(2) or b""
        stream: ByteStream = GzipStream(file, start) if start == GZIP_MAGIC else PlainStream(file, start)
        first = stream.take(4)
        if not is_nifti(first):
            raise InputError("The file is not a NIfTI image.")
        size = _SIZE_1 if _SIZE_1 in (struct.unpack("<i", first)[0], struct.unpack(">i", first)[0]) else _SIZE_2
        header = parse_header(first + stream.take(size - 4))
        stream.take(header.data_offset - size)  # extensions; they are skipped unread
        hu = read_hu(stream, header.shape, header.dtype, header.slope, header.intercept)
    return Volume(hu, header.affine)


def parse_header(raw: bytes) -> NiftiHeader:
    """Check a complete 348- or 540-byte header and compute what reading needs. Raises InputError."""
    order = "<" if struct.unpack("<i", raw[:4])[0] == len(raw) else ">"
    fields = _fields_1(raw, order) if len(raw) == _SIZE_1 else _fields_2(raw, order)
    dims: tuple[int, ...] = fields["dim"]
    if not 3 <= dims[0] <= 7:
        raise InputError("The NIfTI image is not three-dimensional.")
    if any(n != 1 for n in dims[4 : dims[0] + 1]):
        raise InputError("The NIfTI image has more than three dimensions; export one volume of it.")
    shape = (dims[1], dims[2], dims[3])
    if fields["datatype"] not in _TYPES:
        raise InputError(_UNSUPPORTED)
    dtype = np.dtype(order + _TYPES[fields["datatype"]])
    if fields["bitpix"] != 8 * dtype.itemsize:
        raise InputError(_DAMAGED)
    limits.check_shape(shape, dtype.itemsize)
    offset = fields["vox_offset"]
    if not (np.isfinite(offset) and float(offset).is_integer() and len(raw) + 4 <= offset <= limits.MAX_HEADER_BYTES):
        raise InputError(_DAMAGED)
    slope, intercept = _scaling(fields["slope"], fields["intercept"])
    return NiftiHeader(shape, dtype, int(offset), slope, intercept, _affine(fields))


def _fields_1(raw: bytes, order: str) -> dict[str, Any]:
    if raw[344:348] != b"n+1\0":
        raise InputError(_magic_problem(raw[344:348]))
    dim = struct.unpack_from(order + "8h", raw, 40)
    datatype, bitpix = struct.unpack_from(order + "2h", raw, 70)
    pixdim = struct.unpack_from(order + "8f", raw, 76)
    offset, slope, intercept = struct.unpack_from(order + "3f", raw, 108)
    qform_code, sform_code = struct.unpack_from(order + "2h", raw, 252)
    rest = struct.unpack_from(order + "18f", raw, 256)
    return {
        "dim": dim, "datatype": datatype, "bitpix": bitpix, "pixdim": pixdim, "vox_offset": offset, "slope": slope,
        "intercept": intercept, "units": raw[123], "qform_code": qform_code, "sform_code": sform_code,
        "quatern": rest[:3], "qoffset": rest[3:6], "srow": rest[6:],
    }  # fmt: skip


def _fields_2(raw: bytes, order: str) -> dict[str, Any]:
    if raw[4:12] != b"n+2\0\r\n\x1a\n":
        raise InputError(_magic_problem(raw[4:8]))
    datatype, bitpix = struct.unpack_from(order + "2h", raw, 12)
    dim = struct.unpack_from(order + "8q", raw, 16)
    pixdim = struct.unpack_from(order + "8d", raw, 104)
    offset = struct.unpack_from(order + "q", raw, 168)[0]
    slope, intercept = struct.unpack_from(order + "2d", raw, 176)
    qform_code, sform_code = struct.unpack_from(order + "2i", raw, 344)
    rest = struct.unpack_from(order + "18d", raw, 352)
    units = struct.unpack_from(order + "i", raw, 500)[0]
    return {
        "dim": dim, "datatype": datatype, "bitpix": bitpix, "pixdim": pixdim, "vox_offset": offset, "slope": slope,
        "intercept": intercept, "units": units & 0xFF, "qform_code": qform_code, "sform_code": sform_code,
        "quatern": rest[:3], "qoffset": rest[3:6], "srow": rest[6:],
    }  # fmt: skip


def _magic_problem(magic: bytes) -> str:
    if magic[:2] == b"ni":
        return "The NIfTI header names a separate data file (.hdr and .img); save it as one .nii or .nii.gz file."
    return "The file is an Analyze image or its NIfTI header is damaged; convert it to NIfTI."


def _scaling(slope: float, intercept: float) -> tuple[float, float]:
    """NIfTI: slope 0 means unscaled; NaN slopes are written for unscaled data by nibabel and mean the same."""
    if slope == 0 or np.isnan(slope):
        return 1.0, 0.0
    if not (np.isfinite(slope) and np.isfinite(intercept)) or max(abs(slope), abs(intercept)) > 1e6:
        raise InputError("The NIfTI header's intensity scaling is damaged.")
    return slope, intercept


def _affine(fields: dict[str, Any]) -> Affine:
    """sform if its code is positive, else qform, else the spacing alone (NIfTI methods 3, 2, 1)."""
    mm = _MM_PER_UNIT.get(fields["units"] & 0x07)
    if mm is None:
        raise InputError("The NIfTI header's unit of length is unknown.")
    quaternion = _affine_of_quaternion(fields, mm) if fields["qform_code"] > 0 else None
    if fields["sform_code"] > 0:
        affine = np.vstack([np.reshape(fields["srow"], (3, 4)) * mm, [0, 0, 0, 1]])
        affine = checked_affine(affine)
        if quaternion is not None and np.isfinite(quaternion).all() and ras_axes(affine) != ras_axes(quaternion):
            warnings.warn("The file's two stored orientations differ; the sform was used.", GeometryWarning, stacklevel=2)
        return affine
    if quaternion is not None:
        return checked_affine(quaternion)
    warnings.warn("The file stores no orientation; left and right were assumed.", GeometryWarning, stacklevel=2)
    return checked_affine(np.diag([*(np.abs(fields["pixdim"][1:4]) * mm), 1.0]))


def _affine_of_quaternion(fields: dict[str, Any], mm: float) -> Affine:
    """NIfTI method 2: rotation of the unit quaternion (a, b, c, d) times spacing, third axis times qfac."""
    b, c, d = (float(q) for q in fields["quatern"])
    squared = b * b + c * c + d * d
    if not np.isfinite(squared) or squared > 1.001:
        raise InputError(_DAMAGED)
    a = np.sqrt(max(0.0, 1.0 - squared))
    if squared > 1.0:
        b, c, d = (q / np.sqrt(squared) for q in (b, c, d))
    rotation = np.array([
        [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
        [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
        [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
    ])  # fmt: skip
    spacing_mm = np.array(fields["pixdim"][1:4], dtype=np.float64) * mm
    if not np.isfinite(spacing_mm).all() or (spacing_mm <= 0).any():
        raise InputError("The NIfTI header's voxel spacing is not positive.")
    spacing_mm[2] *= -1.0 if fields["pixdim"][0] < 0 else 1.0
    affine = np.eye(4)
    affine[:3, :3] = rotation * spacing_mm
    affine[:3, 3] = np.asarray(fields["qoffset"], dtype=np.float64) * mm
    return affine
