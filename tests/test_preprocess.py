"""The network grid: equal to the published transforms, and exact in millimetres."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asap.errors import InputError
from asap.preprocess import GridConfig, to_network_grid
from asap.volume import Volume, apply_affine
from tests.volumes import ORIENTATIONS, marked_volume, oriented, rotated

SMALL = GridConfig(spacing_mm=(3.0, 3.0, 6.0), shape=(56, 56, 28), cell=(8, 8, 4), centre="image")


def published(hu: np.ndarray, spacing_mm: tuple[float, float, float], config: GridConfig) -> np.ndarray:
    """The released evaluation transforms, written the long way with torch's own interpolation and numpy's padding."""
    clipped = torch.from_numpy(np.clip(hu, *config.hu_window).astype(np.float64))[None, None]
    size = [int(n * s / t) for n, s, t in zip(hu.shape, spacing_mm, config.spacing_mm, strict=True)]
    resampled = torch.nn.functional.interpolate(clipped, size=size, mode="trilinear", align_corners=False)[0, 0].numpy() / 1000
    starts = [max(n // 2 - m // 2, 0) for n, m in zip(resampled.shape, config.shape, strict=True)]
    cropped = resampled[tuple(slice(s, s + m) for s, m in zip(starts, config.shape, strict=True))]
    pads = [((m - n) // 2, m - n - (m - n) // 2) for n, m in zip(cropped.shape, config.shape, strict=True)]
    return np.pad(cropped, pads, mode="reflect")


@pytest.mark.parametrize(
    ("shape", "spacing_mm"),
    [
        ((90, 100, 40), (2.1, 2.3, 5.0)),
        ((70, 60, 30), (1.9, 1.9, 4.1)),
        ((120, 50, 61), (1.0, 3.0, 5.0)),
        ((40, 40, 12), (3, 3, 7)),
    ],
)
def test_equal_to_the_published_transforms(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> None:
    hu = np.random.default_rng(1).normal(-300, 700, shape).astype(np.int16)
    image, _ = to_network_grid(Volume(hu, np.diag([*spacing_mm, 1.0])), SMALL)
    assert image.shape == (1, 1, *SMALL.shape)
    assert np.abs(image[0, 0].numpy() - published(hu, spacing_mm, SMALL)).max() < 1e-4


@pytest.mark.parametrize("signs", ORIENTATIONS)
@pytest.mark.parametrize("degrees", [0.0, 20.0])
def test_a_marker_keeps_its_world_position(signs: tuple[int, int, int], degrees: float) -> None:
    marker = (31.0, -22.0, 13.0)
    shape, spacing_mm = (64, 72, 40), (2.4, 2.1, 4.3)
    affine = rotated(oriented(signs, spacing_mm, shape), degrees)
    image, grid = to_network_grid(marked_volume(marker, shape, affine), SMALL)
    weights = (image[0, 0].numpy() + 1.0).astype(np.float64)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in SMALL.shape), indexing="ij"), axis=-1)
    near = weights > 0.5
    centroid = (index[near] * weights[near][:, None]).sum(axis=0) / weights[near].sum()
    assert np.linalg.norm(apply_affine(grid.voxel_affine, centroid) - marker) < 0.5


@settings(max_examples=100, deadline=None)
@given(
    shape=st.tuples(*[st.integers(20, 60)] * 3),
    spacing_mm=st.tuples(*[st.floats(0.5, 7.0)] * 3),
    shift=st.tuples(*[st.integers(-4, 4)] * 3),
)
def test_tokens_lie_where_the_image_says(
    shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], shift: tuple[int, int, int]
) -> None:
    """A volume that holds its own x coordinate: the mean over a token's voxels is the token centre's x, to 0.5 mm."""
    affine = oriented((1, 1, 1), spacing_mm, shape)
    coordinate = np.broadcast_to((np.arange(shape[0]) * spacing_mm[0] + affine[0, 3])[:, None, None], shape).astype(np.float32)
    config = GridConfig(spacing_mm=(3.0, 3.0, 3.0), shape=(32, 32, 32), cell=(4, 4, 4), centre="image")
    image, grid = to_network_grid(Volume(coordinate.copy(), affine), config, shift_voxels=shift)
    read = torch.nn.functional.avg_pool3d(image * 1000.0, 4)[0, 0].numpy()
    tokens = np.stack(np.meshgrid(*(np.arange(8),) * 3, indexing="ij"), axis=-1).astype(np.float64)
    world = apply_affine(grid.token_affine, tokens)
    inner = grid.inside & (np.abs(world[..., 0]) < shape[0] * spacing_mm[0] / 2 - 4 * 3.0)
    assert np.abs(read - world[..., 0])[inner].max(initial=0.0) < 0.5


def test_tokens_in_the_padding_are_marked() -> None:
    image_size_mm = 96.0
    _, grid = to_network_grid(Volume(np.zeros((32, 32, 16), np.int16), oriented((1, 1, 1), (3, 3, 6), (32, 32, 16))), SMALL)
    tokens = np.stack(np.meshgrid(*(np.arange(7),) * 3, indexing="ij"), axis=-1).astype(np.float64)
    world = apply_affine(grid.token_affine, tokens)
    assert np.array_equal(grid.inside, (np.abs(world) < image_size_mm / 2).all(axis=-1))


def test_a_field_of_view_can_follow_the_thorax_but_stays_in_the_image() -> None:
    config = GridConfig(spacing_mm=(3.0, 3.0, 6.0), shape=(56, 56, 28), cell=(8, 8, 4), centre="thorax")
    volume = Volume(np.zeros((100, 100, 60), np.int16), oriented((1, 1, 1), (3, 3, 6), (100, 100, 60)))
    _, near = to_network_grid(volume, config, centre_ras_mm=np.array([30.0, -20.0, 40.0]))
    centre = apply_affine(near.voxel_affine, (np.asarray(config.shape) - 1) / 2)
    assert np.abs(centre - [30.0, -20.0, 40.0]).max() <= 3.0
    _, far = to_network_grid(volume, config, centre_ras_mm=np.array([900.0, 0.0, 0.0]))
    assert far.inside.all()


def test_antialiasing_averages_what_sampling_would_miss() -> None:
    hu = np.where(np.arange(120) % 2 == 0, 500, -500).astype(np.int16)[:, None, None] * np.ones((1, 30, 30), np.int16)
    fine = GridConfig(spacing_mm=(4.0, 4.0, 4.0), shape=(24, 24, 24), cell=(4, 4, 4), centre="image", antialias=True)
    image, _ = to_network_grid(Volume(hu, oriented((1, 1, 1), (1, 4, 4), hu.shape)), fine)
    assert image[0, 0, 2:-2].abs().max() < 0.05


def test_the_volume_is_left_as_it_was() -> None:
    hu = np.linspace(-2000, 3000, 30 * 30 * 30, dtype=np.float32).reshape(30, 30, 30).transpose(1, 2, 0)
    volume = Volume(hu, np.diag([5.0, 5.0, 9.0, 1.0]))
    before = volume.identity
    to_network_grid(volume, SMALL)
    assert volume.identity == before


def test_a_single_slice_is_refused() -> None:
    with pytest.raises(InputError, match="single slice"):
        to_network_grid(Volume(np.zeros((64, 64, 1), np.int16), np.eye(4)), SMALL)


@pytest.mark.parametrize("antialias", [False, True])
def test_a_volume_is_resampled_alike_however_its_voxels_lie_in_memory(antialias: bool) -> None:
    """And as the plain product of the three axes' weights says."""
    hu = np.random.default_rng(4).integers(-1100, 1100, (40, 36, 20)).astype(np.int16)
    affine = np.diag([1.0, 1.1, 2.0, 1.0])
    config = GridConfig(spacing_mm=(1.5, 1.5, 3.0), shape=(24, 24, 12), cell=(4, 4, 4), centre="image", antialias=antialias)
    images = [to_network_grid(Volume(order(hu), affine), config)[0] for order in (np.ascontiguousarray, np.asfortranarray)]
    assert torch.equal(images[0], images[1]) or float((images[0] - images[1]).abs().max()) < 1e-6
    clipped = np.clip(hu, -1000, 1000) / 1000
    sizes = [int(n * s / t + 1e-6) for n, s, t in zip(hu.shape, (1.0, 1.1, 2.0), config.spacing_mm, strict=True)]
    if not antialias:
        plain = torch.nn.functional.interpolate(
            torch.from_numpy(clipped)[None, None], size=sizes, mode="trilinear", align_corners=False
        )
        start = [max(0, size // 2 - want // 2) for size, want in zip(sizes, config.shape, strict=True)]
        pad = [max(0, (want - size) // 2) for size, want in zip(sizes, config.shape, strict=True)]
        for axis, (first, before, size, want) in enumerate(zip(start, pad, sizes, config.shape, strict=True)):
            shown = min(size, want)
            plain = plain.narrow(2 + axis, first, shown)
            images[0] = images[0].narrow(2 + axis, before, shown)
        assert float((images[0] - plain).abs().max()) < 1e-5
