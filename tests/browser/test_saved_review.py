"""A review survives a restart, and is not taken up for another CT."""

from __future__ import annotations

import json
import sys

import pytest

from asap.client import SentenceAnswer
from asap.review import Review, ReviewedSentence
from tests.browser.bench import MODULE

sys.path.append(str(MODULE))
pytest.importorskip("slicer", reason="needs the work bench: pip install 'asap-ct[viewer]'")

from asap_viewer.saved_review import reopened, saved

CT, OTHER_CT = 64 * "a", 64 * "b"


@pytest.fixture
def review() -> Review:
    """One sentence, edited and then accepted."""
    answer = SentenceAnswer(
        index=0, text="The heart is large.", section="findings", assertion="present", laterality=None, localisable=True,
        reason=None, confidence=0.9, peak_ras_mm=(1.0, 2.0, 3.0), tokens=4, threshold=0.5, side_check="not_applicable",
        span=(0, 19), map=None, fine_map=None,
    )  # fmt: skip
    draft = Review("The heart is large.", "asap-mini", "notice", (ReviewedSentence(answer, answer.text, 64 * "c"),))
    return draft.decided(0, "edited", "reader", "The heart is normal.").decided(0, "accepted", "reader")


def test_what_was_decided_is_there_again(review: Review) -> None:
    assert reopened(saved(review, CT), CT) == review


def test_a_review_of_another_ct_is_refused(review: Review) -> None:
    with pytest.raises(ValueError, match="another CT; open that CT"):
        reopened(saved(review, CT), OTHER_CT)


@pytest.mark.parametrize("damage", ["", "{}", "[1]", "[" * 100_000, '{"format": "asap-reviewed-report", "version": 1}'])
def test_what_is_no_saved_review_is_refused_in_one_sentence(damage: str) -> None:
    with pytest.raises(ValueError, match="choose another file"):
        reopened(damage, CT)


def test_a_cut_off_file_is_refused(review: Review) -> None:
    text = saved(review, CT)
    with pytest.raises(ValueError, match="choose another file"):
        reopened(text[: len(text) // 2], CT)
    document = json.loads(text)
    document["review"]["sentences"][0]["decisions"][0]["state"] = "signed"
    with pytest.raises(ValueError, match="choose another file"):
        reopened(json.dumps(document), CT)
