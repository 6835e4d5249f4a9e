"""A damaged checkpoint is never loaded, and a save that fails leaves the one before (reliability D4, E1)."""

from __future__ import annotations

import errno
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from asap.errors import OutputError
from asap_training.loop import run_checkpoint
from asap_training.loop.run_checkpoint import Progress, clear_partial, load_run, save_run, trained_weights

Trained = tuple[nn.Module, torch.optim.Optimizer]


def trained(steps: int) -> Trained:
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    optimizer = torch.optim.AdamW(model.parameters())
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.ones(2, 4)).square().sum().backward()
        optimizer.step()
    return model, optimizer


def saved(folder: Path) -> Path:
    save_run(folder, Progress(step=1, samples=2), *trained(1))
    return save_run(folder, Progress(step=2, samples=4, skipped=1, scaler={"scale": 8.0}), *trained(2))


def test_progress_model_and_moments_come_back(tmp_path: Path) -> None:
    saved(tmp_path)
    (model, optimizer), (fresh, fresh_optimizer) = trained(2), trained(0)
    resumed = load_run(tmp_path, fresh, fresh_optimizer)
    assert resumed.progress == Progress(step=2, samples=4, skipped=1, scaler={"scale": 8.0})
    assert resumed.damaged == ()
    for old, new in zip(model.parameters(), fresh.parameters(), strict=True):
        assert torch.equal(old, new)
        assert torch.equal(optimizer.state[old]["exp_avg_sq"], fresh_optimizer.state[new]["exp_avg_sq"])


def test_a_hundred_flipped_bytes_are_all_found(tmp_path: Path) -> None:
    newest = saved(tmp_path)
    rng = np.random.default_rng(0)
    files = sorted(newest.iterdir())
    for _ in range(100):
        path = files[rng.integers(len(files))]
        before = path.read_bytes()
        data = bytearray(before)
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        path.write_bytes(bytes(data))
        model, _ = state = trained(0)
        resumed = load_run(tmp_path, *state)
        assert resumed.progress.step == 1
        assert resumed.damaged == (newest.name,)
        assert torch.equal(model.weight, trained(1)[0].weight)
        path.write_bytes(before)


@pytest.mark.parametrize("part", ["state.json", "model-000.safetensors", "optimizer-000.safetensors"])
@pytest.mark.parametrize("damage", ["truncated", "missing"])
def test_a_checkpoint_without_a_part_is_passed_over(tmp_path: Path, part: str, damage: str) -> None:
    path = saved(tmp_path) / part
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-7])
    assert load_run(tmp_path, *trained(0)).progress.step == 1


def test_after_passing_over_a_damaged_one_the_same_step_is_saved_again(tmp_path: Path) -> None:
    newest = saved(tmp_path)
    (newest / "model-000.safetensors").unlink()
    save_run(tmp_path, Progress(step=2, samples=4), *trained(2))
    assert load_run(tmp_path, *trained(0)).progress.step == 2


def test_only_two_are_kept_and_leftovers_go(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        save_run(tmp_path, Progress(step=step), *trained(step))
    leftover = tmp_path / ".run-00000004-abcd.partial"
    shutil.copytree(tmp_path / "run-00000003", leftover)
    clear_partial(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run-00000002", "run-00000003"]


@pytest.mark.parametrize("call", range(3))
def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int) -> None:
    save_run(tmp_path, Progress(step=1), *trained(1))
    real, calls = run_checkpoint._write_durably, iter(range(100))

    def refuse(path: Path, data: bytes) -> None:
        if next(calls) == call:
            path.write_bytes(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, data)

    monkeypatch.setattr(run_checkpoint, "_write_durably", refuse)
    with pytest.raises(OutputError, match="No space left on device"):
        save_run(tmp_path, Progress(step=2), *trained(2))
    assert [path.name for path in tmp_path.iterdir()] == ["run-00000001"]
    assert load_run(tmp_path, *trained(0)).progress.step == 1


def test_large_models_are_written_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_checkpoint, "PART_BYTES", 20)
    path = save_run(tmp_path, replace(Progress(), step=7), *trained(2))
    assert len(list(path.glob("model-*"))) == 2
    assert load_run(tmp_path, *trained(0)).progress.step == 7
    assert torch.equal(trained_weights(tmp_path)["bias"], trained(2)[0].bias)
