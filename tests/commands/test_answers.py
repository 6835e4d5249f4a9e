"""`asap report`, `asap ask` and `asap classify` as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from asap.cli import main
from asap.io.nifti_write import write_nifti
from asap.phantom.case import generate_case
from asap.text.ctrate_labels import CTRATE_FINDINGS


def asap(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    return int(stopped.value.code or 0)


@pytest.fixture(scope="module")
def chest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("chest") / "chest.nii.gz"
    volume = generate_case(7_900_100, required=("pleural_effusion", "mass")).volume
    write_nifti(path, np.asarray(volume.hu), volume.affine)
    return path


@pytest.mark.slow
def test_report_writes_a_draft_a_person_and_a_program_can_read(
    chest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asap("report", str(chest), "--out", str(tmp_path), "--json") == 0
    document = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert json.loads(capsys.readouterr().out) == document
    assert document["notice"] == "Research use. AI-generated. Not for diagnosis."
    assert {"organ", "probability", "state", "flags", "peak_ras_mm", "heatmap"} <= set(document["sentences"][0])
    page = (tmp_path / "report.md").read_text(encoding="utf-8")
    for sentence in document["sentences"]:
        assert sentence["text"] in page
        assert (sentence["heatmap"] is None) == (sentence["assertion"] == "absent")
        if sentence["heatmap"] is not None:
            assert (tmp_path / sentence["heatmap"]).stat().st_size > 0
    assert [label["name"] for label in document["labels"]] == list(CTRATE_FINDINGS)
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_ask_writes_the_answer_and_its_evidence(chest: Path, tmp_path: Path) -> None:
    assert asap("ask", str(chest), "Is there a pleural effusion?", "--out", str(tmp_path)) == 0
    document = json.loads((tmp_path / "answer.json").read_text(encoding="utf-8"))
    assert document["question"]["kind"] == "presence"
    assert document["verdict"] == "yes"
    (evidence,) = document["evidence"]
    assert evidence["statement"]["text"].startswith("There is pleural effusion")
    assert (tmp_path / evidence["overview"]).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_classify_without_a_calibration_shows_no_probability(chest: Path, tmp_path: Path) -> None:
    assert asap("classify", str(chest), "--out", str(tmp_path), "--model", "asap-test") == 0
    document = json.loads((tmp_path / "labels.json").read_text(encoding="utf-8"))
    assert [label["probability"] for label in document["labels"]] == [None] * len(CTRATE_FINDINGS)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("ask", "VOLUME", " ? "), "question is empty"),
        (("report", "VOLUME", "--threshold", "1.5"), "between 0 and 1"),
        (("classify", "VOLUME", "--model", "no-such"), "no model of this name"),
    ],
)
def test_mistakes_get_one_sentence_and_leave_nothing(
    chest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], sentence: str
) -> None:
    out = tmp_path / "out"
    assert asap(*[str(chest) if a == "VOLUME" else a for a in arguments], "--out", str(out)) == 2
    assert sentence in capsys.readouterr().err
    assert not out.exists()
