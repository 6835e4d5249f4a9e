"""What a draft said of its own sentences stays with them: through journal and export, and in what may be signed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from asap.review import DamagedReview, ReviewError, from_json, kept_review, signed, to_json
from asap.review.documents import NOTICE, review_json, review_markdown
from asap.review.fhir import diagnostic_report
from tests.review.cases import TEXTS, drafted

HELD = "held back: 31% is less than the 50% a sentence needs."
AGAINST = "contradicted: The classifier says the opposite: Cardiomegaly 12%."


def test_the_journal_and_the_scenes_line_bring_back_what_the_draft_said(tmp_path: Path) -> None:
    review = drafted()
    assert from_json(to_json(review)) == review
    kept = kept_review.create(tmp_path / "kept")
    kept.keep(review, "Dr A")
    kept.keep(review.decided(1, "accepted", "Dr A"), "Dr A")
    back = kept_review.opened(tmp_path / "kept").review
    assert back is not None
    assert [one.drafted for one in back.sentences] == [one.drafted for one in review.sentences]
    assert [one.weights_sha256 for one in back.sentences] == ["ab" * 32] * 3
    assert back.input_sha256 == "cd" * 32
    notes = (tmp_path / "kept" / "audit.jsonl").read_text()
    assert '"input_sha256":"' + "cd" * 32 in notes
    assert '"model_sha256":"' + "ab" * 32 in notes


def test_doubted_sentences_are_no_part_of_the_report_until_a_reader_says_so() -> None:
    review = drafted()
    assert [one.in_report for one in review.sentences] == [True, False, False]
    taken = review.decided(1, "accepted", "A").decided(2, "edited", "A", "The heart is not large.")
    assert [one.in_report for one in taken.sentences] == [True, True, True]
    back = taken.undone("A")
    assert back is not None
    assert [one.in_report for one in back.sentences] == [True, True, False]


def test_signing_waits_for_contradicted_sentences_but_not_for_those_held_back() -> None:
    review = drafted().decided(0, "accepted", "A")
    assert review.waiting == 1
    with pytest.raises(ReviewError, match="drafts left: 1"):
        signed(review, "Dr S")
    done = signed(review.decided(2, "rejected", "A"), "Dr S")
    assert [one.in_report for one in done.sentences] == [True, False, False]
    changed = to_json(done).replace('"state":"held back"', '"state":"supported"')
    with pytest.raises(DamagedReview, match="changed after it was signed"):
        from_json(changed)


def test_a_report_in_which_nothing_was_decided_is_never_signed() -> None:
    only_held = from_json(to_json(drafted()).replace('"contradicted"', '"held back"').replace('"supported"', '"held back"'))
    assert only_held.waiting == 0
    with pytest.raises(ReviewError, match="drafts left: 3"):
        signed(only_held, "Dr S")


def test_json_and_markdown_say_what_was_doubted_and_by_which_weights_on_which_voxels() -> None:
    review = drafted().decided(2, "accepted", "A")
    record = json.loads(review_json(review))
    assert [row["in_report"] for row in record["sentences"]] == [True, False, True]
    assert record["sentences"][2]["drafted"]["label"] == "Cardiomegaly"
    assert record["sentences"][2]["drafted"]["label_probability"] == 0.12
    assert (record["input_sha256"], record["sentences"][0]["weights_sha256"]) == ("cd" * 32, "ab" * 32)
    body, doubted = review_markdown(review).split("## Not in the report")
    assert f"- {TEXTS[2]} *({AGAINST})*" in body
    assert TEXTS[1] not in body
    assert f"- {TEXTS[1]} *(not reviewed; {HELD})*" in doubted
    assert f"Model weights sha256 {'ab' * 32}." in doubted
    assert f"CT voxels sha256 {'cd' * 32}." in doubted
    assert NOTICE in body


def test_fhir_says_what_was_doubted_and_leaves_out_what_nobody_took_up() -> None:
    record = json.loads(diagnostic_report(drafted().decided(2, "accepted", "A")))
    assert [one["valueString"] for one in record["contained"]] == [TEXTS[0], TEXTS[2]]
    parts = [part for one in record["contained"] for part in one["component"]]
    said = [part["valueString"] for part in parts if "draft" in part["code"].get("text", "")]
    assert said == ["supported", AGAINST]
    assert "cd" * 32 in record["contained"][0]["device"]["display"]
    assert TEXTS[1] not in json.dumps(record)
