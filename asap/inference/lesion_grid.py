"""The lesion head on the network's grid: a box around what was said, which grows until the answer no longer touches its sides.

Voxels are those of the network's input, 3 mm; cells are the trunk's, `CELL` voxels along each side.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from asap.models.prompt_maps import point_map
from asap.models.segmentation_head import SegmentationHead
from asap.pause import Pause, no_pause

CELL = 4
MARGIN, SMALLEST_BOX, GROWTH = 20, 48, 16
LARGEST_GROWTHS = 4
HEAT_LEVEL = 0.5
# Logits added at the centre of a click, more than the head may hold against it, so that what a person said is done.
OBEDIENCE, SUREST = 12.0, 6.0
# A click may miss a thin lesion by this many voxels and still mean it.
NEAR_CLICK = 3
Triple = tuple[int, int, int]
Points = NDArray[np.float64]
Mask = NDArray[np.bool_]


def _no_points() -> Points:
    return np.zeros((0, 3))


@dataclass(frozen=True, eq=False)
class GridPrompt:
    """A prompt in voxels of the network's grid.

    include, exclude: points [n, 3]. heat: [a, b, c] in [0, 1], highest 1, on the trunk's cells. previous: mask on the whole
    grid. box: first and last voxel [2, 3] of where the answer may lie.
    """

    include: Points = field(default_factory=_no_points)
    exclude: Points = field(default_factory=_no_points)
    heat: NDArray[np.float32] | None = None
    previous: Mask | None = None
    box: Points | None = None


@dataclass(frozen=True, eq=False)
class GridAnswer:
    """Probability (h, w, d) of a box of the grid and the box's first voxel."""

    probability: NDArray[np.float32]
    start: Triple


def answer(
    head: SegmentationHead, image_11HWD: Tensor, cells_CABC: Tensor, prompt: GridPrompt, pause: Pause = no_pause
) -> GridAnswer:
    """What the head makes of a prompt: islands of it that were pointed at, or of the heat's place where nothing was."""
    shape = _triple(image_11HWD.shape[2:])
    low, high = first_box(prompt, shape)
    for growth in range(LARGEST_GROWTHS + 1):
        pause()
        probability = _probability(head, image_11HWD, cells_CABC, prompt, low=low, high=high)
        kept = meant(probability > 0.5, prompt, low)
        touched = _grown(kept, low, high, shape)
        if touched == (low, high) or growth == LARGEST_GROWTHS:
            break
        low, high = touched
    return GridAnswer(np.where(kept | (probability <= 0.5), probability, np.float32(0)), low)


def first_box(prompt: GridPrompt, shape: Triple) -> tuple[Triple, Triple]:
    """Where to look first: around all that was said, on whole cells, at least 48 voxels along each side."""
    points = [prompt.include]
    if prompt.box is not None:
        points.append(prompt.box)
    if prompt.previous is not None and prompt.previous.any():
        where = np.argwhere(prompt.previous)
        points += [np.stack([where.min(axis=0), where.max(axis=0)]).astype(np.float64)]
    if not any(len(p) for p in points) and prompt.heat is not None:
        where = np.argwhere(prompt.heat >= HEAT_LEVEL * prompt.heat.max()) * CELL
        points.append(np.stack([where.min(axis=0), where.max(axis=0) + CELL - 1]).astype(np.float64))
    said = np.concatenate(points)
    if len(prompt.exclude) and len(said):
        said = np.concatenate([said, prompt.exclude])
    low, high = said.min(axis=0) - MARGIN, said.max(axis=0) + 1 + MARGIN
    short = np.maximum(0, SMALLEST_BOX - (high - low)) / 2
    return _on_cells(low - short, high + short, shape)


def _on_cells(low: Points, high: Points, shape: Triple) -> tuple[Triple, Triple]:
    """The box moved into the grid, its sides on whole cells."""
    size = np.minimum(np.ceil((high - low) / CELL) * CELL, shape)
    first = np.clip(np.floor(low / CELL) * CELL, 0, np.asarray(shape) - size)
    return _triple(first), _triple(first + size)


