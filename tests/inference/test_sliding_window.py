"""The sliding window is MONAI's to 1e-4, says how far it is, and can be stopped."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from asap.errors import Cancelled
from asap.inference.sliding_window import gaussian_weight, sliding_window, window_starts

SIZES = [
    ((40, 33, 25), (16, 16, 8), 0.75),
    ((20, 9, 31), (16, 16, 8), 0.5),
    ((16, 16, 8), (16, 16, 8), 0.25),
    ((7, 40, 5), (8, 8, 8), 0.0),
]


@pytest.mark.parametrize(("size", "window", "overlap"), SIZES, ids=str)
def test_it_equals_monais(size: tuple[int, int, int], window: tuple[int, int, int], overlap: float) -> None:
    inferers = pytest.importorskip("monai.inferers")
    torch.manual_seed(1)
    net = nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.GELU(), nn.Conv3d(4, 3, 3, padding=1))
    image = torch.randn(1, 1, *size)
    with torch.inference_mode():
        wanted = inferers.sliding_window_inference(image, window, 1, net, overlap=overlap, mode="gaussian")
        got = sliding_window(image, window, net, overlap=overlap)
    assert got.shape == wanted.shape
    assert (got - wanted).abs().max() < 1e-4


def test_weights_and_places_are_monais() -> None:
    utils = pytest.importorskip("monai.data.utils")
    wanted = utils.compute_importance_map((12, 7, 4), mode="gaussian", sigma_scale=0.125)
    assert torch.allclose(gaussian_weight((12, 7, 4)), wanted, atol=1e-7)
    places = [tuple(s.start for s in box) for box in utils.dense_patch_slices((30, 8, 9), (8, 8, 4), (2, 8, 2))]
    assert window_starts((30, 8, 9), (8, 8, 4), 0.75) != []
    assert sorted(window_starts((30, 8, 8), (8, 8, 4), 0.75)) == sorted(
        tuple(s.start for s in box) for box in utils.dense_patch_slices((30, 8, 8), (8, 8, 4), (2, 8, 1))
    )
    assert len(places) == 12 * 4


def test_progress_rises_to_one_and_a_cancel_ends_it() -> None:
    shares: list[float] = []
    image = torch.zeros(1, 1, 20, 20, 20)
    sliding_window(image, (8, 8, 8), lambda x: x, overlap=0.25, done=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    calls = iter(range(100))

    def stop() -> None:
        if next(calls) == 3:
            raise Cancelled

    seen: list[int] = []

    def identity(window: torch.Tensor) -> torch.Tensor:
        seen.append(1)
        return window

    with pytest.raises(Cancelled):
        sliding_window(image, (8, 8, 8), identity, pause=stop)
    assert len(seen) == 3


def test_an_overlap_of_one_would_never_end() -> None:
    with pytest.raises(ValueError, match="share"):
        sliding_window(torch.zeros(1, 1, 8, 8, 8), (8, 8, 8), lambda x: x, overlap=1.0)
