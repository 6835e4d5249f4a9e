"""A run that was killed, stopped or robbed of a process goes on as if nothing had happened (reliability D1, D3, D6, D8)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from asap.errors import InputError
from asap_training.data.datasets.plain_table import plain_cases
from asap_training.data.organ_masks import CLASSICAL, OrganSettings
from asap_training.loop.distributed import joined
from asap_training.loop.run_checkpoint import trained_weights
from asap_training.prepare import prepare
from asap_training.pretrain import RunOptions, run
from tests.training.data import raw_cases
from tests.training.loop import robbed_run as robbed
from tests.training.loop import stopped_run as stopped
from tests.training.processes import ended, logged, logged_losses, small, started, started_command
from tests.training.synthetic import SyntheticReports

pytestmark = pytest.mark.slow
KILLS = 10
STEPS = 40
APART = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}  # every start meets at a store of its own


def same_weights(a: Path, b: Path) -> bool:
    left, right = trained_weights(a), trained_weights(b)
    return set(left) == set(right) and all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("world", [1, 2])
def test_ten_kills_change_no_bit_of_the_result(tmp_path: Path, world: int) -> None:
    recipe = small(batch=2 // world)
    undisturbed, killed = (RunOptions(tmp_path / name / "run", steps=STEPS, save_every=1) for name in ("a", "b"))
    for options in (undisturbed, killed):
        options.out.parent.mkdir()
    began = time.monotonic()
    assert ended(started(recipe, undisturbed, world)) == [0] * world
    whole_s = time.monotonic() - began
    rng = np.random.default_rng(world)
    for _ in range(KILLS):
        ranks = started(recipe, killed, world)
        wait_for_progress(killed.out, rng.uniform(0.02, 0.5) * whole_s)
        for process in ranks:
            process.kill()
        ended(ranks)
    assert ended(started(recipe, killed, world)) == [0] * world
    assert same_weights(undisturbed.out, killed.out)
    assert logged_losses(undisturbed.out) == logged_losses(killed.out)


def wait_for_progress(out: Path, seconds: float) -> None:
    """Wait so long, and until the run has logged a step more than it had: kills then fall into steps and saves alike."""
    before = (out / "log.jsonl").stat().st_mtime_ns if (out / "log.jsonl").exists() else 0
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if (out / "log.jsonl").exists() and (out / "log.jsonl").stat().st_mtime_ns > before:
            break
        time.sleep(0.005)
    time.sleep(min(seconds, 0.3))


@pytest.mark.parametrize("world", [1, 2])
def test_a_request_to_stop_loses_no_step(tmp_path: Path, world: int) -> None:
    recipe = small(batch=2 // world)
    options = RunOptions(tmp_path / "run", steps=100_000, save_every=1_000_000)
    ranks = started(recipe, options, world)
    wait_for_progress(options.out, 0.1)
    began = time.monotonic()
    os.kill(ranks[-1].pid or 0, signal.SIGTERM)  # to one of them: all agree to stop
    assert ended(ranks) == [143] * world
    assert time.monotonic() - began < 30
    done = len(logged_losses(options.out))
    assert [path.name for path in options.out.glob("run-*")] == [f"run-{done:08d}"]


@pytest.mark.timeout(300)
def test_torchrun_told_to_stop_leaves_a_checkpoint(tmp_path: Path) -> None:
    """SIGTERM to torchrun, which passes it on to the ranks, and to the processes that read cases, as SLURM does: the last step is
    saved, torchrun ends with a code of its own, and the same run goes on from there."""
    out = tmp_path / "run"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", stopped.__file__, str(out)]
    with (tmp_path / "said.txt").open("w") as said:
        agent = subprocess.Popen(command, stdout=said, stderr=said)
        until = time.monotonic() + 200
        while not (out / "log.jsonl").exists() or not (out / "log.jsonl").stat().st_size:
            assert time.monotonic() < until and agent.poll() is None
            time.sleep(0.05)
        readers = [child for rank in psutil.Process(agent.pid).children() for child in rank.children()]
        assert len(readers) >= 2
        for process in (*readers, agent):
            os.kill(process.pid, signal.SIGTERM)
        assert agent.wait(60) == 1
    done = len(logged_losses(out))
    assert [path.name for path in out.glob("run-*")] == [f"run-{done:08d}"]
    assert newest_progress(out)["samples"] == 2 * done
    assert f"Stopped after step {done}; the same command goes on" in (tmp_path / "said.txt").read_text()
    assert ended(started(small(batch=1), RunOptions(out, steps=done + 1), world=2)) == [0, 0]
    assert "Going on after step" in (tmp_path / "said-0.txt").read_text()


def test_when_one_process_dies_the_others_end(tmp_path: Path) -> None:
    recipe = small(batch=1)
    options = RunOptions(tmp_path / "run", steps=100_000, save_every=1_000_000)
    ranks = started(recipe, options, world=2)
    wait_for_progress(options.out, 0.1)
    ranks[1].kill()
    began = time.monotonic()
    codes = ended(ranks)
    assert time.monotonic() - began < 60
    assert codes[0] not in (0, None)


@pytest.mark.timeout(600)
def test_torchrun_starts_again_and_loses_nothing(tmp_path: Path) -> None:
    """A rank dies in the middle of a save: torchrun ends the other and starts both anew, which go on from the checkpoint before
    to the bits of a run that nothing happened to."""
    cases = plain_cases(raw_cases.write_table(tmp_path / "raw", 3), 0.0)
    prepare(cases, raw_cases.options(tmp_path / "cache", OrganSettings("classical", CLASSICAL)), raw_cases.quiet)
    arguments = ["--recipe", "asap_test", "--batch", "1", "--cases", str(tmp_path / "cache")]
    arguments += ["--steps", str(robbed.STEPS), "--save-every", str(robbed.SAVE_EVERY), "--out"]
    assert ended(started_command([*arguments, str(tmp_path / "undisturbed")], world=2)) == [0, 0]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=1"]
    command += [robbed.__file__, *arguments, str(tmp_path / "robbed")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False, env=os.environ | APART)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("Going on")] == ["Going on after step 2."]
    assert same_weights(tmp_path / "undisturbed", tmp_path / "robbed")
    assert logged_losses(tmp_path / "undisturbed") == logged_losses(tmp_path / "robbed")
    assert names(tmp_path / "undisturbed") == names(tmp_path / "robbed")  # the half-written checkpoint is gone


def test_a_damaged_checkpoint_is_passed_over_and_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = small()
    source, out = SyntheticReports(recipe), tmp_path / "run"
    assert run(recipe, source, RunOptions(out, steps=2, save_every=1))
    (out / "run-00000002" / "model-000.safetensors").write_bytes(b"cut off")
    assert run(recipe, source, RunOptions(out, steps=2))
    said = capsys.readouterr().out.splitlines()
    assert "run-00000002 is damaged and was passed over." in said
    assert "Going on after step 1." in said


def test_restarts_that_could_not_work_are_refused_at_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "3")
    with pytest.raises(InputError, match="TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1"), joined():
        pass
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "False")
    with joined() as ranks:
        assert ranks.world == 1


def newest_progress(out: Path) -> dict[str, Any]:
    """What the newest checkpoint of a run says of itself."""
    whole = json.loads((max(out.glob("run-*")) / "state.json").read_text())
    progress: dict[str, Any] = json.loads(whole["body"])["progress"]
    return progress


def names(out: Path) -> list[str]:
    """What a run's folder holds."""
    return sorted(path.name for path in out.iterdir())


