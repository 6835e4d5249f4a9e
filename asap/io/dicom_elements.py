"""A small DICOM element scanner: finds a fixed set of tags in a bounded prefix and steps over everything else unread.

Names, dates and every other identifying element are never decoded. Source: DICOM PS3.5 sections 7 (data set encoding) and
PS3.10 section 7 (file meta information).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from asap.errors import InputError

PREAMBLE_BYTES = 132
PIXEL_DATA = 0x7FE00010
UNDEFINED = 0xFFFFFFFF
MAX_DEPTH = 8
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG_VRS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_SHORT_VRS = frozenset({
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS", b"ST",
    b"TM", b"UI", b"UL", b"US",
})  # fmt: skip
_DAMAGED = "A DICOM file of the series is damaged."


class EndsEarlyError(Exception):
    """The bytes given do not reach the end of an element; more of the file may."""


@dataclass(frozen=True)
class Encoding:
    """How elements are stored: explicit value representations or not, "<" or ">"."""

    explicit: bool
    order: str


@dataclass
class Elements:
    """Wanted elements of one data set: raw values by tag, sequences as lists of items, and where the pixel data begin."""

    values: dict[int, bytes] = field(default_factory=dict)
    sequences: dict[int, list[Elements]] = field(default_factory=dict)
    pixel_offset: int = -1
    pixel_length: int = 0


def read_file_meta(prefix: bytes) -> tuple[str, str, int]:
    """(SOP class UID, transfer syntax UID, offset of the data set) of a Part 10 file. Raises InputError, EndsEarlyError."""
    if prefix[128:PREAMBLE_BYTES] != b"DICM":
        raise InputError("The file is not a DICOM file.")
    meta = Encoding(explicit=True, order="<")
    found: dict[int, str] = {0x00020002: "", 0x00020010: ""}
    at = PREAMBLE_BYTES
    while at + 8 <= len(prefix) and prefix[at : at + 2] == b"\x02\x00":
        tag, _, start, length = _element(prefix, at, len(prefix), meta)
        if length == UNDEFINED:
            raise InputError(_DAMAGED)
        if start + length > len(prefix):
            raise EndsEarlyError
        if tag in found:
            found[tag] = prefix[start : start + length].rstrip(b"\0 ").decode("ascii", errors="replace")
        at = start + length
    return found[0x00020002], found[0x00020010], at


def scan(data: bytes, at: int, encoding: Encoding, wanted: frozenset[int], sequences: frozenset[int]) -> Elements:
    """The wanted elements of the data set that starts at `at`, up to its pixel data or the end of `data`.

    wanted: tags whose raw values are kept; sequences: tags whose items are entered. Raises InputError when damaged,
    EndsEarlyError when `data` stops within an element before the pixel data.
    """
    elements, _ = _Scanner(data, wanted, sequences).data_set(at, len(data), encoding, 0)
    return elements


@dataclass(frozen=True)
class _Scanner:
    data: bytes
    wanted: frozenset[int]
    sequences: frozenset[int]

    def data_set(self, at: int, end: int, encoding: Encoding, depth: int) -> tuple[Elements, int]:
        """Elements from `at` to `end`, or to the item's delimiter, and where that was."""
        if depth > MAX_DEPTH:
            raise InputError(_DAMAGED)
        out = Elements()
        while at < end:
            tag, vr, start, length = _element(self.data, at, end, encoding)
            if tag == _ITEM_END:
                return out, start
            if tag == PIXEL_DATA and depth == 0:
                out.pixel_offset, out.pixel_length = start, length
                return out, start
            if tag in out.values or tag in out.sequences:
                raise InputError(_DAMAGED)
            if length == UNDEFINED or tag in self.sequences:
                if vr not in (b"SQ", b"UN", b""):
                    raise InputError(_DAMAGED)
                inner = Encoding(explicit=False, order="<") if vr == b"UN" else encoding
                items, at = self.items(start, end if length == UNDEFINED else start + length, inner, depth)
                if tag in self.sequences:
                    out.sequences[tag] = items
                continue
            at = start + length
            if at > end:
                raise EndsEarlyError
            if tag in self.wanted:
                out.values[tag] = self.data[start:at]
        return out, at

    def items(self, at: int, end: int, encoding: Encoding, depth: int) -> tuple[list[Elements], int]:
        """The items of a sequence from `at` to `end` or to its delimiter, and where that was."""
        if end > len(self.data):
            raise EndsEarlyError
        items: list[Elements] = []
        while at < end:
            tag, _, start, length = _element(self.data, at, end, encoding)
            if tag == _SEQUENCE_END:
                return items, start
            if tag != _ITEM:
                raise InputError(_DAMAGED)
            stop = end if length == UNDEFINED else start + length
            if stop > end:
                raise EndsEarlyError
            item, at = self.data_set(start, stop, encoding, depth + 1)
            items.append(item)
        return items, at


def _element(data: bytes, at: int, end: int, encoding: Encoding) -> tuple[int, bytes, int, int]:
    """(tag, value representation or b"", offset of the value, its length) of the element header at `at`."""
    if at + 8 > end:
        raise EndsEarlyError
    group, number = struct.unpack_from(encoding.order + "HH", data, at)
    tag = group << 16 | number
    if group == 0xFFFE or not encoding.explicit:
        return tag, b"", at + 8, int(struct.unpack_from(encoding.order + "I", data, at + 4)[0])
    vr = data[at + 4 : at + 6]
    if vr in _SHORT_VRS:
        return tag, vr, at + 8, int(struct.unpack_from(encoding.order + "H", data, at + 6)[0])
    if vr not in _LONG_VRS:
        raise InputError(_DAMAGED)
    if at + 12 > end:
        raise EndsEarlyError
    return tag, vr, at + 12, int(struct.unpack_from(encoding.order + "I", data, at + 8)[0])
