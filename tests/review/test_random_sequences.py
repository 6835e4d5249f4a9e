"""A thousand reviews at random, with crashes at random places: no decision is lost, the chain holds, signed words stay."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asap.review import VERDICTS, Review, ReviewError, amended, kept_review, signed, to_json
from asap.review.journal import AUDIT, JOURNAL
from asap.review.kept_review import KeptReview
from asap.review.record import content_sha256
from tests.review.cases import answer, fresh

SECRETS = ("nodule", "zebra", "effusion", "Where")
Operation = tuple[str, int, str]
ACTS = ["accepted", "rejected", "edited", "draft", "undo", "sign", "amend", "ground", "extend", "complete"]
JUDGED = [*VERDICTS, "correct"]
OPERATIONS = st.tuples(
    # Doubled: what leads to a signed report, and what interrupts it.
    st.sampled_from([*ACTS, *JUDGED, "crash", "reload", *["complete", "sign", "crash"] * 2]),
    st.integers(0, 3),
    st.sampled_from(["zebra one", "zebra two, wide", "No zebra."]),
)


def step(review: Review, operation: Operation) -> Review:
    """The review after one operation. ReviewError where it is refused."""
    what, index, words = operation
    acts: dict[str, Callable[[], Review]] = {
        "edited": lambda: review.decided(index, "edited", "Dr B", words),
        "correct": lambda: review.judged(index % 2, "disagree", "Dr C", words),
        "undo": lambda: review.undone("Dr A") or review,
        "sign": lambda: signed(review, "Dr S"),
        "amend": lambda: amended(review, "Dr S", words, index),
        "ground": lambda: review.answered(index, answer([words]).sentences[0], "ef" * 32),
        "extend": lambda: review.extended(answer([words])) if len(review.sentences) < 7 else review,
        "complete": lambda: completed(review),
    }
    if what in acts:
        return acts[what]()
    if what in VERDICTS:
        return review.judged(index % 2, what, "Dr C")
    return review.decided(index, what, "Dr A")  # type: ignore[arg-type]


def completed(review: Review) -> Review:
    """Every sentence accepted, so that signing is allowed."""
    for index in range(len(review.sentences)):
        review = review.decided(index, "accepted", "Dr A")
    return review


def crash(kept: KeptReview, before: tuple[int, int], folder: Path, share: float) -> bool:
    """Leave the disk as a power cut within the newest step would have: a prefix of its two writes. Whether the step was whole."""
    (journal, audit), was = (folder / JOURNAL, folder / AUDIT), before
    sizes = journal.stat().st_size, audit.stat().st_size
    written = round(share * (sum(sizes) - sum(was)))
    in_journal = min(written, sizes[0] - was[0])
    os.truncate(journal, was[0] + in_journal)
    os.truncate(audit, was[1] + written - in_journal)
    return in_journal == sizes[0] - was[0]


def sizes(folder: Path) -> tuple[int, int]:
    return (folder / JOURNAL).stat().st_size, (folder / AUDIT).stat().st_size


@pytest.mark.slow
@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
@given(st.lists(OPERATIONS, min_size=1, max_size=14), st.lists(st.floats(0, 1), min_size=14, max_size=14))
def test_nothing_decided_is_ever_lost(operations: list[Operation], shares: list[float]) -> None:
    quick = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=quick) as name:
        folder = Path(name) / "review"
        kept = kept_review.create(folder)
        kept.keep(fresh(), "Dr A")
        previous, before = None, sizes(folder)
        frozen: str | None = None
        for operation, share in zip(operations, shares, strict=False):
            review = kept.review
            assert review is not None
            if operation[0] == "reload":
                kept = kept_review.opened(folder)
                assert kept.review == review
            elif operation[0] == "crash":
                if previous is None:
                    continue
                whole = crash(kept, before, folder, share)
                kept = kept_review.opened(folder)
                assert kept.review == (review if whole else previous)
                previous, before = None, sizes(folder)  # a second crash would be of an older step: those are on the disk
            else:
                try:
                    after = step(review, operation)
                except ReviewError:
                    continue
                if after == review:
                    continue
                previous, before = review, sizes(folder)
                kept.keep(after, "Dr A")
            now = kept.review
            assert now is not None
            frozen = content_sha256(now) if now.signature is not None and frozen is None else frozen
            if now.signature is None:
                frozen = None  # the crash fell into the signing itself
            elif frozen is not None:
                assert content_sha256(now) == now.signature.sha256 == frozen
        final = kept_review.opened(folder)
        assert final.review is not None
        assert kept.review is not None
        assert to_json(final.review) == to_json(kept.review)
        assert final.journal.head_sha256 == kept.journal.head_sha256
        audit = (folder / AUDIT).read_text()
        assert not any(word in audit for word in SECRETS)
        assert len(audit.splitlines()) == 1 + len(final.journal.events)
        assert all(json.loads(line) for line in audit.splitlines())
