"""A checkpoint is whole or it is not used."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from asap_training.loop.checkpoint import load_newest, save_checkpoint


def trained(steps: int) -> tuple[nn.Module, torch.optim.Optimizer, dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    optimizer = torch.optim.AdamW(model.parameters())
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.ones(2, 4)).square().sum().backward()
        optimizer.step()
    return model, optimizer, {name: value.clone() for name, value in model.state_dict().items()}


def test_everything_comes_back(tmp_path: Path) -> None:
    model, optimizer, average = trained(5)
    save_checkpoint(tmp_path, 5, model, optimizer, average)
    fresh, fresh_optimizer, fresh_average = trained(0)
    assert load_newest(tmp_path, fresh, fresh_optimizer, fresh_average) == 5
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), fresh.parameters(), strict=True))
    for old, new in zip(model.parameters(), fresh.parameters(), strict=True):
        assert torch.equal(optimizer.state[old]["exp_avg_sq"], fresh_optimizer.state[new]["exp_avg_sq"])
    assert all(torch.equal(average[name], fresh_average[name]) for name in average)


@pytest.mark.parametrize("damage", ["flip", "truncate", "no digest"])
def test_a_damaged_newest_checkpoint_is_passed_over(tmp_path: Path, damage: str) -> None:
    save_checkpoint(tmp_path, 1, *trained(1))
    newest = save_checkpoint(tmp_path, 2, *trained(2))
    data = bytearray(newest.read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 1
        newest.write_bytes(bytes(data))
    elif damage == "truncate":
        newest.write_bytes(bytes(data[: len(data) // 2]))
    else:
        newest.with_suffix(".json").unlink()
    assert load_newest(tmp_path, *trained(0)) == 1


def test_nothing_there_starts_at_zero_and_only_two_are_kept(tmp_path: Path) -> None:
    assert load_newest(tmp_path, *trained(0)) == 0
    for step in (1, 2, 3):
        save_checkpoint(tmp_path, step, *trained(step))
    assert sorted(path.stem for path in tmp_path.glob("*.safetensors")) == ["step-00000002", "step-00000003"]
