"""Training the nodule scorer: balls are told from tubes, every nodule counts alike, candidates know what they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from asap.errors import InputError, WeightsError
from asap.inference.lung_spots import PATCH
from asap.models.nodule_scorer import (
    NoduleScorer,
    NoduleScorerConfig,
    load_nodule_scorer,
    nodule_scorer_folder,
    write_nodule_scorer,
)
from asap.phantom.case import generate_case
from asap.phantom.case_files import save_case
from asap_training.data.nodule_candidates import NOTHING, LabelledCandidates, labelled_candidates
from asap_training.tasks.statistics import auroc
from asap_training.train_nodules import NoduleRecipe, disturbed, pooled, trained

RECIPE = NoduleRecipe(steps=30, there=8, nothing=8, average=0.8)


def made_up(seed: int, count: int = 40) -> LabelledCandidates:
    """Patches of lung with a ball in the middle of every other one and a tube through the rest."""
    rng = np.random.default_rng(seed)
    index = np.indices((PATCH,) * 3) - PATCH // 2
    hu = rng.normal(-850, 30, (count, PATCH, PATCH, PATCH))
    for number in range(count):
        radius = rng.uniform(1.5, 2.5)
        across = np.delete(index, rng.integers(3), axis=0) if number % 2 else index
        hu[number][np.linalg.norm(across, axis=0) <= radius] = 0.0
    ball = np.arange(count) % 2 == 0
    lesion = np.where(ball, np.arange(count), 0).astype(np.uint8)
    return LabelledCandidates(hu.round().astype(np.int16), ball.astype(np.uint8), lesion, np.full(count, 30, np.int32))


@pytest.mark.slow
def test_balls_are_told_from_tubes() -> None:
    scorer, other = trained(pooled([made_up(0), made_up(1)], RECIPE.small), RECIPE), made_up(2)
    with torch.inference_mode():
        log_odds_C = scorer(torch.from_numpy(other.hu_CPPP / np.float32(1000)))[:, 0].numpy()
    assert auroc(log_odds_C[other.kind_C == 1], log_odds_C[other.kind_C == NOTHING]) > 0.97


@pytest.mark.slow
def test_the_same_run_gives_the_same_weights() -> None:
    pool = pooled([made_up(0)], RECIPE.small)
    one, again, other = (trained(pool, replace(RECIPE, steps=3, seed=seed)).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(value, again[name]) for name, value in one.items())
    assert not all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_nodule_is_drawn_alike_however_many_candidates_it_has_and_a_small_one_twice() -> None:
    case = replace(
        made_up(0, 6),
        kind_C=np.array([1, 1, 1, 2, 0, 0], dtype=np.uint8),
        lesion_C=np.array([0, 0, 4, 5, 0, 0], dtype=np.uint8),
        voxels_C=np.array([500, 500, 500, 10, 0, 0], dtype=np.int32),
    )
    chance_C = pooled([case], small=60).chance_C
    np.testing.assert_allclose(chance_C, np.array([0.5, 0.5, 1.0, 2.0, 0.0, 0.0]) / 4)


def test_cases_without_a_nodule_are_refused() -> None:
    nothing = made_up(0, 4)
    with pytest.raises(InputError, match="no generated case"):
        pooled([replace(nothing, kind_C=np.zeros_like(nothing.kind_C))], small=60)


def test_disturbed_patches_keep_what_they_show() -> None:
    hu: NDArray[np.int16] = made_up(3, 8).hu_CPPP
    x = disturbed(hu, np.random.default_rng(0)).numpy()
    assert x.shape == hu.shape
    assert x.min() >= -1
    assert np.abs(np.sort(x, axis=None) - np.sort(np.clip(hu / 1000, -1, 1), axis=None)).mean() < 0.03


@pytest.mark.slow
def test_candidates_of_a_generated_case_are_what_they_lie_in_and_are_kept(tmp_path: Path) -> None:
    case = next(
        c for c in (generate_case(seed) for seed in range(70_000, 70_020)) if any(f.concept == "nodule" for f in c.findings)
    )
    folder = tmp_path / "case-0000001"
    save_case(folder, case)
    made = labelled_candidates(folder, tmp_path / "kept")
    nodules = {n: int(f.region.sum()) for n, f in enumerate(case.findings) if f.concept == "nodule"}
    there = made.kind_C == 1
    assert there.any()
    assert {(int(n), int(v)) for n, v in zip(made.lesion_C[there], made.voxels_C[there], strict=True)} <= set(nodules.items())
    middle_HU = made.hu_CPPP[there][:, PATCH // 2, PATCH // 2, PATCH // 2]
    assert middle_HU.max() > -700
    (folder / "case.npz").unlink()
    again = labelled_candidates(folder, tmp_path / "kept")
    np.testing.assert_array_equal(again.hu_CPPP, made.hu_CPPP)
    np.testing.assert_array_equal(again.kind_C, made.kind_C)


def test_a_scorer_belongs_to_its_trunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASAP_WEIGHTS", str(tmp_path))
    scorer = NoduleScorer(NoduleScorerConfig(weight=0.5))
    folder = tmp_path / "asap-mini-nodules"
    manifest = write_nodule_scorer(folder, scorer, "a" * 64, source="A test.", licence="Apache-2.0")
    assert nodule_scorer_folder("asap-mini", "a" * 64) == folder
    assert nodule_scorer_folder("asap-mini", "b" * 64) is None
    loaded = load_nodule_scorer(folder)
    assert loaded.weights_sha256 == manifest.weights_sha256
    assert loaded.model.config == scorer.config
    patches = torch.rand(3, PATCH, PATCH, PATCH)
    with torch.inference_mode():
        assert torch.equal(loaded.model(patches), scorer.eval()(patches))
    (folder / "manifest.json").write_text((folder / "manifest.json").read_text().replace('"least"', '"lest"'))
    with pytest.raises(WeightsError):
        load_nodule_scorer(folder)
