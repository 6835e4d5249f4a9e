"""Segments: organs by name, all that may be a lesion, and one lesion by a person's prompts, corrected click by click."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from asap import limits
from asap.client.errors import ProtocolError
from asap.client.wire import MaskBox, pack_mask, unpack_mask
from asap.errors import InputError
from asap.inference.whole_volume import check_labels, segment_whole
from asap.models.load_unetr import MAX_LABEL_CHARS, MAX_LABELS, LoadedUnetr
from asap.prompt import Prompt
from asap.segment_types import LESIONS_TARGET, lesion_type, organ_keys
from asap.segmentation import Segment, make_segment
from asap.text.read import read_sentence
from monailabel_app.server.kinds.kind import Answer, Case, ImageAnswer, ImageCase, Kind, Steps
from monailabel_app.server.revisions import changed_box, whole_box
from monailabel_app.server.schemas import Affine, Answered, Asked, Cells, Exact, Id, Point

BY_HAND = "changed by hand"
Points = Annotated[list[Point], Field(max_length=limits.MAX_PROMPT_POINTS)]
Strokes = Annotated[list[Points], Field(max_length=limits.MAX_PROMPT_POINTS)]
Corners = Annotated[list[Point], Field(min_length=2, max_length=2)]


class SegmentRequest(Asked):
    """Without a prompt. targets: keys of organs, groups of them such as "lungs", and "lesions" for all that may be there.

    Of a model of `label_models` in info: names of its labels.
    """

    task: Literal["segment"]
    targets: list[Annotated[str, Field(min_length=1, max_length=MAX_LABEL_CHARS)]] = Field(min_length=1, max_length=MAX_LABELS)
    supersede: bool = True


class PromptRecord(Exact):
    """All that was said about one lesion so far, in RAS+ mm; at least one thing that says where."""

    include: Points = Field(default_factory=list)
    exclude: Points = Field(default_factory=list)
    include_strokes: Strokes = Field(default_factory=list)
    exclude_strokes: Strokes = Field(default_factory=list)
    box: Corners | None = None
    sentence: str | None = Field(default=None, min_length=1, max_length=limits.MAX_SENTENCE_CHARS)

    @model_validator(mode="after")
    def says_where(self) -> PromptRecord:
        """A point outside alone is no place."""
        if not (self.include or self.include_strokes or self.box or self.sentence):
            raise ValueError("say where the lesion is: a point inside it, a stroke, a box or a sentence")
        return self


class MaskRecord(Exact):
    """A box of a mask. data: base64 of zlib of one bit a voxel, the highest first, C order."""

    start_ijk: Cells
    shape: Cells
    data: str


class LesionRequest(Asked):
    """One lesion. base: the revision that this corrects; the answer then holds only the box that changed.

    previous: the mask to correct in place of the revision's, as a hand has changed it; the answer is whole then.
    """

    task: Literal["lesion"]
    prompt: PromptRecord
    base: Id | None = None
    previous: MaskRecord | None = None
    supersede: bool = True


class CodeRecord(Exact):
    """A DICOM code."""

    value: str
    scheme: str
    meaning: str


class SegmentRecord(Exact):
    """One segment on the case's own voxels, whose affine stands beside it. base: what the box changes; null when it is all."""

    name: str
    key: str
    colour: Cells
    category: CodeRecord
    type: CodeRecord
    modifier: CodeRecord | None
    region: CodeRecord | None
    region_modifier: CodeRecord | None
    volume_ml: float
    longest_diameter_mm: float
    mean_hu: float
    source: str
    revision: Id
    base: Id | None
    affine_ras_mm: Affine
    box: MaskRecord


class SegmentResult(Answered):
    """What was found: organs in the order asked, then lesions, the surest first."""

    task: Literal["segment"]
    segments: list[SegmentRecord]


class LesionResult(Answered):
    """The lesion; no segment when nothing is there."""

    task: Literal["lesion"]
    segments: list[SegmentRecord]


def prepare_targets(request: SegmentRequest) -> Answer:
    """Read the targets. Raises InputError for one that nobody knows."""
    organ_keys(tuple(target for target in request.targets if target != LESIONS_TARGET))

    def answer(case: Case) -> Steps:
        yield from ()
        found = case.engine.segment_encoded(
            case.volume(), case.features, request.targets, progress=case.progress, between_blocks=case.pause
        )
        return {"segments": [segment_record(case, segment) for segment in found.segments]}

    return answer


