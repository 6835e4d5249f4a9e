"""The voxels of a segment in the scene, and whether they are still those that were drawn here or a hand has changed them."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import vtk
from numpy.typing import NDArray

from . import volume_nodes
from .volume_nodes import Affine

LABELMAP = "Binary labelmap"
DRAWN, NAMED, LABEL = "Asap.Drawn", "Asap.Named", "Asap.Label"
TENTH_UM = 4  # decimals of a millimetre
Mask = NDArray[np.bool_]


def mask_of(segment: Any) -> tuple[Mask, Affine]:
    """Voxels of a segment (i, j, k) and their affine to RAS+ mm. Several segments may share one label map, each its value."""
    return volume_nodes.oriented_mask(segment.GetRepresentation(LABELMAP), segment.GetLabelValue())


def segments_of(segmentation: Any) -> dict[str, Any]:
    """The segments of a vtkSegmentation by their identities, in order; none where there is no segmentation."""
    count = 0 if segmentation is None else segmentation.GetNumberOfSegments()
    return {segmentation.GetNthSegmentID(n): segmentation.GetNthSegment(n) for n in range(count)}


def tight(mask_ijk: Mask, affine_ras_mm: Affine) -> tuple[Mask, Affine]:
    """A mask without the empty voxels around it, and that box's affine; no voxels when nothing is marked."""
    lines = [np.flatnonzero(mask_ijk.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    if not lines[0].size:
        return np.zeros((0, 0, 0), np.bool_), affine_ras_mm
    shift = np.eye(4)
    shift[:3, 3] = [line[0] for line in lines]
    box = tuple(slice(int(line[0]), int(line[-1]) + 1) for line in lines)
    return np.ascontiguousarray(mask_ijk[box]), affine_ras_mm @ shift


def mark_drawn(segment: Any, label: str = "") -> None:
    """Note that the segment is now as it was drawn and named here. label: what it is, where its name is a sentence."""
    segment.SetTag(DRAWN, _digest(segment))
    segment.SetTag(NAMED, segment.GetName())
    if label:
        segment.SetTag(LABEL, label)


def label_name(segment: Any) -> str:
    """What a segment is called as a label that is learnt from: what it is, unless somebody gave it another name."""
    name = str(segment.GetName())
    return (tag(segment, LABEL) or name) if tag(segment, NAMED) == name else name


def is_as_drawn(segment: Any) -> bool:
    """Whether the segment was drawn here, and neither its voxels nor its name were changed since."""
    return tag(segment, DRAWN) == _digest(segment) and tag(segment, NAMED) == segment.GetName()


def tag(segment: Any, name: str) -> str:
    """A tag's value, "" without it."""
    value = vtk.reference("")
    return str(value) if segment.GetTag(name, value) else ""


def _digest(segment: Any) -> str:
    """Of the marked voxels and where they stand, whatever empty voxels an editor keeps around them."""
    mask, affine = tight(*mask_of(segment))
    digest = hashlib.sha256(np.packbits(mask).tobytes())
    digest.update(repr((mask.shape, (np.round(affine, TENTH_UM) + 0.0).tolist())).encode())
    return digest.hexdigest()
