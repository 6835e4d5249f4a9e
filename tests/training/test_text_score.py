"""`asap-train text-score`: the published evaluation's figures on real pairs, every type of answer, and tables that do not fit."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest

from asap_training import text_score
from asap_training.tasks.java_scores import java_is_there

GOLDEN = Path(os.environ.get("ASAP_REFERENCE_DATA", "")) / "nc" / "nlg_eval"
ANSWERS = [
    ("Presence", "Yes.", "Yes, in the left lung."), ("presence", "No", "Cannot tell."),
    ("size", "12 mm", "About 1.5 cm."), ("size", "8 mm", "Cannot tell."),
    ("location", "lung/left lung/left lower lobe", "lung/left lung/left upper lobe"),
]  # fmt: skip


def table(path: Path, columns: list[str], rows: list[tuple[str, ...]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr("sys.argv", ["asap-train text-score", *arguments])
    text_score.main()


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("ASAP_REFERENCE_DATA"), reason="no reference material")
@pytest.mark.skipif(not java_is_there(), reason="no Java or no pycocoevalcap")
def test_real_report_pairs_get_the_published_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (GOLDEN / "retrieval150_pairs.csv").open(newline="", encoding="utf-8") as file:
        rows = [(row["reference"], row["prediction"]) for row in csv.DictReader(file)]
    run(monkeypatch, str(table(tmp_path / "t.csv", ["Reference", "Draft"], rows)), "--json", str(tmp_path / "s.json"))
    scores = json.loads((tmp_path / "s.json").read_text())
    wanted = json.loads((GOLDEN / "retrieval150.json").read_text())["ptb_tokenized"]
    for name in ("METEOR", "CIDEr"):
        assert scores[name] == pytest.approx(wanted[name], abs=1e-6)
    assert scores["BLEU-4"] == pytest.approx(wanted["Bleu_4"], abs=1e-6)
    assert scores["ROUGE-L"] == pytest.approx(wanted["ROUGE_L"], abs=1e-6)
    assert 0.0 < scores["finding F1, assertion and side"] < 1.0
    assert scores["CRG"] > 0.0


def test_answers_are_scored_by_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run(monkeypatch, str(table(tmp_path / "t.csv", ["type", "reference", "answer"], list(ANSWERS))))
    printed = dict(line.rsplit(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert printed["presence: accuracy"] == "0.5000", "cannot tell is not right"
    assert printed["size: L1 mm"] == "3.0000"
    assert printed["size: unanswered"] == "1.0000"
    assert printed["location: hit"] == "0.6667"


REFUSED: list[tuple[list[str], list[tuple[str, ...]], str]] = [
    (["draft"], [("a",)], "no column reference"),
    (["reference"], [("a",)], "column draft"),
    (["reference", "draft"], [], "empty"),
    (["type", "reference", "answer"], [("colour", "a", "Meier")], "Row 1"),
    (["type", "reference", "answer"], [("size", "Meier", "3 mm")], "tells none"),
]


@pytest.mark.parametrize("refused", REFUSED)
def test_a_table_that_does_not_fit_is_refused_in_a_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    refused: tuple[list[str], list[tuple[str, ...]], str],
) -> None:
    columns, rows, said = refused
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, str(table(tmp_path / "t.csv", columns, rows)))
    assert stopped.value.code == 2
    heard = capsys.readouterr().err
    assert said in heard
    assert "Meier" not in heard
