"""`asap segment`: organs, or the lesion a sentence or clicks speak of -> label maps, `segments.json` and a picture."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Any

from asap.commands.folder import prepare_folder
from asap.commands.segment_options import SegmentCommand
from asap.commands.segment_prompt import said_in
from asap.errors import InputError
from asap.figures import segments_png
from asap.inference.course import Progress, no_progress
from asap.inference.engine import Engine
from asap.inference.features import StudyFeatures
from asap.inference.whole_volume import segment_whole
from asap.io.atomic import write_bytes
from asap.io.dicom_seg import write_dicom_seg
from asap.io.nifti_write import write_nifti
from asap.io.seg_nrrd import write_seg_nrrd
from asap.io.segments import mask_set
from asap.models.load_unetr import LoadedUnetr
from asap.prompt import Prompt
from asap.segmentation import Segment, Segmentation
from asap.text.read import read_sentence
from asap.volume import Volume

LISTING, SLICER, DICOM = "segments.json", "segments.seg.nrrd", "segments.dcm"
_OWN_FILE = re.compile(r'"(segments_\d+\.nii\.gz|segments\.(?:png|seg\.nrrd|dcm))"')


def segment_to_folder(
    engine: Engine, volume: Volume, command: SegmentCommand, progress: Progress = no_progress
) -> dict[str, Any]:
    """Segment what is asked for and write label maps, .seg.nrrd, a picture, a DICOM SEG of a DICOM series and `segments.json`.

    Raises InputError (not a chest, unknown target, a sentence without a place) before anything is written.
    """
    said = said_in(command)
    prompted = bool(said) or command.sentence is not None
    targets = tuple(word.strip() for word in command.targets.split(",")) if command.targets is not None else ()
    features = engine.encode(volume, progress=progress)
    result = Segmentation(volume.shape, volume.affine, ())
    if targets or not prompted:
        result = engine.segment(volume, targets or engine.organs.known, progress=progress)
    if prompted:
        lesion = engine.segment_prompted(volume, features, _prompt(engine, features, command.sentence, said))
        if lesion is not None:
            result = result.with_segment(lesion)
    model = {"name": engine.grounder.name, "weights_sha256": engine.grounder.weights_sha256}
    return _write(model, features.identity, volume, result, command)


def segment_by_unetr(
    loaded: LoadedUnetr, volume: Volume, command: SegmentCommand, progress: Progress = no_progress
) -> dict[str, Any]:
    """The same with fine-tuned UNETR weights: their labels, without a prompt. Raises InputError before anything is written."""
    if command.sentence is not None or said_in(command):
        raise InputError("These weights segment their labels by themselves; sentences and points need a model such as asap-mini.")
    targets = tuple(word.strip() for word in command.targets.split(",")) if command.targets is not None else ()
    result = segment_whole(loaded, volume, targets, progress=progress)
    model = {"name": loaded.name, "weights_sha256": loaded.weights_sha256}
    return _write(model, volume.identity, volume, result, command)


def _prompt(engine: Engine, features: StudyFeatures, text: str | None, said: dict[str, Any]) -> Prompt:
    if text is None:
        return Prompt(**said)
    grounding = engine.ground(features, [read_sentence(text)])[0]
    if grounding.heatmap is None:
        raise InputError(f"The sentence has no place to segment: {grounding.reason}")
    return Prompt(**said, grounding=grounding)


def segment_record(segment: Segment) -> dict[str, Any]:
    """One segment's entry of `segments.json`, without the file it is in."""
    kind = segment.kind
    return {
        "name": segment.name,
        "key": kind.key,
        "colour": list(kind.colour),
        "category": asdict(kind.category),
        "type": asdict(kind.type),
        "modifier": None if kind.modifier is None else asdict(kind.modifier),
        "region": None if kind.region is None else asdict(kind.region),
        "volume_ml": round(segment.measurements.volume_ml, 3),
        "longest_diameter_mm": round(segment.measurements.longest_diameter_mm, 1),
        "mean_hu": round(segment.measurements.mean_hu, 1),
        "box_ijk": [list(segment.start_ijk), list(segment.stop_ijk)],
        "source": segment.source,
    }


def _write(model: dict[str, str], identity: str, volume: Volume, result: Segmentation, command: SegmentCommand) -> dict[str, Any]:
    out, dicom = command.out, command.volume if command.volume.is_dir() else None
    prepare_folder(out, LISTING, _OWN_FILE)
    rows = []
    for number, layer in enumerate(result.layers()):
        name = f"segments_{number}.nii.gz"
        write_nifti(out / name, result.label_map(layer), result.affine, what="label map")
        rows += [segment_record(segment) | {"file": name, "label": label} for label, segment in enumerate(layer, start=1)]
    if rows:
        segments_png(volume, result, out / "segments.png")
        masks = mask_set(result, model["name"])
        write_seg_nrrd(out / SLICER, masks)
        if dicom is not None:
            write_dicom_seg(out / DICOM, masks, dicom)
    document = {
        "volume": {
            "shape": list(volume.shape),
            "spacing_mm": [round(s, 6) for s in volume.spacing_mm],
            "affine_ras_mm": volume.affine.tolist(),
            "sha256": identity,
        },
        "model": model,
        "notice": "Research use. AI-generated. Not for diagnosis.",
        "picture": "segments.png" if rows else None,
        "slicer": SLICER if rows else None,
        "dicom": DICOM if rows and dicom is not None else None,
        "segments": rows,
    }
    write_bytes(out / LISTING, (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode(), "list of segments")
    return document
