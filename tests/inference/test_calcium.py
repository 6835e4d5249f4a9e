"""Calcium of vessels is measured in the image: small, brighter than the blood, in the organ; and shown where it was measured."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from asap.inference.calcium import BEDS, calcium_in_cells
from asap.inference.engine import Engine
from asap.inference.feature_file import features_from_bytes, features_to_bytes
from asap.inference.features import StudyFeatures
from asap.inference.load import load_engine
from asap.phantom.case import generate_case
from asap.report import Sentence
from asap.text.read import read_sentence
from asap.volume import apply_affine

TOKENS, CELL = (12, 12, 12), 4
SIZE = 48
AORTA, HEART = range(len(BEDS))
ORGAN = (slice(4, 8),) * 3  # cells
LUMEN = (slice(16, 32),) * 3  # the same, in voxels


def image(blood_hu: float = 40.0) -> NDArray[np.float32]:
    """Fat, and an organ full of blood."""
    hu = np.full((SIZE,) * 3, -100.0, dtype=np.float32)
    hu[LUMEN] = blood_hu
    return hu


def measured(hu: NDArray[np.float32], bone: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Voxels of calcium in each cell, [K, a, b, c], where cells of the organ belong to aorta and heart alike."""
    share = np.zeros(TOKENS, dtype=np.float32)
    share[ORGAN] = 0.9
    shares_KN = torch.from_numpy(np.stack([share.ravel()] * len(BEDS)))
    bone_N = torch.from_numpy((np.zeros(TOKENS, dtype=np.float32) if bone is None else bone).ravel())
    amount_NK = calcium_in_cells(torch.from_numpy(hu / 1000)[None, None], shares_KN, bone_N, TOKENS, 3.0)
    return np.expm1(amount_NK.float().numpy()).T.reshape(len(BEDS), *TOKENS)


def test_a_fleck_counts_in_its_own_cell_and_nowhere_else() -> None:
    hu = image()
    hu[17:19, 20:22, 24] = 600.0
    found = measured(hu)
    assert found[AORTA][4, 5, 6] == pytest.approx(4, rel=0.01)
    assert found[AORTA].sum() == pytest.approx(4, rel=0.01)


def test_no_fleck_no_calcium() -> None:
    assert measured(image()).sum() == 0


def test_contrast_in_the_blood_is_no_calcium_and_calcium_in_it_still_is() -> None:
    hu = image(blood_hu=350.0)
    assert measured(hu).sum() == 0
    hu[15:17, 20:22, 24] = 700.0  # in its wall, half of it beyond the organ
    assert measured(hu)[HEART][4, 5, 6] == pytest.approx(2, rel=0.01)


def test_a_bone_or_a_catheter_that_reaches_in_is_too_large_to_be_calcium() -> None:
    bone, catheter = image(), image()
    bone[5:20, 5:20, 5:20] = 500.0
    catheter[18, 18, 4:30] = 900.0
    assert measured(bone).sum() == 0
    assert measured(catheter).sum() == 0


def test_streaks_of_contrast_among_contrast_are_no_calcium() -> None:
    hu = image(blood_hu=350.0)
    hu[22:24, 22:24, 24] = 900.0
    assert measured(hu).sum() == 0


def test_a_fleck_elsewhere_or_in_bone_does_not_count() -> None:
    hu, bone = image(), np.zeros(TOKENS, dtype=np.float32)
    hu[5:7, 5:7, 5] = 600.0
    hu[17:19, 20:22, 24] = 600.0
    bone[4, 5, 6] = 0.5
    assert measured(hu, bone).sum() == 0


def test_a_chest_without_the_organ_has_none() -> None:
    hu = image()
    hu[17:19, 20:22, 24] = 600.0
    nothing = torch.zeros(len(BEDS), int(np.prod(TOKENS)))
    assert not calcium_in_cells(torch.from_numpy(hu / 1000)[None, None], nothing, nothing[0], TOKENS, 3.0).any()


@lru_cache(maxsize=1)
def engine() -> Engine:
    return load_engine("asap-test")


@lru_cache(maxsize=1)
def encoded() -> StudyFeatures:
    return engine().encode(generate_case(3).volume)


def with_calcium(*cells: tuple[int, int, int]) -> StudyFeatures:
    """An encoded case in which calcium of the aorta was measured in some cells."""
    features = encoded()
    amount = np.zeros((*features.tokens, len(BEDS)), dtype=np.float16)
    for cell in cells:
        amount[(*cell, AORTA)] = np.log1p(9.0)
    window = replace(features.windows[0], calcium_NK=torch.from_numpy(amount.reshape(-1, len(BEDS))))
    return replace(features, windows=(window,))


def sentence(text: str) -> Sentence:
    read = read_sentence(text)
    assert read.localisable, text
    return read


def test_a_sentence_about_calcium_points_to_where_it_was_measured() -> None:
    features = with_calcium((7, 7, 7))
    answer = engine().ground(features, [sentence("There is calcified plaque in the aorta.")])[0]
    assert answer.heatmap is not None
    assert np.argwhere(answer.heatmap > 0).tolist() == [[7, 7, 7]]
    assert answer.peak_ras_mm == pytest.approx(apply_affine(answer.affine, np.array([7.0, 7.0, 7.0])), abs=1e-3)
    assert answer.tokens == 1


@pytest.mark.parametrize("text", ["Nodule in the left lung.", "Coronary artery calcification."])
def test_other_sentences_are_matched_as_ever(text: str) -> None:
    answer, expected = (engine().ground(case, [sentence(text)])[0] for case in (with_calcium((7, 7, 7)), encoded()))
    assert answer.heatmap is not None
    assert expected.heatmap is not None
    np.testing.assert_array_equal(answer.heatmap, expected.heatmap)


def test_where_none_was_measured_the_sentence_is_matched() -> None:
    answer = engine().ground(with_calcium(), [sentence("There is calcified plaque in the aorta.")])[0]
    assert answer.heatmap is not None
    assert (answer.heatmap > 0).sum() > 1


def test_what_was_measured_is_kept_on_disk() -> None:
    features = with_calcium((7, 7, 7), (3, 4, 5))
    again = features_from_bytes(features_to_bytes(features, "settings"), "settings")
    kept, expected = again.windows[0].calcium_NK, features.windows[0].calcium_NK
    assert kept is not None
    assert expected is not None
    assert torch.equal(kept, expected)
    assert encoded().windows[0].calcium_NK is None, "the published model tells no organs"


@pytest.mark.slow
def test_the_shipped_model_tells_calcium_of_the_aorta_from_none_and_shows_it() -> None:
    mini, case = load_engine("asap-mini"), generate_case(1114)
    region = next(finding.region for finding in case.findings if finding.concept == "arterial_calcification")
    there, emptied = mini.encode(case.volume), mini.encode(case.twin)
    question = "Is there calcification of the aorta?"
    assert [mini.ask(features, question).verdict for features in (there, emptied)] == ["yes", "no"]
    shown, denied = (mini.ground(f, [sentence("There is calcified plaque in the aorta.")])[0] for f in (there, emptied))
    assert shown.peak_ras_mm is not None
    flecks_mm = apply_affine(case.volume.affine, np.argwhere(region).astype(float))
    assert np.linalg.norm(flecks_mm - np.array(shown.peak_ras_mm), axis=1).min() <= 12
    assert shown.confidence is not None
    assert denied.confidence is not None
    assert shown.confidence > denied.confidence + 0.2
