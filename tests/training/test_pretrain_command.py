"""`asap-train pretrain` as a user starts it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from asap.models.load import LoadedAsap, load_model
from asap.phantom.case import generate_case
from asap.phantom.case_files import save_case
from asap_training.loop.run_checkpoint import trained_weights

pytestmark = pytest.mark.slow


def command(*arguments: str, processes: int = 1) -> subprocess.CompletedProcess[str]:
    """Run it through `asap-train`, or on several processes through torchrun."""
    door = [sys.executable, "-m", "asap_training.cli", "pretrain"]
    if processes > 1:
        door = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        door += ["-m", "asap_training.pretrain"]
    return subprocess.run([*door, *arguments], capture_output=True, text=True, timeout=240, check=False)


def test_train_stop_and_go_on_from_generated_cases(tmp_path: Path) -> None:
    for seed in (1, 2):
        save_case(tmp_path / "cases" / f"case-{seed:07d}", generate_case(seed, spacing_mm=6.0))
    common = ["--recipe", "asap_test", "--cases", str(tmp_path / "cases"), "--out", str(tmp_path / "run"), "--batch", "1"]
    first = command(*common, "--steps", "2", processes=2)
    assert first.returncode == 0, first.stderr
    again = command(*common, "--steps", "4", "--workers", "1")
    assert again.returncode == 0, again.stderr
    assert "learn from 2 cases in 4 steps" in again.stdout and again.stdout.splitlines()[-1].endswith("/weights.")
    assert "Going on after step 2" in again.stdout
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    assert [line["samples"] for line in lines] == [2, 4, 5, 6]  # two processes, then one
    assert {"loss", "image", "report", "alignment", "anatomy", "region", "study", "samples_per_s", "waiting"} <= set(lines[0])
    assert json.loads((tmp_path / "run" / "recipe.json").read_text())["name"] == "asap_test"
    loaded = load_model(tmp_path / "run" / "weights")
    assert isinstance(loaded, LoadedAsap)
    trained = trained_weights(tmp_path / "run")["asap.image_encoder.cls_token"]
    torch.testing.assert_close(loaded.model.image_encoder.cls_token, trained)
    other = command(*common[:-1], "2", "--steps", "4")
    assert other.returncode == 2
    assert "choose another --out" in other.stderr
    assert "Traceback" not in other.stderr


def test_what_is_missing_is_said_in_one_sentence(tmp_path: Path) -> None:
    done = command("--recipe", "asap_base", "--cases", str(tmp_path), "--out", str(tmp_path / "run"))
    assert done.returncode == 2
    assert done.stderr.strip() == "Name the text encoder's tokenizer with --tokenizer, or imported weights with --weights."
