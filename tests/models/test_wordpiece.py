"""Report text becomes the published ids, masks and sentence numbers."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asap.errors import WeightsError
from asap.models.catalog import TEST_WORDS
from asap.models.wordpiece import CLS, PAD, UNK, WordPiece, clean
from tests.reference import reference_data


def tiny() -> WordPiece:
    return WordPiece.from_vocabulary(TEST_WORDS, 64)


def sentence_numbers(text: str) -> list[int]:
    """Sentence number of every token of a report but [CLS]."""
    report = tiny().encode_report(text)
    return report.sentence_ids[1 : int(report.mask.sum())].tolist()


def test_ids_masks_and_sentences_equal_the_reference() -> None:
    wordpiece = WordPiece.from_file(reference_data("parity/cxrbert_wordpiece.json"))
    expected = np.load(reference_data("parity/asap_reference_dev.npz"))
    for i, text in enumerate(json.loads(reference_data("parity/reports_dev.json").read_text())):
        report = wordpiece.encode_report(text)
        np.testing.assert_array_equal(report.ids, expected["ids_f"][i])
        np.testing.assert_array_equal(report.mask, expected["attention_mask_f"][i])
        np.testing.assert_array_equal(report.sentence_ids, expected["sentence_mask_f"][i])


def test_real_reports_get_the_ids_of_the_published_tokenizer() -> None:
    from tokenizers import Tokenizer

    path = reference_data("parity/cxrbert_wordpiece.json")
    ours, published = WordPiece.from_file(path), Tokenizer.from_file(str(path))
    with reference_data("reports/openi_sentences_train.csv").open(newline="", encoding="utf-8") as file:
        texts = [" ".join(row) for row in csv.reader(file)][:2000]
    for text in texts:
        report = ours.encode_report(text)
        assert report.ids[: int(report.mask.sum())].tolist() == published.encode(clean(text)).ids[:512]


def test_cleaning_rules() -> None:
    assert clean("Size? (small): 5 mm;  seen") == "[CLS] Size ( small ) , 5 mm, seen"


def test_decimals_of_one_digit_do_not_end_a_sentence_but_longer_ones_do() -> None:
    assert set(sentence_numbers("a nodule of 7.5 mm.")) == {1}
    numbers = sentence_numbers("right lung. left lung.")
    assert numbers == [1, 1, 1, 2, 2, 2]


def test_text_after_the_last_full_stop_belongs_to_no_sentence() -> None:
    assert sentence_numbers("right lung. left lung") == [1, 1, 1, 0, 0]


def test_long_reports_are_cut_and_the_last_position_ends_nothing() -> None:
    wordpiece = tiny()
    report = wordpiece.encode_report("lung . " * 100)
    assert report.ids.shape == (64,) and report.mask.all()
    assert report.ids[62] == report.ids[2] and report.sentence_ids[63] == 0


def test_single_sentence() -> None:
    one = tiny().encode_sentence("Nodule in the right upper lobe")
    assert one.ids[0] == CLS and len(one.ids) == 7 and one.mask.all() and one.sentence_ids.all()


def test_any_text_encodes(tmp_path: Path) -> None:
    wordpiece = tiny()
    for text in ("", ".", "\x00", "é" * 500, "肺", "[MASK] [PAD]", "1" * 1000):
        report = wordpiece.encode_report(text)
        assert report.ids.shape == (64,) and report.ids[0] == CLS
        assert ((report.ids == PAD) | (report.mask == 1)).all()
    assert UNK in wordpiece.encode_sentence("肺").ids


def test_file_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(tiny().to_json())
    again = WordPiece.from_file(path, 64)
    text = "5 mm nodule, right upper lobe (apical)."
    np.testing.assert_array_equal(again.encode_report(text).ids, tiny().encode_report(text).ids)


@pytest.mark.parametrize(
    "data",
    [
        "not json",
        "[]",
        '{"model": {"vocab": ["[PAD]"]}}',
        {"type": "BPE", "vocab": {"[PAD]": 0}},
        {"type": "WordPiece", "vocab": {"[PAD]": 1, "[UNK]": 0, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4}},
        {"type": "WordPiece", "vocab": {"[PAD]": 0, "[UNK]": 0}},
        {"type": "WordPiece", "vocab": {"[PAD]": "0"}},
        {"type": "WordPiece", "vocab": {"[PAD]": -1}},
    ],
)
def test_other_files_are_refused(tmp_path: Path, data: Any) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(data if isinstance(data, str) else json.dumps({"model": data}))
    with pytest.raises(WeightsError):
        WordPiece.from_file(path)
