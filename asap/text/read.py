"""Reading reports: text in, sections, sentences and findings out. Plain Python, linear in the text."""

from __future__ import annotations

from asap.errors import InputError, LimitError
from asap.limits import MAX_REPORT_CHARS, MAX_SENTENCE_CHARS, MAX_SENTENCES
from asap.report import Assertion, Finding, Report, Section, Sentence, Side
from asap.text.anatomy import most_specific
from asap.text.localisable import localisable
from asap.text.mentions import Reading, read_mentions
from asap.text.sections import DEFAULT_SECTION, split_sections
from asap.text.sentences import split_sentences


def read_report(text: str) -> Report:
    """Read a whole report.

    Raises LimitError for more than MAX_REPORT_CHARS characters or MAX_SENTENCES sentences, InputError for a text without words.
    """
    if len(text) > MAX_REPORT_CHARS:
        raise LimitError(f"The report is longer than {MAX_REPORT_CHARS} characters; send one report at a time.")
    if not any(character.isalnum() for character in text):
        raise InputError("The report is empty; give the text of a radiology report.")
    sections: list[Section] = []
    count = 0
    for section in split_sections(text):
        spans = split_sentences(text, section.start, section.end)
        if count + len(spans) > MAX_SENTENCES:
            raise LimitError(f"The report has more than {MAX_SENTENCES} sentences; send one report at a time.")
        sentences = tuple(
            _sentence(text[start:end], count + number, (start, end), section.name) for number, (start, end) in enumerate(spans)
        )
        count += len(spans)
        sections.append(Section(section.name, (section.start, section.end), sentences))
    return Report(text, tuple(sections))


def read_sentence(text: str) -> Sentence:
    """Read `text` as one sentence, as a user types it; its span is that of the text without the blanks around it.

    Raises LimitError for more than MAX_SENTENCE_CHARS characters, InputError for a text without words.
    """
    if len(text) > MAX_SENTENCE_CHARS:
        raise LimitError(f"The sentence is longer than {MAX_SENTENCE_CHARS} characters; shorten it.")
    if not any(character.isalnum() for character in text):
        raise InputError("The sentence is empty; type what the report says.")
    start = len(text) - len(text.lstrip())
    end = len(text.rstrip())
    return _sentence(text[start:end], 0, (start, end), DEFAULT_SECTION)


def _sentence(text: str, index: int, span: tuple[int, int], section: str) -> Sentence:
    reading = read_mentions(text)
    has_place, reason = localisable(section, reading)
    return Sentence(
        index=index,
        text=text,
        span=span,
        section=section,
        assertion=_assertion(reading.findings, reason),
        laterality=_laterality(reading),
        anatomy=_anatomy(reading),
        findings=reading.findings,
        localisable=has_place,
        reason=reason,
    )


def _assertion(findings: tuple[Finding, ...], reason: str | None) -> Assertion:
    """Present if anything is, else uncertain if anything is, else absent if something is; a normal organ is present."""
    stated = {finding.assertion for finding in findings}
    if "present" in stated:
        return "present"
    if "uncertain" in stated:
        return "uncertain"
    return "absent" if stated and reason is not None else "present"


def _laterality(reading: Reading) -> Side | None:
    """The side of what is stated, else of what is named; different sides together are bilateral."""
    stated = {f.side for f in reading.findings if f.side is not None and f.assertion != "absent"}
    sides = stated or {side.side for side in reading.sides} | {place.side for place in reading.places if place.side is not None}
    if not sides:
        return None
    return next(iter(sides)) if len(sides) == 1 else "bilateral"


def _anatomy(reading: Reading) -> tuple[str, ...]:
    """Places of what is stated, places named, most specific first; places of absent findings only where nothing is stated."""
    stated = [finding for finding in reading.findings if finding.assertion != "absent"] or list(reading.findings)
    implied = [finding.anatomy for finding in stated if finding.anatomy is not None]
    return most_specific([place.anatomy for place in reading.places] + implied)
