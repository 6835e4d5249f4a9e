"""Segments, a structured report and parametric maps of one review, by highdicom. Runs in the child.

Every finding of the report (TID 1500) that has a place points at its segment and at the slices the segment lies on (TID 1411);
one without a place stands in a group of its own (TID 1501). Sources: DICOM PS3.16 TID 1500, 1411, 1501; PS3.3 A.35.13, A.75.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
from highdicom.sr import CodedConcept

from asap import __version__
from asap.client.wire import HeatmapBox, unpack_map
from asap.io.dicom import ordered_frames
from asap.io.dicom_header import CtFrame
from asap.io.seg_build import NOTICE, built, source_headers
from asap.io.segments import Mask, MaskSet

File = tuple[str, bytes]
SEG_BYTES = 6 * 2**27  # of unpacked voxels in one SEG file: highdicom holds them twice
PRESENCE = {"present": ("52101004", "Present"), "absent": ("2667000", "Absent"), "uncertain": ("42425007", "Equivocal")}


def report_files(masks: MaskSet, findings: Sequence[dict[str, Any]], reader: str | None, series: Path) -> list[File]:
    """(name, content) of `seg-1.dcm`..., `report-sr.dcm` and `heatmap-N.dcm`.

    findings: rows of `asap.io.dicom_sr`; "segment" is the number of a mask, from 0, or None. reader: who signed, or None.
    """
    frames, affine = ordered_frames(series)
    sources = source_headers(frames)
    shape = (frames[0].pixels.columns, frames[0].pixels.rows, len(frames))
    slices = [_under(segment.mask, frames, sources) for segment in masks.on_grid(shape, affine).masks]
    files: list[File] = []
    placed: dict[int, tuple[pydicom.Dataset, int]] = {}
    at_once = max(1, SEG_BYTES // (2 * int(np.prod(masks.shape))))
    for start in range(0, len(masks.masks), at_once):
        data = built(MaskSet(masks.masks[start : start + at_once], masks.shape, masks.affine), series)
        seg = pydicom.dcmread(BytesIO(data))
        files.append((f"seg-{len(files) + 1}.dcm", data))
        placed |= {start + n: (seg, n + 1) for n in range(len(seg.SegmentSequence))}
    groups = [_group(row, masks, placed, slices) for row in findings]
    segs = list({id(seg): seg for seg, _number in placed.values()}.values())
    files.append(("report-sr.dcm", _bytes(_report(groups, reader, [*sources, *segs]))))
    for row in findings:
        if row["map"] is not None:
            data = _bytes(_parametric_map(unpack_map(row["map"]), sources, int(row["number"])))
            files.append((f"heatmap-{row['number']:03d}.dcm", data))
    return files


def _report(groups: Sequence[Any], reader: str | None, evidence: Sequence[pydicom.Dataset]) -> hd.sr.Comprehensive3DSR:
    device = hd.sr.ObserverContext(
        observer_type=CodedConcept("121007", "DCM", "Device"),
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            uid=hd.UID(), name="ASAP", manufacturer_name="ASAP", model_name=f"asap-ct {__version__}"
        ),
    )
    person = None
    if reader:
        person = hd.sr.ObserverContext(
            observer_type=CodedConcept("121006", "DCM", "Person"),
            observer_identifying_attributes=hd.sr.PersonObserverIdentifyingAttributes(name=f"{reader.replace('^', ' ')[:63]}^"),
        )
    content = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_person_context=person, observer_device_context=device),
        procedure_reported=CodedConcept("169069000", "SCT", "CT of chest"),
        imaging_measurements=groups,
        title=CodedConcept("126000", "DCM", "Imaging Measurement Report"),
    )
    content[0].ContentSequence.append(_text(CodedConcept("121106", "DCM", "Comment"), NOTICE))
    return hd.sr.Comprehensive3DSR(
        evidence=evidence,
        content=content,
        series_instance_uid=hd.UID(),
        series_number=9001,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="ASAP",
        is_complete=reader is not None,
        is_final=False,
        is_verified=False,
        series_description=NOTICE,
        requested_procedures=None,
    )


def _group(
    row: dict[str, Any],
    masks: MaskSet,
    placed: dict[int, tuple[pydicom.Dataset, int]],
    slices: Sequence[Sequence[pydicom.Dataset]],
) -> Any:
    told: dict[str, Any] = {
        "tracking_identifier": hd.sr.TrackingIdentifier(uid=hd.UID(), identifier=f"sentence {row['number']}"),
        "measurements": _measurements(row),
        "qualitative_evaluations": _evaluations(row),
        "algorithm_id": hd.sr.AlgorithmIdentification(row["model"][:64] or "ASAP", __version__, row["digests"]),
    }
    if row["segment"] is None:
        group: Any = hd.sr.MeasurementsAndQualitativeEvaluations(**told)
    else:
        seg, number = placed[row["segment"]]
        kind = masks.masks[row["segment"]].kind.type
        group = hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
            **told,
            referenced_segment=hd.sr.ReferencedSegment(
                sop_class_uid=seg.SOPClassUID,
                sop_instance_uid=seg.SOPInstanceUID,
                segment_number=number,
                source_images=[
                    hd.sr.SourceImageForSegmentation(source.SOPClassUID, source.SOPInstanceUID)
                    for source in slices[row["segment"]]
                ],
            ),
            finding_type=CodedConcept(kind.value, kind.scheme, kind.meaning),
        )
    group[0].ContentSequence.append(_text(CodedConcept("121071", "DCM", "Finding"), row["text"]))
    if row["remark"]:
        group[0].ContentSequence.append(_text(CodedConcept("121106", "DCM", "Comment"), row["remark"]))
    return group


def _under(mask: Mask, frames: Sequence[CtFrame], sources: Sequence[pydicom.Dataset]) -> list[pydicom.Dataset]:
    """The slices a segment lies on. mask: (columns, rows, frames) in the order of the frames."""
    paths = list(dict.fromkeys(frame.path for frame in frames))
    marked = {frame.path for frame, plane in zip(frames, mask.any(axis=(0, 1)), strict=True) if plane}
    return [source for path, source in zip(paths, sources, strict=True) if path in marked]


def _measurements(row: dict[str, Any]) -> list[hd.sr.Measurement]:
    if row["confidence"] is None:
        return []
    percent = CodedConcept("%", "UCUM", "Percent")
    certainty = CodedConcept("111012", "DCM", "Certainty of Finding")
    return [hd.sr.Measurement(name=certainty, value=round(100 * float(row["confidence"]), 1), unit=percent)]


def _evaluations(row: dict[str, Any]) -> list[hd.sr.QualitativeEvaluation]:
    found = []
    if row["assertion"] in PRESENCE:
        value, meaning = PRESENCE[row["assertion"]]
        presence = CodedConcept("705057003", "SCT", "Presence")
        found.append(hd.sr.QualitativeEvaluation(name=presence, value=CodedConcept(value, "SCT", meaning)))
    state = CodedConcept("review-state", "99ASAP", "Review state")
    found.append(hd.sr.QualitativeEvaluation(name=state, value=CodedConcept(row["state"], "99ASAP", row["state"])))
    if row["draft_state"] is not None:
        drafted = CodedConcept("draft-state", "99ASAP", "State in the draft")
        stands = CodedConcept(row["draft_state"].replace(" ", "-"), "99ASAP", row["draft_state"])
        found.append(hd.sr.QualitativeEvaluation(name=drafted, value=stands))
    return found


def _text(name: CodedConcept, words: str) -> hd.sr.TextContentItem:
    return hd.sr.TextContentItem(name=name, value=words, relationship_type=hd.sr.RelationshipTypeValues.CONTAINS)


def _parametric_map(box: HeatmapBox, sources: Sequence[pydicom.Dataset], number: int) -> hd.pm.ParametricMap:
    """The heat of a map's box on the model's own cells: one frame for each k, rows along j, columns along i."""
    heat = np.frombuffer(box.heat(), np.float32).reshape(box.shape)
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.array(box.affine_ras_mm)
    size_mm = np.linalg.norm(lps[:3, :3], axis=0)
    along = (lps[:3, :3] / size_mm).T
    positions = [
        hd.PlanePositionSequence(hd.CoordinateSystemNames.PATIENT, [round(float(x), 6) for x in (lps @ (0, 0, k, 1))[:3]])
        for k in range(box.shape[2])
    ]
    quantity = CodedConcept("heat", "99ASAP", "Heat of a sentence, relative")
    mapping = hd.pm.RealWorldValueMapping(
        lut_label="HEAT",
        lut_explanation="Heat of the sentence, no unit",
        unit=CodedConcept("1", "UCUM", "no units"),
        value_range=(0.0, max(float(box.peak), 1e-6)),
        slope=1.0,
        intercept=0.0,
        quantity_definition=quantity,
    )
    made = hd.pm.ParametricMap(
        source_images=list(sources),
        pixel_array=np.ascontiguousarray(heat.transpose(2, 1, 0)),
        series_instance_uid=hd.UID(),
        series_number=9100 + number,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="ASAP",
        manufacturer_model_name="asap-ct",
        software_versions=__version__,
        device_serial_number="none",
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[mapping],
        window_center=box.peak / 2,
        window_width=max(box.peak, 1e-6),
        content_label="HEATMAP",
        content_description=NOTICE,
        series_description=NOTICE,
        pixel_measures=hd.PixelMeasuresSequence(
            (round(float(size_mm[1]), 8), round(float(size_mm[0]), 8)),
            slice_thickness=round(float(size_mm[2]), 8),
            spacing_between_slices=round(float(size_mm[2]), 8),
        ),
        plane_orientation=hd.PlaneOrientationSequence(
            hd.CoordinateSystemNames.PATIENT, [round(float(x), 8) for x in (*along[0], *along[1])]
        ),
        plane_positions=positions,
    )
    shared = made.SharedFunctionalGroupsSequence[0]
    # A window narrower than 1 is allowed with this function only.
    shared.FrameVOILUTSequence[0].VOILUTFunction = "LINEAR_EXACT"
    # Stands for the side as well; readers such as dcmqi count on it.
    anatomy = pydicom.Dataset()
    anatomy.AnatomicRegionSequence = [CodedConcept("51185008", "SCT", "Thorax")]
    anatomy.FrameLaterality = "U"
    shared.FrameAnatomySequence = [anatomy]
    return made


def _bytes(dataset: pydicom.Dataset) -> bytes:
    file = BytesIO()
    dataset.save_as(file)
    return file.getvalue()
