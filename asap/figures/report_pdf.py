"""A reviewed report as PDF: plain pages of A4, each with the notice, the changes against the draft marked, the signature last."""

from __future__ import annotations

import io
import textwrap
from dataclasses import dataclass

from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from asap.review import Review, ReviewedSentence
from asap.review.documents import NOTICE, digest_lines, signing_lines

A4_INCH = (8.27, 11.69)
LEFT, RIGHT, TOP, BOTTOM = 0.11, 0.89, 0.93, 0.08  # of the page
LINE = 0.0185  # of the page's height
WIDTH_CHARS = 88
FONT = ["DejaVu Sans"]
INK, QUIET, WARNING = "#111111", "#666666", "#9a4b00"


@dataclass(frozen=True)
class Line:
    """One printed line. size: points; indent: of the page's width; after: lines of space before the next."""

    text: str
    size: float = 9.5
    colour: str = INK
    bold: bool = False
    indent: float = 0.0
    after: float = 0.0


def report_pdf(review: Review, audit_sha256: str = "") -> bytes:
    """The file. Rejected sentences stand in it struck from the report, under "Against the draft". No patient is named in it."""
    file = io.BytesIO()
    facts = {"Title": "Reviewed report", "Subject": NOTICE, "Creator": "ASAP", "Producer": None, "CreationDate": None}
    pages = _pages(_lines(review, audit_sha256))
    with PdfPages(file, metadata=facts) as pdf:
        for number, page in enumerate(pages, start=1):
            pdf.savefig(_drawn(page, f"{number} / {len(pages)}"))
    return file.getvalue()


def _lines(review: Review, audit_sha256: str) -> list[Line]:
    lines = [Line("Reviewed report", 17, bold=True, after=0.9)]
    section: str | None = ""
    for sentence in review.sentences:
        if not sentence.in_report:
            continue
        if sentence.answer.section != section:
            section = sentence.answer.section
            lines.append(Line((section or "added").replace("_", " ").capitalize(), 12, bold=True, after=0.3))
        lines += _wrapped(sentence.text, after=0.0)
        lines += _wrapped(_facts(sentence), size=7.5, colour=QUIET, indent=0.02, after=0.35)
    doubted = [one for one in review.sentences if one.doubted]
    if doubted:
        lines.append(Line("Not in the report: the draft did not stand by it", 12, bold=True, after=0.3))
    for one in doubted:
        lines += _wrapped(one.text, colour=QUIET, after=0.0)
        lines += _wrapped(_facts(one), size=7.5, colour=QUIET, indent=0.02, after=0.35)
    changed = [one for one in review.sentences if one.state == "rejected" or one.text != one.draft]
    if changed:
        lines.append(Line("Against the draft", 12, bold=True, after=0.3))
    for one in changed:
        lines += _wrapped(f"drafted: {one.draft}", colour=QUIET, after=0.0)
        lines += _wrapped("rejected" if one.state == "rejected" else f"now: {one.text}", indent=0.02, after=0.35)
    if review.answers:
        lines.append(Line("Questions", 12, bold=True, after=0.3))
    for answer in review.answers:
        lines += _wrapped(answer.question, colour=QUIET, after=0.0)
        lines += _wrapped(f"{answer.text}  ({answer.verdict or 'not judged'})", indent=0.02, after=0.35)
    for told in (line for line in signing_lines(review) if line):
        lines += _wrapped(told.replace("\\", ""), size=8.5)
    for told in digest_lines(review):
        lines += _wrapped(told, size=7.5, colour=QUIET, after=0.0)
    if audit_sha256:
        lines += _wrapped(f"Audit trail ends with sha256 {audit_sha256}.", size=7.5, colour=QUIET)
    return lines


def _facts(sentence: ReviewedSentence) -> str:
    """What stands small below a sentence: its state, what the model was sure of, where, or why nowhere."""
    answer = sentence.answer
    facts: list[str] = ["not reviewed" if sentence.state == "draft" else sentence.state]
    if sentence.drafted is not None and sentence.drafted.words:
        facts.append(sentence.drafted.words)
    if answer.confidence is not None:
        facts.append(f"confidence {answer.confidence:.0%}")
    if answer.peak_ras_mm is not None:
        facts.append("place R {:.0f} A {:.0f} S {:.0f} mm".format(*answer.peak_ras_mm))
    elif answer.reason:
        facts.append(answer.reason)
    return "  ·  ".join(facts)


def _wrapped(text: str, *, size: float = 9.5, colour: str = INK, indent: float = 0.0, after: float = 0.3) -> list[Line]:
    width = round(WIDTH_CHARS * 9.5 / size * (1 - indent))
    broken = textwrap.wrap(text, width) or [""]
    return [Line(one, size, colour, indent=indent, after=after if n == len(broken) - 1 else 0.0) for n, one in enumerate(broken)]


def _pages(lines: list[Line]) -> list[list[Line]]:
    pages: list[list[Line]] = [[]]
    used = 0.0
    for line in lines:
        need = _height(line)
        if used + need > TOP - BOTTOM - 0.03 and pages[-1]:
            pages.append([])
            used = 0.0
        pages[-1].append(line)
        used += need
    return pages


def _height(line: Line) -> float:
    return LINE * (max(line.size, 9.5) / 9.5 + line.after)


def _drawn(page: list[Line], number: str) -> Figure:
    figure = Figure(figsize=A4_INCH)
    figure.text(LEFT, 0.955, NOTICE, fontsize=8.5, color=WARNING, fontfamily=FONT, fontweight="bold")
    y = TOP
    for line in page:
        y -= LINE * max(line.size, 9.5) / 9.5
        weight = "bold" if line.bold else "normal"
        # Dollar signs are no mathematics here.
        words = line.text.replace("$", r"\$")
        figure.text(LEFT + line.indent, y, words, fontsize=line.size, color=line.colour, fontfamily=FONT, fontweight=weight)
        y -= LINE * line.after
    figure.text(LEFT, 0.04, NOTICE, fontsize=7.5, color=QUIET, fontfamily=FONT)
    figure.text(RIGHT, 0.04, number, fontsize=7.5, color=QUIET, fontfamily=FONT, ha="right")
    return figure
