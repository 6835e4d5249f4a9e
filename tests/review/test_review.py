"""What a reader may do, in which order, and what stays of it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from asap.client.wire import pack_map
from asap.review import DamagedReview, Review, ReviewedAnswer, ReviewError, amended, from_json, new_review, signed, to_json
from asap.review.changes import applied, change
from tests.review.cases import TEXTS, accepted, answer, fresh


def test_undo_goes_back_step_by_step_across_sentences_and_answers_and_the_record_keeps_all() -> None:
    review = fresh().decided(0, "accepted", "A").decided(1, "edited", "A", "Some effusion.").judged(1, "disagree", "A", "Left.")
    review = review.decided(1, "rejected", "B")
    seen = []
    while (back := review.undone("A")) is not None:
        review = back
        seen.append((review.sentences[0].state, review.sentences[1].state, review.sentences[1].text, review.answers[1].text))
    assert seen == [
        ("accepted", "edited", "Some effusion.", "Left."),
        ("accepted", "edited", "Some effusion.", "Right lung."),
        ("accepted", "draft", TEXTS[1], "Right lung."),
        ("draft", "draft", TEXTS[1], "Right lung."),
    ]
    assert [step.undoes for step in review.sentences[1].decisions] == [None, None, 4, 2]
    assert sorted(step.number for item in (*review.sentences, *review.answers) for step in item.decisions) == list(range(1, 9))


def test_undo_after_a_reload_is_the_same_undo() -> None:
    review = fresh().decided(2, "edited", "A", "The heart is small.")
    back = from_json(to_json(review)).undone("A")
    assert back is not None
    assert back.sentences[2].text == TEXTS[2]


@pytest.mark.parametrize(
    ("verdict", "correction", "state", "text"),
    [
        ("agree", "", "accepted", "Yes."),
        ("disagree", "", "rejected", "Yes."),
        ("disagree", "No.", "edited", "No."),
        ("unsure", "", "draft", "Yes."),
    ],
)
def test_a_verdict_gives_the_answer_its_state(verdict: str, correction: str, state: str, text: str) -> None:
    judged = fresh().judged(0, verdict, "A", correction).answers[0]  # type: ignore[arg-type]
    assert (judged.state, judged.text, judged.verdict, judged.draft) == (state, text, verdict, "Yes.")


@pytest.mark.parametrize(("verdict", "correction"), [("agree", "No."), ("unsure", "No."), ("perhaps", "")])
def test_a_correction_goes_with_disagree_only(verdict: str, correction: str) -> None:
    with pytest.raises(ReviewError, match="verdict"):
        fresh().judged(0, verdict, "A", correction)  # type: ignore[arg-type]


def test_nothing_is_signed_with_a_draft_left_or_without_a_name() -> None:
    with pytest.raises(ReviewError, match="drafts left: 1"):
        signed(accepted().decided(3, "draft", "A"), "Dr S")
    with pytest.raises(ReviewError, match="name"):
        signed(accepted(), "  ")


def test_what_is_signed_stays_and_takes_amendments_only() -> None:
    done = signed(accepted(), "Dr S")
    for attempt in (
        lambda: done.decided(0, "rejected", "A"),
        lambda: done.judged(0, "agree", "A"),
        lambda: done.undone("A"),
        lambda: done.answered(0, answer().sentences[0], "ab" * 32),
        lambda: done.extended(answer()),
        lambda: signed(done, "Dr S"),
    ):
        with pytest.raises(ReviewError, match="signed"):
            attempt()
    twice = amended(amended(done, "Dr S", "See also the liver.", 1), "Dr T", "Compared with 2024.")
    assert twice.sentences == done.sentences
    assert [one.sentence for one in twice.amendments] == [1, None]
    assert from_json(to_json(twice)) == twice
    with pytest.raises(ReviewError, match="Only a signed"):
        amended(accepted(), "A", "words")
    with pytest.raises(ReviewError, match="no such sentence"):
        amended(done, "A", "words", 9)


def signed_record() -> dict[str, object]:
    return dict(json.loads(to_json(amended(amended(signed(accepted(), "Dr S"), "Dr S", "First."), "Dr S", "Second."))))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("sentences", 0, "draft"), "Other words."),
        (("sentences", 0, "decisions", 0, "text"), "Other words."),
        (("sentences", 1, "decisions", 0, "author"), "Dr X"),
        (("sentences", 1, "answer", "confidence"), 0.5),
        (("answers", 0, "draft"), "No."),
        (("input_sha256",), "00"),
        (("amendments", 0, "text"), "Other words."),
        (("amendments", 1, "author"), "Dr X"),
        (("signature", "sha256"), "00"),
    ],
)
def test_a_change_after_signing_is_noticed_at_reading(place: tuple[str | int, ...], value: object) -> None:
    record: object = signed_record()
    inner = record
    for step in place[:-1]:
        inner = inner[step]  # type: ignore[index]
    inner[place[-1]] = value  # type: ignore[index]
    with pytest.raises(DamagedReview):
        from_json(json.dumps(record))


def test_a_map_is_part_of_what_is_signed() -> None:
    done = signed(accepted(), "Dr S")
    other = answer().sentences[1].map or answer().sentences[0].map
    record = json.loads(to_json(done))
    assert other is not None
    levels = bytes(63 - level for level in other.levels)
    record["sentences"][0]["answer"]["map"] = pack_map(replace(other, levels=levels))
    with pytest.raises(DamagedReview, match="after it was signed"):
        from_json(json.dumps(record))


def test_a_second_reading_keeps_history_and_numbers_stay_unique() -> None:
    first = fresh().decided(0, "accepted", "A").decided(0, "rejected", "B").decided(1, "edited", "A", "Some effusion.")
    second = new_review("again", answer([TEXTS[1], TEXTS[0], TEXTS[0]]), first)
    assert [one.state for one in second.sentences] == ["draft", "rejected", "rejected"]
    assert [step.number for one in second.sentences for step in one.decisions] == [1, 2, 3, 4]


def test_only_additions_are_a_change_and_anything_else_begins_anew() -> None:
    before: Review = fresh().decided(0, "accepted", "A")
    after = before.judged(0, "agree", "A").extended(answer(["More."])).decided(4, "rejected", "A")
    assert set(change(before, after)) == {"sentences", "steps"}
    assert applied(before, change(before, after)) == after
    assert set(change(after, before)) == {"opened"}
    assert applied(after, change(after, before)) == before
    assert change(after, after) == {}


def test_every_place_of_an_answer_is_kept_and_part_of_what_is_signed() -> None:
    places = answer().sentences
    asked = ReviewedAnswer("Is anything abnormal?", "Yes.", "asap-mini", "ab" * 32, 0.8, places[0], further=places[1:3])
    done = signed(accepted().asked(asked), "Dr S")
    assert from_json(to_json(done)) == done
    record = json.loads(to_json(done))
    assert "further" not in record["answers"][0], "records of an older version stay what they were"
    record["answers"][-1]["further"].pop()
    with pytest.raises(DamagedReview, match="after it was signed"):
        from_json(json.dumps(record))


def test_questions_stay_when_a_report_is_read_after_them() -> None:
    first = fresh().judged(0, "agree", "Dr A").decided(0, "accepted", "Dr A")
    again = new_review("the report", answer(), first)
    assert again.answers == first.answers
    assert again.sentences[0].state == "accepted"
    undone = again.undone("Dr A")
    assert undone is not None
    assert undone.sentences[0].state == "draft"
    assert undone.answers[0].verdict == "agree"
