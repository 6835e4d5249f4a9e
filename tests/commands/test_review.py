"""`asap review` from the list to the training set, as a researcher types it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from asap.cli import main
from asap.commands.judge import Judge
from asap.review import kept_review, signed, to_json
from tests.review.cases import accepted

LIST = """case,question,answer,model
c1,Is there a nodule?,"Yes, one.",alpha
c1,Is there a nodule?,No.,beta
c2,Where is it?,Left lung.,alpha
"""


@pytest.fixture
def study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    (tmp_path / "answers.csv").write_text(LIST)
    assert run("new", str(tmp_path / "answers.csv"), "--out", str(tmp_path / "s"), "--readers", "Ann", "Bob") == 0
    assert "3 answers about 2 cases, 2 readers" in capsys.readouterr().out
    return tmp_path / "s"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["review", *arguments])
    return int(left.value.code or 0)


def judge(folder: Path, *typed: str, each_s: float = 3.0) -> str:
    """A reader types; every look at the clock is `each_s` later. What was said."""
    lines: Iterator[str] = iter(typed)
    said: list[str] = []
    times = iter(each_s * n for n in range(1000))

    def ask(_prompt: str) -> str:
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    Judge(folder, "", said.append, ask, lambda: next(times)).run()
    return "\n".join(said)


def test_judging_stops_resumes_undoes_and_measures_time(study: Path) -> None:
    said = judge(study / "reader-1", "a", "bogus", "c The right one.", "z", "h", "2")
    assert "1 of 3 answers judged" in said
    assert "Research use" in said
    assert "could be asked:" in said
    kept = kept_review.opened(study / "reader-1").review
    assert kept is not None
    assert [answer.verdict for answer in kept.answers] == ["agree", None, None]
    assert kept.answers[0].decisions[0].seconds == 3.0
    assert [step.verdict for step in kept.answers[1].decisions] == ["disagree", None]
    again = judge(study / "reader-1", "u", "d")
    assert again.splitlines()[4].startswith("2/3") or "\n2/3" in again
    assert "3 of 3 answers judged, 2 of 2 cases done." in again


def test_status_agreement_and_exports(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judge(study / "reader-1", "a", "a", "a")
    judge(study / "reader-2", "a", "a", "a")
    assert run("status", str(study)) == 0
    assert "reader 2: 3 of 3 answers, 2 of 2 cases, median 3.0 s an answer; audit trail holds" in capsys.readouterr().out
    assert run("agreement", str(study), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["cohen"][0]["agreement"] == 1.0
    assert run("agreement", str(study)) == 0
    assert "alpha: agree 4, disagree 0, unsure 0" in capsys.readouterr().out
    for arguments, rows in ((), 3), (("--verdicts",), 6), (("--blind",), 6):
        assert run("export", str(study), "--out", str(tmp_path / "x.jsonl"), *arguments) == 0
        assert len([json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()]) == rows


def test_bad_lists_and_changed_trails_end_with_one_sentence_and_code_2(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.csv").write_text("case,question\n")
    assert run("new", str(tmp_path / "bad.csv"), "--out", str(tmp_path / "t")) == 2
    assert "no answer and no model" in capsys.readouterr().err
    assert not (tmp_path / "t").exists()
    audit = study / "reader-1" / "audit.jsonl"
    audit.write_text(audit.read_text().replace('"Ann"', '"Eve"'))
    assert run("status", str(study)) == 2
    assert "does not hold from record 0" in capsys.readouterr().err


def test_a_reviewed_report_becomes_documents_with_the_head_of_its_trail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = kept_review.create(tmp_path / "r")
    kept.keep(signed(accepted(), "Dr S"), "Dr S")
    assert run("document", str(tmp_path / "r"), "--out", str(tmp_path / "out")) == 0
    assert "Not for diagnosis" in capsys.readouterr().out
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [
        "diagnostic-report-r4.json", "diagnostic-report-r5.json", "reviewed.json", "reviewed.md", "reviewed.pdf",
    ]  # fmt: skip
    record = json.loads((tmp_path / "out" / "reviewed.json").read_text())
    assert record["audit_sha256"] == kept.journal.head_sha256
    (tmp_path / "saved.json").write_text(to_json(accepted()))
    assert run("document", str(tmp_path / "saved.json"), "--out", str(tmp_path / "out2")) == 0
    (tmp_path / "saved.json").write_text("{}")
    assert run("document", str(tmp_path / "saved.json"), "--out", str(tmp_path / "out3")) == 2
    assert not (tmp_path / "out3").exists()
