"""A network over a volume larger than its input: overlapping windows, blended with a Gaussian weight.

Windows, padding and weights are those of MONAI's `sliding_window_inference` with mode "gaussian", so that weights trained and
scored with the published benchmark (overlap .75) give the same answer here; progress and cancelling are our own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from asap.pause import Pause, no_pause

Triple = tuple[int, int, int]
SIGMA_SHARE = 0.125
LEAST_WEIGHT = 1e-3


def sliding_window(
    image_1CHWD: Tensor,
    window: Triple,
    predict: Callable[[Tensor], Tensor],
    *,
    overlap: float = 0.75,
    pause: Pause = no_pause,
    done: Callable[[float], None] = lambda _share: None,
) -> Tensor:
    """Blended prediction [1, K, H, W, D] of `predict`, which maps [1, C, *window] to [1, K, *window].

    overlap: share of a window that its neighbour covers too, 0 to under 1. pause: called before each window; what it raises
    ends the work. done: gets the share of windows done after each. An image smaller than the window is padded with zeros.
    """
    if not 0 <= overlap < 1:
        raise ValueError("the overlap of windows is a share from 0 to under 1")
    size = _triple(image_1CHWD.shape[2:])
    short = [max(0, w - n) for w, n in zip(window, size, strict=True)]
    before = [s // 2 for s in short]
    padding = [edge for b, s in zip(reversed(before), reversed(short), strict=True) for edge in (b, s - b)]
    padded = F.pad(image_1CHWD, padding)
    places = window_starts(_triple(padded.shape[2:]), window, overlap)
    weight = gaussian_weight(window)
    total, count = torch.zeros(0), torch.zeros(padded.shape[2:])
    for number, start in enumerate(places, start=1):
        pause()
        box = tuple(slice(s, s + w) for s, w in zip(start, window, strict=True))
        predicted = predict(padded[(slice(None), slice(None), *box)]).float()
        if not total.numel():
            total = torch.zeros(1, predicted.shape[1], *padded.shape[2:])
        total[(slice(None), slice(None), *box)] += predicted * weight
        count[box] += weight
        done(number / len(places))
    inside = tuple(slice(b, b + n) for b, n in zip(before, size, strict=True))
    return (total / count)[(slice(None), slice(None), *inside)]


def window_starts(size: Triple, window: Triple, overlap: float) -> list[Triple]:
    """First voxel of every window: a step of (1 - overlap) window, the last moved back to end with the image."""
    axes = []
    for n, w in zip(size, window, strict=True):
        step = w if n == w else max(1, int(w * (1 - overlap)))
        axes.append([min(s, n - w) for s in range(0, n - w + step, step)])
    return [(i, j, k) for i, j, k in itertools.product(*axes)]


def gaussian_weight(window: Triple) -> Tensor:
    """Weight of every voxel of a window, highest in its middle; sigma is an eighth of each side."""
    weight = torch.ones(())
    for size in window:
        x = torch.arange(size, dtype=torch.float32) - (size - 1) / 2
        weight = weight[..., None] * torch.exp(-(x**2) / (2 * (SIGMA_SHARE * size) ** 2))
    return weight.clamp_min(max(float(weight.min()), LEAST_WEIGHT))


def _triple(values: torch.Size) -> Triple:
    i, j, k = (int(n) for n in values)
    return i, j, k
