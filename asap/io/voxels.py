"""Stored numbers to Hounsfield units, piece by piece, so that memory holds the result and one chunk."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from asap import limits
from asap.errors import InputError
from asap.io.byte_stream import ByteStream

_CHUNK_VOXELS = 2**19
_INT16 = np.iinfo(np.int16)
HuArray = NDArray[np.int16] | NDArray[np.float32]


def read_hu(stream: ByteStream, shape: tuple[int, ...], dtype: np.dtype[Any], slope: float, intercept: float) -> HuArray:
    """Read `shape` voxels (first axis fastest) of `dtype` and return slope * stored + intercept as (i, j, k).

    int16 when every value is a whole number within int16, float32 otherwise. Raises LimitError before allocating when the
    shape is too large and InputError when the data are short, longer than the shape, or damaged.
    """
    size = limits.check_shape(shape, dtype.itemsize)
    if not stream.could_hold(size):
        raise InputError("The file ends early; it is truncated or damaged.")
    count = size // dtype.itemsize
    identity = slope == 1 and intercept == 0
    if identity and dtype.newbyteorder("=") == np.int16:
        flat = np.empty(count, dtype)
        stream.fill(flat.view(np.uint8).data)
        out: HuArray = flat if dtype.isnative else flat.byteswap(inplace=True).view(np.int16)
    else:
        out = _read_converted(stream, count, dtype, slope, intercept)
    stream.check_end()
    return out.reshape(shape, order="F")


def scaled(stored: NDArray[Any], slope: float, intercept: float) -> NDArray[Any]:
    """slope * stored + intercept: exact in int64 where all three are whole numbers, else float64 (float kept when unscaled)."""
    small = stored.dtype.kind in "iu" and stored.dtype.itemsize <= 4
    whole = float(slope).is_integer() and float(intercept).is_integer() and max(abs(slope), abs(intercept)) <= 2**30
    if small and whole:
        return stored.astype(np.int64) * int(slope) + int(intercept)
    if slope == 1 and intercept == 0 and stored.dtype.kind == "f":
        return stored.astype(stored.dtype.newbyteorder("="), copy=False)
    with np.errstate(all="ignore"):
        return stored.astype(np.float64) * slope + intercept


def fits_int16(values: NDArray[Any]) -> bool:
    """Whether every value is a whole number within int16."""
    if values.dtype == np.int16:
        return True
    with np.errstate(all="ignore"):
        inside = bool(values.min() >= _INT16.min and values.max() <= _INT16.max)
        return inside and (values.dtype.kind in "iu" or bool(np.array_equal(values, np.rint(values))))


class HuBuffer:
    """A flat array filled in pieces: int16 as long as every value is a whole number within int16, then float32."""

    def __init__(self, count: int) -> None:
        """count: voxels in all; already compared with `limits` by the caller."""
        self.array: HuArray = np.empty(count, np.int16)

    def put(self, start: int, values: NDArray[Any]) -> None:
        """Store values [start, start + len) in order; pieces must come from front to back."""
        if self.array.dtype == np.int16 and not fits_int16(values):
            whole, self.array = self.array, np.empty(len(self.array), np.float32)
            self.array[:start] = whole[:start]
        with np.errstate(all="ignore"):
            self.array[start : start + len(values)] = values


def _read_converted(stream: ByteStream, count: int, dtype: np.dtype[Any], slope: float, intercept: float) -> HuArray:
    out = HuBuffer(count)
    chunk = np.empty(min(count, _CHUNK_VOXELS), dtype)
    for start in range(0, count, _CHUNK_VOXELS):
        stored = chunk[: min(_CHUNK_VOXELS, count - start)]
        stream.fill(stored.view(np.uint8).data)
        out.put(start, scaled(stored, slope, intercept))
    return out.array
