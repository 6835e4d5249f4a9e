"""The steps of a lesion that is made: each what had been said and the mask then, a hand's change in the scene among them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asap.client import MaskBox, SegmentAnswer, SegmentPrompt

from .i18n import _
from .segment_files import on_voxels
from .segment_masks import is_as_drawn, tight
from .segment_measures import measured
from .segments import onto_voxels
from .served_segments import box_mask, standing
from .volume_nodes import Affine, SourceImage


@dataclass(frozen=True, eq=False)
class Step:
    """prompt: all that had been said. mask_ijk: tight around the lesion, its first voxel at start_ijk. answer: of the server.

    by_hand: the mask was changed in the scene after the answer came; the server has to be told it.
    """

    prompt: SegmentPrompt
    mask_ijk: NDArray[np.bool_]
    start_ijk: tuple[int, int, int]
    answer: SegmentAnswer
    by_hand: bool = False

    @property
    def previous(self) -> MaskBox | None:
        """The mask a correction starts from where the server does not know it."""
        i, j, k = self.mask_ijk.shape
        return MaskBox(self.start_ijk, (i, j, k), np.packbits(self.mask_ijk).tobytes()) if self.by_hand else None

    def on_ct(self, image: SourceImage) -> tuple[NDArray[np.bool_], Affine]:
        """The mask on the CT's voxels: the server's own may be another order of the same series."""
        if self.answer.affine_ras_mm is not None:
            return standing(self.mask_ijk, self.start_ijk, self.answer, image)
        shift = np.eye(4)
        shift[:3, 3] = self.start_ijk
        return self.mask_ijk, image.affine_ras_mm @ shift


def changed_by_hand(step: Step, segment: Any, image: SourceImage) -> Step | None:
    """The step a hand has made of the one drawn in `segment`; None where it is as it was drawn, or nothing of it is left."""
    if is_as_drawn(segment):
        return None
    mask, affine = on_voxels(segment, image)
    if not mask.size:
        return None
    found = measured(mask, affine, image)
    theirs = image.affine_ras_mm if step.answer.affine_ras_mm is None else np.asarray(step.answer.affine_ras_mm)
    turned = np.linalg.inv(theirs) @ image.affine_ras_mm
    shape = np.rint(np.abs(turned[:3, :3]) @ image.shape).astype(int)
    mask, affine = tight(*onto_voxels(mask, affine, theirs, (int(shape[0]), int(shape[1]), int(shape[2]))))
    i, j, k = (int(n) for n in np.rint((np.linalg.inv(theirs) @ affine)[:3, 3]))
    answer = replace(
        step.answer,
        volume_ml=found.millilitres,
        longest_diameter_mm=found.longest_mm,
        mean_hu=step.answer.mean_hu if found.mean_hu is None else found.mean_hu,
    )
    return Step(step.prompt, mask, (i, j, k), answer, by_hand=True)


def merged(before: Step | None, segment: SegmentAnswer) -> tuple[NDArray[np.bool_], tuple[int, int, int]]:
    """The whole mask after an answer, tight around it, and its first voxel. ValueError for an empty one."""
    changed = box_mask(segment)
    boxes = [(np.asarray(segment.box.start_ijk), changed)]
    if before is not None:
        boxes.insert(0, (np.asarray(before.start_ijk), before.mask_ijk))
    low = np.min([start for start, mask in boxes if mask.size], axis=0)
    high = np.max([start + mask.shape for start, mask in boxes if mask.size], axis=0)
    whole = np.zeros(high - low, np.bool_)
    for start, mask in boxes:
        if mask.size:
            whole[tuple(slice(a - n, a - n + size) for a, n, size in zip(start, low, mask.shape, strict=True))] = mask
    filled = np.argwhere(whole)
    if not len(filled):
        raise ValueError(_("Nothing of the lesion is left; undo the last click."))
    first, last = filled.min(axis=0), filled.max(axis=0) + 1
    tight = whole[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]
    i, j, k = (int(n) for n in low + first)
    return np.ascontiguousarray(tight), (i, j, k)
