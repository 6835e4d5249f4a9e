"""A CT's segments as files, taken from the scene as they are now: one label map to submit, or all of them whole to keep.

Slicer's own storage node writes them, so that they come back as they went: on the CT's voxels, with names, colours and codes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import slicer
from numpy.typing import NDArray

from asap.review import Review

from . import volume_nodes
from .colours import Colour
from .i18n import _
from .segment_masks import LABELMAP, is_as_drawn, label_name, mask_of, segments_of, tag, tight
from .segments import onto_voxels, oriented_image, segmentation_of
from .volume_nodes import Affine, SourceImage

ENDING = ".seg.nrrd"
ON_GRID = 1e-3  # voxels
MAX_LABELS = 255


@dataclass(frozen=True, eq=False)
class SceneSegment:
    """mask_ijk: tight, on the voxels of the CT. affine_ras_mm: of that box. terminology: Slicer's serial form of its codes.

    by_hand: it is not, or no longer, as it was drawn here.
    """

    name: str
    colour: Colour
    terminology: str
    mask_ijk: NDArray[np.bool_]
    affine_ras_mm: Affine
    by_hand: bool


@dataclass(frozen=True)
class LabelFile:
    """data: of a .seg.nrrd of one layer. names: of its values, from 1. shared: voxels that more than one segment marks."""

    data: bytes
    names: tuple[str, ...]
    shared: int


def scene_segments(scene: Any, volume: Any, named: Callable[[Any], str]) -> list[SceneSegment]:
    """All segments of a volume that mark anything, on its voxels, in their order. ValueError for one outside the CT.

    named: what a vtkSegment is called.
    """
    node = segmentation_of(scene, volume)
    image = volume_nodes.source_image(volume)
    found = []
    for segment in segments_of(None if node is None else node.GetSegmentation()).values():
        mask, affine = on_voxels(segment, image)
        if mask.size:
            codes = tag(segment, segment.GetTerminologyEntryTagName())
            by_hand = not is_as_drawn(segment)
            found.append(SceneSegment(named(segment), tuple(segment.GetColor()), codes, mask, affine, by_hand))
    return found


def on_voxels(segment: Any, image: SourceImage) -> tuple[NDArray[np.bool_], Affine]:
    """A segment's mask, tight, on the voxels of the CT, as it stands where it stands on them; with the affine of its box."""
    mask, affine = tight(*mask_of(segment))
    if not mask.size:
        return mask, affine
    place = np.linalg.inv(image.affine_ras_mm) @ affine
    start = np.rint(place[:3, 3])
    aligned = np.abs(place[:3, :3] - np.eye(3)).max() < ON_GRID and np.abs(place[:3, 3] - start).max() < ON_GRID
    if aligned and (start >= 0).all() and (start + mask.shape <= image.shape).all():
        return mask, affine
    return tight(*onto_voxels(mask, affine, image.affine_ras_mm, image.shape))


def label_file(scene: Any, volume: Any) -> LabelFile:
    """All segments as one label map for the server to learn from, the smaller ones on top. ValueError without any."""
    segments = scene_segments(scene, volume, label_name)
    if not segments:
        raise ValueError(_("There is no segment to submit yet; draw one, or correct what the model draws."))
    if len(segments) > MAX_LABELS:
        raise ValueError(_("A label holds at most {count} segments.").format(count=MAX_LABELS))
    order = sorted(segments, key=lambda segment: -int(np.count_nonzero(segment.mask_ijk)))
    image = volume_nodes.source_image(volume)
    marked = np.zeros(image.shape, np.uint8)
    for segment in order:
        start = np.rint((np.linalg.inv(image.affine_ras_mm) @ segment.affine_ras_mm)[:3, 3]).astype(int)
        box = tuple(slice(int(low), int(low) + size) for low, size in zip(start, segment.mask_ijk.shape, strict=True))
        marked[box] += segment.mask_ijk
    data = _written(volume, order, one_layer=True)
    return LabelFile(data, tuple(segment.name for segment in order), int(np.count_nonzero(marked > 1)))


def segments_file(scene: Any, volume: Any) -> bytes:
    """All segments, each whole where they overlap, as .seg.nrrd with names, colours and codes. ValueError without any."""
    segments = scene_segments(scene, volume, lambda segment: str(segment.GetName()))
    if not segments:
        raise ValueError(_("There is no segment to save yet."))
    return _written(volume, segments, one_layer=False)


def segments_of_sentences(scene: Any, volume: Any, review: Review) -> dict[int, SceneSegment]:
    """The segment made of each sentence, by the sentence's index, where there is one: that of its words, the newest first."""
    found = {one.name: one for one in scene_segments(scene, volume, lambda segment: str(segment.GetName()))}
    return {index: found[one.text] for index, one in enumerate(review.sentences) if one.text in found}


def _written(volume: Any, segments: list[SceneSegment], *, one_layer: bool) -> bytes:
    """one_layer: later segments lie over earlier ones."""
    node = slicer.vtkMRMLSegmentationNode()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    segmentation = node.GetSegmentation()
    segmentation.SetSourceRepresentationName(LABELMAP)
    for number, one in enumerate(segments, start=1):
        segment = slicer.vtkSegment()
        segment.SetName(one.name)
        segment.SetColor(*one.colour)
        segment.SetTag(segment.GetTerminologyEntryTagName(), one.terminology)
        segment.AddRepresentation(LABELMAP, oriented_image(one.mask_ijk, one.affine_ras_mm))
        segmentation.AddSegment(segment, f"Segment_{number}")
    segmentation.CollapseBinaryLabelmaps(one_layer)
    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetCropToMinimumExtent(False)
    with tempfile.TemporaryDirectory(prefix="asap-segments-") as folder:
        path = Path(folder) / f"segments{ENDING}"
        storage.SetFileName(str(path))
        if not storage.WriteData(node):
            raise ValueError(_("The segments could not be written; is the disk full?"))
        return path.read_bytes()
