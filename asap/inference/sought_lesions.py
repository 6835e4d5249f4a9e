"""Lesions nobody pointed at: every place where the model thinks that some finding may be, outlined where its sentence is true.

What a lesion is called is less sure than that it is there: a mass, a nodule and a consolidation share one place and divide its
probability. So findings are taken together by place, and only a name that is itself more likely than not is given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from asap.drafts import PRESENT_FROM, FindingEstimate, Point
from asap.errors import InputError
from asap.grounding import Grounding, narrowed
from asap.inference.answering import Ground, Measure
from asap.inference.course import Progress
from asap.inference.presence import PresenceReader
from asap.pause import Pause
from asap.segment_types import LESIONS, lesion_type
from asap.segmentation import Segment
from asap.text.read import read_sentence
from asap.text.statements import WORDINGS, statement
from asap.volume import Volume

# Peaks of one lesion's findings: two cells of the embedded model apart at most.
SAME_PLACE_MM = 25.0
WORTH_A_LOOK = 0.08
# Places of one finding on each side: with one, every second area of ground glass was missed; a third hardly found more.
PLACES = 2
# Unlike an answer, an outline claims nothing: a person looks at it, and a glance costs less than a lesion that was missed.
OUTLINED_FROM = 0.3
# A sentence speaks of a finding's best place. About another place it is asked alone, within this distance.
OF_ONE_PLACE_MM = 30.0
SAME_PEAK_MM = 12.0
# Segments that share this much of the smaller one are one body.
SAME_BODY = 0.5


def sought_lesions(
    volume: Volume, reader: PresenceReader, ground: Ground, outline: Measure, *, progress: Progress, pause: Pause
) -> tuple[Segment, ...]:
    """A segment for every place where some finding may well be, the surest first, numbered by name.

    ground: as of `Answerer`. outline: the segment a grounding leads to. A finding has `PLACES` places on each side at most.
    Raises InputError for a model without calibrated findings.
    """
    for share in reader.look():
        progress("looking for findings", share)
        pause()
    estimates = [found for concept in WORDINGS if concept in LESIONS for found in reader.places(concept, PLACES, SAME_PLACE_MM)]
    if not estimates:
        raise InputError("This model is not calibrated to look for lesions by itself; point at one or name it in a sentence.")
    return outlined(volume, estimates, ground, outline, progress=progress, pause=pause)


def outlined(
    volume: Volume,
    estimates: Sequence[FindingEstimate],
    ground: Ground,
    outline: Measure,
    *,
    progress: Progress,
    pause: Pause,
) -> tuple[Segment, ...]:
    """The same from estimates."""
    places = [place for place in by_place(estimates) if _together(place) >= OUTLINED_FROM]
    found: list[Segment] = []
    for number, place in enumerate(sorted(places, key=_together, reverse=True)):
        progress("outlining lesions", number / len(places))
        pause()
        likeliest = place[0]
        if any(covers(segment, volume, likeliest.peak_ras_mm) for segment in found):
            continue
        sentence = read_sentence(statement(likeliest.concept, likeliest.side, likeliest.anatomy))
        segment = outline(_at(ground([sentence])[0], likeliest)) if sentence.localisable else None
        if segment is not None and not any(shared(segment, other) >= SAME_BODY for other in found):
            kind = segment.kind if (likeliest.probability or 0.0) >= PRESENT_FROM else lesion_type(())
            found.append(replace(segment, kind=kind, name=f"{kind.label} {len(found) + 1}"))
    return tuple(found)


def by_place(estimates: Sequence[FindingEstimate]) -> list[list[FindingEstimate]]:
    """Estimates of what can be outlined, those of one place together, the likeliest of each first."""
    places: list[list[FindingEstimate]] = []
    for estimate in sorted(estimates, key=lambda e: -(e.probability or 0.0)):
        if estimate.concept in LESIONS and (estimate.probability or 0.0) >= WORTH_A_LOOK:
            near = (p for p in places if math.dist(p[0].peak_ras_mm, estimate.peak_ras_mm) <= SAME_PLACE_MM)
            place = next(near, None)
            if place is None:
                places.append([estimate])
            else:
                place.append(estimate)
    return places


def shared(one: Segment, other: Segment) -> float:
    """The voxels two segments of one image have in common, as a share of the smaller one's."""
    low, high = np.maximum(one.start_ijk, other.start_ijk), np.minimum(one.stop_ijk, other.stop_ijk)
    if (high <= low).any():
        return 0.0
    parts = [s.mask[tuple(slice(a - n, b - n) for a, b, n in zip(low, high, s.start_ijk, strict=True))] for s in (one, other)]
    return float((parts[0] & parts[1]).sum() / min(one.mask.sum(), other.mask.sum()))


def covers(segment: Segment, volume: Volume, ras_mm: Point) -> bool:
    """Whether the voxel of its volume that a point lies in belongs to a segment."""
    voxel = np.rint(volume.voxel_from_world(np.asarray(ras_mm))).astype(np.int64) - segment.start_ijk
    inside = bool((voxel >= 0).all() and (voxel < segment.mask.shape).all())
    return inside and bool(segment.mask[tuple(voxel)])


def _at(grounding: Grounding, estimate: FindingEstimate) -> Grounding:
    """The sentence's answer where it speaks of the estimate's place, else what it says of that place alone."""
    if grounding.peak_ras_mm is None or math.dist(grounding.peak_ras_mm, estimate.peak_ras_mm) <= SAME_PEAK_MM:
        return grounding
    return narrowed(grounding, estimate.peak_ras_mm, OF_ONE_PLACE_MM)


def _together(place: Sequence[FindingEstimate]) -> float:
    """P(one of them is there): they exclude each other more often than not, so the probabilities of findings add up."""
    best: dict[str, float] = {}
    for estimate in place:
        best[estimate.concept] = max(best.get(estimate.concept, 0.0), estimate.probability or 0.0)
    return min(1.0, sum(best.values()))