def _grown(kept: Mask, low: Triple, high: Triple, shape: Triple) -> tuple[Triple, Triple]:
    """The box with every side moved outwards that the answer touches and that is not the grid's own."""
    first, last = list(low), list(high)
    for axis in range(3):
        line = kept.any(axis=tuple(a for a in range(3) if a != axis))
        if line[0]:
            first[axis] = max(0, first[axis] - GROWTH)
        if line[-1]:
            last[axis] = min(shape[axis], last[axis] + GROWTH)
    return _triple(np.asarray(first)), _triple(np.asarray(last))


@torch.inference_mode()
def _probability(
    head: SegmentationHead, image_11HWD: Tensor, cells_CABC: Tensor, prompt: GridPrompt, *, low: Triple, high: Triple
) -> NDArray[np.float32]:
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    cells = tuple(slice(a // CELL, b // CELL) for a, b in zip(low, high, strict=True))
    size = _triple(np.subtract(high, low))
    inside, outside = (point_map(torch.from_numpy(points - np.asarray(low)), size) for points in (prompt.include, prompt.exclude))
    previous = torch.zeros(size) if prompt.previous is None else torch.from_numpy(prompt.previous[box]).float()
    heat = torch.zeros(cells_CABC.shape[1:]) if prompt.heat is None else torch.from_numpy(prompt.heat)
    features = torch.cat([cells_CABC[(slice(None), *cells)].float(), heat[cells][None]])
    logits = head(image_11HWD[(slice(None), slice(None), *box)], features[None], torch.stack([inside, outside, previous])[None])
    probability = obedient(logits[0, 0].float(), inside, outside).sigmoid().numpy()
    if prompt.box is not None:
        allowed = np.zeros(size, dtype=np.bool_)
        first, last = (np.clip(np.rint(edge - np.asarray(low)), 0, size).astype(int) for edge in np.add(prompt.box, [[0], [1]]))
        allowed[tuple(slice(a, b) for a, b in zip(first, last, strict=True))] = True
        probability = np.where(allowed, probability, np.float32(0))
    return np.asarray(probability, dtype=np.float32)


def obedient(logits_HWD: Tensor, inside_HWD: Tensor, outside_HWD: Tensor) -> Tensor:
    """The head's logits, overruled about every click. inside_HWD, outside_HWD: the clicks as `point_map` draws them."""
    return logits_HWD.clamp(-SUREST, SUREST) + OBEDIENCE * (inside_HWD**2 - outside_HWD**2)


def meant(found: Mask, prompt: GridPrompt, low: Triple) -> Mask:
    """The islands a person pointed at or had before; where nobody pointed, all that reach into the heat's place."""
    labels, _ = ndimage.label(found)
    pointed = np.zeros(found.shape, dtype=np.bool_)
    for point in prompt.include - np.asarray(low):
        near = tuple(slice(max(0, round(x) - NEAR_CLICK), max(0, round(x) + NEAR_CLICK + 1)) for x in point.tolist())
        pointed[near] = True
    if prompt.previous is not None:
        pointed |= prompt.previous[tuple(slice(a, a + n) for a, n in zip(low, found.shape, strict=True))]
    if not len(prompt.include) and prompt.previous is None:
        if prompt.heat is None:
            return found
        cells = tuple(slice(a // CELL, (a + n) // CELL) for a, n in zip(low, found.shape, strict=True))
        hot = prompt.heat[cells] >= HEAT_LEVEL * prompt.heat.max()
        pointed |= hot.repeat(CELL, axis=0).repeat(CELL, axis=1).repeat(CELL, axis=2)
    wanted = np.unique(labels[pointed])
    return np.asarray(np.isin(labels, wanted[wanted > 0]), dtype=np.bool_)


def _triple(values: NDArray[np.float64] | NDArray[np.int64] | torch.Size) -> Triple:
    i, j, k = (int(x) for x in values)
    return i, j, k