def test_the_same_command_gives_the_same_losses(tmp_path: Path) -> None:
    recipe = small()
    runs = [RunOptions(tmp_path / name / "run", steps=50, save_every=1000) for name in ("a", "b")]
    for options in runs:
        options.out.parent.mkdir()
        assert ended(started(recipe, options)) == [0]
    first, second = (logged_losses(options.out) for options in runs)
    assert len(first) == 50
    assert first == second
    assert np.mean(first[-10:]) < np.mean(first[:10])


def test_numbers_that_are_not_finite_are_stepped_over_and_then_stop_the_run(tmp_path: Path) -> None:
    recipe = small(batch=1)
    few, many = (RunOptions(tmp_path / name / "run", steps=20, save_every=5) for name in ("few", "many"))
    few.out.parent.mkdir()
    many.out.parent.mkdir()
    assert ended(started(recipe, few, nan_at=frozenset({3, 4, 11}))) == [0]
    assert [line["step"] for line in logged(few.out) if line["loss"] is None] == [4, 5, 12]
    assert [line["skipped"] for line in logged(few.out)] == [0] * 3 + [1] + [2] * 7 + [3] * 9
    assert newest_progress(few.out)["skipped"] == 3
    assert all(torch.isfinite(value).all() for value in trained_weights(few.out).values())
    assert ended(started(recipe, many, nan_at=frozenset(range(7, 20)))) == [1]
    assert newest_progress(many.out) | {"samples": 0} == {
        "step": 15, "samples": 0, "world": 1, "skipped": 8, "skipped_in_a_row": 8, "scaler": None,
    }  # fmt: skip
    assert "not finite in 10 steps in a row" in (many.out.parent / "said-0.txt").read_text()
    assert all(torch.isfinite(value).all() for value in trained_weights(many.out).values())
