"""Lists of answers: what is refused, in which order a reader sees them, moving about in them, and what comes out at the end."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from asap.review import DamagedReview, ReviewError, kept_review, study, study_results
from asap.review.answer_lists import ListedAnswer, read_answers
from asap.review.worklist import (
    QUESTIONS,
    blind_list,
    blind_order,
    history,
    next_case,
    progress,
    rivals,
    suggestions,
    to_do,
)

HEADER = "case,question,answer,model\n"
ROWS = [
    ListedAnswer(f"case {c}", question, f"{model} says {c}{q}", model)
    for c in range(6)
    for q, question in enumerate(["Is there a nodule?", "Where is it?"])
    for model in ("alpha", "beta")
]


def listed(path: Path, text: str | bytes, name: str = "answers.csv") -> tuple[ListedAnswer, ...]:
    (path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_answers(path / name)


def test_csv_and_json_hold_the_same_rows(tmp_path: Path) -> None:
    text = '\ufeffmodel,case,answer,question,more\nm,c1,"Yes, two\nof them.",Is there a nodule?,x\n'
    record = [{"case": "c1", "question": "Is there a nodule?", "answer": "Yes, two of them.", "model": "m"}]
    wanted = (ListedAnswer("c1", "Is there a nodule?", "Yes, two of them.", "m"),)
    assert listed(tmp_path, text) == listed(tmp_path, json.dumps(record), "answers.json") == wanted


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        (HEADER, "a.csv", "no answers"),
        ("", "a.csv", "no case and no question"),
        ("case,question,answer\nc,q,a\n", "a.csv", "no model"),
        (HEADER + "c,q,a,m\nc,,a,m2\n", "a.csv", "Row 2 has no question"),
        (HEADER + "c,q\n", "a.csv", "Row 1 has no answer"),
        (HEADER + "c,q,a,m,more\n", "a.csv", "Row 1 has more fields"),
        (HEADER + "c,q,a,m\nd,q,a,m\nc,q,b,m\n", "a.csv", "Rows 1 and 3"),
        (HEADER + f"c,q,{'x' * 9000},m\n", "a.csv", "answer of row 1 is longer"),
        (HEADER + 'c,q,"zebra,m\n', "a.csv", "damaged"),
        (HEADER + "c,q,a\x00b,m\n", "a.csv", "no text|damaged"),
        (b"case,question,answer,model\nc,q,\xe4,m\n", "a.csv", "UTF-8"),
        ("[", "a.json", "damaged"),
        ("[" * 100_000, "a.json", "damaged"),
        ('{"a": 1}', "a.json", "list of objects"),
        ('[{"case": "c", "question": "q", "answer": 5, "model": "m"}]', "a.json", "Row 1 has no answer"),
        (r'[{"case": "c", "question": "q", "answer": "\ud800", "model": "m"}]', "a.json", "no text"),
        ("x", "a.txt", r"\.csv or a \.json"),
    ],
)
def test_a_list_is_refused_with_the_row_and_the_reason_and_none_of_its_words(
    tmp_path: Path, text: str | bytes, name: str, said: str
) -> None:
    with pytest.raises(ReviewError, match=said) as refused:
        listed(tmp_path, text, name)
    assert "zebra" not in str(refused.value)


def test_the_order_is_blind_seeded_and_keeps_a_case_together() -> None:
    order = blind_order(ROWS, 5)
    assert sorted(order) == list(range(len(ROWS)))
    assert order == blind_order(ROWS, 5) == blind_order(list(ROWS), 5)
    assert order != blind_order(ROWS, 6)
    cases = [ROWS[n].case for n in order]
    assert sum(a != b for a, b in pairwise(cases)) == 5
    review = blind_list(ROWS, order)
    assert {answer.model for answer in review.answers} == {""}
    firsts = [ROWS[n].model for seed in range(50) for n in blind_order(ROWS, seed)[::2]]
    assert 0.4 < firsts.count("alpha") / len(firsts) < 0.6  # which model comes first tells nothing


def test_moving_about_history_rivals_and_suggestions() -> None:
    review = blind_list(ROWS, blind_order(ROWS, 5))
    case = review.answers[0].case
    assert history(review, case) == [0, 1, 2, 3]
    assert rivals(review, 0) == [1]
    assert next_case(review, 2, 1) == 4
    assert next_case(review, 5, -1) == 0
    assert next_case(review, 23, 1) == 20
    assert suggestions(review, case) == list(QUESTIONS)
    fewer = blind_list([row for row in ROWS if row.case != "case 0" or "Where" in row.question], range(22))
    assert suggestions(fewer, "case 0")[0] == "Is there a nodule?"


def test_progress_and_the_next_to_do_follow_the_verdicts() -> None:
    review = blind_list(ROWS, range(24))
    for index, seconds in ((0, 2.0), (1, 4.0), (2, 9.0), (3, 5.0), (23, 7.0)):
        review = review.judged(index, "agree", "A", seconds=seconds)
    told = progress(review)
    assert (told.judged, told.answers, told.cases_done, told.cases, told.median_seconds) == (5, 24, 1, 6, 5.0)
    assert (to_do(review), to_do(review, 23), to_do(review, 10)) == (4, 4, 10)


def read_all(of: study.Study, reader: int, say: dict[str, tuple[str, str]]) -> None:
    """One reader judges everything: the verdict and correction of each row's model."""
    kept = of.kept(reader)
    for index, row in enumerate(of.orders[reader]):
        verdict, correction = say[of.listed[row].model]
        assert kept.review is not None
        kept.keep(kept.review.judged(index, verdict, "R", correction, 1.5), "R")  # type: ignore[arg-type]


