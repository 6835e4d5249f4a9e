"""What is kept of an encoded case, and where: enough to answer any sentence without the image."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import numpy as np
import torch
from torch import Tensor

from asap import limits
from asap.lungs import LungMasks
from asap.preprocess import GridMap
from asap.volume import SAME_CASE_CORNER_MM, Affine, Volume, apply_affine, corner_indices

Triple = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class ShiftedCells:
    """Features of one field of view. shift: in half cells along each axis (0 or 1). cells_NC: [N, C].

    calcium_NK: float16, calcium measured in each cell (`asap.inference.calcium`); None for a model that tells no organs.
    nodules_NK: float16, what a nodule scorer says of each cell (`asap.inference.nodules`); None for a model without one.
    """

    shift: Triple
    cells_NC: Tensor
    grid: GridMap
    calcium_NK: Tensor | None = None
    nodules_NK: Tensor | None = None


@dataclass(frozen=True, eq=False)
class EncodedImage:
    """What a model keeps of one field of view.

    cells_NC: [N, C]. correction_NK: float16, what a finding head adds, or None. calcium_NK, nodules_NK: as of `ShiftedCells`.
    """

    cells_NC: Tensor
    correction_NK: Tensor | None = None
    calcium_NK: Tensor | None = None
    nodules_NK: Tensor | None = None


@dataclass(frozen=True, eq=False)
class StudyFeatures:
    """An encoded case. windows: one field of view, or eight shifted by half a cell for a map twice as fine.

    correction_NK: what the model's finding head adds to its findings' log-odds in each cell of the first window; None without it.
    identity, ras_affine, ras_shape: of the volume it came from, so that one case is recognised however it is stored.
    """

    identity: str
    ras_affine: Affine
    ras_shape: Triple
    weights_sha256: str
    tokens: Triple
    windows: tuple[ShiftedCells, ...]
    lungs: LungMasks
    correction_NK: Tensor | None = None

    @property
    def bytes(self) -> int:
        """Memory the features and the lung masks take."""
        kept = [self.correction_NK, *(t for w in self.windows for t in (w.cells_NC, w.calcium_NK, w.nodules_NK))]
        cells = sum(tensor.numel() * tensor.element_size() for tensor in kept if tensor is not None)
        return cells + sum(mask.nbytes for mask in (self.lungs.left, self.lungs.right, self.lungs.airway, self.lungs.body))

    @property
    def fine(self) -> bool:
        """Whether the map is twice as fine as the model's cells."""
        return len(self.windows) > 1

    def belongs_to(self, ras: Volume) -> bool:
        """True when the volume (in RAS order) is the case these features came from, to 1e-3 mm at its corners."""
        if ras.shape != self.ras_shape:
            return False
        corners = corner_indices(ras.shape)
        gap = np.abs(apply_affine(ras.affine, corners) - apply_affine(self.ras_affine, corners)).max()
        return bool(gap < SAME_CASE_CORNER_MM)


@dataclass(frozen=True)
class _CacheKey:
    owner: str | None
    identity: str
    fine: bool
    affine: bytes


class FeatureCache:
    """The most recently used cases within a limit of bytes; safe to share between threads.

    owner: whose upload a case is; only the same owner finds it again. None: a case all may share.
    """

    def __init__(self, max_bytes: int = limits.FEATURE_CACHE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[_CacheKey, StudyFeatures] = OrderedDict()
        self._lock = Lock()

    def find(self, ras: Volume, identity: str, *, fine: bool, owner: str | None = None) -> StudyFeatures | None:
        """The features of this case, or None."""
        with self._lock:
            for key, features in reversed(self._entries.items()):
                same = (key.owner, key.identity, key.fine) == (owner, identity, fine)
                if same and features.belongs_to(ras):
                    self._entries.move_to_end(key)
                    return features
        return None

    def add(self, features: StudyFeatures, owner: str | None = None) -> None:
        """Keep a case; the least recently used ones go when the limit is passed."""
        key = _CacheKey(owner, features.identity, features.fine, features.ras_affine.tobytes())
        with self._lock:
            self._entries[key] = features
            self._entries.move_to_end(key)
            while len(self._entries) > 1 and sum(f.bytes for f in self._entries.values()) > self._max_bytes:
                self._entries.popitem(last=False)

    def forget(self, owner: str, identity: str | None = None) -> None:
        """Drop an owner's case (by its identity), or all of an owner's cases."""
        with self._lock:
            for key in [k for k in self._entries if k.owner == owner and identity in (None, k.identity)]:
                del self._entries[key]


class SentenceCache:
    """Rows of the most recently used sentences, by their text."""

    def __init__(self, max_rows: int = 4096) -> None:
        self._max_rows = max_rows
        self._rows: OrderedDict[str, Tensor] = OrderedDict()
        self._lock = Lock()

    def find(self, text: str) -> Tensor | None:
        """The row of this sentence, or None."""
        with self._lock:
            if text in self._rows:
                self._rows.move_to_end(text)
            return self._rows.get(text)

    def add(self, text: str, row_T: Tensor) -> None:
        """Keep the row of a sentence."""
        with self._lock:
            self._rows[text] = torch.clone(row_T)
            while len(self._rows) > self._max_rows:
                self._rows.popitem(last=False)
