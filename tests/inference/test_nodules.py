"""Nodules: candidates that fall off on every side, scored, and joined to what a sentence about nodules says."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from asap.grounding import Grounding
from asap.inference.engine import Engine
from asap.inference.feature_file import features_from_bytes, features_to_bytes
from asap.inference.features import StudyFeatures
from asap.inference.load import load_engine
from asap.inference.lung_spots import PATCH, SHORTLIST, candidates, patches
from asap.inference.nodules import joined, nodules_in_cells, scored_concept
from asap.models.nodule_scorer import SCORED, NoduleScorer, NoduleScorerConfig
from asap.phantom.case import generate_case
from asap.report import Sentence
from asap.text.read import read_sentence
from asap.volume import apply_affine

SIZE = 48
TOKENS = (12, 12, 12)


def lung(seed: int = 0) -> NDArray[np.float32]:
    """A box of lung in soft tissue, with a little noise."""
    hu = np.full((SIZE,) * 3, 40.0, dtype=np.float32)
    hu[4:-4, 4:-4, 4:-4] = -850.0
    return hu + np.random.default_rng(seed).normal(0, 10, hu.shape).astype(np.float32)


def ball(middle: tuple[int, int, int], radius: float) -> NDArray[np.bool_]:
    return np.linalg.norm(np.indices((SIZE,) * 3) - np.reshape(middle, (3, 1, 1, 1)), axis=0) <= radius


def place_of(hu: NDArray[np.float32], middle: tuple[int, int, int]) -> int:
    """How many candidates come before the first one within two voxels of a place."""
    near = np.abs(candidates(hu) - middle).max(axis=1) <= 2
    return int(np.flatnonzero(near)[0]) if near.any() else SHORTLIST


@pytest.mark.parametrize("radius", [1.2, 2.0, 3.5])
def test_a_nodule_comes_before_vessels(radius: float) -> None:
    hu = lung()
    hu[10:13, :, 20:23] = 0.0  # two vessels, one along an axis, one aslant
    for step in range(8, 40):
        hu[step : step + 2, step : step + 2, 36:38] = 0.0
    hu[ball((30, 16, 20), radius)] = 0.0
    assert place_of(hu, (30, 16, 20)) < 5


def test_a_nodule_on_the_pleura_is_a_candidate() -> None:
    hu = lung()
    hu[ball((6, 24, 24), 2.5)] = 20.0
    assert place_of(hu, (6, 24, 24)) < 5


def test_an_image_without_lung_has_no_candidate() -> None:
    assert candidates(np.full((SIZE,) * 3, 40.0, dtype=np.float32)).shape == (0, 3)
    assert candidates(np.full((SIZE,) * 3, -1000.0, dtype=np.float32)).shape == (0, 3)


def test_a_patch_is_the_image_around_its_voxel_and_its_border_beyond_it() -> None:
    hu = np.random.default_rng(1).normal(size=(SIZE,) * 3).astype(np.float32)
    inner, corner = patches(hu, np.array([(20, 21, 22), (0, 0, 0)]))
    half = PATCH // 2
    np.testing.assert_array_equal(inner, hu[20 - half : 20 + half + 1, 21 - half : 21 + half + 1, 22 - half : 22 + half + 1])
    assert (corner[: half + 1, : half + 1, : half + 1] == hu[0, 0, 0]).all()


def test_the_best_candidate_of_a_cell_counts_and_no_cell_less_than_the_least() -> None:
    torch.manual_seed(2)
    scorer = NoduleScorer(NoduleScorerConfig(weight=0.5, least=-0.2)).eval()
    hu = lung()
    hu[ball((30, 16, 20), 2.0)] = 0.0
    image = torch.from_numpy(hu / 1000)[None, None]
    got_NK = nodules_in_cells(image, scorer, TOKENS).float().numpy()
    voxels_C3 = candidates(image[0, 0].numpy() * 1000)
    with torch.inference_mode():
        scores_CK = scorer(torch.from_numpy(patches(hu, voxels_C3) / 1000)).numpy()
    expected_NK = np.full((int(np.prod(TOKENS)), len(SCORED)), -0.2)
    for voxel, score_K in zip(voxels_C3, scores_CK, strict=True):
        number = int(np.ravel_multi_index(tuple(voxel // 4), TOKENS))
        expected_NK[number] = np.maximum(expected_NK[number], score_K)
    np.testing.assert_allclose(got_NK, 0.5 * expected_NK, atol=2e-3)
    assert (got_NK > -0.1).any()


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("There is a 9 mm nodule in the right upper lobe.", "nodule"),
        ("Calcified nodule in the left lung.", "calcified_nodule"),
        ("There is a mass in the left lung.", None),
        ("Nodules and consolidation in the left lung.", None),
    ],
)
def test_only_sentences_about_nodules_alone_are_scored(text: str, concept: str | None) -> None:
    assert scored_concept(read_sentence(text)) == concept


@lru_cache(maxsize=1)
def engine() -> Engine:
    return load_engine("asap-mini")


@lru_cache(maxsize=1)
def encoded() -> StudyFeatures:
    return engine().encode(generate_case(3).volume)


def with_a_nodule_at(cell: tuple[int, int, int]) -> StudyFeatures:
    """The encoded case with one cell of which the scorer is very sure."""
    features = encoded()
    log_odds = np.full((*features.tokens, len(SCORED)), -2.0, dtype=np.float16)
    log_odds[cell] = 30.0
    window = replace(features.windows[0], nodules_NK=torch.from_numpy(log_odds.reshape(-1, len(SCORED))))
    return replace(features, windows=(window,))


def grounded(features: StudyFeatures, text: str) -> Grounding:
    sentence: Sentence = read_sentence(text)
    assert sentence.localisable, text
    return engine().ground(features, [sentence])[0]


CELL = (14, 14, 14)


@pytest.mark.slow
def test_a_sentence_and_a_question_about_a_nodule_point_to_the_candidate() -> None:
    features = with_a_nodule_at(CELL)
    answer = grounded(features, "There is a nodule.")
    there = apply_affine(answer.affine, np.array(CELL, dtype=np.float64))
    assert answer.peak_ras_mm == pytest.approx(there, abs=1e-3)
    maps = engine().findings.maps(features)
    assert maps.peak("nodule", maps.region()) == pytest.approx(there, abs=1e-3)
    surer, before = (engine().findings.of(case).asked("nodule") for case in (features, encoded()))
    assert surer is not None
    assert before is not None
    assert surer > before


@pytest.mark.slow
def test_sentences_about_other_things_are_matched_as_ever() -> None:
    text = "There is consolidation in the left lung."
    answer, expected = (grounded(case, text) for case in (with_a_nodule_at(CELL), encoded()))
    assert answer.heatmap is not None
    assert expected.heatmap is not None
    np.testing.assert_array_equal(answer.heatmap, expected.heatmap)


@pytest.mark.slow
def test_what_was_scored_is_kept_on_disk_and_without_it_the_file_is_still_read() -> None:
    features = with_a_nodule_at(CELL)
    again = features_from_bytes(features_to_bytes(features, "settings"), "settings")
    kept, expected = again.windows[0].nodules_NK, features.windows[0].nodules_NK
    assert kept is not None
    assert expected is not None
    assert torch.equal(kept, expected)
    bare = replace(features, windows=(replace(features.windows[0], nodules_NK=None),))
    assert features_from_bytes(features_to_bytes(bare, "settings"), "settings").windows[0].nodules_NK is None


def test_a_model_without_a_scorer_is_left_as_it_was() -> None:
    match_SN = torch.log(torch.rand(1, 8))
    assert joined(match_SN, [read_sentence("There is a nodule.")], None) is match_SN
