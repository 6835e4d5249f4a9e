"""The three binary formats of the protocol: a heatmap's box, the box of a mask, and the voxels of an upload.

Both are checked in full on either side: sizes are computed first, and inflating stops one byte after the computed size.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import zlib
from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from . import checks
from .checks import Affine, Triple
from .errors import ProtocolError

TOP_LEVEL = 63
MAX_BOX_CELLS = 2**18
MAX_GRID_SIDE = 4096
MAX_MAP_CHARS = 2**17  # a box of the largest size that does not compress; an honest one takes a tenth
MAX_MASK_VOXELS = 2**31
MAX_MASK_CHARS = 2**26
DEFLATE_MAP = 9
DEFLATE_MASK = 6
DEFLATE_VOXELS = 1
CHUNK_BYTES = 2**20


@dataclass(frozen=True)
class MaskBox:
    """A box of voxels cut out of a mask on the case's own voxels.

    start_ijk: its first voxel. shape: voxels (i, j, k); 0 x 0 x 0 is nothing at all. bits: one a voxel, the highest bit of a
    byte first, C order over `shape`, the last byte filled up with zeros.
    """

    start_ijk: Triple
    shape: Triple
    bits: bytes


@dataclass(frozen=True)
class HeatmapBox:
    """The warm part of a heatmap: a box of cells cut out of the model's grid.

    shape: cells (a, b, c). affine_ras_mm: cell index within the box -> RAS+ mm of the cell's centre. grid_shape, grid_start: the
    whole grid and where the box begins in it. levels: one byte a cell, 0 to 63, C order; level 63 stands for the heat `peak`,
    cells outside the box are 0. threshold: the heat at which the region is cut.
    """

    shape: Triple
    affine_ras_mm: Affine
    grid_shape: Triple
    grid_start: Triple
    peak: float
    threshold: float
    levels: bytes

    def heat(self) -> array[float]:
        """Heat of every cell of the box as float32, C order over `shape`."""
        scale = [level / TOP_LEVEL * self.peak for level in range(TOP_LEVEL + 1)]
        return array("f", [scale[level] for level in self.levels])


def to_json(value: Any) -> bytes:
    """JSON as it goes over the wire: compact UTF-8, a question mark for half a character. NaN and infinity raise ValueError."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")


def pack_map(box: HeatmapBox) -> dict[str, Any]:
    """The JSON record of a box. Raises ProtocolError for a box that `unpack_map` would refuse."""
    _check_levels(box.levels, box.shape)
    record = {
        "shape": list(box.shape),
        "affine_ras_mm": [list(row) for row in box.affine_ras_mm],
        "grid_shape": list(box.grid_shape),
        "grid_start": list(box.grid_start),
        "peak": box.peak,
        "threshold": box.threshold,
        "data": base64.b64encode(zlib.compress(box.levels, DEFLATE_MAP)).decode("ascii"),
    }
    _check_geometry(record)
    return record


def unpack_map(record: Mapping[str, Any]) -> HeatmapBox:
    """The box of a JSON record. Raises ProtocolError for anything that is not one."""
    geometry = _check_geometry(checks.mapping(record, "map"))
    data = checks.text(record.get("data"), "map.data", at_most=MAX_MAP_CHARS)
    levels = bytes(inflate_exactly([_from_base64(data)], math.prod(geometry.shape)))
    _check_levels(levels, geometry.shape)
    return HeatmapBox(
        geometry.shape,
        geometry.affine_ras_mm,
        geometry.grid_shape,
        geometry.grid_start,
        geometry.peak,
        geometry.threshold,
        levels,
    )


def pack_mask(box: MaskBox) -> dict[str, Any]:
    """The JSON record of a mask's box. Raises ProtocolError for a box that `unpack_mask` would refuse."""
    if len(box.bits) != _mask_bytes(box.shape):
        raise ProtocolError("A mask's bits do not fill its box.")
    data = base64.b64encode(zlib.compress(box.bits, DEFLATE_MASK)).decode("ascii")
    return {"start_ijk": list(box.start_ijk), "shape": list(box.shape), "data": data}


def unpack_mask(record: Mapping[str, Any]) -> MaskBox:
    """The box of a JSON record. Raises ProtocolError for anything that is not one."""
    fields = checks.mapping(record, "mask")
    start = checks.triple(fields.get("start_ijk"), "mask.start_ijk", least=0, most=MAX_GRID_SIDE)
    shape = checks.triple(fields.get("shape"), "mask.shape", least=0, most=MAX_GRID_SIDE)
    if math.prod(shape) > MAX_MASK_VOXELS:
        raise ProtocolError(f"A mask's box has more than {MAX_MASK_VOXELS} voxels.")
    data = checks.text(fields.get("data"), "mask.data", at_most=MAX_MASK_CHARS)
    return MaskBox(start, shape, bytes(inflate_exactly([_from_base64(data)], _mask_bytes(shape))))


