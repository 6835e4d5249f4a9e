"""Segments of public chest CTs against masks: lungs, heart, aorta, and a tumour by sentence and by simulated clicks.

None of these scans was trained or selected on. Dice on the scan's own voxels; region growing is driven by the same clicks.
Run: python -m tests.benchmarks.real_segments      (needs ASAP_REFERENCE_DATA)
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from asap.inference.engine import Engine
from asap.inference.load import load_engine
from asap.io.read import read_labels, read_volume
from asap.segmentation import dice
from asap.volume import Volume, apply_affine
from asap_training.segmentation_score import Lesion, sentence_score, unasked_scores, user_scores

SENTENCE = "There is a mass in the left lower lobe."
LEFT, RIGHT, AIRWAY = range(9, 12), range(12, 15), 2


def lungs(engine: Engine, folder: Path) -> Iterator[tuple[str, float]]:
    """COPD, 64 x 64 x 79: left and right lung without airway."""
    volume = read_volume(folder / "ct-64.nrrd")
    labels, _ = read_labels(folder / "lm-64.nrrd")
    regions, types = labels % 256, labels // 256
    result = engine.segment(volume, ("lungs",))
    for name, numbers in (("Left lung", LEFT), ("Right lung", RIGHT)):
        yield f"COPD, {name.lower()}", dice(result.mask(name), np.isin(regions, numbers) & (types != AIRWAY))


def heart_and_aorta(engine: Engine, folder: Path) -> Iterator[tuple[str, float]]:
    """CT angiography with aortic dissection: the heart on the whole scan, the aorta within the crop that has a mask."""
    volume = read_volume(folder / "ct.nii.gz")
    result = engine.segment(volume, ("heart", "aorta"))
    heart, _ = read_labels(folder / "heart.nii.gz")
    yield "CT angiography, heart", dice(result.mask("Heart"), heart > 0)
    aorta, affine = read_labels(folder / "aorta_crop/aorta.nii.gz")
    yield "CT angiography, aorta in its crop", dice(resampled(result.mask("Aorta"), volume, aorta.shape, affine), aorta > 0)


def resampled(mask: np.ndarray, volume: Volume, shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
    """A mask at the voxel centres of another grid."""
    places = apply_affine(np.linalg.inv(volume.affine) @ affine, np.moveaxis(np.indices(shape), 0, -1).astype(np.float64))
    return np.asarray(ndimage.map_coordinates(mask.astype(np.uint8), np.moveaxis(places, -1, 0), order=0) > 0)


def tumour(engine: Engine, folder: Path) -> Iterator[tuple[str, float]]:
    """Lung cancer, 5 mm slices, one large tumour."""
    volume = read_volume(folder / "lung2_image.nrrd")
    labels, _ = read_labels(folder / "lung2_label.nrrd")
    lesion, features = Lesion("mass", labels > 0, SENTENCE), engine.encode(volume)
    scores = list(sentence_score(engine, features, volume, 0, lesion))
    if engine.lesions.heads is not None:
        scores += unasked_scores(engine, volume, 0, [lesion], lesion.region)
        scores += user_scores(engine.lesions, features, volume, 0, lesion, how="model")
    scores += user_scores(replace(engine.lesions, heads=None), features, volume, 0, lesion, how="growing")
    yield from ((f"tumour, {score.how}", score.dice) for score in scores)


def main() -> None:
    """Print the table."""
    reference, engine = Path(os.environ["ASAP_REFERENCE_DATA"]) / "ct", load_engine("asap-mini")
    rows = [*lungs(engine, reference / "cip_copd64"), *tumour(engine, reference / "lung2_tumour")]
    if "heart" in engine.organs.known:
        rows += heart_and_aorta(engine, reference / "totalseg_cta")
    for name, score in rows:
        print(f"  {name:36} {score:6.3f}")


if __name__ == "__main__":
    main()
