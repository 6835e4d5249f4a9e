"""What lists share is counted by volume and by patient; of the published ones it is what is told of them (D9)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from asap.errors import InputError
from asap_training.tasks.list_overlap import TASKS, Lists, row
from tests.reference import reference_data


def csv_lists(folder: Path, **splits: list[str]) -> None:
    for split, names in splits.items():
        (folder / f"{split}_list.csv").write_text("VolumeName,label\n" + "".join(f"{name},1\n" for name in names))


def test_a_patient_with_two_scans_is_seen(tmp_path: Path) -> None:
    csv_lists(
        tmp_path, train=["train_1_a_1.nii.gz", "train_2_a_1.nii.gz"], val=["train_1_b_1.nii.gz"], test=["train_2_a_1.nii.gz"]
    )
    told = Lists("", r"(train|valid)_\d+")
    assert row("t", told, tmp_path) == ("t", "2", "1", "1", "1", "0", "0", "1", "1", "0")
    assert row("t", Lists(""), tmp_path)[7:] == ("not told",) * 3


def test_lists_in_json_and_what_is_none(tmp_path: Path) -> None:
    splits = {"training": ["a/patient001_1", "a/patient002_1"], "validation": ["b/patient001_2"], "testing": ["b/patient001_2"]}
    entries = {split: [{"image": f"{name}.nii.gz"} for name in names] for split, names in splits.items()}
    (tmp_path / "d.json").write_text(json.dumps(entries))
    assert row("t", Lists("d.json", r"patient\d+"), tmp_path)[1:] == ("2", "1", "1", "0", "0", "1", "1", "1", "1")
    with pytest.raises(InputError, match="patient"):
        row("t", Lists("d.json", r"nobody"), tmp_path)
    with pytest.raises(InputError, match="list"):
        row("t", Lists("other.json"), tmp_path)


def test_of_the_published_lists_one_tests_patients_it_trains_on() -> None:
    """No volume is in both, validation is the test list in 13 of 16, and 30 of ACDC's 35 test patients are trained on."""
    rows = [row(task, lists, reference_data("asap_benchmark")) for task, lists in TASKS.items()]
    assert {found[4] for found in rows} == {"0"}
    assert sum(found[3] == found[6] for found in rows) == 13
    assert {found[0]: found[7] for found in rows if found[7] not in ("0", "not told")} == {"ACDC, heart": "30"}
