"""What clicks have drawn so far, so that a stock client's next click corrects it: such a client sends points and no mask."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from asap.prompt import Prompt
from asap.segmentation import Segment
from monailabel_app.lib.stored_studies import Signature

KEPT = 64
KEPT_BYTES = 128 * 2**20  # a mask is a box of one byte a voxel; few are larger than a megabyte


@dataclass(frozen=True)
class Drawing:
    """Whose segment it is. file: the case's, as it was; client: what the client calls itself; label: the segment's name."""

    file: Signature
    client: str
    label: str


class DrawnSegments:
    """The newest answers of one engine's click tasks, each with the prompt it answered. Methods may be called from any thread."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Drawing, tuple[Prompt, Segment]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, drawing: Drawing) -> tuple[Prompt, Segment] | None:
        """The newest answer; None when it is not kept (any more)."""
        with self._lock:
            if drawing in self._kept:
                self._kept.move_to_end(drawing)
            return self._kept.get(drawing)

    def keep(self, drawing: Drawing, prompt: Prompt, segment: Segment) -> None:
        """Keep an answer in the place of the one before."""
        with self._lock:
            self._kept.pop(drawing, None)
            self._kept[drawing] = (prompt, segment)
            while len(self._kept) > KEPT or sum(kept.mask.nbytes for _, kept in self._kept.values()) > KEPT_BYTES:
                self._kept.popitem(last=False)

    def forget(self, drawing: Drawing) -> None:
        """Begin anew with the next answer."""
        with self._lock:
            self._kept.pop(drawing, None)

    def forget_missing(self) -> None:
        """Drop what belongs to files that are no longer there."""
        with self._lock:
            for drawing in [drawing for drawing in self._kept if not all(Path(name).exists() for name, *_ in drawing.file)]:
                del self._kept[drawing]


def continues(before: Prompt, now: Prompt) -> bool:
    """Whether `now` says all that `before` said, and perhaps more; a point that was taken back or moved begins anew."""
    return set(before.include) <= set(now.include) and set(before.exclude) <= set(now.exclude) and before.box == now.box


def says_the_same(before: Prompt, now: Prompt) -> bool:
    """Whether nothing was added."""
    return continues(before, now) and continues(now, before)
