"""Named masks on one grid, as files hold them: overlapping if need be, each with its codes. numpy only.

Also how reader child and parent hand them over: a JSON head, then each mask as packed bits in C order.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asap import limits
from asap.errors import InputError, LimitError
from asap.segment_types import LESIONS, ORGANS, Code, SegmentType
from asap.segmentation import Segmentation
from asap.volume import Affine, checked_affine

Mask = NDArray[np.bool_]
MAX_SEGMENTS = 255
MAX_LABEL_CHARS = 64
SAME_VOXEL = 0.05  # of a voxel: what decimal strings and float32 headers round away


@dataclass(frozen=True, eq=False)
class NamedMask:
    """One mask (i, j, k) with its name and codes. model: what drew it; None when a person did."""

    label: str
    mask: Mask
    kind: SegmentType
    model: str | None = None


@dataclass(frozen=True, eq=False)
class MaskSet:
    """Segments on one grid; affine: voxel index -> RAS+ mm. Raises InputError when shapes differ or there are too many."""

    masks: tuple[NamedMask, ...]
    shape: tuple[int, int, int]
    affine: Affine

    def __post_init__(self) -> None:
        limits.check_shape(self.shape, 1)
        object.__setattr__(self, "affine", checked_affine(self.affine))
        if len(self.masks) > MAX_SEGMENTS:
            raise LimitError(f"A file holds at most {MAX_SEGMENTS} segments.")
        if any(m.mask.shape != self.shape or m.mask.dtype != np.bool_ for m in self.masks):
            raise InputError("The segments do not lie on one grid.")

    def on_grid(self, shape: tuple[int, int, int], affine: Affine) -> MaskSet:
        """The same voxels at their place in another grid of the same voxels: permuted, flipped, padded, never resampled.

        Raises InputError when the grids' voxels do not coincide or a marked voxel lies outside the other grid.
        """
        turn = np.linalg.inv(affine) @ self.affine
        signs = np.rint(turn[:3, :3])
        if np.abs(np.abs(signs).sum(axis=0) - 1).max() > 0 or np.abs(np.abs(signs).sum(axis=1) - 1).max() > 0:
            raise InputError("The segmentation and the image do not have the same voxels.")
        corners = np.array([[0.0, 0, 0, 1], [*(n - 1.0 for n in self.shape), 1]]) @ turn.T
        first, last = corners[0, :3], corners[1, :3]
        low = np.rint(np.minimum(first, last)).astype(int)
        if np.abs(first - np.rint(first)).max() > SAME_VOXEL or np.abs(last - np.rint(last)).max() > SAME_VOXEL:
            raise InputError("The segmentation and the image do not have the same voxels.")
        axes = tuple(int(np.argmax(np.abs(row))) for row in signs)
        flips = tuple(slice(None, None, -1) if signs[row, axis] < 0 else slice(None) for row, axis in enumerate(axes))
        moved = tuple(NamedMask(m.label, _placed(m.mask.transpose(axes)[flips], low, shape), m.kind, m.model) for m in self.masks)
        return MaskSet(moved, shape, affine)


def mask_set(segmentation: Segmentation, model: str | None) -> MaskSet:
    """A segmentation as files hold it. model: what drew it; None when a person did."""
    masks = (NamedMask(s.name, segmentation.mask(s.name), s.kind, model) for s in segmentation.segments)
    return MaskSet(tuple(masks), segmentation.shape, segmentation.affine)


def _placed(mask: Mask, low: NDArray[np.int_], shape: tuple[int, int, int]) -> Mask:
    """`mask` with its first voxel at `low` of a grid of `shape`."""
    start = np.maximum(low, 0)
    stop = np.minimum(low + mask.shape, shape)
    out = np.zeros(shape, dtype=np.bool_)
    if (stop > start).all():
        inside = mask[tuple(slice(a - n, b - n) for a, b, n in zip(start, stop, low, strict=True))]
        out[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = inside
    if np.count_nonzero(out) != np.count_nonzero(mask):
        raise InputError("The segmentation marks voxels outside the image.")
    return out


def packed(masks: MaskSet, **more: Any) -> tuple[bytes, list[bytes]]:
    """The JSON head and each mask's bits; `more` is added to the head."""
    rows = [{"label": s.label, "kind": asdict(s.kind), "model": s.model} for s in masks.masks]
    head = {"shape": list(masks.shape), "affine": masks.affine.tolist(), "segments": rows, **more}
    return json.dumps(head).encode(), [np.packbits(s.mask).tobytes() for s in masks.masks]


def unpacked(head: dict[str, Any], bits: Sequence[bytes]) -> MaskSet:
    """The other way round. Raises InputError for anything `packed` does not make."""
    try:
        i, j, k = (int(n) for n in head["shape"])
        count = limits.check_shape((i, j, k), 1)
        found = []
        for row, data in zip(head["segments"], bits, strict=True):
            mask = np.unpackbits(np.frombuffer(data, np.uint8), count=count).view(np.bool_).reshape(i, j, k)
            found.append(NamedMask(str(row["label"])[:MAX_LABEL_CHARS], mask, _kind(row["kind"]), row["model"]))
        return MaskSet(tuple(found), (i, j, k), np.array(head["affine"], dtype=np.float64))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("The segmentation is damaged.") from error


def bits_bytes(head: dict[str, Any]) -> list[int]:
    """How many bytes of bits follow a head, for each segment. Raises InputError, LimitError before anything is allocated."""
    try:
        shape, segments = tuple(int(n) for n in head["shape"]), head["segments"]
        size = (limits.check_shape(shape, 1) + 7) // 8
        if not isinstance(segments, list) or len(segments) > MAX_SEGMENTS or size * len(segments) > limits.MAX_RAW_BYTES:
            raise LimitError(f"A file holds at most {MAX_SEGMENTS} segments; this one is too large.")
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("The segmentation is damaged.") from error
    return [size] * len(segments)


def named_kind(read: SegmentType) -> SegmentType:
    """Codes as a file gave them, with the key and label of our type of these codes; no key where they are not ours."""
    for ours in (*ORGANS.values(), *LESIONS.values()):
        same = (ours.type.value, ours.type.scheme) == (read.type.value, read.type.scheme)
        if same and ours.modifier in (None, read.modifier) and (ours.region is None or read.region is not None):
            return replace(read, key=ours.key, label=ours.label)
    return replace(read, key="", label=read.type.meaning)


def _kind(row: dict[str, Any]) -> SegmentType:
    red, green, blue = (min(255, max(0, int(level))) for level in row["colour"])
    sides = (None if row[name] is None else _code(row[name]) for name in ("modifier", "region", "region_modifier"))
    return named_kind(SegmentType("", "", (red, green, blue), _code(row["category"]), _code(row["type"]), *sides))


def _code(row: dict[str, Any]) -> Code:
    return Code(*(str(row[name])[:MAX_LABEL_CHARS] for name in ("value", "scheme", "meaning")))