def test_a_study_of_two_readers_from_the_list_to_the_training_set(tmp_path: Path) -> None:
    made = study.begin(tmp_path / "s", ROWS, ["Ann", "Bob"], seed=1)
    assert made.orders[0] != made.orders[1]
    read_all(made, 0, {"alpha": ("agree", ""), "beta": ("disagree", "No.")})
    read_all(study.opened(tmp_path / "s"), 1, {"alpha": ("agree", ""), "beta": ("disagree", "No.")})
    again = study.opened(tmp_path / "s")
    found = study_results.agreement(again)
    assert found["fleiss"]["kappa"] == pytest.approx(1)
    assert found["cohen"][0]["items"] == 24
    assert found["models"] == [
        {"model": "alpha", "agree": 24, "disagree": 0, "unsure": 0, "preferred_over": {}},
        {"model": "beta", "agree": 0, "disagree": 24, "unsure": 0, "preferred_over": {}},
    ]
    assert found["readers"][0]["median_seconds"] == 1.5
    rows = study_results.training_rows(again)
    assert len(rows) == 24
    assert [row["rejected_answer"] for row in rows if row["answer"] == "No."] == [r.answer for r in ROWS if r.model == "beta"]


def test_only_what_most_readers_say_alike_is_trained_on(tmp_path: Path) -> None:
    made = study.begin(tmp_path / "s", ROWS[:2], ["A", "B", "C"], seed=0)
    read_all(made, 0, {"alpha": ("agree", ""), "beta": ("unsure", "")})
    read_all(made, 1, {"alpha": ("agree", ""), "beta": ("disagree", "")})
    read_all(made, 2, {"alpha": ("disagree", "Left."), "beta": ("agree", "")})
    rows = study_results.training_rows(made)
    assert [(row["answer"], row["readers"], row["votes"]) for row in rows] == [("alpha says 00", 3, 2)]


def test_a_blind_export_leads_back_to_nothing_and_readers_folders_name_no_model(tmp_path: Path) -> None:
    made = study.begin(tmp_path / "s", ROWS, ["Ann", "Bob"], seed=1)
    read_all(made, 0, {"alpha": ("agree", ""), "beta": ("disagree", "")})
    rows = study_results.verdict_rows(made, blind=True)
    assert {row["model"] for row in rows} == {"A", "B"}
    assert not {row["case"] for row in rows} - {f"case {n}" for n in range(1, 7)}
    assert {(row["model"], row["verdict"]) for row in rows} in (
        {("A", "agree"), ("B", "disagree")},
        {("B", "agree"), ("A", "disagree")},
    )
    assert "Ann" not in json.dumps(rows)
    text = "".join(path.read_text() for path in (tmp_path / "s" / "reader-2").iterdir())
    assert '"model":"alpha"' not in text
    assert '"model":"beta"' not in text


def test_preferences_count_the_last_word_on_a_pair(tmp_path: Path) -> None:
    made = study.begin(tmp_path / "s", ROWS[:2], ["A"], seed=0)
    kept = made.kept(0)
    assert kept.review is not None
    kept.keep(kept.review.preferred(0, 1, 0, "A"), "A")
    kept.keep(kept.review.preferred(0, 1, 1, "A"), "A")
    better, worse = (ROWS[made.orders[0][n]].model for n in (1, 0))
    models = {row["model"]: row["preferred_over"] for row in study_results.agreement(study.opened(tmp_path / "s"))["models"]}
    assert models == {better: {worse: 1}, worse: {}}
    with pytest.raises(ReviewError, match="one question"):
        kept.review.preferred(0, 0, None, "A")


def test_a_list_of_another_study_and_a_folder_in_use_are_refused(tmp_path: Path) -> None:
    study.begin(tmp_path / "s", ROWS, ["A"], seed=1)
    with pytest.raises(ReviewError, match="not empty"):
        study.begin(tmp_path / "s", ROWS, ["A"], seed=1)
    with pytest.raises(ReviewError, match="readers"):
        study.begin(tmp_path / "t", ROWS, ["A", " A"], seed=1)
    other = study.begin(tmp_path / "u", ROWS, ["A"], seed=2)
    (tmp_path / "s" / "key.json").write_bytes((tmp_path / "u" / "key.json").read_bytes())
    with pytest.raises(DamagedReview, match="not the one"):
        study.opened(tmp_path / "s").kept(0)
    assert kept_review.opened(tmp_path / "u" / "reader-1").review == other.kept(0).review
    with pytest.raises(ReviewError, match="no reading study"):
        study.opened(tmp_path)
