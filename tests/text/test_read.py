"""Whole reports: exact spans on any text, limits, refusals and speed."""

from __future__ import annotations

import random
import string
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asap.errors import InputError, LimitError
from asap.limits import MAX_REPORT_CHARS, MAX_SENTENCE_CHARS
from asap.text.read import read_report, read_sentence

_REPORT = """CLINICAL INFORMATION: cough
TECHNIQUE: Chest CT without contrast.

FINDINGS:
1. There is a 12 mm nodule in the right upper lobe.
2. No pleural effusion.
The heart is normal

IMPRESSION: Nodule in the RUL (1.2 cm). Follow-up in 3 months.
"""

_WORDS = st.sampled_from(
    [
        "no",
        "nodule",
        "left",
        "lung",
        "FINDINGS:",
        "\n",
        ".",
        "12 mm",
        ";",
        "?",
        "(",
        ")",
        "aorta",
        "\u0130",
        "\x00",
        "é",
        "1.",
        "•",
        ",",
    ]
)


def test_reads_a_report_from_top_to_bottom() -> None:
    report = read_report(_REPORT)
    assert [section.name for section in report.sections] == ["clinical_information", "technique", "findings", "impression"]
    assert [sentence.text for sentence in report.sentences] == [
        "cough",
        "Chest CT without contrast.",
        "There is a 12 mm nodule in the right upper lobe.",
        "No pleural effusion.",
        "The heart is normal",
        "Nodule in the RUL (1.2 cm).",
        "Follow-up in 3 months.",
    ]
    assert [sentence.localisable for sentence in report.sentences] == [False, False, True, False, True, True, False]
    assert report.sentences[2].findings[0].size_mm == report.sentences[5].findings[0].size_mm == 12.0


def test_indices_count_through_the_sections() -> None:
    assert [sentence.index for sentence in read_report(_REPORT).sentences] == list(range(7))


@settings(max_examples=80, deadline=None)
@given(st.one_of(st.text(max_size=300), st.lists(_WORDS, max_size=60).map(" ".join)))
def test_spans_reproduce_the_text_exactly(text: str) -> None:
    if not any(character.isalnum() for character in text):
        with pytest.raises(InputError):
            read_report(text)
        return
    report = read_report(text)
    assert report.text == text
    for sentence in report.sentences:
        assert text[sentence.span[0] : sentence.span[1]] == sentence.text
    starts = [sentence.span[0] for sentence in report.sentences]
    assert starts == sorted(starts)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_one_typed_sentence_is_read_or_refused_never_a_crash(text: str) -> None:
    try:
        sentence = read_sentence(text)
    except InputError:
        assert not any(character.isalnum() for character in text)
    else:
        assert text[sentence.span[0] : sentence.span[1]] == sentence.text == text.strip()
        assert sentence.localisable == (sentence.reason is None)


@pytest.mark.parametrize("text", ["", "   ", "\n\n", "...", "\x00", "-\u200b-"])
def test_text_without_words_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        read_report(text)
    with pytest.raises(InputError):
        read_sentence(text)


def test_limits_hold_to_the_character() -> None:
    assert read_sentence("a" * MAX_SENTENCE_CHARS).text
    with pytest.raises(LimitError):
        read_sentence("a" * (MAX_SENTENCE_CHARS + 1))
    assert read_report("a" * MAX_REPORT_CHARS).sentences
    with pytest.raises(LimitError):
        read_report("a" * (MAX_REPORT_CHARS + 1))


def test_too_many_sentences_are_refused() -> None:
    with pytest.raises(LimitError):
        read_report("Nodule.\n" * 1001)


def test_messages_hold_nothing_of_the_report() -> None:
    with pytest.raises(LimitError) as refused:
        read_sentence("Secretname " * 200)
    assert "Secretname" not in str(refused.value)


@pytest.mark.parametrize("control", ["\x00", "\x0b", "\x1b", "\u200b", "\u202e", "\ufeff", "\u2028"])
def test_control_characters_do_not_hide_a_finding(control: str) -> None:
    text = f"{control}Nodule in the {control} left lung.{control}"
    assert [finding.concept for sentence in read_report(text).sentences for finding in sentence.findings] == ["nodule"]


_HOSTILE = {
    "one word": "nodule ",
    "places": "lung ",
    "negations": "no nodule , ",
    "cues": "no change in ",
    "mixed": "calcified aortic coronary lymph node thickening of bronchial wall pleural ",
    "numbers": "1 x ",
    "half sizes": "1 mm x ",
    "questions": "nodule ? ",
    "brackets": "(nodule ",
    "initials": "A.",
    "headings": "clinical information ",
    "labels": "a: ",
    "blanks": "a" + " " * 49,
    "line breaks": "a" + "\n" * 49,
    "bullets": "- ",
    "quotation marks": 'a "',
    "from": "from 1 1 1 ",
}


def cpu_seconds(text: str) -> float:
    """CPU seconds of this thread to read a text: the best of three, because a large heap is sometimes swept in between."""
    best = float("inf")
    for _ in range(3):
        began = time.thread_time()
        with suppress(InputError):
            read_report(text)
        best = min(best, time.thread_time() - began)
    return best


@pytest.mark.parametrize("name", _HOSTILE)
def test_time_grows_no_faster_than_the_text(name: str) -> None:
    """Twice the text may take at most four times the CPU time (linear is two): nothing backtracks or grows with the square."""
    part = _HOSTILE[name]
    full, half = (part * (size // len(part) + 1) for size in (6_000, 3_000))
    assert cpu_seconds(full) < max(4 * cpu_seconds(half), 0.02)


@pytest.mark.slow
def test_fifty_thousand_characters_of_anything_are_read_within_a_second_of_cpu() -> None:
    generator = random.Random(0)
    texts = [(part * MAX_REPORT_CHARS)[:MAX_REPORT_CHARS] for part in _HOSTILE.values()]
    texts.append("".join(generator.choice(string.printable) for _ in range(MAX_REPORT_CHARS)))
    texts.append("".join(chr(generator.randrange(1, 0x10FF)) for _ in range(MAX_REPORT_CHARS)))
    for text in texts:
        assert cpu_seconds(text) < 1.0
