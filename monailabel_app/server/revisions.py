"""Masks a study's lesions had, by number, so that a correction names the one it starts from and only what changed is sent."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict

import numpy as np

from asap.client.wire import MaskBox
from asap.segmentation import Segment, bounding_box

KEPT = 64  # undoing further back than this costs one answer in full


class Revisions:
    """The newest masks of one study. Methods may be called from any thread."""

    def __init__(self) -> None:
        self._segments: OrderedDict[str, Segment] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, segment: Segment) -> str:
        """Keep a segment; its revision."""
        revision = secrets.token_hex(16)
        with self._lock:
            self._segments[revision] = segment
            while len(self._segments) > KEPT:
                self._segments.popitem(last=False)
        return revision

    def find(self, revision: str | None) -> Segment | None:
        """The segment of a revision, None when it is not kept (any more)."""
        with self._lock:
            return self._segments.get(revision or "")


def whole_box(segment: Segment) -> MaskBox:
    """A segment as one box."""
    i, j, k = segment.mask.shape
    return MaskBox(segment.start_ijk, (i, j, k), np.packbits(segment.mask).tobytes())


def changed_box(before: Segment, after: Segment) -> MaskBox:
    """The tight box of the voxels that differ, with what `after` has there; of no voxels when nothing does."""
    low = np.minimum(before.start_ijk, after.start_ijk)
    high = np.maximum(before.stop_ijk, after.stop_ijk)
    old, new = np.zeros(high - low, dtype=np.bool_), np.zeros(high - low, dtype=np.bool_)
    for whole, segment in ((old, before), (new, after)):
        whole[tuple(slice(a - n, b - n) for a, b, n in zip(segment.start_ijk, segment.stop_ijk, low, strict=True))] = segment.mask
    box = bounding_box(old != new)
    if box is None:
        return MaskBox(after.start_ijk, (0, 0, 0), b"")
    i, j, k = (int(n) + axis.start for n, axis in zip(low, box, strict=True))
    a, b, c = (axis.stop - axis.start for axis in box)
    return MaskBox((i, j, k), (a, b, c), np.packbits(new[box]).tobytes())
