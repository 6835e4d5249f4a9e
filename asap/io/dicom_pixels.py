"""Stored pixels of one DICOM frame, native or compressed. Compressed frames are decoded by pydicom from a data set made here."""

from __future__ import annotations

import struct
from io import BytesIO, FileIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asap.errors import InputError
from asap.io.byte_stream import open_regular
from asap.io.dicom_elements import UNDEFINED
from asap.io.dicom_header import CtFrame, PixelFormat

NATIVE_SYNTAXES = frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"})
_RLE = "1.2.840.10008.1.2.5"
_JPEG_2000 = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202")
_OTHER_CODECS = {
    "1.2.840.10008.1.2.4.50": "JPEG Baseline",
    "1.2.840.10008.1.2.4.51": "JPEG Extended",
    "1.2.840.10008.1.2.4.57": "JPEG Lossless",
    "1.2.840.10008.1.2.4.70": "JPEG Lossless",
    "1.2.840.10008.1.2.4.80": "JPEG-LS Lossless",
    "1.2.840.10008.1.2.4.81": "JPEG-LS",
}
_READABLE = NATIVE_SYNTAXES | {_RLE, *_JPEG_2000, *_OTHER_CODECS}
_DAMAGED = "The pixel data of a DICOM file are damaged or cut off."
_J2K_START = b"\xff\x4f\xff\x51"


def read_stored(frame: CtFrame) -> NDArray[Any]:
    """The stored integers of one frame, [rows, columns], bits above BitsStored removed and the sign extended.

    Raises InputError when the data do not fit the header, are damaged, or need a decoder that is not installed.
    """
    pixels = frame.pixels
    if pixels.syntax not in _READABLE:
        raise InputError("The DICOM files are stored in a transfer syntax that is not read; export them uncompressed.")
    with open_regular(frame.path) as file:
        if pixels.syntax in NATIVE_SYNTAXES:
            raw = _native_bytes(file, frame)
            dtype = np.dtype(f"{pixels.order}u{pixels.bits_allocated // 8}")
            stored = np.frombuffer(raw, dtype).astype(dtype.newbyteorder("="), copy=False)
            return _signed(stored.reshape(pixels.rows, pixels.columns), pixels)
        return _signed(_decoded(_encoded_bytes(file, frame), pixels), pixels)


def _native_bytes(file: FileIO, frame: CtFrame) -> bytes:
    size = frame.pixels.frame_bytes
    whole = size * frame.frames
    if frame.length not in (whole, whole + whole % 2):
        raise InputError("The pixel data of a DICOM file do not have the size its header states.")
    return _read_at(file, frame.offset + frame.frame * size, size)


def _read_at(file: FileIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    raw = file.read(size) or b""
    if len(raw) != size:
        raise InputError(_DAMAGED)
    return raw


def _encoded_bytes(file: FileIO, frame: CtFrame) -> bytes:
    """The fragments of one frame, joined (PS3.5 A.4). Never more than twice the uncompressed size."""
    if frame.length != UNDEFINED:
        raise InputError(_DAMAGED)
    most = 2 * frame.pixels.frame_bytes + 2**16
    fragments: list[bytes] = []
    at, number, total = frame.offset, -1, 0  # number -1 is the basic offset table
    while True:
        tag, length = struct.unpack("<II", _read_at(file, at, 8))
        at += 8
        if tag == 0xE0DDFFFE:
            break
        if tag != 0xE000FFFE or number > 4 * frame.frames + 64:
            raise InputError(_DAMAGED)
        if number >= 0 and (frame.frames == 1 or number == frame.frame):
            total += length
            if total > most:
                raise InputError(_DAMAGED)
            fragments.append(_read_at(file, at, length))
        at += length
        number += 1
    if not fragments or (frame.frames > 1 and number != frame.frames):
        raise InputError("The compressed multi-frame DICOM file is split in a way that is not read; export it uncompressed.")
    return b"".join(fragments)


def _decoded(encoded: bytes, pixels: PixelFormat) -> NDArray[Any]:
    name = _OTHER_CODECS.get(pixels.syntax)
    if pixels.syntax in _JPEG_2000:
        _check_j2k_size(encoded, pixels)
    try:
        import pydicom  # noqa: PLC0415 - optional: only compressed files need it
    except ImportError:
        raise InputError("The DICOM files are compressed; install the decoders with: pip install 'asap-ct[dicom]'.") from None
    try:
        decoded = np.asarray(pydicom.dcmread(BytesIO(_minimal_file(encoded, pixels))).pixel_array)
    except MemoryError:
        raise
    except Exception:  # decoders raise many classes on damaged data; to the user all mean the same
        if name is not None:
            raise InputError(f"The DICOM files are damaged or their {name} compression has no decoder installed.") from None
        raise InputError(
            "The compressed DICOM pixels cannot be decoded; if pip install 'asap-ct[dicom]' does not help, they are damaged."
        ) from None
    if decoded.shape != (pixels.rows, pixels.columns) or decoded.dtype.kind not in "iu":
        raise InputError(_DAMAGED)
    return decoded


def _check_j2k_size(encoded: bytes, pixels: PixelFormat) -> None:
    """Compare the code stream's own size (SIZ marker, ISO/IEC 15444-1 A.5.1) with the header's before decoding."""
    at = encoded.find(_J2K_START, 0, 4096)
    if at < 0 or len(encoded) < at + 42:
        raise InputError(_DAMAGED)
    width, height, left, top = struct.unpack_from(">4I", encoded, at + 8)
    if (width - left, height - top) != (pixels.columns, pixels.rows):
        raise InputError(_DAMAGED)


def _signed(stored: NDArray[Any], pixels: PixelFormat) -> NDArray[Any]:
    """Keep the lowest BitsStored bits and read them as two's complement where the header says signed."""
    spare = 32 - pixels.bits_stored
    wide = stored.astype(np.int32) << spare
    return wide >> spare if pixels.signed else (wide.view(np.uint32) >> np.uint32(spare)).astype(np.int32)


def _minimal_file(encoded: bytes, pixels: PixelFormat) -> bytes:
    """A DICOM file in memory with nothing but checked pixel descriptions and the encoded frame."""
    syntax = pixels.syntax.encode() + b"\0" * (len(pixels.syntax) % 2)
    meta = struct.pack("<HH2sH", 2, 0x10, b"UI", len(syntax)) + syntax
    meta = struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta)) + meta
    body = struct.pack("<HH2sHH", 0x28, 2, b"US", 2, 1) + struct.pack("<HH2sH", 0x28, 4, b"CS", 12) + b"MONOCHROME2 "
    shorts = (
        (0x10, pixels.rows), (0x11, pixels.columns), (0x100, pixels.bits_allocated), (0x101, pixels.bits_stored),
        (0x102, pixels.bits_stored - 1), (0x103, int(pixels.signed)),
    )  # fmt: skip
    for number, value in shorts:
        body += struct.pack("<HH2sHH", 0x28, number, b"US", 2, value)
    encoded += b"\0" * (len(encoded) % 2)
    body += struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, UNDEFINED)
    body += struct.pack("<HHI", 0xFFFE, 0xE000, 0) + struct.pack("<HHI", 0xFFFE, 0xE000, len(encoded)) + encoded
    return bytes(128) + b"DICM" + meta + body + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
