"""One lesion from a prompt, by region growing."""

from __future__ import annotations

from dataclasses import replace

from asap.errors import InputError
from asap.inference.features import StudyFeatures
from asap.prompt import Prompt
from asap.region_growing import grow
from asap.resample import in_ras_order, in_stored_order
from asap.segment_types import SegmentType, lesion_type
from asap.segmentation import Segment, make_segment
from asap.volume import Volume

REGION_GROWING = "region growing"


def segment_lesion(
    volume: Volume, features: StudyFeatures, prompt: Prompt, *, name: str | None, kind: SegmentType | None
) -> Segment | None:
    """The lesion a prompt speaks of, on the volume's own grid; None when nothing is there. InputError for another volume."""
    ras = volume.reoriented_to_ras()
    if not features.belongs_to(ras):
        raise InputError("The features are of another volume; encode this one first.")
    mask, start = grow(ras, prompt_in_ras_order(prompt, volume))
    mask, start = in_stored_order(mask, start, volume)
    kind = kind or _kind(prompt)
    if name is None and prompt.previous is not None:
        name = prompt.previous.name
    return make_segment(volume, mask, kind, source=REGION_GROWING, name=name, start_ijk=start)


def prompt_in_ras_order(prompt: Prompt, volume: Volume) -> Prompt:
    """The prompt with its previous segment turned into the order of the volume's RAS view."""
    if prompt.previous is None:
        return prompt
    mask, start = in_ras_order(prompt.previous.mask, prompt.previous.start_ijk, volume)
    return replace(prompt, previous=replace(prompt.previous, mask=mask, start_ijk=start))


def _kind(prompt: Prompt) -> SegmentType:
    if prompt.grounding is not None:
        return lesion_type(tuple(finding.concept for finding in prompt.grounding.sentence.findings))
    return prompt.previous.kind if prompt.previous is not None else lesion_type(())
