"""D9: no patient and no image is on both sides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from asap.errors import InputError
from asap_training.data import cache
from asap_training.data.datasets.plain_table import plain_cases
from asap_training.data.splits import check_splits, split_of
from asap_training.prepare import prepare
from tests.training.data.raw_cases import options, quiet, write_table


def test_the_share_of_validation_patients_is_what_was_asked_for() -> None:
    chosen = [split_of(f"patient {n}", 0.05) == "valid" for n in range(20_000)]
    assert abs(np.mean(chosen) - 0.05) < 0.005
    assert [split_of("someone", 0.5) for _ in range(3)] == [split_of("someone", 0.5)] * 3


def test_all_volumes_of_a_patient_go_to_one_side(tmp_path: Path) -> None:
    cases = plain_cases(write_table(tmp_path, 30, patients=10), 0.4)
    sides: dict[str, set[str]] = {}
    for raw in cases:
        sides.setdefault(raw.patient, set()).add(raw.split)
    assert len(sides) == 10
    assert all(len(side) == 1 for side in sides.values())
    assert {"train", "valid"} == set.union(*sides.values())


def test_a_patient_on_both_sides_is_refused_and_not_named() -> None:
    with pytest.raises(InputError, match="1 patients") as caught:
        check_splits([("Doe", "train"), ("Roe", "train"), ("Doe", "valid"), ("Roe", "train")], "patients")
    assert "Doe" not in str(caught.value)


def test_the_same_image_under_two_patients_is_found(tmp_path: Path) -> None:
    """The split by name looks clean; the voxels tell."""
    cases = plain_cases(write_table(tmp_path / "raw", 3), 0.0)
    (tmp_path / "raw" / "v2.nii").write_bytes((tmp_path / "raw" / "v0.nii").read_bytes())
    cases[2] = replace(cases[2], split="valid")
    with pytest.raises(InputError, match="1 images"):
        prepare(cases, options(tmp_path / "cache"), quiet)
    assert not (tmp_path / "cache" / cache.INDEX).exists()
