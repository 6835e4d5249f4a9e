"""Colours as DICOM stores them: CIELab in three 16-bit numbers (PS3.3 C.10.7.1.1), from and to sRGB (IEC 61966-2-1)."""

from __future__ import annotations

import numpy as np

from asap.segment_types import Colour

# XYZ of the sRGB primaries for the white point D50 that DICOM's colours refer to (D65 adapted by Bradford's matrix).
XYZ_D50 = np.array([[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]])
WHITE_D50 = np.array([0.9642, 1.0, 0.8249])
KNEE = 6 / 29


def to_cielab(colour: Colour) -> list[int]:
    """The three stored numbers of an sRGB colour (0-255 a channel)."""
    level = np.array(colour) / 255
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    ratio = XYZ_D50 @ linear / WHITE_D50
    x, y, z = np.where(ratio > KNEE**3, np.cbrt(ratio), ratio / (3 * KNEE**2) + 4 / 29)
    lightness, a, b = 116 * y - 16, 500 * (x - y), 200 * (y - z)
    return [round(lightness * 65535 / 100), round((a + 128) * 65535 / 255), round((b + 128) * 65535 / 255)]


def from_cielab(stored: list[int]) -> Colour:
    """The other way round, each channel clipped to 0-255."""
    lightness, a, b = stored[0] * 100 / 65535, stored[1] * 255 / 65535 - 128, stored[2] * 255 / 65535 - 128
    y = (lightness + 16) / 116
    roots = np.array([y + a / 500, y, y - b / 200])
    ratio = np.where(roots > KNEE, roots**3, 3 * KNEE**2 * (roots - 4 / 29))
    linear = np.clip(np.linalg.solve(XYZ_D50, ratio * WHITE_D50), 0, 1)
    level = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = (int(v) for v in np.rint(level * 255))
    return red, green, blue
