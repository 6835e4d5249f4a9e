"""Where sentences begin and end, and that their spans are exact."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asap.limits import MAX_SENTENCE_CHARS
from asap.text.sentences import split_sentences


def texts(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text, 0, len(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The heart is normal. No effusion.", ["The heart is normal.", "No effusion."]),
        ("A nodule of 1.5 cm is seen. The rest is clear.", ["A nodule of 1.5 cm is seen.", "The rest is clear."]),
        ("A 2.3 x 4 mm nodule. Stable.", ["A 2.3 x 4 mm nodule.", "Stable."]),
        ("Lesion in Th10. No fracture.", ["Lesion in Th10.", "No fracture."]),
        ("Mass of approx. 3 cm in the lingula.", ["Mass of approx. 3 cm in the lingula."]),
        ("Discussed with Dr. Miller. Thanks.", ["Discussed with Dr. Miller.", "Thanks."]),
        ("1. Nodule in the left lung.\n2. Small effusion.", ["Nodule in the left lung.", "Small effusion."]),
        ("1) Nodule in the left lung\n2) Small effusion", ["Nodule in the left lung", "Small effusion"]),
        ("- Nodule in the left lung\n- Small effusion", ["Nodule in the left lung", "Small effusion"]),
        ("• Emphysema • Small effusion", ["Emphysema", "Small effusion"]),
        ("* Emphysema\n* Small effusion", ["Emphysema", "Small effusion"]),
        ("Heart normal\nLungs clear", ["Heart normal", "Lungs clear"]),
        ("There is a nodule in the\nright upper lobe.", ["There is a nodule in the\nright upper lobe."]),
        ("There is a nodule in the\nRight upper lobe.", ["There is a nodule in the\nRight upper lobe."]),
        ("Nodule in the left lung,\nPossibly a scar.", ["Nodule in the left lung,\nPossibly a scar."]),
        ("Heart normal\n\nlungs clear", ["Heart normal", "lungs clear"]),
        ("Heart normal; lungs clear.", ["Heart normal; lungs clear."]),
        ("Nodule? Follow-up advised.", ["Nodule?", "Follow-up advised."]),
        ("Small lesion (cyst?) in the liver.", ["Small lesion (cyst?) in the liver."]),
        ("Small lesion (cyst?). No mass.", ["Small lesion (cyst?).", "No mass."]),
        ("No mass!Really.", ["No mass!Really."]),
        ("Mediastinum:\nNo enlarged nodes.", ["No enlarged nodes."]),
        ("Pleura: No effusion.", ["Pleura: No effusion."]),
        (
            'Mild emphysema. "Nodule in the left lung. "Hiatal hernia.',
            ["Mild emphysema.", "Nodule in the left lung.", "Hiatal hernia."],
        ),
        ("Heart normal.Lungs clear.", ["Heart normal.", "Lungs clear."]),
        ("Heart normal.\r\nLungs clear.\r\n", ["Heart normal.", "Lungs clear."]),
        ("   \n\t ", []),
        ("...", []),
        ("Size 12 mm (previously 10 mm). Stable.", ["Size 12 mm (previously 10 mm).", "Stable."]),
        ("Aorta. Heart.", ["Aorta.", "Heart."]),
        ("The mass measures 3 cm. it is new.", ["The mass measures 3 cm. it is new."]),
        ("Nodule in segment 6. Cyst in segment 2.", ["Nodule in segment 6.", "Cyst in segment 2."]),
        ("Nodule (series 4, im. 33) is new. Stable cyst.", ["Nodule (series 4, im. 33) is new.", "Stable cyst."]),
    ],
)
def test_splits_where_a_reader_would(text: str, expected: list[str]) -> None:
    assert texts(text) == expected


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400))
def test_spans_are_ordered_inside_the_text_and_never_blank(text: str) -> None:
    spans = split_sentences(text, 0, len(text))
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
    assert all(text[start:end].strip() == text[start:end] for start, end in spans)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["Nodule", "clear", "1.5", "cm", ".", "\n", ";", "•", "Dr.", "(", ")", "?", "left"]), max_size=60)
)
def test_no_word_is_lost_except_in_labels(words: list[str]) -> None:
    text = " ".join(words)
    kept = " ".join(texts(text))
    for word in ("Nodule", "clear", "left"):
        assert kept.count(word) == text.count(word)


def test_a_run_without_any_end_is_cut_at_blanks() -> None:
    text = "nodule " * 1000
    spans = split_sentences(text, 0, len(text))
    assert all(end - start <= MAX_SENTENCE_CHARS for start, end in spans)
    assert " ".join(text[start:end] for start, end in spans) == text.strip()
