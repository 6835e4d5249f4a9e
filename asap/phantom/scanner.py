"""What a scanner does to a clean body: couch, blur, slice thickness, motion, noise, field of view.

Noise follows the photons that are left: its variance grows with the exponential of the path through the body, taken along
the two in-plane axes, so that shoulders give horizontal streaks (after Hsieh, Computed Tomography, ch. 7, much simplified).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
LOWEST_HU, HIGHEST_HU = -1024, 3071
ATTENUATION_PER_MM = 0.0085


@dataclass(frozen=True)
class ScannerSettings:
    """One acquisition and reconstruction.

    slice_mm: slice thickness. phase: offset of the slices in [0, 1) of a slice. blur: in-plane weight of a neighbour (negative
    sharpens). noise_hu: deviation in the middle of the trunk. grain: weight of a neighbour in the noise (its correlation).
    streak: share of noise along the attenuated direction. couch: "none", "flat" or "curved". couch_gap_mm: mattress below the
    back. view_radius: radius of the reconstructed circle in units of half the grid's width, above 1.42 invisible.
    motion_voxels: in-plane step between two breath holds, 0 for none. metal: one streaking object. offset_hu, gain: calibration.
    """

    slice_mm: float
    phase: float
    blur: float
    noise_hu: float
    grain: float
    streak: float
    couch: str
    couch_gap_mm: float
    view_radius: float
    motion_voxels: int
    metal: bool
    offset_hu: float
    gain: float


def random_settings(rng: np.random.Generator) -> ScannerSettings:
    """Draw one scanner: low-dose thin, low-dose thick and standard protocols mixed."""
    slice_mm = float(rng.choice([1.0, 1.5, 2.5, 3.0, 5.0, 6.0, 8.0], p=[0.22, 0.13, 0.12, 0.13, 0.26, 0.07, 0.07]))
    return ScannerSettings(
        slice_mm=slice_mm,
        phase=float(rng.random()),
        blur=float(np.clip(rng.normal(0.04, 0.07), -0.08, 0.2)),
        noise_hu=float(np.clip(rng.lognormal(np.log(17), 0.55), 5, 60)),
        grain=float(rng.uniform(0.0, 0.28)),
        streak=float(rng.uniform(0.0, 0.6)),
        couch=str(rng.choice(["none", "flat", "curved"], p=[0.25, 0.15, 0.6])),
        couch_gap_mm=float(rng.uniform(1, 14)),
        view_radius=float(rng.choice([2.0, rng.uniform(0.97, 1.1), rng.uniform(0.86, 0.97)], p=[0.35, 0.4, 0.25])),
        motion_voxels=int(rng.choice([0, 1, -1], p=[0.92, 0.04, 0.04])),
        metal=bool(rng.random() < 0.025),
        offset_hu=float(rng.normal(0, 4)),
        gain=float(rng.normal(1, 0.008)),
    )


def scan(
    hu: Floats, rng: np.random.Generator, settings: ScannerSettings | None = None, spacing_mm: float = 3.0
) -> NDArray[np.int16]:
    """Image of a clean body on the same grid, (i, j, k) int16 HU in [-1024, 3071].

    hu: (i, j, k) float32, axes right, anterior, superior. settings: drawn from rng when None.
    """
    how = random_settings(rng) if settings is None else settings
    image = np.array(hu, np.float32)
    if how.couch != "none":
        _add_couch(image, rng, how, spacing_mm)
    if how.metal:
        _add_metal(image, rng)
    if how.blur:
        for axis in (0, 1):
            _blur(image, axis, how.blur)
    noise = _noise(image, rng, how, spacing_mm)
    image += noise
    if how.slice_mm > 1.2 * spacing_mm:
        image = np.asarray(image @ slice_profile(image.shape[2], how.slice_mm / spacing_mm, how.phase), np.float32)
    if how.motion_voxels:
        start = int(rng.integers(image.shape[2] // 4, 3 * image.shape[2] // 4))
        image[:, :, start:] = np.roll(image[:, :, start:], how.motion_voxels, axis=1)
    image += np.float32(1000)
    image *= np.float32(how.gain)
    image += np.float32(how.offset_hu - 1000)
    np.clip(image, LOWEST_HU, HIGHEST_HU, out=image)
    out = np.rint(image, out=image).astype(np.int16)
    if how.view_radius < 1.42:
        out[_outside_view(out.shape, how.view_radius)] = LOWEST_HU
    return out


def slice_profile(count: int, slice_voxels: float, phase: float) -> Floats:
    """[K, K] matrix (applied from the right) that averages over thick slices and interpolates back to the grid."""
    at = np.arange(count, dtype=np.float64)
    slices = int(np.ceil(count / slice_voxels)) + 2
    centres = (np.arange(slices) - 1 + phase) * slice_voxels
    overlap = np.minimum(at[:, None] + 0.5, centres + slice_voxels / 2) - np.maximum(
        at[:, None] - 0.5, centres - slice_voxels / 2
    )
    average_KS = np.clip(overlap, 0, None)
    average_KS = average_KS / np.maximum(average_KS.sum(axis=0), 1e-9)
    seen = average_KS.sum(axis=0) > 0.5
    average_KS, centres = average_KS[:, seen], centres[seen]
    spread_SK = np.clip(1 - np.abs(centres[:, None] - at[None, :]) / slice_voxels, 0, None)
    spread_SK[0, at < centres[0]] = 1
    spread_SK[-1, at > centres[-1]] = 1
    return np.asarray(average_KS @ (spread_SK / spread_SK.sum(axis=0)), np.float32)


def _blur(image: Floats, axis: int, weight: float) -> None:
    """Three-tap kernel (weight, 1 - 2 weight, weight) along an axis, in place; the two border planes stay."""
    moved = np.moveaxis(image, axis, 0)
    change = moved[:-2] + moved[2:]
    change -= 2 * moved[1:-1]
    change *= np.float32(weight)
    moved[1:-1] += change


def _noise(image: Floats, rng: np.random.Generator, how: ScannerSettings, spacing_mm: float) -> Floats:
    """Correlated noise whose strength follows the attenuation along rows and columns."""
    white = rng.standard_normal(image.shape, dtype=np.float32)
    density = np.clip(image[::2, ::2], -1000, 400) * np.float32(1e-3) + 1
    path = np.float32(2 * spacing_mm * ATTENUATION_PER_MM)
    along_x_JK = np.repeat(density.sum(axis=0) * path, 2, axis=0)[: image.shape[1]]
    along_y_IK = np.repeat(density.sum(axis=1) * path, 2, axis=0)[: image.shape[0]]
    typical = np.median(along_y_IK[image.shape[0] // 2])
    power_x, power_y = (np.exp(0.5 * np.clip(p - typical, -4, 3.5)) for p in (along_x_JK, along_y_IK))
    if how.grain > 0.02:
        for axis in (0, 1):
            _blur(white, axis, how.grain)
        white *= np.float32(1 / (1 - 4 * how.grain + 6 * how.grain**2))
    strength = np.sqrt(0.5 * (power_x[None] ** 2 + power_y[:, None] ** 2), dtype=np.float32)
    if how.streak > 0.05:
        rows = white[1:] + white[:-1]
        rows[2:] += white[1:-2]
        rows[3:] += white[:-4]
        share = np.float32(how.streak) * np.clip(power_x - 0.8, 0, 3) * np.float32(0.35)
        white[1:] += rows * share[None]
    white *= strength
    white *= np.float32(how.noise_hu)
    return white


def _add_couch(image: Floats, rng: np.random.Generator, how: ScannerSettings, spacing_mm: float) -> None:
    """A thin shell filled with foam under the back, wherever there is air below the body."""
    body_IJ = image[:, :, ::6].max(axis=2) > -400
    lowest_I = np.where(body_IJ.any(axis=1), body_IJ.argmax(axis=1), image.shape[1])
    x = (np.arange(image.shape[0]) - image.shape[0] / 2) * spacing_mm
    under = float(lowest_I[np.abs(x) < 90].min(initial=image.shape[1])) * spacing_mm - how.couch_gap_mm
    bow = x**2 / (2 * 420) if how.couch == "curved" else np.zeros_like(x)
    y = np.arange(image.shape[1])[None, :] * spacing_mm
    depth = (under + bow)[:, None] - y
    thick = 26 - (0.6 * bow if how.couch == "curved" else 0 * bow)[:, None]
    shell = np.minimum(np.abs(depth), np.abs(depth - thick))
    hu = np.where((depth > 0) & (depth < thick), rng.uniform(-960, -880), -1000.0)
    cover = np.clip((2.4 - shell) / spacing_mm + 0.3, 0, 1) * (np.abs(x) < 225)[:, None]
    hu = hu + cover * (rng.uniform(-300, 150) - hu)
    free = (depth > -2.5) & (depth < thick + 3) & (np.arange(image.shape[1])[None, :] < lowest_I[:, None])
    image[free] = np.maximum(image[free], hu[free].astype(np.float32)[:, None])


def _add_metal(image: Floats, rng: np.random.Generator) -> None:
    """A small dense object with rays of alternating sign in its slices."""
    inside = np.argwhere(image[::4, ::4, ::4] > -100)
    if not len(inside):
        return
    i, j, k = inside[rng.integers(len(inside))] * 4
    x, y = np.arange(image.shape[0])[:, None] - i, np.arange(image.shape[1])[None, :] - j
    rho = np.hypot(x, y)
    rays = np.cos(np.arctan2(y, x) * int(rng.integers(3, 9)) + rng.uniform(0, 6.28)) * 260 * np.exp(-rho / 22)
    slices = slice(max(0, k - 1), k + 2)
    image[:, :, slices] += np.where(rho > 1.5, rays, 2500)[:, :, None].astype(np.float32)


def _outside_view(shape: tuple[int, ...], radius: float) -> NDArray[np.bool_]:
    """(i, j) outside the reconstructed circle."""
    x = np.arange(shape[0])[:, None] - (shape[0] - 1) / 2
    y = np.arange(shape[1])[None, :] - (shape[1] - 1) / 2
    return np.asarray(np.hypot(x, y) > radius * max(shape[:2]) / 2)
