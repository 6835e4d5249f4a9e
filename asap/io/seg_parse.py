"""DICOM SEG and .seg.nrrd to segments. Runs in the child: the files may come from anybody.

Source: DICOM PS3.3 C.8.20 (segmentation), C.7.6.16.2 (functional groups).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from asap import limits
from asap.errors import InputError, LimitError
from asap.io.byte_stream import open_regular
from asap.io.cielab import from_cielab
from asap.io.nrrd import MAGIC
from asap.io.seg_nrrd import read_seg_nrrd
from asap.io.segments import MAX_SEGMENTS, MaskSet, NamedMask, named_kind
from asap.segment_types import LESIONS, Code, Colour, SegmentType
from asap.volume import Affine

SEG_CLASS = "1.2.840.10008.5.1.4.1.1.66.4"
NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])
OFF_PLACE = 0.02  # of the distance of two planes
_DAMAGED = "The DICOM segmentation is damaged or incomplete."


def parsed(path: Path) -> MaskSet:
    """Read either format, told from the content. Raises InputError, LimitError."""
    with open_regular(path) as file:
        prefix = file.read(132) or b""
    if prefix.startswith(MAGIC):
        return read_seg_nrrd(path)
    if prefix[128:] == b"DICM":
        try:
            return _segments(pydicom.dcmread(path))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError, InvalidDicomError) as error:
            raise InputError(_DAMAGED) from error
    raise InputError("The file is neither a DICOM segmentation nor a .seg.nrrd file.")


def _segments(file: Dataset) -> MaskSet:
    if file.SOPClassUID != SEG_CLASS or file.SegmentationType != "BINARY":
        raise InputError("The DICOM file is not a binary segmentation.")
    if file.file_meta.TransferSyntaxUID not in NATIVE or file.BitsAllocated != 1:
        raise InputError("The DICOM segmentation is stored compressed; export it uncompressed.")
    rows, columns, frames = int(file.Rows), int(file.Columns), int(file.NumberOfFrames)
    if not 1 <= frames <= limits.MAX_SLICES * MAX_SEGMENTS or len(file.SegmentSequence) > MAX_SEGMENTS:
        raise LimitError("The DICOM segmentation holds too many frames or segments.")
    limits.check_shape((columns, rows, 1), 1)
    per_frame = list(file.PerFrameFunctionalGroupsSequence)
    if len(per_frame) != frames or len(file.PixelData) * 8 < frames * rows * columns:
        raise InputError(_DAMAGED)
    places, affine = _places(per_frame, file.SharedFunctionalGroupsSequence[0])
    shape = (columns, rows, int(places.max()) + 1)
    limits.check_shape(shape, 1)
    numbers = {int(item.SegmentNumber): n for n, item in enumerate(file.SegmentSequence)}
    if limits.check_shape(shape, 1) * len(numbers) > limits.MAX_RAW_BYTES:
        raise LimitError("The DICOM segmentation is too large.")
    masks = np.zeros((len(numbers), *shape), dtype=np.bool_)
    data, size = np.frombuffer(file.PixelData, np.uint8), rows * columns
    for n, (group, k) in enumerate(zip(per_frame, places, strict=True)):
        which = numbers[int(group.SegmentIdentificationSequence[0].ReferencedSegmentNumber)]
        start, stop = n * size, (n + 1) * size
        bits = np.unpackbits(data[start // 8 : (stop + 7) // 8], bitorder="little")[start % 8 : start % 8 + size]
        masks[which, :, :, k] |= bits.reshape(rows, columns).T.astype(np.bool_)
    found = [_segment(item, mask) for item, mask in zip(file.SegmentSequence, masks, strict=True)]
    return MaskSet(tuple(found), shape, affine)


def _places(per_frame: list[Dataset], shared: Dataset) -> tuple[NDArray[np.int_], Affine]:
    """Each frame's plane, counted along the normal from the first, and the affine. Raises InputError for an uneven stack."""
    orientation = np.array(_group("PlaneOrientationSequence", per_frame[0], shared).ImageOrientationPatient, dtype=np.float64)
    measures = _group("PixelMeasuresSequence", per_frame[0], shared)
    row_mm, column_mm = (float(mm) for mm in measures.PixelSpacing)
    along, down = orientation.reshape(2, 3)
    normal = np.cross(along, down)
    corners = np.array([_group("PlanePositionSequence", g, shared).ImagePositionPatient for g in per_frame], dtype=np.float64)
    heights = corners @ normal
    planes = np.unique(np.round(heights, 3))
    stated = float(getattr(measures, "SpacingBetweenSlices", 0) or getattr(measures, "SliceThickness", 0))
    step_mm = stated if len(planes) == 1 or stated > 0 else float(np.diff(planes).min())
    if not np.isfinite(corners).all() or not limits.MIN_SPACING_MM <= step_mm <= limits.MAX_SPACING_MM:
        raise InputError(_DAMAGED)
    exact = (heights - heights.min()) / step_mm
    places = np.rint(exact).astype(int)
    if np.abs(exact - places).max() > OFF_PLACE * max(1, len(planes)) or places.max() >= limits.MAX_SLICES:
        raise InputError("The planes of the DICOM segmentation are unevenly spaced.")
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = along * column_mm, down * row_mm, normal * step_mm
    affine[:3, 3] = corners[int(np.argmin(heights))]
    affine[:3] = LPS_TO_RAS @ affine[:3]
    return places, affine


def _group(name: str, frame: Dataset, shared: Dataset) -> Dataset:
    """The item of a functional group, from the frame or from what all frames share."""
    item: Dataset = (getattr(frame, name, None) or getattr(shared, name))[0]
    return item


def _segment(item: Dataset, mask: NDArray[np.bool_]) -> NamedMask:
    kind = item.SegmentedPropertyTypeCodeSequence[0]
    place = _first(item, "AnatomicRegionSequence")
    coded = SegmentType(
        "",
        "",
        _colour(item),
        _code(item.SegmentedPropertyCategoryCodeSequence[0]),
        _code(kind),
        _optional(_first(kind, "SegmentedPropertyTypeModifierCodeSequence")),
        _optional(place),
        None if place is None else _optional(_first(place, "AnatomicRegionModifierSequence")),
    )
    model = None if item.SegmentAlgorithmType == "MANUAL" else str(getattr(item, "SegmentAlgorithmName", ""))[:64]
    return NamedMask(str(item.SegmentLabel)[:64], mask, named_kind(coded), model)


def _first(item: Dataset, name: str) -> Dataset | None:
    sequence = getattr(item, name, None)
    return sequence[0] if sequence else None


def _optional(item: Dataset | None) -> Code | None:
    return None if item is None else _code(item)


def _code(item: Any) -> Code:
    return Code(str(item.CodeValue)[:64], str(item.CodingSchemeDesignator)[:64], str(item.CodeMeaning)[:64])


def _colour(item: Dataset) -> Colour:
    """The stored CIELab colour as sRGB; that of an unnamed lesion where there is none."""
    stored = getattr(item, "RecommendedDisplayCIELabValue", None)
    if stored is None or len(stored) != 3:
        return LESIONS["lesion"].colour
    return from_cielab([int(level) for level in stored])
