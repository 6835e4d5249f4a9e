"""Segmentation metrics against golden values that MONAI and MedPy gave for real masks."""

from __future__ import annotations

import json
from math import inf, isnan

import numpy as np
import pytest

from asap.io.read import read_labels
from asap.volume import spacing_of
from asap_training.tasks.metrics import overlap, surface_distances_mm
from tests.reference import reference_data

CASES = ("aorta_vs_organ_aorta_T264", "lung2_tumour_perturbed", "cip_wholelung_perturbed")


@pytest.mark.parametrize("name", CASES)
def test_metrics_equal_the_golden_values(name: str) -> None:
    golden = json.loads(reference_data("seg_eval/golden_seg_metrics.json").read_text())["cases"][name]
    truth, affine = read_labels(reference_data(golden["gt"]))
    predicted, _ = read_labels(reference_data(golden["pred"]))
    masks = predicted > 0, truth > 0
    got = overlap(*masks, spacing_of(affine), tolerance_mm=2.0)
    assert got.dice == pytest.approx(golden["monai"]["dice"], abs=1e-6)
    assert got.nsd == pytest.approx(golden["monai"]["surface_dice_2mm"], abs=1e-6)
    assert got.hd95_mm == pytest.approx(golden["monai"]["hd95"], abs=1e-3)
    distances_mm = np.concatenate(surface_distances_mm(*masks, spacing_of(affine)))
    assert distances_mm.max() == pytest.approx(golden["medpy"]["hd"], abs=1e-3)
    assert np.percentile(distances_mm, 95) == pytest.approx(golden["medpy"]["hd95"], abs=1e-3)  # MedPy pools both directions


def test_empty_masks_have_their_own_values() -> None:
    empty, full = np.zeros((4, 4, 4), dtype=np.bool_), np.ones((4, 4, 4), dtype=np.bool_)
    spacing_mm = (1.0, 1.0, 1.0)
    assert isnan(overlap(empty, empty, spacing_mm).dice)
    assert (overlap(empty, full, spacing_mm).dice, overlap(full, empty, spacing_mm).hd95_mm) == (0.0, inf)
    assert overlap(full, full, spacing_mm).nsd == 1.0
