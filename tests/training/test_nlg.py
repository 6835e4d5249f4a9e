"""Text scores equal to the published evaluation's on real report pairs, and what they must say of simple texts."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest

from asap_training.tasks.java_scores import java_is_there, meteor, ptb_words
from asap_training.tasks.nlg import cider, corpus_bleu, rouge_l, text_scores, words_of

GOLDEN = Path(os.environ.get("ASAP_REFERENCE_DATA", "")) / "nc" / "nlg_eval"
needs_golden = pytest.mark.skipif(not os.environ.get("ASAP_REFERENCE_DATA"), reason="no reference material")
needs_java = pytest.mark.skipif(not java_is_there(), reason="no Java or no pycocoevalcap")


def pairs() -> tuple[list[str], list[str]]:
    with (GOLDEN / "retrieval150_pairs.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [row["reference"] for row in rows], [row["prediction"] for row in rows]


def golden(kind: str) -> dict[str, float]:
    scores: dict[str, float] = json.loads((GOLDEN / "retrieval150.json").read_text())[kind]
    return scores


@needs_golden
def test_scores_without_the_ptb_tokenizer_equal_the_published_ones() -> None:
    references, drafts = pairs()
    scores, wanted = text_scores([words_of(t) for t in references], [words_of(t) for t in drafts]), golden("lower_split_no_ptb")
    assert scores.bleu == pytest.approx([wanted[f"Bleu_{n}"] for n in (1, 2, 3, 4)], abs=1e-6)
    assert scores.rouge_l == pytest.approx(wanted["ROUGE_L"], abs=1e-6)
    assert scores.cider == pytest.approx(wanted["CIDEr"], abs=1e-6)


@needs_golden
@needs_java
@pytest.mark.slow
def test_scores_with_the_ptb_tokenizer_and_meteor_equal_the_published_ones() -> None:
    references, drafts = pairs()
    words = ptb_words(references + drafts)
    split, wanted = len(references), golden("ptb_tokenized")
    scores = text_scores(words[:split], words[split:])
    assert scores.bleu == pytest.approx([wanted[f"Bleu_{n}"] for n in (1, 2, 3, 4)], abs=1e-6)
    assert scores.rouge_l == pytest.approx(wanted["ROUGE_L"], abs=1e-6)
    assert scores.cider == pytest.approx(wanted["CIDEr"], abs=1e-6)
    corpus, each = meteor(words[:split], words[split:])
    assert corpus == pytest.approx(wanted["METEOR"], abs=1e-6)
    assert len(each) == split


def test_the_same_text_scores_full_marks_and_another_none() -> None:
    texts = [words_of("no pleural effusion is seen today"), words_of("there is a nodule in the left lung")]
    assert corpus_bleu(texts, texts) == pytest.approx((1.0, 1.0, 1.0, 1.0))
    assert rouge_l(texts[0], texts[0]) == pytest.approx(1.0)
    assert cider(texts, texts) == pytest.approx(10.0)
    assert rouge_l(texts[0], words_of("quite different")) == 0.0
    assert cider(texts, [words_of("quite different words here"), words_of("others went away then")]) == 0.0


def test_an_empty_draft_scores_nothing() -> None:
    scores = text_scores([words_of("no effusion")], [[]])
    assert max(*scores.bleu, scores.rouge_l, scores.cider) < 1e-6


def test_lists_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="reference"):
        text_scores([["a"]], [])
