"""The audit trail: what it says, what it never says, which changes to its files are noticed, and what a full disk does."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from asap.review import DamagedReview, ReviewError, amended, kept_review, signed
from asap.review.journal import AUDIT, JOURNAL
from tests.review.cases import TEXTS, fresh


def reviewed(folder: Path) -> kept_review.KeptReview:
    """A whole course: decided, undone, signed, amended."""
    kept = kept_review.create(folder)
    review = fresh()
    kept.keep(review, "Dr A")
    for index, state in enumerate(("accepted", "rejected", "accepted")):
        review = review.decided(index, state, "Dr A")  # type: ignore[arg-type]
        kept.keep(review, "Dr A")
    undone = review.undone("Dr A")
    assert undone is not None
    kept.keep(undone, "Dr A")
    review = undone
    for index, words in ((2, "The heart is very large."), (3, "The aorta is narrow.")):
        review = review.decided(index, "edited", "Dr B", words)
        kept.keep(review, "Dr B")
    review = review.judged(0, "unsure", "Dr B")
    kept.keep(review, "Dr B")
    review = signed(review, "Dr S")
    kept.keep(review, "Dr S")
    kept.keep(amended(review, "Dr S", "See the liver.", 1), "Dr S")
    return kept


def test_the_trail_says_who_did_what_when_and_with_which_model_but_no_word(tmp_path: Path) -> None:
    reviewed(tmp_path / "r")
    text = (tmp_path / "r" / AUDIT).read_text()
    rows = [json.loads(line) for line in text.splitlines()[1:]]
    assert [row["kind"] for row in rows] == [
        "opened", "decided", "decided", "decided", "undone", "decided", "decided", "decided", "signed", "amended",
    ]  # fmt: skip
    assert (rows[2]["item"], rows[2]["state"], rows[2]["author"]) == ("sentence 1", "rejected", "Dr A")
    assert rows[2]["model_sha256"] == "ab" * 32
    assert rows[2]["input_sha256"] == "cd" * 32
    words = {word.strip(".").lower() for sentence in (*TEXTS, "very narrow liver") for word in sentence.split()} - {
        "a",
        "the",
        "no",
        "in",
        "is",
    }
    assert not [word for word in words if f'"{word}' in text.lower() or f" {word} " in text.lower()]


def test_a_review_is_taken_up_where_it_was_left(tmp_path: Path) -> None:
    kept = reviewed(tmp_path / "r")
    again = kept_review.opened(tmp_path / "r")
    assert again.review == kept.review
    assert again.journal.head_sha256 == kept.journal.head_sha256
    assert again.review is not None
    again.keep(amended(again.review, "Dr S", "More."), "Dr S")
    assert len(kept_review.opened(tmp_path / "r").journal.events) == 11


@pytest.mark.skipif(os.name != "posix", reason="POSIX modes")
def test_the_files_are_the_readers_own(tmp_path: Path) -> None:
    reviewed(tmp_path / "r")
    modes = [stat.S_IMODE((tmp_path / "r" / name).stat().st_mode) for name in ("", JOURNAL, AUDIT)]
    assert modes == [0o700, 0o600, 0o600]
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == [AUDIT, JOURNAL]


@pytest.mark.parametrize("name", [JOURNAL, AUDIT])
def test_a_changed_line_is_noticed_wherever_it_is(tmp_path: Path, name: str) -> None:
    reviewed(tmp_path / "r")
    path = tmp_path / "r" / name
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    noticed = 0
    for number, line in enumerate(lines):
        at = line.find(b"Dr ") if b"Dr " in line else len(line) // 2
        changed = line[:at] + bytes([line[at] ^ 1]) + line[at + 1 :]
        path.write_bytes(b"".join([*lines[:number], changed, *lines[number + 1 :]]))
        with pytest.raises(DamagedReview):
            kept_review.opened(tmp_path / "r")
        noticed += 1
    assert noticed == 11


def test_a_line_taken_out_swapped_or_cut_off_is_noticed(tmp_path: Path) -> None:
    reviewed(tmp_path / "r")
    audit = tmp_path / "r" / AUDIT
    lines = audit.read_bytes().splitlines(keepends=True)
    for other in (
        [*lines[:4], *lines[5:]],
        [*lines[:4], lines[5], lines[4], *lines[6:]],
        lines[:-2],
        [*lines, lines[-1]],
        lines[:1],
    ):
        audit.write_bytes(b"".join(other))
        with pytest.raises(DamagedReview):
            kept_review.opened(tmp_path / "r")


@pytest.mark.parametrize("name", [JOURNAL, AUDIT])
def test_half_a_last_line_is_cut_away(tmp_path: Path, name: str) -> None:
    kept = reviewed(tmp_path / "r")
    path = tmp_path / "r" / name
    with path.open("ab") as file:
        file.write(b'{"note":{"time_utc":"20')
    assert kept_review.opened(tmp_path / "r").review == kept.review
    assert path.read_bytes().endswith(b"}\n")


def test_a_lost_last_record_is_written_again(tmp_path: Path) -> None:
    kept = reviewed(tmp_path / "r")
    audit = tmp_path / "r" / AUDIT
    whole = audit.read_bytes()
    audit.write_bytes(b"".join(whole.splitlines(keepends=True)[:-1]))
    assert kept_review.opened(tmp_path / "r").review == kept.review
    assert audit.read_bytes() == whole


@pytest.mark.parametrize("fails_at", [1, 2])
def test_a_full_disk_adds_nothing_and_the_next_step_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    kept = kept_review.create(tmp_path / "r")
    kept.keep(fresh(), "A")
    before = kept.review
    real, calls = os.fsync, []

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) == fails_at:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReviewError, match="No space left"):
        kept.keep(fresh().decided(0, "accepted", "A"), "A")
    assert kept.review is before
    assert kept_review.opened(tmp_path / "r").review == before
    assert before is not None
    kept.keep(before.decided(1, "rejected", "A"), "A")
    assert kept_review.opened(tmp_path / "r").review == kept.review


def test_two_programs_do_not_write_over_each_other(tmp_path: Path) -> None:
    first = kept_review.create(tmp_path / "r")
    first.keep(fresh(), "A")
    second = kept_review.opened(tmp_path / "r")
    assert second.review is not None
    second.keep(second.review.decided(0, "accepted", "B"), "B")
    assert first.review is not None
    with pytest.raises(ReviewError, match="Another program"):
        first.keep(first.review.decided(0, "rejected", "A"), "A")
    assert kept_review.opened(tmp_path / "r").review == second.review


def test_a_folder_is_begun_once_and_an_empty_one_is_no_review(tmp_path: Path) -> None:
    reviewed(tmp_path / "r")
    with pytest.raises(ReviewError, match="already"):
        kept_review.create(tmp_path / "r")
    with pytest.raises(ReviewError, match="no review"):
        kept_review.opened(tmp_path)
