"""A case on the network's own grid, kept while it is open, so that a click does not resample the whole CT again."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asap.inference.features import StudyFeatures
from asap.preprocess import GridConfig, to_network_grid
from asap.volume import Volume, apply_affine

KEPT_CASES = 2
STEPS = 16_000  # of int16 over [-1, 1]: an eighth of a HU


class NetworkImages:
    """The most recently used cases' images [1, 1, H, W, D] in [-1, 1], held as int16: 3 MB each."""

    def __init__(self, grid: GridConfig) -> None:
        self._grid = grid
        self._kept: OrderedDict[tuple[str, bytes], Tensor] = OrderedDict()
        self._lock = Lock()

    def of(self, ras: Volume, features: StudyFeatures) -> Tensor:
        """The image the features were computed from, of their volume in RAS order."""
        key = (features.identity, features.ras_affine.tobytes())
        with self._lock:
            held = self._kept.get(key)
        if held is None:
            image, _ = to_network_grid(ras, self._grid, centre_ras_mm=self._centre_ras_mm(features))
            held = (image * STEPS).round().to(torch.int16)
        with self._lock:
            self._kept[key] = held
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT_CASES:
                self._kept.popitem(last=False)
        return held.float() / STEPS

    def forget(self, identity: str | None = None) -> None:
        """Drop one case's image, or all of them."""
        with self._lock:
            for key in [key for key in self._kept if identity in (None, key[0])]:
                del self._kept[key]

    def _centre_ras_mm(self, features: StudyFeatures) -> NDArray[np.float64]:
        middle = (np.asarray(self._grid.shape, dtype=np.float64) - 1) / 2
        return apply_affine(features.windows[0].grid.voxel_affine, middle)
