"""UNETR's recipes: what the benchmark sets for each data set, and that windows are drawn as it draws them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from asap_training.finetune_unetr import UnetrRecipe, WholeCase, foreground_of, of_steps, step_loss, window_of
from asap_training.loop.head_steps import learning_rate
from asap_training.objectives.cross_pseudo import Unlabelled
from asap_training.unetr_recipes import PUBLISHED


def test_the_benchmarks_settings_of_a_data_set() -> None:
    """Thirty-two cases of SegTHOR: a step is one image, of which 16 windows are drawn, three of four around a label."""
    recipe = PUBLISHED["segthor"].recipe(32, seed=3)
    schedule = recipe.schedule
    assert (schedule.steps, schedule.warmup_steps, schedule.learning_rate) == (32_000, 160, 3e-4)
    assert (schedule.weight_decay, schedule.seed) == (1e-5, 3)
    assert (recipe.images, recipe.crops, recipe.window, recipe.positive) == (1, 16, (96, 96, 48), 0.75)
    assert recipe.foreground
    assert PUBLISHED["btcv"].recipe(24, seed=0).hu_window == (-175.0, 250.0)
    assert {published.hu_window for name, published in PUBLISHED.items() if name != "btcv"} == {(-1000.0, 1000.0)}
    assert [name for name, published in PUBLISHED.items() if published.positive != 0.5] == ["fumpe", "segthor"]
    assert max(learning_rate(schedule, step) for step in range(0, 32_000, 40)) == pytest.approx(3e-4, rel=0.01)
    for published in PUBLISHED.values():
        whole = published.recipe(10, seed=0)
        assert of_steps(whole, whole.schedule.steps, 0) == whole, "its warm-up is not cut"
    assert of_steps(whole, 50, 4).schedule.warmup_steps == 6


@pytest.mark.slow
def test_the_foreground_is_the_box_monai_crops_to() -> None:
    transforms = pytest.importorskip("monai.transforms")
    rng = np.random.default_rng(1)
    image = np.full((20, 18, 10), -1.0, dtype=np.float32)
    image[3:15, 5:11, 2:9] = rng.uniform(-1, 1, (12, 6, 7))
    labels = rng.integers(0, 3, image.shape).astype(np.uint8)
    theirs = transforms.CropForegroundd(keys=("image", "labels"), source_key="image", allow_smaller=True)(
        {"image": image[None], "labels": labels[None]}
    )
    ours = foreground_of(WholeCase(torch.from_numpy(image), torch.from_numpy(labels)))
    assert ours.image.shape != image.shape
    assert ours.labels is not None
    assert np.array_equal(ours.image.numpy(), np.asarray(theirs["image"])[0])
    assert np.array_equal(ours.labels.numpy(), np.asarray(theirs["labels"])[0])
    nothing = WholeCase(torch.full((4, 4, 4), -1.0), None)
    assert foreground_of(nothing) is nothing


def test_windows_of_a_step_come_from_as_many_images_as_said() -> None:
    """Each image is of one grey, so that a window tells where it is from."""
    cases = [WholeCase(torch.full((12, 12, 6), 0.1 * n), torch.zeros((12, 12, 6), dtype=torch.uint8)) for n in range(10)]
    seen: list[torch.Tensor] = []

    class Watching(torch.nn.Module):
        def forward(self, window: torch.Tensor) -> torch.Tensor:
            seen.append(window)
            return torch.cat([window, -window], dim=1)

    recipe = UnetrRecipe(window=(8, 8, 4), images=1, crops=6)
    for images, crops in ((1, 6), (3, 2)):
        step_loss([Watching()], cases, [], replace(recipe, images=images, crops=crops))(np.random.default_rng(2), 0)  # type: ignore[list-item]
        assert seen[-1].shape == (6, 1, 8, 8, 4)
        assert len(seen[-1].flatten(1).mean(dim=1).unique()) == images


def test_windows_lie_around_labels_as_often_as_said() -> None:
    labels = torch.zeros((64, 64, 16), dtype=torch.uint8)
    labels[5, 6, 7] = 1
    case = WholeCase(torch.zeros(labels.shape), labels)
    recipe = UnetrRecipe(window=(8, 8, 4))
    for share in (0.0, 0.75, 1.0):
        rng = np.random.default_rng(5)
        hit = np.mean([bool(window_of(case, replace(recipe, positive=share), rng)[1].any()) for _ in range(200)])
        assert hit == pytest.approx(share, abs=0.08)
    assert not window_of(WholeCase(case.image, None), recipe, np.random.default_rng(0))[1].any()


def test_unlabelled_windows_count_late_and_by_their_weight() -> None:
    network, other = (torch.nn.Conv3d(1, 2, 1) for _ in range(2))
    case = WholeCase(torch.linspace(-1, 1, 512).reshape(8, 8, 8), torch.zeros((8, 8, 8), dtype=torch.uint8))
    bare = WholeCase(case.image.flip(0), None)
    recipe = UnetrRecipe(window=(8, 8, 8), unlabelled=Unlabelled(alone=0.5))

    def at(step: int, unlabelled: list[WholeCase]) -> float:
        return step_loss([network, other], [case], unlabelled, recipe)(np.random.default_rng(1), step).item()  # type: ignore[list-item]

    assert at(499, [bare]) == at(499, [])
    assert at(999, [bare]) > at(999, [])
    assert math.isfinite(at(999, [bare]))
