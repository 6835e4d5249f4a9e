"""How hard the generated findings are: `python -m asap.phantom.difficulty --count 60` prints one row per concept.

Size is the region's volume and the diameter of the ball of that volume; contrast is the mean of |volume - twin| inside the
region; noise is 1.48 times the median absolute deviation of the twin in a shell of 3-9 mm around it; CNR is their ratio.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from asap.phantom.canvas import PlacedFinding, bounding_box
from asap.phantom.case import PhantomCase, generate_case

HEADER = f"{'concept':<24}{'n':>5}{'ml 10/50/90 %':>24}{'mm 10/50/90 %':>20}{'contrast HU':>13}{'noise HU':>10}{'CNR':>7}"


@dataclass(frozen=True)
class Measure:
    """One finding: volume (ml), equivalent diameter (mm), contrast and noise (HU)."""

    ml: float
    mm: float
    contrast_hu: float
    noise_hu: float


def measure(case: PhantomCase, finding: PlacedFinding) -> Measure:
    """Size, contrast and noise of one finding of a case."""
    spacing = case.volume.spacing_mm[0]
    box = bounding_box(finding.region)
    if box is None:
        raise ValueError("the finding has no region")
    margin = int(np.ceil(9 / spacing))
    wide = tuple(slice(max(s.start - margin, 0), s.stop + margin) for s in box)
    region = finding.region[wide]
    before, after = case.twin.hu[wide].astype(np.float32), case.volume.hu[wide].astype(np.float32)
    near = ndimage.binary_dilation(region, iterations=max(1, round(3 / spacing)))
    shell = ndimage.binary_dilation(near, iterations=max(1, round(6 / spacing))) & ~near
    ml = float(region.sum()) * spacing**3 / 1000
    contrast = float(np.abs(after - before)[region].mean())
    around = before[shell]
    noise = float(1.4826 * np.median(np.abs(around - np.median(around)))) if around.size else float("nan")
    return Measure(ml, float(2 * np.cbrt(3 * ml * 1000 / (4 * np.pi))), contrast, noise)


def row(concept: str, measures: list[Measure]) -> str:
    """One line of the table."""
    ml = np.percentile([m.ml for m in measures], [10, 50, 90])
    mm = np.percentile([m.mm for m in measures], [10, 50, 90])
    contrast = float(np.median([m.contrast_hu for m in measures]))
    noise = float(np.nanmedian([m.noise_hu for m in measures]))
    cnr = float(np.nanmedian([m.contrast_hu / max(m.noise_hu, 1.0) for m in measures]))
    volumes, lengths = "/".join(f"{v:.3g}" for v in ml), "/".join(f"{v:.0f}" for v in mm)
    return f"{concept:<24}{len(measures):>5}{volumes:>24}{lengths:>20}{contrast:>13.0f}{noise:>10.0f}{cnr:>7.2f}"


def main() -> None:
    """Generate cases and print the table."""
    parser = argparse.ArgumentParser(description="Size, contrast and noise of generated findings.")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--first", type=int, default=0)
    arguments = parser.parse_args()
    table: dict[str, list[Measure]] = defaultdict(list)
    for seed in range(arguments.first, arguments.first + arguments.count):
        case = generate_case(seed)
        for finding in case.findings:
            table[finding.concept].append(measure(case, finding))
    print("\n".join([HEADER, *(row(concept, table[concept]) for concept in sorted(table))]))  # noqa: T201


if __name__ == "__main__":
    main()
