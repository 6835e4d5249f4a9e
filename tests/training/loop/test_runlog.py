"""The log of a run that was interrupted reads as if it had not been."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from asap_training.loop.runlog import LOG_NAME, RunLog


def logged(folder: Path, steps: range) -> None:
    with RunLog(folder, step=steps.start, samples=2 * steps.start, total=20, first=True) as log:
        log.waited(0.0)
        for step in steps:
            log.step(step + 1, 2 * (step + 1), {"loss": 1.0 / (step + 1)})


def steps_in(folder: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (folder / LOG_NAME).read_text().splitlines()]


def test_steps_that_are_taken_again_are_logged_once(tmp_path: Path) -> None:
    logged(tmp_path, range(6))
    with (tmp_path / LOG_NAME).open("a") as file:
        file.write('{"step": 7, "lo')  # a process that died while writing
    logged(tmp_path, range(4, 9))
    assert steps_in(tmp_path) == list(range(1, 10))


def test_a_line_says_pace_waiting_and_time_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logged(tmp_path, range(10))
    line = json.loads((tmp_path / LOG_NAME).read_text().splitlines()[-1])
    assert line["samples"] == 20
    assert line["samples_per_s"] > 0 and line["waiting"] == 0.0 and line["seconds_left"] == 0.0
    said = capsys.readouterr().out.strip().splitlines()
    assert len(said) == 1 and "100.0%" in said[0] and "0% waiting for data" in said[0]


def test_tensorboard_shows_what_the_log_says(tmp_path: Path) -> None:
    logged(tmp_path, range(3))
    shown = EventAccumulator(str(tmp_path / "tensorboard"))
    shown.Reload()
    assert {"loss", "samples_per_s", "waiting"} <= set(shown.Tags()["scalars"])
    assert [(event.step, event.value) for event in shown.Scalars("loss")] == [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))]


def test_a_loss_that_is_no_number_is_null(tmp_path: Path) -> None:
    with RunLog(tmp_path, step=0, samples=0, total=4, first=True) as log:
        log.step(1, 2, {"loss": float("nan"), "gradient": float("inf"), "skipped": 1})
    line = (tmp_path / LOG_NAME).read_text()
    assert "NaN" not in line and "Infinity" not in line
    assert {name: json.loads(line)[name] for name in ("loss", "gradient", "skipped")} == {
        "loss": None, "gradient": None, "skipped": 1,
    }  # fmt: skip


def test_only_the_first_rank_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with RunLog(tmp_path, step=0, samples=0, total=2, first=False) as log:
        log.step(1, 2, {"loss": 1.0})
        log.say("silent")
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""