def prepare_labels(request: Asked, loaded: LoadedUnetr) -> ImageAnswer:
    """Read what is asked of a fine-tuned network. Raises InputError for anything but labels it has learnt."""
    if not isinstance(request, SegmentRequest):
        raise InputError("This model only draws its labels; ask another model.")
    check_labels(loaded.config, request.targets)

    def answer(case: ImageCase) -> Steps:
        yield from ()
        case.progress("reading the volume", 0.0)
        volume = case.volume()
        found = segment_whole(loaded, volume, request.targets, progress=case.progress, between_blocks=case.pause)
        return {"segments": [segment_record(case, segment) for segment in found.segments]}

    return answer


def prepare_lesion(request: LesionRequest) -> Answer:
    """Read the prompt."""
    asked = request.prompt
    sentence = None if asked.sentence is None else read_sentence(asked.sentence)

    def answer(case: Case) -> Steps:
        yield from ()
        grounding = None if sentence is None else case.engine.ground(case.features, [sentence])[0]
        if grounding is not None and grounding.heatmap is None and not (asked.include or asked.include_strokes or asked.box):
            raise InputError(f"The sentence has no place to segment: {grounding.reason}")
        known = case.revisions.find(request.base)
        changed = None if request.previous is None else told_segment(case, request.previous, known)
        before = known if changed is None else changed
        prompt = Prompt(
            include=tuple(_point(point) for point in asked.include),
            exclude=tuple(_point(point) for point in asked.exclude),
            include_strokes=tuple(tuple(_point(point) for point in stroke) for stroke in asked.include_strokes),
            exclude_strokes=tuple(tuple(_point(point) for point in stroke) for stroke in asked.exclude_strokes),
            box=None if asked.box is None else (_point(asked.box[0]), _point(asked.box[1])),
            grounding=grounding,
            previous=before,
        )
        case.progress("segmenting", 0.0)
        found = case.engine.segment_prompted(case.volume(), case.features, prompt, between_blocks=case.pause)
        since = (request.base, known) if changed is None and known is not None else (None, None)
        return {"segments": [] if found is None else [segment_record(case, found, *since)]}

    return answer


def told_segment(case: Case, told: MaskRecord, known: Segment | None) -> Segment | None:
    """The segment a client sends, kind and name those of the known one; None for an empty mask.

    Raises InputError for one that is damaged or reaches beyond the image.
    """
    volume = case.volume()
    reach = [first + size for first, size in zip(told.start_ijk, told.shape, strict=True)]
    if min(*told.start_ijk, *told.shape) < 0 or any(stop > n for stop, n in zip(reach, volume.shape, strict=True)):
        raise InputError("The mask to correct reaches beyond the image.")
    mask, start = told_mask(told)
    kind, name = (lesion_type(()), None) if known is None else (known.kind, known.name)
    return make_segment(volume, mask, kind, source=BY_HAND, name=name, start_ijk=start)


def told_mask(told: MaskRecord) -> tuple[NDArray[np.bool_], tuple[int, int, int]]:
    """A mask a client sends, and its first voxel. Its shape must have been looked at. Raises InputError for a damaged one."""
    try:
        box = unpack_mask(told.model_dump())
    except ProtocolError as error:
        raise InputError("The mask that was sent is damaged.") from error
    bits = np.unpackbits(np.frombuffer(box.bits, np.uint8), count=math.prod(box.shape))
    return bits.view(np.bool_).reshape(box.shape), box.start_ijk


def _point(point: list[float]) -> tuple[float, float, float]:
    r, a, s = point
    return r, a, s


def segment_record(case: ImageCase, segment: Segment, base: str | None = None, before: Segment | None = None) -> dict[str, Any]:
    """A segment as it goes over the wire, kept as a revision of its study. before: the segment of revision `base`."""
    box: MaskBox = whole_box(segment) if before is None else changed_box(before, segment)
    kind, measured = segment.kind, segment.measurements
    codes = {name: getattr(kind, name) for name in ("category", "type", "modifier", "region", "region_modifier")}
    return {
        "name": segment.name,
        "key": kind.key,
        "colour": list(kind.colour),
        **{name: None if code is None else asdict(code) for name, code in codes.items()},
        "volume_ml": round(measured.volume_ml, 3),
        "longest_diameter_mm": round(measured.longest_diameter_mm, 1),
        "mean_hu": round(measured.mean_hu, 1),
        "source": segment.source,
        "revision": case.revisions.add(segment),
        "base": base,
        "affine_ras_mm": case.volume().affine.tolist(),
        "box": pack_mask(box),
    }


SEGMENT = Kind(SegmentRequest, SegmentResult, prepare_targets, lane="image")
LESION = Kind(LesionRequest, LesionResult, prepare_lesion)
