"""One DICOM file's header: the elements a CT volume needs, checked, one `CtFrame` per stored image."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asap import limits
from asap.errors import InputError, LimitError
from asap.io.byte_stream import open_regular
from asap.io.dicom_elements import Elements, Encoding, EndsEarlyError, read_file_meta, scan

CT_CLASSES = frozenset({
    "1.2.840.10008.5.1.4.1.1.2",  # CT Image
    "1.2.840.10008.5.1.4.1.1.2.1",  # Enhanced CT Image
    "1.2.840.10008.5.1.4.1.1.2.2",  # Legacy Converted Enhanced CT Image
})  # fmt: skip
DEFLATED = "1.2.840.10008.1.2.1.99"
_NATIVE = {
    "1.2.840.10008.1.2": Encoding(explicit=False, order="<"),
    "1.2.840.10008.1.2.1": Encoding(explicit=True, order="<"),
    "1.2.840.10008.1.2.2": Encoding(explicit=True, order=">"),
}
_FIRST_PIECE = 2**16

IMAGE_TYPE, SERIES, FRAME_OF_REFERENCE = 0x00080008, 0x0020000E, 0x00200052
POSITION, ORIENTATION, PIXEL_SPACING = 0x00200032, 0x00200037, 0x00280030
SAMPLES, PHOTOMETRIC, FRAMES, ROWS, COLUMNS = 0x00280002, 0x00280004, 0x00280008, 0x00280010, 0x00280011
BITS_ALLOCATED, BITS_STORED, HIGH_BIT, SIGNED = 0x00280100, 0x00280101, 0x00280102, 0x00280103
PADDING, PADDING_LIMIT, INTERCEPT, SLOPE, RESCALE_TYPE = 0x00280120, 0x00280121, 0x00281052, 0x00281053, 0x00281054
SHARED_GROUPS, FRAME_GROUPS = 0x52009229, 0x52009230
WANTED = frozenset({
    IMAGE_TYPE, SERIES, FRAME_OF_REFERENCE, POSITION, ORIENTATION, PIXEL_SPACING, SAMPLES, PHOTOMETRIC, FRAMES, ROWS,
    COLUMNS, BITS_ALLOCATED, BITS_STORED, HIGH_BIT, SIGNED, PADDING, PADDING_LIMIT, INTERCEPT, SLOPE, RESCALE_TYPE,
})  # fmt: skip
# Plane position, plane orientation, pixel measures and pixel value transformation of a multi-frame image (PS3.3 C.7.6.16.2).
SEQUENCES = frozenset({SHARED_GROUPS, FRAME_GROUPS, 0x00209113, 0x00209116, 0x00289110, 0x00289145})
_DAMAGED = "A DICOM file of the series is damaged."


@dataclass(frozen=True)
class PixelFormat:
    """How one frame's numbers are stored."""

    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    order: str
    syntax: str
    padding: tuple[int, int] | None

    @property
    def frame_bytes(self) -> int:
        """Bytes of one uncompressed frame."""
        return self.rows * self.columns * (self.bits_allocated // 8)


@dataclass(frozen=True)
class CtFrame:
    """One image plane: where it lies in the patient (LPS mm) and where its pixels are stored. No identity but the series."""

    path: Path
    series: str
    frame_of_reference: str
    position_mm: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing_mm: tuple[float, ...]
    slope: float
    intercept: float
    pixels: PixelFormat
    offset: int
    length: int
    frame: int
    frames: int


@dataclass(frozen=True)
class DicomFile:
    """What one DICOM file contributes: its SOP class, whether it has pixels, and its CT frames."""

    sop_class: str
    is_localizer: bool
    has_pixels: bool
    frames: tuple[CtFrame, ...]


def read_header(path: Path) -> DicomFile:
    """Read one file's header from at most MAX_DICOM_HEADER_BYTES. Raises InputError."""
    with open_regular(path) as file:
        data = file.read(_FIRST_PIECE) or b""
        while True:
            try:
                return _parse(path, data)
            except EndsEarlyError:
                more = file.read(limits.MAX_DICOM_HEADER_BYTES - len(data)) or b""
                if not more:
                    problem = "too large" if len(data) >= limits.MAX_DICOM_HEADER_BYTES else "cut off or damaged"
                    raise InputError(f"The header of a DICOM file of the series is {problem}.") from None
                data += more


def _parse(path: Path, data: bytes) -> DicomFile:
    sop_class, syntax, start = read_file_meta(data)
    if syntax == DEFLATED:
        raise InputError("The DICOM files are stored deflated, which is not read; export them uncompressed.")
    encoding = _NATIVE.get(syntax, Encoding(explicit=True, order="<"))
    elements = scan(data, start, encoding, WANTED, SEQUENCES)
    has_pixels = elements.pixel_offset >= 0
    kinds = _text(elements, IMAGE_TYPE).split("\\")
    is_localizer = len(kinds) > 2 and kinds[2].strip() == "LOCALIZER"
    if sop_class not in CT_CLASSES or is_localizer:
        return DicomFile(sop_class, is_localizer, has_pixels, ())
    if not has_pixels:
        raise InputError("A DICOM file of the series holds no pixel data.")
    return DicomFile(sop_class, False, True, _frames(path, elements, encoding.order, syntax))


def _frames(path: Path, elements: Elements, order: str, syntax: str) -> tuple[CtFrame, ...]:
    pixels = _pixel_format(elements, order, syntax)
    count = int(_numbers(elements, FRAMES, 1)[0]) if FRAMES in elements.values else 1
    if not 1 <= count <= limits.MAX_SLICES:
        raise LimitError(f"The DICOM file does not hold between 1 and {limits.MAX_SLICES} frames.")
    groups = elements.sequences.get(FRAME_GROUPS, [])
    shared = elements.sequences.get(SHARED_GROUPS, [])
    if count > 1 and len(groups) != count:
        raise InputError("The multi-frame DICOM file does not describe each of its frames.")
    series, reference = _text(elements, SERIES), _text(elements, FRAME_OF_REFERENCE)
    frames = []
    for number in range(count):
        places = [elements, *_group_items(groups[number : number + 1]), *_group_items(shared[:1])]
        kind = _first_text(places, RESCALE_TYPE).lower()
        if kind not in ("", "us") and not kind.startswith(("hu", "houn")):  # also "Houndsfield Unit", as GE reformats say
            raise InputError("The DICOM series does not store Hounsfield units.")
        frames.append(
            CtFrame(
                path=path,
                series=series,
                frame_of_reference=reference,
                position_mm=_first_numbers(places, POSITION, 3, "image position"),
                orientation=_first_numbers(places, ORIENTATION, 6, "image orientation"),
                spacing_mm=_first_numbers(places, PIXEL_SPACING, 2, "pixel spacing"),
                slope=_first_numbers(places, SLOPE, 1, "rescale slope")[0],
                intercept=_first_numbers(places, INTERCEPT, 1, "rescale intercept")[0],
                pixels=pixels,
                offset=elements.pixel_offset,
                length=elements.pixel_length,
                frame=number,
                frames=count,
            )
        )
    return tuple(frames)


def _group_items(groups: list[Elements]) -> list[Elements]:
    """The single items of the functional group sequences in one frame's (or the shared) group."""
    return [items[0] for group in groups for items in group.sequences.values() if len(items) == 1]


def _pixel_format(elements: Elements, order: str, syntax: str) -> PixelFormat:
    if _short(elements, SAMPLES, order) != 1 or _text(elements, PHOTOMETRIC) != "MONOCHROME2":
        raise InputError("The DICOM series is not a grey-scale CT (MONOCHROME2, one sample a pixel).")
    allocated, stored = _short(elements, BITS_ALLOCATED, order), _short(elements, BITS_STORED, order)
    representation = _short(elements, SIGNED, order)
    if allocated not in (8, 16) or not 1 <= stored <= allocated or representation not in (0, 1):
        raise InputError("The DICOM pixels have an unusual number of bits; export the series with 16 bits allocated.")
    if _short(elements, HIGH_BIT, order) != stored - 1:
        raise InputError("The DICOM pixels are not stored in their lowest bits; export the series again.")
    rows, columns = _short(elements, ROWS, order), _short(elements, COLUMNS, order)
    limits.check_shape((columns, rows, 1), allocated // 8)
    padding = None
    if len(elements.values.get(PADDING, b"")) == 2:
        first = _short(elements, PADDING, order, signed=representation == 1)
        has_limit = len(elements.values.get(PADDING_LIMIT, b"")) == 2
        last = _short(elements, PADDING_LIMIT, order, signed=representation == 1) if has_limit else first
        padding = (min(first, last), max(first, last))
    return PixelFormat(rows, columns, allocated, stored, representation == 1, order, syntax, padding)


def _short(elements: Elements, tag: int, order: str, *, signed: bool = False) -> int:
    raw = elements.values.get(tag, b"")
    if len(raw) != 2:
        raise InputError("A DICOM file of the series lacks the description of its pixels.")
    return int(struct.unpack(order + ("h" if signed else "H"), raw)[0])


def _text(elements: Elements, tag: int) -> str:
    return elements.values.get(tag, b"").rstrip(b"\0 ").strip().decode("ascii", errors="replace")


def _first_text(places: list[Elements], tag: int) -> str:
    return next((_text(place, tag) for place in places if tag in place.values), "")


def _first_numbers(places: list[Elements], tag: int, count: int, name: str) -> tuple[float, ...]:
    for place in places:
        if place.values.get(tag, b"").strip(b"\0 "):
            return _numbers(place, tag, count)
    raise InputError(f"The DICOM series lacks its {name}; it cannot be placed or read in Hounsfield units.")


def _numbers(elements: Elements, tag: int, count: int) -> tuple[float, ...]:
    """`count` finite decimal strings (VR DS, IS)."""
    try:
        values = tuple(float(part) for part in _text(elements, tag)[:256].split("\\"))
    except ValueError as error:
        raise InputError(_DAMAGED) from error
    if len(values) != count or not np.isfinite(values).all():
        raise InputError(_DAMAGED)
    return values
