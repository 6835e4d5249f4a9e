"""Sentences on public chest CTs whose regions are known: does the peak lie within 12 mm, in every wording?

The mass must also pass the paint-out control: filled with lung texture, the peak leaves or the score falls below half.
Run: python -m tests.benchmarks.real_pairs [--model asap-mini]      (needs ASAP_REFERENCE_DATA)
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from asap.inference.engine import Engine
from asap.inference.load import load_engine
from asap.io.read import read_labels, read_volume
from asap.text.read import read_sentence
from asap.volume import Affine, Volume, apply_affine
from asap_training.grounding_score import STRICT_MM, distance_mm

HEART = ("The heart is normal in size.", "Heart size within normal limits.", "The cardiac silhouette is unremarkable.")
AORTA = ("The thoracic aorta is normal in calibre.", "Aorta.", "Calcifications in the thoracic aorta.")
LEFT = ("The left lung is clear.", "Left lung.", "Left lung parenchyma is normal.")
RIGHT = ("The right lung is clear.", "Right lung.", "Right lung parenchyma is normal.")
AIRWAY = ("The trachea is patent.", "Trachea and main bronchi are open.", "Airway.")
MASS = (
    "There is a mass in the left lower lobe.",
    "Left lower lobe mass.",
    "A large tumour is present in the lower lobe of the left lung.",
    "Tumor in the left lower lobe.",
)


@dataclass(frozen=True, eq=False)
class RealPair:
    """A volume, the world positions of a region in it, and wordings that should point there."""

    name: str
    volume: Volume
    region_mm: NDArray[np.float64]
    wordings: tuple[str, ...]


def real_pairs(reference: Path) -> Iterator[RealPair]:
    """The pairs of the reference material."""
    cta = reference / "ct/totalseg_cta"
    volume = read_volume(cta / "ct.nii.gz")
    yield RealPair("CTA heart", volume, positions(*read_labels(cta / "heart.nii.gz")), HEART)
    yield RealPair("CTA aorta", volume, positions(*read_labels(cta / "aorta_crop/aorta.nii.gz")), AORTA)
    copd = reference / "ct/cip_copd64"
    volume = read_volume(copd / "ct-64.nrrd")
    labels, affine = read_labels(copd / "lm-64.nrrd")
    kind, region = labels // 256, labels % 256
    airway = kind == 2
    yield RealPair("COPD left lung", volume, positions(np.isin(region, (9, 10, 11)) & ~airway, affine), LEFT)
    yield RealPair("COPD right lung", volume, positions(np.isin(region, (12, 13, 14)) & ~airway, affine), RIGHT)
    yield RealPair("COPD airway", volume, positions(airway, affine), AIRWAY)
    lung2 = reference / "ct/lung2_tumour"
    tumour, affine = read_labels(lung2 / "lung2_label.nrrd")
    yield RealPair("lung2 mass", read_volume(lung2 / "lung2_image.nrrd"), positions(tumour, affine), MASS)


def positions(mask: NDArray[np.generic], affine: Affine) -> NDArray[np.float64]:
    """World positions of a mask's voxels."""
    return apply_affine(affine, np.argwhere(mask).astype(np.float64))


def painted_out(volume: Volume, region_mm: NDArray[np.float64], *, margin_mm: float = 6.0, seed: int = 0) -> Volume:
    """The volume with a region, a little widened, filled with lung texture drawn from the aerated lung of the same scan."""
    index = np.round(volume.voxel_from_world(region_mm)).astype(int)
    mask = np.zeros(volume.shape, dtype=bool)
    mask[tuple(index.T)] = True
    mask = ndimage.distance_transform_edt(~mask, sampling=volume.spacing_mm) <= margin_mm
    lung = volume.hu[(volume.hu > -950) & (volume.hu < -780)]
    texture = np.random.default_rng(seed).choice(lung, size=int(mask.sum()))
    hu = volume.hu.copy()
    hu[mask] = texture
    return Volume(hu, volume.affine)


def rows(engine: Engine, reference: Path) -> Iterator[tuple[str, str, float, float]]:
    """(pair, wording, distance in mm, score) for every wording; the mass again on the painted volume."""
    for pair in real_pairs(reference):
        yield from _asked(engine, pair.name, pair.volume, pair)
        if pair.wordings == MASS:
            yield from _asked(engine, "lung2 painted out", painted_out(pair.volume, pair.region_mm), pair)


def _asked(engine: Engine, name: str, volume: Volume, pair: RealPair) -> Iterator[tuple[str, str, float, float]]:
    features = engine.encode(volume)
    for answer in engine.ground(features, [read_sentence(text) for text in pair.wordings]):
        score = 0.0 if answer.heatmap is None else float(answer.heatmap.max())
        yield (
            name,
            answer.sentence.text,
            distance_mm(answer, pair.region_mm),
            score if answer.confidence is None else answer.confidence,
        )


def main() -> None:
    """Print one line per wording."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="asap-mini")
    engine = load_engine(parser.parse_args().model)
    for name, text, distance, score in rows(engine, Path(os.environ["ASAP_REFERENCE_DATA"])):
        print(f"  {name:18} {'strict' if distance <= STRICT_MM else '      '} {distance:7.1f} mm  score {score:.2f}  {text}")


if __name__ == "__main__":
    main()
