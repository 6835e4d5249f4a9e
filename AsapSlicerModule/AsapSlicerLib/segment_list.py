"""The segments made of a CT's regions: how large each is, shown or hidden, taken away again; all of them as one label map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import volume_nodes
from .colours import Colour
from .segment_files import on_voxels
from .segment_masks import LABELMAP, mask_of, segments_of, tight
from .segment_measures import Measures, measured
from .segments import segmentation_of
from .volume_nodes import SourceImage


@dataclass(frozen=True)
class SegmentRow:
    """identity: within the segmentation. measures: of its voxels as they are now."""

    identity: str
    name: str
    colour: Colour
    measures: Measures
    shown: bool


class Measuring:
    """Measures of the segments of one CT at a time, taken anew only of those that changed."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Measures] = {}
        self._met: dict[tuple[Any, ...], Measures] = {}

    def of(self, identity: str, segment: Any, image: SourceImage) -> Measures:
        """Of one segment."""
        labels = segment.GetRepresentation(LABELMAP)
        key = (identity, segment.GetLabelValue(), 0 if labels is None else labels.GetMTime(), image.stamp)
        if key not in self._met:
            self._met[key] = self._known[key] if key in self._known else _measured(segment, image)
        return self._met[key]

    def forget_others(self) -> None:
        """Keep what was asked for since the last time."""
        self._known, self._met = self._met, {}


def _measured(segment: Any, image: SourceImage) -> Measures:
    try:
        return measured(*on_voxels(segment, image), image)
    except ValueError:  # it lies outside the CT
        return measured(*tight(*mask_of(segment)), image)


def segment_names(scene: Any, volume: Any) -> set[str]:
    """Of all segments of a volume."""
    node = segmentation_of(scene, volume)
    return {segment.GetName() for segment in segments_of(None if node is None else node.GetSegmentation()).values()}


def segment_rows(scene: Any, volume: Any, measuring: Measuring | None = None) -> list[SegmentRow]:
    """All segments of a volume in the order they were made. measuring: kept by who asks again and again."""
    node = segmentation_of(scene, volume)
    if node is None:
        return []
    keeper, image, display = measuring or Measuring(), volume_nodes.source_image(volume), node.GetDisplayNode()
    rows = []
    for identity, segment in segments_of(node.GetSegmentation()).items():
        shown = display is None or bool(display.GetSegmentVisibility(identity))
        colour = tuple(segment.GetColor())
        rows.append(SegmentRow(identity, segment.GetName(), colour, keeper.of(identity, segment, image), shown))
    keeper.forget_others()
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

    ValueError where one lies outside the CT.
    """
    source = volume_nodes.source_image(volume)
    labels = np.zeros(source.shape, np.uint8)
    node = segmentation_of(scene, volume)
    names: list[str] = []
    for segment in segments_of(None if node is None else node.GetSegmentation()).values():
        names.append(segment.GetName())
        mask, affine = on_voxels(segment, source)
        start = np.rint((np.linalg.inv(source.affine_ras_mm) @ affine)[:3, 3]).astype(int)
        labels[tuple(slice(int(low), int(low) + size) for low, size in zip(start, mask.shape, strict=True))][mask] = len(names)
    return labels, names
