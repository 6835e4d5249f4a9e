"""`Segment` and `Segmentation`: masks on one image's grid with names, colours, DICOM terminology codes and measurements.

Segments may overlap. Each mask is kept in its bounding box only; measurements are computed when a segment is made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

from asap.errors import InputError
from asap.segment_types import SegmentType
from asap.volume import Affine, Volume, apply_affine

Triple = tuple[int, int, int]
Mask = NDArray[np.bool_]
MM3_PER_ML = 1000.0
# More points than this need a hull before all distances between them are compared.
FEW_POINTS = 32


@dataclass(frozen=True)
class Measurements:
    """What a reader wants to know of a segment.

    volume_ml: voxels times their volume. longest_diameter_mm: largest distance between the centres of two of its voxels, in
    three dimensions; 0 for a single voxel. mean_hu: mean of the CT inside.
    """

    volume_ml: float
    longest_diameter_mm: float
    mean_hu: float


@dataclass(frozen=True, eq=False)
class Segment:
    """One structure or lesion on an image's grid.

    kind: what it is, with colour and codes. name: what it is called ("Heart"); unique in a segmentation. mask: (a, b, c) bool,
    the tight box around it. start_ijk: the box's first voxel in the image. source: how it was made, in words for a person.
    """

    kind: SegmentType
    name: str
    mask: Mask
    start_ijk: Triple
    measurements: Measurements
    source: str

    @property
    def stop_ijk(self) -> Triple:
        """One past the box's last voxel."""
        i, j, k = (first + size for first, size in zip(self.start_ijk, self.mask.shape, strict=True))
        return i, j, k

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """The box as slices of the image."""
        i, j, k = (slice(first, stop) for first, stop in zip(self.start_ijk, self.stop_ijk, strict=True))
        return i, j, k


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Segments of one image. shape, affine: of the image they lie on (any orientation), index -> RAS+ mm."""

    shape: Triple
    affine: Affine
    segments: tuple[Segment, ...]

    def __post_init__(self) -> None:
        names = [segment.name for segment in self.segments]
        if len(set(names)) != len(names):
            raise InputError("Two segments have one name; give each its own.")
        for segment in self.segments:
            if min(segment.start_ijk) < 0 or any(stop > n for stop, n in zip(segment.stop_ijk, self.shape, strict=True)):
                raise InputError("A segment reaches beyond its image.")

    def mask(self, name: str) -> Mask:
        """One segment's mask on the whole grid; empty when there is no such segment."""
        whole = np.zeros(self.shape, dtype=np.bool_)
        for segment in self.segments:
            if segment.name == name:
                whole[segment.box] = segment.mask
        return whole

    def layers(self) -> tuple[tuple[Segment, ...], ...]:
        """The segments in as few groups as it takes so that none overlaps another of its group, in order."""
        groups: list[tuple[list[Segment], Mask]] = []
        for segment in self.segments:
            free = (group for group in groups if not (group[1][segment.box] & segment.mask).any())
            group = next(free, None)
            if group is None:
                group = ([], np.zeros(self.shape, dtype=np.bool_))
                groups.append(group)
            group[0].append(segment)
            group[1][segment.box] |= segment.mask
        return tuple(tuple(members) for members, _ in groups)

    def label_map(self, layer: tuple[Segment, ...]) -> NDArray[np.uint8]:
        """(i, j, k) with n + 1 where segment n of a layer is, 0 elsewhere. Raises InputError for more than 255 segments."""
        if len(layer) > np.iinfo(np.uint8).max:
            raise InputError("A label map holds at most 255 segments; write fewer at a time.")
        labels = np.zeros(self.shape, dtype=np.uint8)
        for number, segment in enumerate(layer, start=1):
            labels[segment.box][segment.mask] = number
        return labels

    def with_segment(self, segment: Segment) -> Segmentation:
        """The same with a segment added, or put in the place of the one of its name."""
        kept = tuple(segment if old.name == segment.name else old for old in self.segments)
        return replace(self, segments=kept if segment in kept else (*kept, segment))


def make_segment(
    volume: Volume, mask: Mask, kind: SegmentType, *, source: str, name: str | None = None, start_ijk: Triple = (0, 0, 0)
) -> Segment | None:
    """A measured segment from a mask (a, b, c) that lies in the volume from `start_ijk`; None when it is empty.

    name: by default the label of its kind. source: how the mask was made.
    """
    box = bounding_box(mask)
    if box is None:
        return None
    tight = np.ascontiguousarray(mask[box])
    i, j, k = (first + axis.start for first, axis in zip(start_ijk, box, strict=True))
    where = tuple(slice(first, first + size) for first, size in zip((i, j, k), tight.shape, strict=True))
    measurements = Measurements(
        volume_ml=float(tight.sum()) * abs(float(np.linalg.det(volume.affine[:3, :3]))) / MM3_PER_ML,
        longest_diameter_mm=longest_diameter_mm(tight, volume.affine),
        mean_hu=float(volume.hu[where][tight].mean(dtype=np.float64)),
    )
    return Segment(kind, name or kind.label, tight, (i, j, k), measurements, source)


def bounding_box(mask: NDArray[Any]) -> tuple[slice, slice, slice] | None:
    """The tight box around a mask's True voxels; None for an empty one."""
    lines = [np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    if lines[0].size == 0:
        return None
    i, j, k = (slice(int(line[0]), int(line[-1]) + 1) for line in lines)
    return i, j, k


def longest_diameter_mm(mask: Mask, affine: Affine) -> float:
    """Largest distance between the centres of two True voxels."""
    points = apply_affine(affine, _row_ends(mask))
    if len(points) > FEW_POINTS:
        try:
            points = points[ConvexHull(points).vertices]
        except QhullError:  # flat or straight: every point counts
            points = points[_extremes(points)]
    gaps = points[:, None, :] - points[None, :, :]
    return float(np.sqrt((gaps**2).sum(axis=-1).max())) if len(points) else 0.0


def _row_ends(mask: Mask) -> NDArray[np.float64]:
    """First and last True voxel of each row along the last axis: the hull of these is the hull of all."""
    i, j = np.nonzero(mask.any(axis=2))
    rows = mask[i, j]
    first, last = rows.argmax(axis=1), rows.shape[1] - 1 - rows[:, ::-1].argmax(axis=1)
    ends: NDArray[np.intp] = np.concatenate([np.stack([i, j, first], axis=1), np.stack([i, j, last], axis=1)])
    return ends.astype(np.float64)


def _extremes(points: NDArray[np.float64]) -> NDArray[np.intp]:
    """Points that lie furthest along one of many directions: enough of a hull for points in a plane or on a line."""
    angles = np.random.default_rng(0).standard_normal((256, 3))
    along = points @ angles.T
    return np.asarray(np.unique(np.concatenate([along.argmax(axis=0), along.argmin(axis=0)])))


def dice(ours: Mask, theirs: Mask) -> float:
    """2 |A and B| / (|A| + |B|); 1 when both are empty."""
    total = int(ours.sum()) + int(theirs.sum())
    return 2.0 * int((ours & theirs).sum()) / total if total else 1.0
