"""Reports and questions in their published layouts."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from asap.errors import InputError
from asap.text.questions import read_question
from asap_training.data.told_cases import ctrate_reports, ctrg_reports, radgenome_questions
from asap_training.token_weights import answer_weight, report_weights

REFERENCE = Path(os.environ.get("ASAP_REFERENCE_DATA", "")) / "asap_benchmark"
needs_reference = pytest.mark.skipif(not os.environ.get("ASAP_REFERENCE_DATA"), reason="no reference material")


def test_ctrg_and_ctrate_rows_become_reports(tmp_path: Path) -> None:
    rows = {"train": [{"id": "1.nii.gz", "report": "A nodule.", "result": "Nodule."}], "val": []}
    (tmp_path / "ctrg.json").write_text(json.dumps(rows))
    (told,) = ctrg_reports(tmp_path / "ctrg.json")
    assert (told.volume, told.answer) == ("1.nii.gz", "FINDINGS: A nodule. IMPRESSION: Nodule.")
    table = tmp_path / "ctrate.csv"
    table.write_text("VolumeName,Findings_EN,Impressions_EN\nv_1.nii.gz,No mass.,\n")
    assert ctrate_reports(table)[0].answer == "FINDINGS: No mass."


def test_another_layout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="layout"):
        ctrate_reports(tmp_path / "x.csv")
    (tmp_path / "x.json").write_text("[1, 2]")
    with pytest.raises(InputError, match="layout"):
        ctrg_reports(tmp_path / "x.json")


@needs_reference
@pytest.mark.slow
def test_the_published_question_tables_give_all_five_types() -> None:
    told = radgenome_questions(REFERENCE / "VQA/RadGenome-ChestCT/dataset/radgenome_files/subset_200")
    assert {one.kind for one in told} == {"presence", "abnormality", "location", "size", "disorder"}
    sizes = [one for one in told if one.kind == "size"]
    assert sum(read_question(one.prompt).kind == "size" for one in sizes) > 0.9 * len(sizes)


def test_what_is_abnormal_counts_more() -> None:
    text = "There is a nodule in the left lung. No effusion. The heart is normal."
    assert [span.weight for span in report_weights(text)] == [2.0, 1.0, 1.0]
    assert answer_weight("abnormality", "nodule") == 4.0
    assert answer_weight("disorder", "No findings.") == 1.0
    assert answer_weight("location", "left lung") == 1.5
