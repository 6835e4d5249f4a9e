"""A marker in the right lung stays right from the stored file to the heatmap on disk, in every stored orientation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from torch import Tensor

from asap.inference.engine import Engine
from asap.inference.features import EncodedImage
from asap.inference.grounder import EncoderCost
from asap.io.nifti_write import write_nifti
from asap.io.read import read_volume
from asap.pause import Pause, no_pause
from asap.phantom.case import generate_case
from asap.preprocess import GridConfig
from asap.report import Sentence
from asap.text.read import read_sentence
from asap.volume import Volume, apply_affine
from tests.volumes import ORIENTATIONS


class BrightestCell:
    """A model that points at the densest cell: what it answers is known beforehand."""

    name = "brightest-cell"
    weights_sha256 = "0" * 64
    calibration: Mapping[str, Any] | None = None
    cost = EncoderCost(pauses=1, seconds=0.1)
    grid = GridConfig(spacing_mm=(3.0, 3.0, 3.0), shape=(112, 112, 112), cell=(8, 8, 8))
    device = torch.device("cpu")
    finding_head = None
    nodule_scorer = None

    def place(self, device: torch.device) -> None:
        self.device = device

    def encode_image(self, image_11HWD: Tensor, *, pause: Pause = no_pause, frugal: bool = False) -> EncodedImage:
        return EncodedImage(torch.nn.functional.max_pool3d(image_11HWD, 8).flatten()[:, None])

    def encode_sentences(self, sentences: Sequence[Sentence]) -> Tensor:
        return torch.ones(len(sentences), 1)

    def match(self, rows_ST: Tensor, cells_NC: Tensor) -> Tensor:
        return rows_ST @ cells_NC.T

    def heat(self, match_SN: Tensor) -> Tensor:
        return (match_SN + 1) / 8

    def evidence(self, match_SN: Tensor) -> Tensor:
        return match_SN.amax(dim=1)


@lru_cache(maxsize=1)
def marked_chest() -> tuple[Volume, np.ndarray]:
    """A chest without bone-bright voxels and one 2 cm metal ball in the right lung; its world position."""
    case = generate_case(3)
    hu = np.minimum(case.volume.hu, 200).astype(np.float32)
    index = np.argwhere(case.organs["right_lung"]).mean(axis=0).round()
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in hu.shape), indexing="ij"), axis=-1)
    hu[((grid - index) ** 2).sum(axis=-1) <= 3.3**2] = 1000.0
    return Volume(hu.astype(np.int16), case.volume.affine), apply_affine(case.volume.affine, index)


@pytest.mark.slow
@pytest.mark.parametrize("signs", ORIENTATIONS)
@pytest.mark.parametrize("transposed", [False, True])
def test_right_stays_right(signs: tuple[int, int, int], transposed: bool, tmp_path: Path) -> None:
    volume, marker_mm = marked_chest()
    stored, affine = flipped(volume, signs)
    if transposed:
        stored, affine = stored.transpose(2, 0, 1), affine[:, [2, 0, 1, 3]]
    write_nifti(tmp_path / "stored.nii.gz", np.ascontiguousarray(stored), affine)
    engine = Engine(BrightestCell())
    features = engine.encode(read_volume(tmp_path / "stored.nii.gz"))
    answer = engine.ground(features, [read_sentence("A nodule in the right lung.")])[0]
    assert np.linalg.norm(np.asarray(answer.peak_ras_mm) - marker_mm) <= 24.0
    assert answer.side_check == "agrees"
    assert engine.ground(features, [read_sentence("A nodule in the left lung.")])[0].side_check == "disagrees"

    assert answer.heatmap is not None
    write_nifti(tmp_path / "heat.nii.gz", answer.heatmap, answer.affine)
    heat = nibabel.load(tmp_path / "heat.nii.gz")
    values = np.asarray(heat.dataobj)
    hottest = apply_affine(heat.affine, np.array(np.unravel_index(values.argmax(), values.shape), dtype=float))
    assert (np.abs(hottest - marker_mm) <= 12.0 + 10.0 + 0.5).all()
    assert features.lungs.side_of(hottest) == "right"


def flipped(volume: Volume, signs: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The same voxels stored with some axes reversed, and the affine that keeps every voxel where it was."""
    hu, affine = np.asarray(volume.hu), volume.affine.copy()
    for axis, sign in enumerate(signs):
        if sign < 0:
            hu = np.flip(hu, axis)
            affine[:3, 3] += affine[:3, axis] * (hu.shape[axis] - 1)
            affine[:3, axis] *= -1
    return hu, affine
