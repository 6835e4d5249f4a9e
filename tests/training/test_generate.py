"""Generating is resumable: what is whole stays, what a killed run left is made."""

from __future__ import annotations

from pathlib import Path

from asap.phantom.case_files import FILE_NAME
from asap_training.data.backgrounds import SOURCES
from asap_training.generate import generate_one, implant_one
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
