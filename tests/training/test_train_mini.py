"""Training the embedded model: it learns, and stopping changes nothing."""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from asap.errors import InputError
from asap.models.catalog import PACKAGED_WEIGHTS
from asap.models.mini import AsapMini
from asap.models.mini_image import MiniConfig
from asap.models.weights import read_weights
from asap.phantom.case import generate_case
from asap.phantom.case_files import load_case, save_case
from asap.preprocess import to_network_grid
from asap.volume import apply_affine
from asap_training import pretrain, train_mini
from asap_training.config import MiniRecipe
from asap_training.data.cells import cell_fractions
from asap_training.data.generated_cases import MINI_GRID, training_sample
from asap_training.loop.run_folder import begin_folder
from asap_training.loop.step import DivergedError

TINY = MiniRecipe(
    model=MiniConfig(stem_channels=8, cell_channels=16, width=48, depth=1, heads=1, features=8, text_width=64, text_depth=1),
    steps=4,
    volumes_per_step=1,
    warmup_steps=1,
)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cases")
    for seed in (0, 1):
        save_case(folder / f"case-{seed:07d}", generate_case(seed))
    return folder


def test_the_share_of_each_cell_adds_up_to_the_region(cases: Path) -> None:
    case = load_case(cases / "case-0000001")
    mask = case.organs["heart"]
    centre = apply_affine(case.volume.affine, np.argwhere(mask).mean(axis=0))
    _, grid = to_network_grid(case.volume, MINI_GRID, centre_ras_mm=centre)
    share = cell_fractions(mask, case.volume.affine, grid, MINI_GRID.tokens)
    assert share.sum() * 4**3 == pytest.approx(mask.sum(), rel=1e-6)
    hottest = np.array(np.unravel_index(int(share.argmax()), MINI_GRID.tokens), dtype=np.float64)
    world = apply_affine(grid.token_affine, hottest)
    assert mask[tuple(np.round(case.volume.voxel_from_world(world)).astype(int))]


def test_a_sample_holds_true_sentences_with_regions_and_false_ones_without(cases: Path) -> None:
    sample = training_sample(load_case(cases / "case-0000001"), TINY, np.random.default_rng(0))
    assert sample.image_1HWD.shape == (1, *MINI_GRID.shape)
    assert len(sample.sentences) == len(sample.fraction_SN) == len(sample.present_S)
    assert all(sentence.localisable for sentence in sample.sentences)
    assert torch.equal(sample.fraction_SN.sum(dim=1) > 0, sample.present_S > 0)
    assert 0 < sample.present_S.mean() < 1


@pytest.mark.slow
def test_stopping_and_going_on_gives_the_same_weights(cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By SIGTERM, which it answers with a checkpoint of the step under way."""
    torch.set_num_threads(1)
    straight = train_mini.train(cases, tmp_path / "straight", TINY, workers=0)
    step, taken = train_mini.training_step, []

    def told_to_stop(*arguments: Any) -> dict[str, float]:
        taken.append(arguments)
        if len(taken) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(train_mini, "training_step", told_to_stop)
        assert train_mini.train(cases, tmp_path / "stopped", TINY, workers=0) is None
    assert [path.name for path in (tmp_path / "stopped").glob("step-*.safetensors")] == ["step-00000002.safetensors"]
    resumed = train_mini.train(cases, tmp_path / "stopped", TINY, workers=0)
    assert straight is not None and resumed is not None
    for name, value in straight.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_ten_steps_in_a_row_that_are_no_number_end_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = float("nan")
    monkeypatch.setattr(train_mini, "batches", lambda *_: iter([[]] * 20))
    monkeypatch.setattr(train_mini, "training_step", lambda *_: {"loss": nothing, "gradient": nothing})
    with pytest.raises(DivergedError, match="not finite in 10 steps in a row"):
        train_mini.train(tmp_path, tmp_path / "run", TINY, workers=0)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["loss"] for line in lines] == [None] * 9, "what is no number is null"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--batch", "4", "--save-every", "5"], "asap_mini has no --batch and --save-every"),
        (["--precision", "float32"], "asap_mini has no --precision"),
        ([], "asap_mini is trained by one process"),
    ],
)
def test_what_it_cannot_do_is_refused_in_one_sentence(
    options: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "1" if options else "2")
    monkeypatch.setattr(sys, "argv", ["asap-train pretrain", "--cases", "none", "--out", "none", *options])
    with pytest.raises(SystemExit) as ended:
        pretrain.main()
    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert error.startswith(said) and error.count("\n") == 1


@pytest.mark.slow
def test_the_loss_falls(cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train_mini.train(cases, tmp_path, replace(TINY, steps=16, learning_rate=3e-3), workers=0)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines]
    assert np.mean(losses[-4:]) < 0.7 * np.mean(losses[:2])
    assert [line["step"] for line in lines] == list(range(1, 17))
    assert "100.0%" in capsys.readouterr().out and lines[-1]["seconds_left"] == 0


def test_a_folder_of_another_recipe_or_without_cases_is_refused_and_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no generated cases"):
        train_mini.train(tmp_path, tmp_path / "run", TINY)
    assert not (tmp_path / "run").exists()
    begin_folder(tmp_path / "run", TINY)
    with pytest.raises(InputError, match="run of another recipe"):
        train_mini.train(tmp_path, tmp_path / "run", replace(TINY, learning_rate=1.0))


def test_it_begins_from_its_own_kind_of_weights_only(tmp_path: Path) -> None:
    model = AsapMini(MiniRecipe().model)
    train_mini.begin_from(model, PACKAGED_WEIGHTS / "asap-mini")
    packaged = read_weights(PACKAGED_WEIGHTS / "asap-mini").tensors
    assert all(torch.equal(value, packaged[name].float()) for name, value in model.state_dict().items())
    with pytest.raises(InputError, match="another architecture"):
        train_mini.begin_from(model, PACKAGED_WEIGHTS / "asap-mini-segmentation")
