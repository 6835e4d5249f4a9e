"""A review as DICOM: its regions as SEG, its findings as a structured report that points at them, its heat as parametric maps.

The parent's half; the files are built in a child by `asap.io.sr_build`. Who the patient is goes from the headers of the series
into the files and nowhere else.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from asap.client import HeatmapBox
from asap.client.wire import pack_map
from asap.errors import InputError
from asap.io.atomic import write_bytes
from asap.io.dicom_seg import asked
from asap.io.segments import MaskSet, NamedMask
from asap.review import Review, ReviewedSentence
from asap.segment_types import SegmentType, lesion_type, on_side
from asap.text.read import read_sentence
from asap.volume import Affine, Volume, apply_affine


@dataclass(frozen=True, eq=False)
class Drawn:
    """The segment a person has of a sentence. mask: a box; affine: its voxels -> RAS+ mm, on voxels of the CT in any axis order.

    by_hand: a hand has changed it since the model drew it.
    """

    mask: NDArray[np.bool_]
    affine: Affine
    by_hand: bool


NOTHING_DRAWN: Mapping[int, Drawn] = {}


def write_dicom_report(out: Path, review: Review, series: Path, volume: Volume) -> list[Path]:
    """Write the files of `dicom_report_files` into `out`. Raises InputError, OutputError."""
    files = dicom_report_files(review, series, volume)
    for name, data in files.items():
        write_bytes(out / name, data, "report")
    return [out / name for name in files]


def dicom_report_files(
    review: Review, series: Path, volume: Volume, drawn: Mapping[int, Drawn] = NOTHING_DRAWN
) -> dict[str, bytes]:
    """`seg-N.dcm`, `report-sr.dcm` and `heatmap-NNN.dcm` by name; what is not in the report is left out.

    series: the folder of the CT series the review is about; volume: that series as it was read. drawn: by the sentence's index,
    the segment that stands for its region where there is one. Raises InputError.
    """
    if importlib.util.find_spec("highdicom") is None:
        raise InputError("Writing DICOM reports needs highdicom: pip install 'asap-ct[dicom]'.")
    if review.input_sha256 not in ("", volume.identity):
        raise InputError("The review is about another CT than this series; name the folder of the series it was made on.")
    masks: list[NamedMask] = []
    rows = []
    for number, sentence in enumerate(review.sentences, start=1):
        if not sentence.in_report:
            continue
        row = _row(number, sentence, review)
        found = named_mask(number, sentence, review, volume, drawn.get(number - 1))
        if found is not None:
            row["segment"] = len(masks)
            masks.append(found)
        rows.append(row)
    reader = None if review.signature is None else review.signature.author
    names = MaskSet(tuple(masks), volume.shape, volume.affine)
    _same, blob = asked("report", series, names, findings=rows, reader=reader)
    head, _, rest = blob.partition(b"\n")
    files = {}
    for name, size in json.loads(head):
        files[str(name)] = rest[:size]
        rest = rest[size:]
    return files


def named_mask(number: int, sentence: ReviewedSentence, review: Review, volume: Volume, drawn: Drawn | None) -> NamedMask | None:
    """The segment of a sentence on the CT: the one a person has of it, else the region of its heat, else None."""
    name, kind = f"sentence {number}", _kind(sentence)
    if drawn is not None and drawn.mask.any():
        i, j, k = drawn.mask.shape
        alone = MaskSet((NamedMask(name, drawn.mask, kind, None if drawn.by_hand else review.model),), (i, j, k), drawn.affine)
        return alone.on_grid(volume.shape, volume.affine).masks[0]
    mask = None if sentence.answer.map is None else region_on(sentence.answer.map, volume.shape, volume.affine)
    return NamedMask(name, mask, kind, review.model) if mask is not None and mask.any() else None


def region_on(box: HeatmapBox, shape: tuple[int, int, int], affine: Affine) -> NDArray[np.bool_]:
    """A map's region on a CT's voxels: trilinear heat at or above the threshold, connected to the highest voxel."""
    heat = np.frombuffer(box.heat(), np.float32).reshape(box.shape)
    cells = np.array(box.affine_ras_mm)
    to_voxel = np.linalg.inv(affine) @ cells
    corners = np.array(np.meshgrid(*[(-1.0, float(n)) for n in box.shape], indexing="ij")).reshape(3, -1).T
    voxels = apply_affine(to_voxel, corners)
    low = np.clip(np.floor(voxels.min(axis=0)).astype(int), 0, shape)
    high = np.clip(np.ceil(voxels.max(axis=0)).astype(int) + 1, 0, shape)
    region = np.zeros(shape, np.bool_)
    if (high <= low).any():
        return region
    back = np.linalg.inv(to_voxel)
    offset = back[:3, :3] @ low + back[:3, 3]
    fine = ndimage.affine_transform(heat, back[:3, :3], offset, tuple(int(n) for n in high - low), order=1)
    above = fine >= max(box.threshold, 1e-6)
    labels, _count = ndimage.label(above)
    at_peak = labels[np.unravel_index(int(fine.argmax()), fine.shape)]
    if at_peak:
        region[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = labels == at_peak
    return region


def _row(number: int, sentence: ReviewedSentence, review: Review) -> dict[str, Any]:
    answer = sentence.answer
    return {
        "number": number,
        "text": sentence.text,
        "state": sentence.state,
        "draft_state": None if sentence.drafted is None else sentence.drafted.state,
        "remark": "" if sentence.drafted is None else sentence.drafted.words,
        "model": review.model,
        "digests": [f"model weights sha256 {sentence.weights_sha256}", f"CT voxels sha256 {review.input_sha256 or 'unknown'}"],
        "assertion": answer.assertion,
        "confidence": answer.confidence,
        "segment": None,
        "map": None if answer.map is None else pack_map(answer.map),
    }


def _kind(sentence: ReviewedSentence) -> SegmentType:
    """The codes of what the sentence speaks of: of its first finding that has some, on its side, else simply a lesion."""
    read = read_sentence(sentence.text)
    kind = lesion_type(tuple(finding.concept for finding in read.findings))
    if kind.region is not None and read.laterality in ("left", "right"):
        return on_side(kind, read.laterality)
    return kind
