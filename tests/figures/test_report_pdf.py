"""The PDF of a review: whole, with the notice on each page, and long reports run over several pages."""

from __future__ import annotations

import re
import zlib

import pytest

from asap.figures.report_pdf import _lines, _pages, report_pdf
from asap.review import signed
from tests.review.cases import TEXTS, accepted, answer, drafted


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b", pdf))


def test_one_page_and_the_same_bytes_for_the_same_review() -> None:
    review = signed(accepted(), "Dr S")
    pdf = report_pdf(review, "ab" * 32)
    assert pdf.startswith(b"%PDF-")
    assert pdf.rstrip().endswith(b"%%EOF")
    assert pages(pdf) == 1
    assert pdf == report_pdf(review, "ab" * 32)
    assert b"Not for diagnosis" in pdf  # in the document's facts, beside the pages
    streams = [
        zlib.decompress(part) for part in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL) if part[:1] == b"x"
    ]
    assert any(b"Tf" in part for part in streams)


def test_a_long_report_breaks_between_lines_and_loses_none() -> None:
    review = accepted().extended(answer([f"Sentence {n} " + "that goes on and on " * 12 for n in range(40)]))
    lines = _lines(review, "")
    broken = _pages(lines)
    assert len(broken) > 2
    assert [line for page in broken for line in page] == lines
    assert pages(report_pdf(review)) == len(broken)


@pytest.mark.parametrize("text", ["Costs $5 and $6.", r"A \frac{1}{2} % & # _ ^ mark.", "Größe 5 mm, ≥ 3"])
def test_marks_are_printed_as_they_stand(text: str) -> None:
    review = accepted().decided(0, "edited", "A", text)
    assert text in [line.text for line in _lines(review, "")]
    assert pages(report_pdf(review)) == 1


def test_what_the_draft_did_not_stand_by_is_printed_apart_and_says_why() -> None:
    words = [line.text for line in _lines(drafted().decided(2, "accepted", "A"), "")]
    apart = next(n for n, text in enumerate(words) if text.startswith("Not in the report"))
    assert TEXTS[2] in words[:apart]
    assert TEXTS[1] in words[apart:]
    facts = " ".join(words)
    assert "accepted  ·  contradicted: The classifier says the opposite: Cardiomegaly 12%." in facts
    assert "not reviewed  ·  held back: 31% is less than the 50% a sentence needs." in facts
    assert f"CT voxels sha256 {'cd' * 32}." in words
