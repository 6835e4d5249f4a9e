"""Draws the module's icon: two lungs and one warm place.

`PYTHONPATH=AsapSlicerModule python AsapSlicerModule/Resources/draw_icon.py` writes it to Icons/.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from AsapSlicerLib.colours import heat_colours
from numpy.typing import NDArray

SIZE = 128
SMOOTH = 3.0 / SIZE
LUNG, BODY = (0.55, 0.62, 0.70), (0.16, 0.19, 0.24)


def icon() -> NDArray[np.uint8]:
    """[row, column, RGBA]."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] / (SIZE - 1) * 2 - 1
    body = _inside(1.0 - (np.abs(x / 0.97) ** 4 + np.abs(y / 0.97) ** 4))
    picture = np.empty((SIZE, SIZE, 3))
    picture[:] = BODY
    for side in (-1, 1):
        lung = _inside(1.0 - (((x - side * 0.42) / (0.30 + 0.10 * y)) ** 2 + ((y - 0.02) / 0.68) ** 2))
        picture = picture * (1 - lung[..., None]) + np.array(LUNG) * lung[..., None]
    heat = np.exp(-(((x - 0.44) ** 2 + (y - 0.30) ** 2) / (2 * 0.17**2)))
    ramp = heat_colours()
    warm = np.clip((heat - 0.25) / 0.15, 0, 1)[..., None]
    picture = picture * (1 - warm) + ramp[np.clip((heat * 255).astype(int), 0, 255)] * warm
    return np.rint(np.dstack([picture, body]) * 255).astype(np.uint8)


def _inside(level: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(level / SMOOTH / 4 + 0.5, 0, 1)


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file (RFC 2083) of [row, column, RGBA]."""
    rows, columns, _ = pixels.shape
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 6, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    )
    chunks = (struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


if __name__ == "__main__":
    (Path(__file__).parent / "Icons" / "AsapSlicerModule.png").write_bytes(png(icon()))
