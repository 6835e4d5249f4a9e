"""Fifty volumes that are no chest CT are refused, or answered with less than a fifth of confidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import pytest
from scipy import ndimage

from asap.chest import chest_check
from asap.errors import NotChestError
from asap.inference.engine import Engine
from asap.inference.load import load_engine
from asap.io.read import read_volume
from asap.phantom.case import generate_case
from asap.text.read import read_report
from asap.volume import Volume
from tests.reference import reference_data

SPACING_MM = 4.0
HIGHEST = 0.2
REPORT = read_report(
    "There is a nodule in the left lung. Right lower lobe consolidation. Large right pleural effusion. Heart. Trachea."
)
SMALL_EFFUSION_SEEDS = (40100, 40147, 40152)


def volume(hu: np.ndarray, spacing_mm: float = SPACING_MM) -> Volume:
    clipped = np.clip(np.rint(hu), -1024, 3071).astype(np.int16)
    return Volume(clipped, np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0]))


def from_centre(shape: tuple[int, int, int], radii: tuple[float, float, float]) -> np.ndarray:
    """Squared distance from the centre in units of the radii (in voxels)."""
    grids = np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in shape), indexing="ij")
    return sum((grid / radius) ** 2 for grid, radius in zip(grids, radii, strict=True))


def smooth_noise(rng: np.random.Generator, sigma: float, sd: float) -> np.ndarray:
    field = ndimage.gaussian_filter(rng.normal(size=(64, 64, 64)), sigma)
    return field / field.std() * sd


def head(rng: np.random.Generator) -> np.ndarray:
    """Skull, brain, and air in mouth, sinuses and a piece of trachea below."""
    size = rng.uniform(0.85, 1.1)
    r = from_centre((64, 64, 64), (19 * size, 23 * size, 26 * size))
    hu = np.where(r < 1, 35.0, -1000.0) + 900.0 * ((r > 0.82) & (r < 0.95))
    for centre, radius in (((32, 46, 20), 4.5), ((27, 48, 28), 3.5), ((37, 48, 28), 3.5), ((32, 44, 8), 3.0)):
        gaps = np.indices(hu.shape).T - np.array(centre)
        hu[((gaps**2).sum(axis=-1) < radius**2).T & (r < 1)] = -1000
    return hu + rng.normal(0, 12, hu.shape)


def limb(rng: np.random.Generator) -> np.ndarray:
    """Two legs with their bones."""
    i, j, _ = np.indices((64, 64, 64))
    hu = np.full((64, 64, 64), -1000.0)
    for centre in (18 + rng.uniform(-2, 2), 46 + rng.uniform(-2, 2)):
        r = np.hypot(i - centre, j - 32)
        hu = np.where(r < 13, 50.0, hu) + 800.0 * (r < 4)
    return hu + rng.normal(0, 12, hu.shape)


def magnetic_resonance(rng: np.random.Generator) -> np.ndarray:
    """A body whose air and lungs are dark, but not as dark as in Hounsfield units."""
    chest = generate_case(int(rng.integers(1000))).volume.hu
    return np.clip(chest + 1000.0, 0, 1400) * rng.uniform(0.3, 0.8)


def below_the_lungs(seed: int, slices: int) -> Volume:
    """The abdomen of a generated case."""
    case = generate_case(seed)
    lowest = int(np.nonzero((case.organs["left_lung"] | case.organs["right_lung"]).any(axis=(0, 1)))[0][0])
    return case.volume.cropped((0, 0, 0), (*case.volume.shape[:2], max(10, min(lowest - 1, slices))))


MAKERS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "air": lambda rng: np.full((64, 64, 64), -1000.0) + rng.normal(0, rng.uniform(0, 40), (64, 64, 64)),
    "water": lambda rng: np.full((64, 64, 64), rng.uniform(-300, 200)),
    "noise": lambda rng: rng.normal(rng.uniform(-500, 0), rng.uniform(100, 600), (64, 64, 64)),
    "clouds": lambda rng: smooth_noise(rng, rng.uniform(1.5, 6), 500.0) - rng.uniform(200, 600),
    "head": head,
    "legs": limb,
    "MR": magnetic_resonance,
}
GENERATED_EACH = 5


def generated() -> Iterator[tuple[str, Volume]]:
    for name, make in MAKERS.items():
        for seed in range(GENERATED_EACH):
            yield f"{name} {seed}", volume(make(np.random.default_rng([seed, len(name)])), 3.0 if name == "MR" else SPACING_MM)
    for seed in range(5):
        whole = generate_case(seed).volume
        yield f"slice {seed}", whole.cropped((0, 0, 50 + seed), (*whole.shape[:2], 51 + seed))
    for seed in (2, 5, 8):
        yield f"abdomen {seed}", below_the_lungs(seed, 40)


def real() -> Iterator[tuple[str, Volume]]:
    for name in ("example_ct", "example_ct_sm"):
        abdomen = read_volume(reference_data(f"ct/totalseg_abdomen_control/{name}.nii.gz")).reoriented_to_ras()
        i, j, k = abdomen.shape
        yield name, abdomen
        yield f"{name} without its top", abdomen.cropped((0, 0, 0), (i, j, int(0.85 * k)))
        yield f"{name} lower half", abdomen.cropped((0, 0, 0), (i, j, k // 2))
        yield f"{name} narrow", abdomen.cropped((i // 6, j // 8, 0), (5 * i // 6, 7 * j // 8, k))


@lru_cache(maxsize=1)
def engine() -> Engine:
    return load_engine("asap-mini")


def most_confident(image: Volume) -> float:
    """0 when it is refused, else the highest confidence of any sentence."""
    try:
        features = engine().encode(image)
    except NotChestError:
        return 0.0
    return max(answer.confidence or 0.0 for answer in engine().ground(features, REPORT.sentences))


@pytest.mark.slow
def test_fifty_volumes_that_are_no_chest_are_refused_or_doubted() -> None:
    tried = {name: most_confident(image) for cases in (generated(), real()) for name, image in cases}
    assert len(tried) >= 50
    assert {name: value for name, value in tried.items() if value >= HIGHEST} == {}


@pytest.mark.slow
@pytest.mark.parametrize("seed", SMALL_EFFUSION_SEEDS)
def test_little_air_between_large_effusions_is_still_a_chest(seed: int) -> None:
    assert chest_check(generate_case(seed, held_out_phrasing=True).volume).is_chest
