"""The commands' common manners: numbers are checked, what a user caused is one sentence, long work says how far it is."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pytest

from asap.errors import InputError, OutputError
from asap_training import pace
from asap_training.arguments import ended_in_one_sentence, positive
from asap_training.calibrate import fit
from asap_training.cli import main
from asap_training.pace import Pace


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (InputError("Name a folder."), 2, "Name a folder.\n"),
        (OutputError("The disk is full."), 1, "The disk is full.\n"),
        (KeyboardInterrupt(), 130, "Stopped.\n"),
    ],
)
def test_a_command_ends_in_one_sentence(error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, ended_in_one_sentence():
        raise error
    assert ended.value.code == code
    assert capsys.readouterr().err == said


def test_numbers_of_things_are_at_least_one() -> None:
    assert positive("3") == 3
    for text in ("0", "-2", "1.5", "many"):
        with pytest.raises(argparse.ArgumentTypeError, match="at least 1"):
            positive(text)


def test_time_left_is_told_by_the_pace_of_this_run(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, said = [0.0], list[str]()
    monkeypatch.setattr(pace.time, "monotonic", lambda: clock[0])
    steps = Pace(1000, "Training", said.append, unit="steps")
    for step in range(901, 921):  # a run that goes on after step 900, 3 s a step
        clock[0] += 3.0
        steps.reached(step, ", loss 0.500")
    assert said[0] == "Training: 904 of 1000 steps, loss 0.500, about 5 min left"
    assert len(said) == 5
    clock[0] += 60.0
    steps.reached(1000)
    assert len(said) == 5, "the end needs no time left"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["benchmark", "--model", "elephant"], "There is no model of this name"),
        (["benchmark", "--judge", "none", "--bilateral", "0"], "no judge cases"),
        (["export", "--run", "none", "--cases", "none", "--out", "none"], "no checkpoint of asap_mini"),
        (["finetune", "findings", "--cases", "none", "--cells", "none"], "no generated cases"),
        (["generate", "--out", "none", "--count", "1", "--require", "elephant"], "no finding called elephant"),
        (["generate", "--out", "none", "--count", "1", "--first", "-1"], "not negative"),
        (["pretrain", "--recipe", "asap_test", "--cases", "none", "--out", "none", "--steps", "0"], "at least 1"),
        (["pretrain", "--recipe", "asap_base", "--cases", "none", "--out", "none", "--weights", "asap-base"], "not installed"),
        (["segmentation", "organs", "--out", "none"], "organs needs --cache"),
        (["segmentation", "organs", "--out", "none", "--cache", "none"], "no prepared cases"),
        (["segmentation", "export", "--out", "x", "--organs", "x", "--lesions", "x", "--cache", "x"], "holds no run"),
        (["segmentation-score", "--out", "none"], "nothing to score"),
        (["finetune"], None),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    words: list[str], said: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASAP_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["asap-train", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert ended.value.code == 2
    if said is None:
        assert "finding-head" in out and "segmentation" in out, "all five kinds are told"
    else:
        assert said in err.splitlines()[-1]


def test_a_confidence_is_not_fitted_to_hits_alone() -> None:
    with pytest.raises(InputError, match="give more cases"):
        fit([("mass", 1.0, True)] * 30)
