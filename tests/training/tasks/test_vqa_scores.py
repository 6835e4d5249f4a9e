"""Scores by question type, by hand."""

from __future__ import annotations

import math

import pytest

from asap_training.tasks.vqa_scores import Answered, hit_score, longest_mm, vqa_scores


def test_presence_is_accuracy_and_cannot_tell_is_wrong() -> None:
    rows = [("Yes.", "Yes. There is a nodule."), ("No.", "no"), ("Yes.", "No, it is not seen."), ("No.", "Cannot tell.")]
    assert vqa_scores([Answered("presence", *row) for row in rows]).presence == pytest.approx(0.5)


def test_sizes_are_compared_in_mm() -> None:
    rows = [("2 cm", "17 mm across, in the left lung."), ("10 x 14 mm", "18 mm"), ("5 mm", "Cannot tell. It was not found.")]
    scores = vqa_scores([Answered("size", *row) for row in rows]).size
    assert scores is not None
    assert (scores.n, scores.unanswered) == (3, 1)
    assert scores.l1_mm == pytest.approx(3.5)  # 3 and 4
    assert scores.rmse_mm == pytest.approx(math.sqrt(12.5))


def test_a_set_without_any_size_told_has_no_error() -> None:
    scores = vqa_scores([Answered("size", "8 mm", "Cannot tell.")]).size
    assert scores is not None
    assert math.isnan(scores.l1_mm)
    with pytest.raises(ValueError, match="needs a size"):
        vqa_scores([Answered("size", "large", "8 mm")])
    assert longest_mm("1.2 x 0.8 cm") == pytest.approx(12.0)


@pytest.mark.parametrize(
    ("reference", "answer", "score"),
    [
        ("lung/left lung/left lung lower lobe", "lung/left lung/left lung lower lobe", 1.0),
        ("lung/left lung/left lung lower lobe", "Lung/left lung.", 2 / 3),
        ("lung/lung", "lung", 1 / 2),
        ("lung/left lung", "lung/right lung/right lung upper lobe", 1 / 3),
        ("heart", "lung", 0.0),
        ("heart", "", 0.0),
    ],
)
def test_hit_score_by_hand(reference: str, answer: str, score: float) -> None:
    assert hit_score(reference, answer) == pytest.approx(score)


def test_written_answers_are_scored_by_type() -> None:
    rows = [
        Answered("location", "lung/left lung", "lung/left lung"),
        Answered("abnormality", "a nodule in the lung", "a nodule in the lung"),
        Answered("abnormality", "a mass in the lung", "a mass in the left lung"),
    ]
    scores = vqa_scores(rows)
    assert scores.presence is None
    assert scores.size is None
    assert set(scores.written) == {"location", "abnormality"}
    assert scores.written["location"].hit == 1.0
    told = scores.written["abnormality"]
    assert told.n == 2
    assert told.texts.bleu[0] == pytest.approx(10 / 11)  # 10 of 11 words are the reference's; longer than it, so no penalty
    # The second: 5 common of 6 told and 5 true; beta 1.2.
    second = (1 + 1.44) * (5 / 6) * 1.0 / (1.0 + 1.44 * 5 / 6)
    assert told.texts.rouge_l == pytest.approx((1 + second) / 2)
