"""Training a finding head: findings are told from each other, boxes hold what they were laid around, cases stay together."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from asap.models.finding_head import FindingHead, FindingHeadConfig
from asap_training import finetune
from asap_training.data.finding_crops import FindingCrops
from asap_training.train_findings import FindingRecipe, split, told_apart, train

SIZES = FindingHeadConfig(findings=("nodule", "mass"), stem=2, cells=2, fine_width=8, width=8, depth=0)
RECIPE = FindingRecipe(steps=80, side=8, warm_up=5, rate=2e-2, average=0.8, evaluations=1)


def made_up(folder: Path, number: int, concept: str | None) -> Path:
    """A volume with one spot in the first channel of the voxels; the second tells a mass from a nodule."""
    rng = np.random.default_rng(number)
    cells = rng.standard_normal((4, 10, 9, 8)).astype(np.float16)
    fine = 0.3 * rng.standard_normal((4, 20, 18, 16)).astype(np.float16)
    shares = np.zeros((0 if concept is None else 1, 10, 9, 8), dtype=np.uint8)
    if concept is not None:
        i, j, k = (int(n) for n in rng.integers(1, 7, 3))
        fine[0, 2 * i, 2 * j, 2 * k], fine[1, 2 * i, 2 * j, 2 * k] = 4.0, 4.0 if concept == "mass" else -4.0
        shares[0, i, j, k] = 60
    path = folder / f"case-{number:07d}.safetensors"
    # The statements know a spot and not its kind.
    stated = np.where(fine[0].reshape(10, 2, 9, 2, 8, 2).max(axis=(1, 3, 5)) > 3.0, 2.0, -2.0).astype(np.float16)
    arrays = {"fine": fine, "cells": cells, "stated": np.stack([stated, stated]), "shares": shares}
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    save_file(tensors, path, {"concepts": json.dumps([] if concept is None else [concept])})
    return path


@pytest.fixture
def volumes(tmp_path: Path) -> list[Path]:
    return [made_up(tmp_path, n, (None, "nodule", "mass")[n % 3]) for n in range(48)]


@pytest.mark.slow
def test_findings_are_told_from_each_other(volumes: list[Path]) -> None:
    torch.manual_seed(0)
    before = told_apart(FindingHead(SIZES), volumes[30:])
    assert max(others for others, _ in before.values()) < 0.85
    head = train(FindingHead(SIZES), volumes[:30], volumes[30:], RECIPE)
    told = told_apart(head, volumes[30:])
    assert min(others for others, _ in told.values()) > 0.95


def test_a_box_holds_what_it_was_laid_around_and_batches_repeat(volumes: list[Path]) -> None:
    crops = FindingCrops([path for n, path in enumerate(volumes) if n % 3], SIZES.findings, side=6, seed=3)
    held = []
    for number in range(20):
        batch, again = crops.batch(number, 2), crops.batch(number, 2)
        assert torch.equal(batch.fine_BCHWD, again.fine_BCHWD)
        assert batch.fine_BCHWD.shape == (2, 4, 12, 12, 12)
        assert batch.cells_BChwd.shape == (2, 4, 6, 6, 6)
        assert batch.stated_BKhwd.shape == (2, 2, 6, 6, 6)
        for fine_CHWD, stated_Khwd, shares_Lhwd in zip(batch.fine_BCHWD, batch.stated_BKhwd, batch.shares_BL, strict=True):
            spots = torch.nn.functional.max_pool3d(fine_CHWD[:1], 2)[0] > 3.0
            assert torch.equal(spots, shares_Lhwd.amax(dim=0) > 0), "fine voxels, cells and shares are cut alike"
            assert torch.equal(spots, stated_Khwd[0] > 0)
            held.append(bool(spots.any()))
    assert np.mean(held) > 0.65


def test_a_body_smaller_than_the_box_is_filled_up(tmp_path: Path) -> None:
    crops = FindingCrops([made_up(tmp_path, 1, "nodule")], SIZES.findings, side=12, seed=0)
    batch = crops.batch(0, 1)
    assert batch.fine_BCHWD.shape == (1, 4, 24, 24, 24)
    assert float(batch.fine_BCHWD[..., 20:, :, :].abs().max()) == 0.0


def test_a_trunk_without_these_stages_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = ["--cases", str(tmp_path), "--inputs", str(tmp_path / "kept"), "--out", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", ["asap-train finetune", "finding-head", *folders, "--model", "asap-test", "--threads", "1"])
    with pytest.raises(SystemExit) as stopped:
        finetune.main()
    assert stopped.value.code == 2
    assert "trunk" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_twin_is_held_out_with_its_case() -> None:
    taught, held_out = split([Path(f"case-{n:07d}{end}.safetensors") for n in range(16) for end in ("", "-twin")])
    assert [path.stem for path in held_out] == ["case-0000000", "case-0000000-twin", "case-0000008", "case-0000008-twin"]
    assert len(taught) == 28
