"""A segment as a server sent it, on the CT's own voxels: found on a worker, put into the scene on the GUI thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asap.client import SegmentAnswer

from .colours import Colour
from .i18n import _
from .segment_masks import LABEL, is_as_drawn, segments_of, tag
from .segments import add_segment, onto_voxels, segmentation_of
from .volume_nodes import Affine, SourceImage

FULL_COLOUR = 255


@dataclass(frozen=True, eq=False)
class Placed:
    """mask_ijk: a box of the CT's voxels; affine_ras_mm: of that box. terminology: Slicer's serial form of its codes.

    label: what it is; the name may be a sentence.
    """

    name: str
    label: str
    colour: Colour
    terminology: str
    mask_ijk: NDArray[np.bool_]
    affine_ras_mm: Affine


def placed(answer: SegmentAnswer, image: SourceImage, name: str = "") -> Placed:
    """A whole segment on the voxels of `image`. ValueError outside it, or from a server that does not say where it stands."""
    red, green, blue = (part / FULL_COLOUR for part in answer.colour)
    mask, affine = standing(box_mask(answer), answer.box.start_ijk, answer, image)
    return Placed(name or answer.name, answer.name, (red, green, blue), terminology_of(answer), mask, affine)


def standing(
    mask_ijk: NDArray[np.bool_], start_ijk: tuple[int, int, int], answer: SegmentAnswer, image: SourceImage
) -> tuple[NDArray[np.bool_], Affine]:
    """A mask on the answer's voxels, from `start_ijk` on, brought to the voxels of `image`; with the affine of its box."""
    if answer.affine_ras_mm is None:
        raise ValueError(_("This server does not say where its segments stand; it is of an older version."))
    shift = np.eye(4)
    shift[:3, 3] = start_ijk
    return onto_voxels(mask_ijk, np.asarray(answer.affine_ras_mm) @ shift, image.affine_ras_mm, image.shape)


def put(scene: Any, volume: Any, segment: Placed) -> str:
    """Into the volume's segmentation, in the place of an earlier one of its name that is as it was drawn; its identity.

    What a hand has changed, or somebody else has made, stays; the new one gets a name of its own then.
    """
    node = segmentation_of(scene, volume)
    segmentation = None if node is None else node.GetSegmentation()
    for identity, one in segments_of(segmentation).items():
        numbered = segment.name == segment.label == tag(one, LABEL)  # "Heart 2", drawn while a changed "Heart" was there
        if (numbered or one.GetName() == segment.name) and is_as_drawn(one):
            segmentation.RemoveSegment(identity)
    taken = {one.GetName() for one in segments_of(segmentation).values()}
    name = next(name for name in (segment.name, *(f"{segment.name} {n}" for n in range(2, len(taken) + 3))) if name not in taken)
    _node, identity = add_segment(
        scene,
        volume,
        segment.mask_ijk,
        segment.affine_ras_mm,
        name=name,
        colour=segment.colour,
        terminology=segment.terminology,
        label=segment.label,
    )
    return identity


def box_mask(segment: SegmentAnswer) -> NDArray[np.bool_]:
    """The bits of an answer's box, (i, j, k)."""
    shape = segment.box.shape
    bits = np.unpackbits(np.frombuffer(segment.box.bits, np.uint8), count=int(np.prod(shape)))
    return bits.astype(np.bool_).reshape(shape)


def terminology_of(answer: SegmentAnswer) -> str:
    """The codes of an answer in Slicer's serial form."""
    codes = [
        "^^" if code is None else f"{code.scheme}^{code.value}^{code.meaning}"
        for code in (answer.category, answer.type, answer.modifier, answer.region, answer.region_modifier)
    ]
    context, anatomy = "Segmentation category and type - DICOM master list", "Anatomic codes - DICOM master list"
    return "~".join((context, *codes[:3], anatomy, *codes[3:]))