def _mask_bytes(shape: Triple) -> int:
    return (math.prod(shape) + 7) // 8


def _from_base64(data: str) -> bytes:
    try:
        return base64.b64decode(data.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProtocolError("The data of a box are not base64.") from error


def pack_voxels(voxels: bytes | memoryview, tell: Callable[[float], None] | None = None) -> bytes:
    """Shuffle (all low bytes, then all high bytes) and deflate int16 little endian voxels.

    tell: called with the share done after every piece; what it raises stops the work.
    """
    plain = memoryview(voxels).cast("B")
    if len(plain) % 2:
        raise ProtocolError("Voxels of 16 bits fill an even number of bytes.", "Hand over int16 values.")
    deflate = zlib.compressobj(DEFLATE_VOXELS)
    pieces = []
    step = 2 * CHUNK_BYTES
    for plane in (0, 1):
        for start in range(0, len(plain), step):
            pieces.append(deflate.compress(plain[start : start + step].tobytes()[plane::2]))
            if tell is not None:
                tell((plane * len(plain) + min(start + step, len(plain))) / (2 * len(plain)))
    pieces.append(deflate.flush())
    return b"".join(pieces)


def unpack_voxels(pieces: Iterable[bytes], voxels: int) -> bytearray:
    """The int16 little endian voxels of a shuffled, deflated upload that was declared to hold `voxels` of them.

    Needs twice the memory of the voxels. Raises ProtocolError when the pieces hold more, less, or no zlib stream.
    """
    planes = inflate_exactly(pieces, 2 * voxels)
    out = bytearray(2 * voxels)
    out[0::2] = memoryview(planes)[:voxels]
    out[1::2] = memoryview(planes)[voxels:]
    return out


def inflate_exactly(pieces: Iterable[bytes], size: int) -> bytearray:
    """Inflate one zlib stream of exactly `size` bytes; never holds more than `size` + 1. Raises ProtocolError otherwise."""
    inflate = zlib.decompressobj()
    out = bytearray()
    for piece in pieces:
        waiting = piece
        while waiting and not inflate.eof:
            try:
                out += inflate.decompress(waiting, min(CHUNK_BYTES, size + 1 - len(out)))
            except zlib.error as error:
                raise ProtocolError("Compressed data are damaged.") from error
            if len(out) > size:
                raise ProtocolError("Compressed data hold more than was declared.")
            waiting = inflate.unconsumed_tail
        if inflate.eof and (inflate.unused_data or waiting):
            raise ProtocolError("Compressed data are followed by something else.")
    if not inflate.eof or len(out) != size:
        raise ProtocolError("Compressed data hold less than was declared.")
    return out


@dataclass(frozen=True)
class _Geometry:
    shape: Triple
    affine_ras_mm: Affine
    grid_shape: Triple
    grid_start: Triple
    peak: float
    threshold: float


def _check_geometry(record: Mapping[str, Any]) -> _Geometry:
    shape = checks.triple(record.get("shape"), "map.shape", least=1, most=MAX_GRID_SIDE)
    grid_shape = checks.triple(record.get("grid_shape"), "map.grid_shape", least=1, most=MAX_GRID_SIDE)
    grid_start = checks.triple(record.get("grid_start"), "map.grid_start", least=0, most=MAX_GRID_SIDE)
    if math.prod(shape) > MAX_BOX_CELLS:
        raise ProtocolError(f"A map's box has more than {MAX_BOX_CELLS} cells.")
    if any(start + n > whole for start, n, whole in zip(grid_start, shape, grid_shape, strict=True)):
        raise ProtocolError("A map's box lies outside its grid.")
    affine = checks.affine(record.get("affine_ras_mm"), "map.affine_ras_mm")
    peak = checks.number(record.get("peak"), "map.peak", least=0.0)
    threshold = checks.number(record.get("threshold"), "map.threshold", least=0.0)
    return _Geometry(shape, affine, grid_shape, grid_start, peak, threshold)


def _check_levels(levels: bytes, shape: Triple) -> None:
    if len(levels) != math.prod(shape) or max(levels, default=0) > TOP_LEVEL:
        raise ProtocolError(f"A map's levels are not one byte a cell from 0 to {TOP_LEVEL}.")
