"""The one preprocessing path: `Volume` -> network grid, and `GridMap`, which leads back to millimetres.

As published (github.com/ToniChopp/ASAP, preprocessing and evaluation transforms): reorient to RAS, clip HU, trilinear
resampling with half-voxel centres to int(dim * spacing / target) voxels, scale to [-1, 1], centre crop, reflect padding.
Everything after the reorientation is linear and separable, so it is done as one weight matrix per axis, slice by slice:
the full-resolution volume is never held in floating point.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from asap.errors import InputError
from asap.pause import Pause, no_pause
from asap.volume import Affine, Volume, apply_affine

Triple = tuple[int, int, int]

# Sizes and centres that hit a whole or half voxel must not depend on the rounding an oblique affine brings with it.
TIE_VOXELS = 1e-6


@dataclass(frozen=True)
class GridConfig:
    """The network's input grid.

    spacing_mm, shape: voxels of the network input along (right, anterior, superior). cell: voxels per token along each axis.
    centre: "image" (as published) or "thorax". antialias: average over the target voxel where the image is finer than
    the grid (the published path samples instead).
    """

    spacing_mm: tuple[float, float, float] = (1.5, 1.5, 3.0)
    shape: Triple = (224, 224, 112)
    cell: Triple = (16, 16, 8)
    hu_window: tuple[float, float] = (-1000.0, 1000.0)
    centre: Literal["image", "thorax"] = "thorax"
    antialias: bool = False

    @property
    def tokens(self) -> Triple:
        """Tokens along each axis."""
        a, b, c = (n // p for n, p in zip(self.shape, self.cell, strict=True))
        return a, b, c


@dataclass(frozen=True, eq=False)
class GridMap:
    """Network voxels and tokens <-> world.

    voxel_affine: network voxel index -> RAS+ mm, with the true ratio dim_in / dim_out of the resampling. token_affine: token
    index -> RAS+ mm of the token's centre. inside: (a, b, c) bool, False where a token's centre lies in padding.
    """

    voxel_affine: Affine
    token_affine: Affine
    inside: NDArray[np.bool_]

    def token_of(self, ras_mm: NDArray[np.float64]) -> NDArray[np.int64]:
        """Index of the token that holds each point [..., 3]; it may lie outside the grid."""
        index = apply_affine(np.linalg.inv(self.token_affine), ras_mm)
        return np.asarray(np.floor(index + 0.5), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class _Axis:
    """How one axis of the network grid reads the image: weights [out, in] and the affine map out index -> in index."""

    weights: NDArray[np.float32]
    step: float
    origin: float
    inside: NDArray[np.bool_]


def to_network_grid(
    volume: Volume,
    config: GridConfig,
    *,
    centre_ras_mm: NDArray[np.float64] | None = None,
    shift_voxels: Triple = (0, 0, 0),
    pause: Pause = no_pause,
) -> tuple[torch.Tensor, GridMap]:
    """Resample a volume to the network's grid.

    centre_ras_mm: where the field of view is centred when `config.centre` is "thorax". shift_voxels: moves the field of view
    by whole network voxels (for finer maps from shifted windows). pause: called after each of the grid's slices.
    Returns [1, 1, H, W, D] float32 in [-1, 1] and the map back.
    Raises InputError when the volume is thinner than two voxels along an axis.
    """
    ras = volume.reoriented_to_ras()
    if min(ras.shape) < 2:
        raise InputError("A single slice is not a volume; load the whole series.")
    centre_ijk = None
    if config.centre == "thorax" and centre_ras_mm is not None:
        centre_ijk = ras.voxel_from_world(centre_ras_mm)
    axes = [
        _axis(ras, config, axis, None if centre_ijk is None else float(centre_ijk[axis]), shift_voxels[axis]) for axis in range(3)
    ]
    image_HWD = _resample(ras.hu, axes, config.hu_window, pause)
    return image_HWD[None, None], _grid_map(ras.affine, axes, config)


def _axis(ras: Volume, config: GridConfig, axis: int, centre_in: float | None, shift: int) -> _Axis:
    size_in = ras.shape[axis]
    size_resampled = max(1, int(size_in * ras.spacing_mm[axis] / config.spacing_mm[axis] + TIE_VOXELS))
    size_out = config.shape[axis]
    ratio = size_in / size_resampled
    start = _crop_start(size_resampled, size_out, None if centre_in is None else (centre_in + 0.5) / ratio - 0.5) + shift
    wanted = np.arange(size_out) + start
    inside = (wanted >= 0) & (wanted < size_resampled)
    centres_in = (_reflected(wanted, size_resampled) + 0.5) * ratio - 0.5
    width = max(1.0, ratio) if config.antialias else 1.0
    return _Axis(_linear_weights(centres_in, size_in, width), ratio, (start + 0.5) * ratio - 0.5, inside)


def _crop_start(size: int, window: int, centre: float | None) -> int:
    """First resampled voxel of the window: centred when it must be padded, else around `centre` but kept inside the image."""
    if size <= window:
        return -((window - size) // 2)
    if centre is None:
        return size // 2 - window // 2
    nearest = np.floor(centre - (window - 1) / 2 + 0.5 - TIE_VOXELS)
    return int(np.clip(nearest, 0, size - window))


def _reflected(index: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Mirror indices into [0, size) without repeating the edge, as numpy's "reflect" padding does, however far outside."""
    if size == 1:
        return np.zeros_like(index)
    folded = np.mod(index, 2 * (size - 1))
    return np.minimum(folded, 2 * (size - 1) - folded)


