"""Colours that readers with any colour vision can tell apart, by formula. numpy only.

Heat: a path through CIELAB (CIE 15:2004) whose lightness rises evenly and whose hue only runs between blue and yellow, the axis
that red-green deficiency leaves alone. Neither end is so dark nor so light that it is lost: blue stays clear of black lung,
orange of the white mediastinum in a lung window. Regions: the eight colours of Okabe and Ito (2008), without black and grey.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Colour = tuple[float, float, float]

REGION_COLOURS: tuple[Colour, ...] = (
    (0.90, 0.60, 0.00),
    (0.35, 0.70, 0.90),
    (0.00, 0.62, 0.45),
    (0.95, 0.90, 0.25),
    (0.80, 0.47, 0.65),
    (0.84, 0.37, 0.00),
    (0.00, 0.45, 0.70),
)
LIGHTNESS = (40.0, 78.0)
BLUE_TO_YELLOW = (-66.0, 80.0)
GREEN_TO_RED = (24.0, 25.0)
HEAT_OPACITY = (0.45, 1.0)  # at the threshold, at the peak: the image shows through where the model is least sure
OUTLINE_COLOUR: Colour = (1.0, 0.42, 0.0)  # of a region that is shown alone
D65_WHITE = np.array([0.95047, 1.0, 1.08883])
SRGB_FROM_XYZ = np.array(
    [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]]
)


def heat_colours(count: int = 256) -> NDArray[np.float64]:
    """The heat ramp from low to high, [count, 3] sRGB in 0..1; lightness rises evenly as far as the screen can show it."""
    share = np.linspace(0.0, 1.0, count)
    lab = np.stack([low + (high - low) * share for low, high in (LIGHTNESS, GREEN_TO_RED, BLUE_TO_YELLOW)], axis=-1)
    return srgb_from_lab(lab)


def srgb_from_lab(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIELAB (D65) [..., 3] -> sRGB, clipped to 0..1."""
    fy = (lab[..., 0] + 16) / 116
    f = np.stack([fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200], axis=-1)
    xyz = D65_WHITE * np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    linear = np.clip(xyz @ SRGB_FROM_XYZ.T, 0.0, 1.0)
    return np.asarray(np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055))


def region_colour(index: int) -> Colour:
    """Colour of the sentence at `index`; colours come back after seven sentences."""
    return REGION_COLOURS[index % len(REGION_COLOURS)]
