"""Hand-made headers: any field can be a lie. Bytes only, no library that would correct them."""

from __future__ import annotations

import struct
from typing import Any

UNDEFINED = 0xFFFFFFFF
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
EXPLICIT, DEFLATED = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"
RLE, JPEG_2000 = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.90"


def nifti_1(**changes: Any) -> bytes:
    """A 352-byte NIfTI-1 header for 4 x 4 x 4 int16; changes: dim, datatype, bitpix, pixdim, offset, slope, srow, ..."""
    f: dict[str, Any] = {
        "dim": (3, 4, 4, 4, 1, 1, 1, 1), "datatype": 4, "bitpix": 16, "pixdim": (1, 1, 1, 1, 0, 0, 0, 0), "offset": 352.0,
        "slope": 1.0, "intercept": 0.0, "units": 2, "qform_code": 0, "sform_code": 1, "quatern": (0, 0, 0), "qoffset": (0, 0, 0),
        "srow": (1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0), "magic": b"n+1\0", "order": "<",
    }  # fmt: skip
    f |= changes
    out = bytearray(352)
    struct.pack_into(f["order"] + "i", out, 0, 348)
    struct.pack_into(f["order"] + "8h", out, 40, *f["dim"])
    struct.pack_into(f["order"] + "2h", out, 70, f["datatype"], f["bitpix"])
    struct.pack_into(f["order"] + "8f", out, 76, *f["pixdim"])
    struct.pack_into(f["order"] + "3f", out, 108, f["offset"], f["slope"], f["intercept"])
    out[123] = f["units"]
    struct.pack_into(f["order"] + "2h", out, 252, f["qform_code"], f["sform_code"])
    struct.pack_into(f["order"] + "18f", out, 256, *f["quatern"], *f["qoffset"], *f["srow"])
    out[344:348] = f["magic"]
    return bytes(out)


def nifti_2(dim: tuple[int, ...] = (3, 4, 4, 4, 1, 1, 1, 1), offset: int = 544, datatype: int = 4, bitpix: int = 16) -> bytes:
    """A 544-byte NIfTI-2 header."""
    out = bytearray(544)
    struct.pack_into("<i", out, 0, 540)
    out[4:12] = b"n+2\0\r\n\x1a\n"
    struct.pack_into("<2h", out, 12, datatype, bitpix)
    struct.pack_into("<8q", out, 16, *dim)
    struct.pack_into("<8d", out, 104, 1, 1, 1, 1, 0, 0, 0, 0)
    struct.pack_into("<q2d", out, 168, offset, 1.0, 0.0)
    struct.pack_into("<2i", out, 344, 0, 1)
    struct.pack_into("<12d", out, 400, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0)
    struct.pack_into("<i", out, 500, 2)
    return bytes(out)


def nrrd(sizes: str = "4 4 4", encoding: str = "raw", extra: str = "", **changes: str | None) -> bytes:
    """An NRRD header with its blank line; changes replace a field (or drop it with None), extra is added as it is."""
    fields: dict[str, str | None] = {
        "type": "short", "dimension": "3", "space": "left-posterior-superior", "sizes": sizes,
        "space directions": "(1,0,0) (0,1,0) (0,0,1)", "kinds": "domain domain domain", "endian": "little",
        "encoding": encoding, "space origin": "(0,0,0)",
    }  # fmt: skip
    fields |= {name.replace("_", " "): value for name, value in changes.items()}
    lines = [f"{name}: {value}\n" for name, value in fields.items() if value is not None]
    return ("NRRD0005\n" + "".join(lines) + extra + "\n").encode()


def element(group: int, number: int, vr: str, value: bytes | str | int, length: int | None = None) -> bytes:
    """One explicit little-endian element; `length` overrides the true one."""
    raw = struct.pack("<H", value) if isinstance(value, int) else value.encode() if isinstance(value, str) else value
    raw += (b"\0" if vr in ("OB", "UI") else b" ") * (len(raw) % 2)
    size = len(raw) if length is None else length
    if vr in ("OB", "OW", "SQ", "UN", "UT"):
        return struct.pack("<HH2sHI", group, number, vr.encode(), 0, size) + raw
    return struct.pack("<HH2sH", group, number, vr.encode(), size) + raw


def dicom(k: int = 0, syntax: str = EXPLICIT, sop_class: str = CT_IMAGE, **changes: Any) -> bytes:
    """A 4 x 4 CT slice at z = k; changes: rows, columns, extra (bytes before the pixels), frames, pixels, pixel_length, meta."""
    meta = element(2, 2, "UI", sop_class) + element(2, 3, "UI", f"1.2.3.{k}") + element(2, 0x10, "UI", syntax)
    meta = struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta)) + meta + changes.get("meta", b"")
    body = element(8, 8, "CS", "ORIGINAL\\PRIMARY\\AXIAL") + element(8, 0x16, "UI", sop_class) + element(8, 0x60, "CS", "CT")
    body += element(0x10, 0x10, "PN", "Doe^Jane") + changes.get("early", b"")
    body += element(0x20, 0xE, "UI", changes.get("series", "1.2.3")) + element(
        0x20, 0x32, "DS", changes.get("position", f"0\\0\\{k}")
    )
    body += element(0x20, 0x37, "DS", changes.get("orientation", "1\\0\\0\\0\\1\\0"))
    body += element(0x28, 2, "US", 1) + element(0x28, 4, "CS", "MONOCHROME2")
    if "frames" in changes:
        body += element(0x28, 8, "IS", changes["frames"])
    body += element(0x28, 0x10, "US", changes.get("rows", 4)) + element(0x28, 0x11, "US", changes.get("columns", 4))
    body += element(0x28, 0x30, "DS", changes.get("spacing", "1\\1"))
    for number, value in ((0x100, 16), (0x101, 16), (0x102, 15), (0x103, 1)):
        body += element(0x28, number, "US", value)
    body += element(0x28, 0x1052, "DS", "0") + element(0x28, 0x1053, "DS", "1") + changes.get("extra", b"")
    pixels = changes.get("pixels", bytes(32))
    body += element(0x7FE0, 0x10, "OW", pixels, changes.get("pixel_length"))
    return bytes(128) + b"DICM" + meta + body


def encapsulated(fragment: bytes, stated: int | None = None) -> bytes:
    """An empty offset table, one fragment (whose length may be a lie) and the delimiter."""
    size = len(fragment) if stated is None else stated
    return (
        struct.pack("<HHI", 0xFFFE, 0xE000, 0)
        + struct.pack("<HHI", 0xFFFE, 0xE000, size)
        + fragment
        + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    )