def _linear_weights(centres: NDArray[np.float64], size: int, width: float) -> NDArray[np.float32]:
    """Rows of triangle weights of half-width `width` around each centre, clamped at the image's edges and normalised."""
    clamped = np.clip(centres, 0, size - 1)
    distance = np.abs(np.arange(size)[None, :] - clamped[:, None]) / width
    weights = np.maximum(0.0, 1.0 - distance)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


def _resample(
    hu: NDArray[np.int16] | NDArray[np.float32], axes: list[_Axis], window: tuple[float, float], pause: Pause
) -> torch.Tensor:
    low, high = window
    rows, columns, slices = (torch.from_numpy(axis.weights) for axis in axes)
    row_taps, column_taps = _two_taps(rows), _two_taps(columns)
    out_DHW = torch.empty(slices.shape[0], rows.shape[0], columns.shape[0])
    for k, weights in enumerate(slices):
        plane: torch.Tensor | None = None
        for source in torch.nonzero(weights).flatten().tolist():
            # A copy in the order the voxels lie in: turning it round would cost more than all that follows.
            part = torch.from_numpy(np.array(hu[:, :, source], dtype=np.float32, order="K")).clamp_(low, high)
            weight = float(weights[source])
            plane = part.mul_(weight) if plane is None else plane.add_(part, alpha=weight)
        if plane is not None:  # every row of weights has one
            between = rows @ plane if row_taps is None else _tapped(plane, row_taps, 0)
            out_DHW[k] = between @ columns.T if column_taps is None else _tapped(between, column_taps, 1)
        pause()
    scaled = out_DHW.sub_(low).mul_(2.0 / (high - low)).sub_(1.0)
    return scaled.permute(1, 2, 0).contiguous()


def _two_taps(weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Indices and values, [2, out] each, of weights [out, in] with at most two in a row, as linear sampling has; else None."""
    if int((weights > 0).sum(dim=1).max()) > 2:
        return None
    values, index = weights.topk(2, dim=1)
    return index.T.contiguous(), values.T.contiguous()


def _tapped(plane: torch.Tensor, taps: tuple[torch.Tensor, torch.Tensor], axis: int) -> torch.Tensor:
    """The weighted sum of two lines of the plane for each line of the result: what the product with the weights would be.

    A plane that lies in memory column after column is read as its transpose, in the order of its bytes.
    """
    index, values = taps
    turned = plane.stride(0) < plane.stride(1)
    source, along = (plane.T, 1 - axis) if turned else (plane, axis)
    near, far = (
        source.index_select(along, line).mul_(value[:, None] if along == 0 else value)
        for line, value in zip(index, values, strict=True)
    )
    return near.add_(far).T if turned else near.add_(far)


def _grid_map(affine_in: Affine, axes: list[_Axis], config: GridConfig) -> GridMap:
    steps = np.diag([*(axis.step for axis in axes), 1.0])
    steps[:3, 3] = [axis.origin for axis in axes]
    voxel_affine = affine_in @ steps
    cells = np.diag([*(float(p) for p in config.cell), 1.0])
    cells[:3, 3] = [(p - 1) / 2 for p in config.cell]
    token_inside = [_token_inside(axis.inside, cell) for axis, cell in zip(axes, config.cell, strict=True)]
    a, b, c = token_inside
    return GridMap(voxel_affine, voxel_affine @ cells, a[:, None, None] & b[None, :, None] & c[None, None, :])


def _token_inside(inside: NDArray[np.bool_], cell: int) -> NDArray[np.bool_]:
    """A token counts as inside when the voxels on both sides of its centre do (one voxel, for odd cells)."""
    blocks = inside[: len(inside) // cell * cell].reshape(-1, cell)
    return np.asarray(blocks[:, (cell - 1) // 2] & blocks[:, cell // 2])
