"""Writing NIfTI-1 single files: the same input gives the same bytes.

Source: the NIfTI-1.1 header definition (nifti1.h of the NIfTI Data Format Working Group).
"""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from asap import limits
from asap.errors import InputError
from asap.io.atomic import atomic_writer
from asap.volume import Affine, checked_affine

_CODES = {np.dtype(np.uint8): 2, np.dtype(np.int16): 4, np.dtype(np.float32): 16}
_HEADER_BYTES = 348


def write_nifti(path: Path, array: NDArray[Any], affine: Affine, *, what: str = "image") -> None:
    """Write (i, j, k) float32, uint8 or int16 with its affine as NIfTI-1, gzip when the name ends in .gz.

    The same input gives the same bytes (no time, no file name). Raises OutputError when the system refuses, InputError for
    another dtype or geometry; the old file is then intact.
    """
    code = _CODES.get(array.dtype)
    if code is None or array.ndim != 3:
        raise InputError("Only three-dimensional float32, uint8 or int16 images are written.")
    header = _header_1(array.shape, code, array.dtype.itemsize, checked_affine(affine, limits.MAX_CELL_MM))
    with atomic_writer(path, what) as file:
        if path.suffix == ".gz":
            with gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=file, mtime=0) as zipped:
                _write_body(cast(IO[bytes], zipped), header, array)
        else:
            _write_body(file, header, array)


def _write_body(file: IO[bytes], header: bytes, array: NDArray[Any]) -> None:
    file.write(header)
    little = array.dtype.newbyteorder("<")
    for k in range(array.shape[2]):
        file.write(array[:, :, k].astype(little, copy=False).tobytes(order="F"))


def _header_1(shape: tuple[int, ...], code: int, itemsize: int, affine: Affine) -> bytes:
    """352 bytes: a little-endian NIfTI-1 header with sform and qform, and the empty extension flag."""
    quaternion, qfac, spacing_mm = _quaternion_of_affine(affine)
    raw = bytearray(352)
    struct.pack_into("<i", raw, 0, _HEADER_BYTES)
    struct.pack_into("<8h", raw, 40, 3, *shape, 1, 1, 1, 1)
    struct.pack_into("<2h", raw, 70, code, 8 * itemsize)
    struct.pack_into("<8f", raw, 76, qfac, *spacing_mm, 0, 0, 0, 0)
    struct.pack_into("<3f", raw, 108, 352, 1, 0)
    raw[123] = 2  # millimetres
    struct.pack_into("<2h", raw, 252, 1, 1)
    struct.pack_into("<18f", raw, 256, *quaternion, *affine[:3, 3], *affine[:3].ravel())
    raw[344:348] = b"n+1\0"
    return bytes(raw)


def _quaternion_of_affine(affine: Affine) -> tuple[tuple[float, float, float], float, NDArray[np.float64]]:
    """(b, c, d) of the nearest rotation, qfac, and the spacing: the inverse of NIfTI method 2 (Shepperd 1978)."""
    spacing_mm = np.linalg.norm(affine[:3, :3], axis=0)
    left, _, right = np.linalg.svd(affine[:3, :3] / spacing_mm)
    r = left @ right
    qfac = 1.0 if np.linalg.det(r) > 0 else -1.0
    r[:, 2] *= qfac
    # 4 q q^T for the unit quaternion q = (a, b, c, d); its largest row, normalised, is q without cancellation.
    products = np.array([
        [1 + r[0, 0] + r[1, 1] + r[2, 2], r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]],
        [r[2, 1] - r[1, 2], 1 + r[0, 0] - r[1, 1] - r[2, 2], r[0, 1] + r[1, 0], r[0, 2] + r[2, 0]],
        [r[0, 2] - r[2, 0], r[0, 1] + r[1, 0], 1 - r[0, 0] + r[1, 1] - r[2, 2], r[1, 2] + r[2, 1]],
        [r[1, 0] - r[0, 1], r[0, 2] + r[2, 0], r[1, 2] + r[2, 1], 1 - r[0, 0] - r[1, 1] + r[2, 2]],
    ])  # fmt: skip
    row = products[int(np.argmax(np.diag(products)))]
    q = row / np.linalg.norm(row)
    q = -q if q[0] < 0 else q
    return (float(q[1]), float(q[2]), float(q[3])), qfac, spacing_mm
