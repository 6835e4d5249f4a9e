"""From segments and the CT series they were drawn on to the bytes of a DICOM SEG, by highdicom. Runs in the child.

Source: DICOM PS3.3 A.51 (Segmentation IOD), C.8.20.2 (segments).
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
from numpy.typing import NDArray

from asap import __version__
from asap.io.cielab import to_cielab
from asap.io.dicom import ordered_frames
from asap.io.dicom_header import CtFrame
from asap.io.segments import MaskSet, NamedMask
from asap.segment_types import Code
from asap.volume import spacing_of

NOTICE = "Research use. AI-generated. Not for diagnosis."
# What a series may lack although the standard asks for it (type 2), and what its absence is written as.
MAY_BE_MISSING = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate", "StudyTime",
)  # fmt: skip


def built(segments: MaskSet, series: Path) -> bytes:
    """The file. series: a folder with one CT series, or one multi-frame CT file. Raises InputError."""
    frames, affine = ordered_frames(series)
    first = frames[0].pixels
    placed = segments.on_grid((first.columns, first.rows, len(frames)), affine)
    sources = source_headers(frames)
    order = np.argsort([frame.frame for frame in frames]) if len(sources) == 1 else np.arange(len(frames))
    seg = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=_planes(placed, order),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_description(number, segment) for number, segment in enumerate(placed.masks, 1)],
        series_instance_uid=hd.UID(),
        series_number=9000,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="ASAP",
        manufacturer_model_name="asap-ct",
        software_versions=__version__,
        device_serial_number="none",
        series_description=NOTICE,
        content_description=NOTICE,
        content_label="SEGMENTATION",
        pixel_measures=_measures(placed),
    )
    file = BytesIO()
    seg.save_as(file)
    return file.getvalue()


def source_headers(frames: Sequence[CtFrame]) -> list[pydicom.Dataset]:
    """The headers of the files of a series, with empty values for what the standard asks for and exporters leave out."""
    sources: list[pydicom.Dataset] = [
        pydicom.dcmread(path, stop_before_pixels=True) for path in dict.fromkeys(frame.path for frame in frames)
    ]
    for source in sources:
        for keyword in MAY_BE_MISSING:
            if keyword not in source:
                setattr(source, keyword, "")
    return sources


def _planes(segments: MaskSet, order: NDArray[np.int_]) -> NDArray[np.uint8]:
    """(planes, rows, columns, segments), planes in the order of the source's frames."""
    i, j, k = segments.shape
    out = np.empty((k, j, i, len(segments.masks)), np.uint8)
    for number, segment in enumerate(segments.masks):
        out[..., number] = segment.mask.transpose(2, 1, 0)[order]
    return out


def _measures(segments: MaskSet) -> hd.PixelMeasuresSequence:
    column_mm, row_mm, slice_mm = (round(mm, 8) for mm in spacing_of(segments.affine))
    return hd.PixelMeasuresSequence((row_mm, column_mm), slice_thickness=slice_mm, spacing_between_slices=slice_mm)


def _description(number: int, segment: NamedMask) -> hd.seg.SegmentDescription:
    kind = segment.kind
    kinds = hd.seg.SegmentAlgorithmTypeValues
    algorithm = None
    if segment.model is not None:
        family = hd.sr.CodedConcept("123109", "DCM", "Artificial Intelligence")
        algorithm = hd.AlgorithmIdentificationSequence(segment.model[:64], family, __version__)
    place = None if kind.region is None else _concept(kind.region)
    if place is not None and kind.region_modifier is not None:
        place.AnatomicRegionModifierSequence = [_concept(kind.region_modifier)]
    out = hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=segment.label[:64],
        segmented_property_category=_concept(kind.category),
        segmented_property_type=_concept(kind.type),
        algorithm_type=kinds.MANUAL if algorithm is None else kinds.AUTOMATIC,
        algorithm_identification=algorithm,
        anatomic_regions=None if place is None else [place],
    )
    if kind.modifier is not None:
        out.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [_concept(kind.modifier)]
    out.RecommendedDisplayCIELabValue = to_cielab(kind.colour)
    return out


def _concept(code: Code) -> hd.sr.CodedConcept:
    return hd.sr.CodedConcept(code.value, code.scheme, code.meaning)
