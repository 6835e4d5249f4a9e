"""Segmentation over the wire: what is asked (organs, or one lesion by prompts), and the segments that come back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import checks
from .checks import Affine, Point
from .protocol import ModelUsed, model_used
from .wire import MaskBox, unpack_mask

MAX_SEGMENTS = 255


@dataclass(frozen=True)
class SegmentPrompt:
    """All a person has said about one lesion so far, in RAS+ mm: clicks, strokes, a box, a sentence. At least one says where.

    A correction sends everything again with one click more, an undo with one less: the server keeps no state that could differ.
    """

    include: Sequence[Point] = ()
    exclude: Sequence[Point] = ()
    include_strokes: Sequence[Sequence[Point]] = ()
    exclude_strokes: Sequence[Sequence[Point]] = ()
    box: tuple[Point, Point] | None = None
    sentence: str | None = None


@dataclass(frozen=True)
class CodeOf:
    """A DICOM code: value, scheme, meaning."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True)
class SegmentAnswer:
    """One segment. revision: names this mask; give it as `base` of the next correction, so that only what changed is sent.

    base: the revision `box` changes, None when `box` is the whole segment. box: inside it the mask is what its bits say; outside
    it is as in `base` (or empty). affine_ras_mm: index of the case's voxels, which the box counts in, -> RAS+ mm; None from a
    server that does not say. colour: red, green, blue, 0-255. source: how it was made, in words.
    """

    name: str
    key: str
    colour: tuple[int, int, int]
    category: CodeOf
    type: CodeOf
    modifier: CodeOf | None
    region: CodeOf | None
    region_modifier: CodeOf | None
    volume_ml: float
    longest_diameter_mm: float
    mean_hu: float
    source: str
    revision: str
    base: str | None
    box: MaskBox
    affine_ras_mm: Affine | None = None


@dataclass(frozen=True)
class SegmentsAnswer:
    """The segments of a job; none when nothing was found. `notice` must be shown beside them."""

    study: str
    model: ModelUsed
    notice: str
    segments: tuple[SegmentAnswer, ...]


def prompt_record(prompt: SegmentPrompt) -> dict[str, Any]:
    """The JSON of a prompt."""
    return {
        "include": [list(point) for point in prompt.include],
        "exclude": [list(point) for point in prompt.exclude],
        "include_strokes": [[list(point) for point in stroke] for stroke in prompt.include_strokes],
        "exclude_strokes": [[list(point) for point in stroke] for stroke in prompt.exclude_strokes],
        "box": None if prompt.box is None else [list(corner) for corner in prompt.box],
        "sentence": prompt.sentence,
    }


def segments_answer(value: Any) -> SegmentsAnswer:
    """The result of a segment job."""
    record = checks.mapping(value, "result")
    rows = checks.items(record.get("segments"), "segments", at_most=MAX_SEGMENTS)
    return SegmentsAnswer(
        study=checks.hex_id(record.get("study"), "study"),
        model=model_used(record.get("model")),
        notice=checks.text(record.get("notice"), "notice", at_most=1000),
        segments=tuple(segment_answer(checks.mapping(row, "segment")) for row in rows),
    )


def segment_answer(row: Mapping[str, Any]) -> SegmentAnswer:
    """One segment of a result."""
    base, affine = row.get("base"), row.get("affine_ras_mm")
    codes = {name: _code(row.get(name), name) for name in ("modifier", "region", "region_modifier")}
    return SegmentAnswer(
        name=checks.text(row.get("name"), "segment.name", at_most=200),
        key=checks.text(row.get("key"), "segment.key", at_most=200),
        colour=checks.triple(row.get("colour"), "segment.colour", least=0, most=255),
        category=_needed(row.get("category"), "category"),
        type=_needed(row.get("type"), "type"),
        **codes,
        volume_ml=checks.number(row.get("volume_ml"), "segment.volume_ml", least=0.0),
        longest_diameter_mm=checks.number(row.get("longest_diameter_mm"), "segment.longest_diameter_mm", least=0.0),
        mean_hu=checks.number(row.get("mean_hu"), "segment.mean_hu"),
        source=checks.text(row.get("source"), "segment.source", at_most=200),
        revision=checks.hex_id(row.get("revision"), "segment.revision"),
        base=None if base is None else checks.hex_id(base, "segment.base"),
        box=unpack_mask(checks.mapping(row.get("box"), "segment.box")),
        affine_ras_mm=None if affine is None else checks.affine(affine, "segment.affine_ras_mm"),
    )


def _code(value: Any, what: str) -> CodeOf | None:
    return None if value is None else _needed(value, what)


def _needed(value: Any, what: str) -> CodeOf:
    record = checks.mapping(value, what)
    return CodeOf(*(checks.text(record.get(name), f"{what}.{name}", at_most=200) for name in ("value", "scheme", "meaning")))
