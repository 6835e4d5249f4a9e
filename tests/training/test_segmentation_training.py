"""Training of the heads: clicks go where the error is, samples are reproducible, a run goes on where it stopped."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from asap.models.segmentation_head import LESION_HEAD, HeadConfig, SegmentationHead
from asap_training.data.segmentation_cache import RECORD
from asap_training.data.segmentation_samples import SegmentationCases
from asap_training.simulated_clicks import next_click
from asap_training.simulated_users import Users
from asap_training.train_segmentation import LESIONS, ORGANS, as_frequent, lesion_loss, organ_loss, train

SMALL = 32


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two cases of a ball each in noise."""
    folder = tmp_path_factory.mktemp("cache")
    (folder / RECORD).write_text(json.dumps({"trunk": "a" * 64}))
    rng = np.random.default_rng(0)
    for number in range(2):
        centre = rng.integers(12, SMALL - 12, 3)
        ball = np.linalg.norm(np.moveaxis(np.indices((SMALL,) * 3), 0, -1) - centre, axis=-1) < 6
        hu = np.where(ball, 30, -850) + rng.normal(0, 20, ball.shape)
        tensors = {
            "hu": torch.from_numpy(hu.astype(np.int16)),
            "labels": torch.from_numpy(ball.astype(np.uint8) * 6),
            "cells_CABC": torch.from_numpy(rng.standard_normal((128, 8, 8, 8), dtype=np.float32)).to(torch.bfloat16),
            "regions": torch.from_numpy(ball[None]),
            "heats": torch.rand(1, 8, 8, 8).to(torch.bfloat16),
        }
        save_file(tensors, folder / f"case-{number:07d}.safetensors", {"concepts": '["mass"]'})
    return folder


def test_the_click_is_the_deepest_voxel_of_the_largest_error() -> None:
    truth, answer = np.zeros((20, 20, 20), dtype=bool), np.zeros((20, 20, 20), dtype=bool)
    truth[2:9, 2:9, 2:9] = True
    answer[15:18, 15:18, 15:18] = True
    first = next_click(answer, truth)
    assert first is not None
    assert (first.voxel, first.inside) == ((5, 5, 5), True)
    answer |= truth
    second = next_click(answer, truth)
    assert second is not None
    assert (second.voxel, second.inside) == ((16, 16, 16), False)
    assert next_click(truth, truth) is None
    near = next_click(np.zeros_like(truth), truth, np.random.default_rng(0))
    assert near is not None
    assert truth[near.voxel]


def test_a_sample_depends_on_its_generator_alone(cache: Path) -> None:
    cases = SegmentationCases(cache, 16)
    one, two = (cases.lesion(np.random.default_rng(4)) for _ in range(2))
    assert torch.equal(one.image, two.image)
    assert torch.equal(one.target, two.target)
    assert one.image.shape == (1, 16, 16, 16)
    assert one.cells.shape == (128, 4, 4, 4)
    assert one.target.any()


def test_a_turned_box_stays_one_box_and_loses_what_knows_of_up_and_down(cache: Path) -> None:
    cases = SegmentationCases(cache, 16)
    samples = [cases.lesion(np.random.default_rng(seed)) for seed in range(80)]
    turned = [s for s in samples if not s.cells.any()]
    assert 0 < len(turned) < len(samples) / 2
    for sample in turned:
        bright = sample.image[0] > -0.4
        assert sample.target.shape == (16, 16, 16)
        assert (bright == sample.target).float().mean() > 0.99


def test_a_user_clicks_where_the_answer_is_wrong_and_is_shown_what_inference_would_show(cache: Path) -> None:
    users = Users(SegmentationCases(cache, 16), 2, LESION_HEAD.prompts)
    users.renew()
    rng = np.random.default_rng(0)
    (user,) = users.take(1, rng)
    while not user.sample.pointed_at or user.rounds_left < 3 or user.sample.target.sum() < 50:
        users.renew()
        (user,) = users.take(1, rng)
    place = tuple(user.inside[0])
    assert user.sample.target[place]
    assert user.prompts_PHWD[0][place] == 1
    nowhere = torch.full(user.sample.target.shape, -6.0)
    user.see(nowhere, rng)
    before = user.prompts_PHWD[2] > 0
    assert before[place]
    assert before.sum() < 100
    left = user.rounds_left
    assert left > 0
    truth = torch.where(user.sample.target, 6.0, -6.0)
    user.see(truth, rng)
    assert user.rounds_left in {0, left - 1}


def test_rare_labels_are_drawn_smaller_by_what_the_loss_had_favoured_them() -> None:
    torch.manual_seed(0)
    head, sizes = SegmentationHead(HeadConfig(trunk=8, width=8, outputs=3)).eval(), (2, 3, 4)
    image, cells = torch.rand(1, 1, *(4 * n for n in sizes)) * 2 - 1, torch.randn(1, 8, *sizes)
    before = head(image, cells)
    head.load_state_dict(as_frequent(head.state_dict(), torch.tensor([90_000.0, 9_000.0, 1_000.0])))
    shift = (head(image, cells) - before).mean(dim=(0, 2, 3, 4))
    assert shift[0] > 0 > shift[2]
    assert (head(image, cells) - before).std(dim=(0, 2, 3, 4)).max() < 1e-5
    assert float(shift[2].detach()) == pytest.approx(-0.5 * math.log(3.0), abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "loss", "head"),
    [(ORGANS, organ_loss, HeadConfig(width=8)), (LESIONS, lesion_loss, replace(LESION_HEAD, width=8))],
    ids=["organs", "lesions"],
)
def test_training_lowers_the_loss_and_goes_on_to_the_same_weights(
    recipe: object, loss: object, head: HeadConfig, cache: Path, tmp_path: Path
) -> None:
    short = replace(recipe, head=head, steps=24, side=16, warmup_steps=2, renew_every=12)  # type: ignore[type-var]
    train(cache, tmp_path / "through", short, loss)  # type: ignore[arg-type]
    assert 1e-40 * torch.ones(1) > 0, "denormal numbers are flushed while it trains, and no longer"
    rows = [json.loads(line) for line in (tmp_path / "through/log.jsonl").read_text().splitlines()]
    assert rows[-1]["loss"] < rows[0]["loss"]
    # Stopped on the way: the same schedule, cut after 12 steps by taking its checkpoint for the newest.
    train(cache, tmp_path / "parts", short, loss, stop_after=12)  # type: ignore[arg-type]
    train(cache, tmp_path / "parts", short, loss)  # type: ignore[arg-type]
    through, parts = (load_file(tmp_path / name / "step-00000024.safetensors") for name in ("through", "parts"))
    assert set(through) == set(parts)
    assert all(torch.equal(through[name], parts[name]) for name in through)
