"""A1: damaged files are read or refused with InputError; no crash, no hang, no other class, little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from asap.errors import InputError
from asap.io.read import read_volume
from tests.fuzz.mutate import FORMATS, Seeds

PLAIN_PEAK_MIB = 256


def bulk(family: str, count: int, seed: int, folder: Path) -> dict[str, Any]:
    """Run `count` cases in a child; a crash of the child shows as its exit code."""
    command = [sys.executable, "-m", "tests.fuzz.bulk", family, str(count), str(seed), str(folder)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def assert_clean(report: dict[str, Any], count: int) -> None:
    assert report["foreign"] == []
    assert report["hangs"] == []
    assert report["read"] + report["refused"] == count
    assert report["refused"] > 0.5 * count  # the damage is damage
    assert report["slowest_s"] < 5
    assert report["peak_mib"] < PLAIN_PEAK_MIB


@pytest.mark.parametrize("family", FORMATS)
def test_200_damaged_files(family: str, tmp_path: Path) -> None:
    assert_clean(bulk(family, 200, 1_000_000, tmp_path), 200)


@pytest.mark.slow
@pytest.mark.parametrize("family", FORMATS)
def test_2000_damaged_files(family: str, tmp_path: Path) -> None:
    assert_clean(bulk(family, 2000, 0, tmp_path), 2000)


@pytest.mark.long
@pytest.mark.parametrize("family", FORMATS)
def test_20000_damaged_files(family: str, tmp_path: Path) -> None:
    assert_clean(bulk(family, 20_000, 10_000_000, tmp_path), 20_000)


@pytest.mark.parametrize("family", FORMATS)
@pytest.mark.filterwarnings("ignore::asap.errors.GeometryWarning")
def test_damaged_files_through_the_whole_sandbox(family: str, tmp_path: Path) -> None:
    seeds = Seeds(family, tmp_path)
    outcomes = []
    for number in range(25):
        try:
            outcomes.append(read_volume(seeds.write(number)).hu.ndim == 3)
        except InputError as error:
            outcomes.append(is_one_sentence(str(error)))
    assert outcomes == [True] * 25


def is_one_sentence(text: str) -> bool:
    return 10 < len(text) < 200 and text.endswith(".") and "\n" not in text
