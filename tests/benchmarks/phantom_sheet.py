"""Contact sheets of generated chests, to be looked at: python -m tests.benchmarks.phantom_sheet --out DIR --count 40."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray

from asap.phantom.anatomy import generate_anatomy
from asap.phantom.scanner import scan

matplotlib.use("Agg")
import matplotlib.pyplot as plt

SOFT, LUNG = (-150, 250), (-1250, 150)


def planes(hu_IJK: NDArray[np.int16], centre_ijk: tuple[int, int, int]) -> list[tuple[NDArray[np.int16], tuple[int, int]]]:
    """Eleven pictures of one chest as a radiologist hangs them (the patient's right on the left of the picture)."""
    i, j, k = centre_ijk
    last = hu_IJK.shape[2] - 1
    pictures = []
    for step, window in ((-26, SOFT), (-14, SOFT), (-4, SOFT), (8, SOFT), (26, SOFT), (-16, LUNG), (2, LUNG)):
        pictures.append((hu_IJK[::-1, :, int(np.clip(k + step, 0, last))].T, window))
    for window in (SOFT, LUNG):
        pictures.append((hu_IJK[::-1, j, :].T, window))
    pictures.append((hu_IJK[i, ::-1, :].T, SOFT))
    pictures.append((hu_IJK[int(min(i + 22, hu_IJK.shape[0] - 1)), ::-1, :].T, LUNG))
    return pictures


def draw(rows: list[list[tuple[NDArray[np.int16], tuple[int, int]]]], path: Path, zoom: float = 1.5) -> None:
    """Write one PNG with a row per case."""
    count = len(rows[0])
    figure, axes = plt.subplots(len(rows), count, figsize=(count * zoom, len(rows) * zoom), squeeze=False)
    for row, pictures in zip(axes, rows, strict=True):
        for axis, (picture, (low, high)) in zip(row, pictures, strict=True):
            axis.imshow(picture, origin="lower", cmap="gray", vmin=low, vmax=high)
            axis.axis("off")
    figure.subplots_adjust(0, 0, 1, 1, 0.01, 0.01)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def main() -> None:
    """Generate, scan and draw; print the time of each stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--clean", action="store_true", help="leave the scanner out")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows, anatomy_s, scan_s = [], [], []
    for seed in range(arguments.first, arguments.first + arguments.count):
        rng = np.random.default_rng(seed)
        start = time.perf_counter()
        anatomy = generate_anatomy(rng)
        middle = time.perf_counter()
        image = np.clip(anatomy.hu, -1024, 3071).astype(np.int16) if arguments.clean else scan(anatomy.hu, rng)
        anatomy_s.append(middle - start)
        scan_s.append(time.perf_counter() - middle)
        heart = np.argwhere(anatomy.mask("heart"))
        trachea = np.argwhere(anatomy.mask("main_bronchi"))
        level = int(trachea[:, 2].mean()) + 4 if len(trachea) else image.shape[2] // 2
        rows.append(planes(image, (image.shape[0] // 2, int(heart[:, 1].mean()) if len(heart) else 60, level)))
    for start_row in range(0, len(rows), 8):
        draw(rows[start_row : start_row + 8], arguments.out / f"phantoms_{arguments.first + start_row:03d}.png")
    for stage, times in (("anatomy", anatomy_s), ("scan", scan_s)):
        print(f"{stage}: median {np.median(times):.3f} s, best {min(times):.3f} s")


if __name__ == "__main__":
    main()
