"""The segments made of a CT's regions: how large each is, shown or hidden, taken away again; all of them as one label map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import volume_nodes
from .colours import Colour
from .i18n import _
from .segment_masks import LABELMAP, mask_of
from .segments import MM3_PER_ML, segmentation_of

OFF_GRID = 1e-3  # voxels


@dataclass(frozen=True)
class SegmentRow:
    """identity: within the segmentation. millilitres: counted on its voxels."""

    identity: str
    name: str
    colour: Colour
    millilitres: float
    shown: bool


def segment_rows(scene: Any, volume: Any) -> list[SegmentRow]:
    """All segments of a volume in the order they were made."""
    node = segmentation_of(scene, volume)
    if node is None:
        return []
    segmentation, display = node.GetSegmentation(), node.GetDisplayNode()
    rows = []
    for number in range(segmentation.GetNumberOfSegments()):
        identity = segmentation.GetNthSegmentID(number)
        segment = segmentation.GetSegment(identity)
        mask, affine = mask_of(segment)
        ml = float(np.count_nonzero(mask)) * abs(float(np.linalg.det(affine[:3, :3]))) / MM3_PER_ML
        shown = bool(display.GetSegmentVisibility(identity))
        rows.append(SegmentRow(identity, segment.GetName(), tuple(segment.GetColor()), ml, shown))
    return rows


def stamp(scene: Any, volume: Any) -> tuple[int, ...]:
    """Changes whenever a row of `segment_rows` may have: counting voxels is not for every look."""
    node = segmentation_of(scene, volume)
    if node is None:
        return ()
    segmentation = node.GetSegmentation()
    images = [segmentation.GetNthSegment(n).GetRepresentation(LABELMAP) for n in range(segmentation.GetNumberOfSegments())]
    things = (node, node.GetDisplayNode(), segmentation, *(image for image in images if image is not None))
    return tuple(thing.GetMTime() for thing in things)


def show_segment(scene: Any, volume: Any, identity: str, *, shown: bool) -> None:
    """Show or hide one."""
    node = segmentation_of(scene, volume)
    if node is not None:
        node.GetDisplayNode().SetSegmentVisibility(identity, shown)


def remove_segment(scene: Any, volume: Any, identity: str) -> None:
    """Take one away."""
    node = segmentation_of(scene, volume)
    if node is not None:
        node.GetSegmentation().RemoveSegment(identity)


def label_map(scene: Any, volume: Any) -> tuple[NDArray[np.uint8], list[str]]:
    """All segments on the CT's voxels, (i, j, k) labels from 1 in the order of the names; later ones lie over earlier ones.

    ValueError where a segment does not stand on the CT's voxels, as after editing on another geometry.
    """
    source = volume_nodes.source_image(volume)
    labels = np.zeros(source.shape, np.uint8)
    node = segmentation_of(scene, volume)
    names: list[str] = []
    segmentation = None if node is None else node.GetSegmentation()
    for number in range(0 if segmentation is None else segmentation.GetNumberOfSegments()):
        segment = segmentation.GetNthSegment(number)
        names.append(segment.GetName())
        mask, affine = mask_of(segment)
        place = np.linalg.inv(source.affine_ras_mm) @ affine
        start = np.rint(place[:3, 3]).astype(int)
        if np.abs(place[:3, :3] - np.eye(3)).max() > OFF_GRID or np.abs(place[:3, 3] - start).max() > OFF_GRID:
            raise ValueError(_("A segment does not stand on the CT's voxels; export the segmentation with Slicer's own export."))
        box = tuple(slice(int(low), int(low) + size) for low, size in zip(start, mask.shape, strict=True))
        labels[box][mask] = number + 1
    return labels, names
