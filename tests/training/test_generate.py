"""Generating is resumable: what is whole stays, what a killed run left is made."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from asap.errors import InputError
from asap.phantom.case_files import FILE_NAME
from asap_training.data.backgrounds import SOURCES
from asap_training.generate import check_concepts, generate, generate_one, implant_one
from tests.reference import reference_data


def test_a_case_that_was_begun_is_made_and_a_whole_one_stays(tmp_path: Path) -> None:
    (tmp_path / "case-0000005").mkdir()
    assert generate_one(tmp_path, ("mass",), (), 5)
    first = (tmp_path / "case-0000005" / FILE_NAME).read_bytes()
    assert not generate_one(tmp_path, ("mass",), (), 5)
    assert (tmp_path / "case-0000005" / FILE_NAME).read_bytes() == first


def test_implants_are_made_from_the_backgrounds_of_their_role(tmp_path: Path) -> None:
    reference = reference_data(SOURCES["cip_copd64"].volume).parents[2]
    assert implant_one(tmp_path, reference, "select", 2)
    assert not implant_one(tmp_path, reference, "select", 2)
    assert [path.name for path in tmp_path.iterdir()] == ["case-0000002"]


def told_to_stop(folder: Path, seed: int) -> bool:
    """A case in whose making somebody sends SIGTERM to the command; the others take a while."""
    (folder / str(seed)).touch()
    if seed == 3:
        os.kill(os.getppid(), signal.SIGTERM)
    else:
        time.sleep(0.2)
    return True


def test_told_to_stop_it_ends_after_the_case_under_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate(tmp_path, range(3, 1003), partial(told_to_stop, tmp_path), 1) is None
    assert "the same command goes on" in capsys.readouterr().err
    assert len(list(tmp_path.iterdir())) < 1000, "what was not begun is left"
    assert generate(tmp_path, range(4, 6), partial(told_to_stop, tmp_path), 1) == 2


def test_a_finding_nobody_can_have_is_refused_by_name() -> None:
    check_concepts(["mass", "ground_glass"])
    with pytest.raises(InputError, match=r"no finding called elephants; generated cases can have .*mass"):
        check_concepts(["mass", "elephants"])
