"""A raw volume -> int16 HU on the grid the network is trained at, by the one preprocessing path (asap-method 1.2).

Reorientation to RAS, clipping, trilinear resampling and rounding; the whole field of view is kept, crops are the loader's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from asap.errors import InputError
from asap.io.read import read_volume
from asap.preprocess import GridConfig, GridMap, to_network_grid
from asap.volume import Volume
from asap_training.data.case import RawCase, StoredValues

Triple = tuple[int, int, int]

# HU of anything with air and soft tissue in it. Stored numbers that were never rescaled have no air, those that were
# rescaled twice no soft tissue.
AIR_HU, AIR_SHARE = -600, 0.01
TISSUE_HU, TISSUE_SHARE = 250, 0.02


@dataclass(frozen=True)
class ImageSettings:
    """spacing_mm along right, anterior, superior; window: HU kept; antialias as in `GridConfig` (the published path has none)."""

    spacing_mm: tuple[float, float, float] = (1.5, 1.5, 3.0)
    window: tuple[float, float] = (-1000.0, 1000.0)
    antialias: bool = False


@dataclass(frozen=True, eq=False)
class PreparedImage:
    """hu_HWD: int16 in the window. grid: its voxels -> RAS+ mm. The resampling's true ratio is in the affine."""

    hu_HWD: NDArray[np.int16]
    grid: GridMap

    @property
    def volume(self) -> Volume:
        """The same as a volume of its own."""
        return Volume(self.hu_HWD, self.grid.voxel_affine)


def prepared_image(raw: RawCase, settings: ImageSettings) -> PreparedImage:
    """Read and resample one volume. Raises InputError when it cannot be read or does not hold HU."""
    return resampled(read_volume(raw.volume), raw.stored, settings)


def resampled(volume: Volume, stored: StoredValues | None, settings: ImageSettings) -> PreparedImage:
    """The volume on the grid. The map from stored numbers to HU is applied to the window instead of to every voxel."""
    low, high = settings.window
    slope, intercept = (1.0, 0.0) if stored is None else (stored.slope, stored.intercept)
    placed = volume if stored is None or stored.spacing_mm is None else _with_spacing(volume, stored.spacing_mm)
    config = GridConfig(
        spacing_mm=settings.spacing_mm,
        shape=_whole_field(placed, settings),
        cell=(1, 1, 1),
        hu_window=((low - intercept) / slope, (high - intercept) / slope),
        centre="image",
        antialias=settings.antialias,
    )
    scaled, grid = to_network_grid(placed, config)
    hu = scaled[0, 0].add_(1.0).mul_((high - low) / 2).add_(low).round_().to(torch.int16).numpy()
    _check_hounsfield(hu)
    return PreparedImage(hu, grid)


def _with_spacing(volume: Volume, spacing_mm: tuple[float, float, float]) -> Volume:
    """The same voxels and directions at other distances."""
    affine = volume.affine.copy()
    affine[:3, :3] *= np.asarray(spacing_mm) / np.asarray(volume.spacing_mm)
    return Volume(volume.hu, affine)


def _whole_field(volume: Volume, settings: ImageSettings) -> Triple:
    """Voxels of the resampled whole, by the published rule int(dim * spacing / target) (`asap.preprocess`)."""
    ras = volume.reoriented_to_ras()
    i, j, k = (
        max(1, int(n * s / target + 1e-6)) for n, s, target in zip(ras.shape, ras.spacing_mm, settings.spacing_mm, strict=True)
    )
    return i, j, k


def _check_hounsfield(hu: NDArray[np.int16]) -> None:
    sample = hu[::4, ::4, ::2]
    air, tissue = float((sample < AIR_HU).mean()), float((np.abs(sample) < TISSUE_HU).mean())
    if air < AIR_SHARE or tissue < TISSUE_SHARE:
        raise InputError(
            "The volume's numbers are not Hounsfield units: it shows no air or no soft tissue. Stored numbers need their slope "
            "and intercept (the metadata table) once, and files that hold Hounsfield units must not get them again."
        )
