"""Where the sections of a report begin: headings with or without colon, in capitals or not, alone on a line or before text."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAMES: dict[str, tuple[str, ...]] = {
    "findings": ("findings", "finding", "description", "observations", "report", "results", "body of report"),
    "impression": ("impression", "impressions", "conclusion", "conclusions", "opinion", "summary", "result", "interpretation",
                   "diagnosis"),
    "technique": ("technique", "procedure", "protocol", "method", "methods", "scan technique", "imaging technique",
                  "technical details"),
    "comparison": ("comparison", "comparisons", "comparison study", "comparison studies", "prior studies", "previous studies"),
    "clinical_information": (
        "clinical information", "clinical info", "clinical history", "clinical indication", "clinical data",
        "clinical details",
        "clinical question", "history", "indication", "indications", "reason for exam", "reason for examination",
        "reason for study", "reason for the exam", "patient history", "medical history", "anamnesis",
    ),
    "examination": ("examination", "exam", "study", "exam type", "type of examination"),
    "recommendation": ("recommendation", "recommendations", "follow-up", "advice"),
}  # fmt: skip
_BY_HEADING = {heading: name for name, headings in _NAMES.items() for heading in headings}
# A name in capitals may stand before its text without a colon; only these are unlikely to open a sentence.
_ORDERED = sorted(_BY_HEADING, key=len, reverse=True)
_HEADINGS = "|".join(heading.replace(" ", "[ \\t]{1,3}") for heading in _ORDERED)
_CAPITAL_HEADINGS = "|".join(heading.upper().replace(" ", "[ \\t]{1,3}") for heading in _ORDERED)
_DECORATION = r"[ \t>#*_=]{0,8}(?:\d{1,2}[.)][ \t]{1,3})?"
_WITH_COLON = re.compile(
    rf"(?:^|(?<=[.;!?\"\n])[ \t]{{1,4}}){_DECORATION}(?P<name>{_HEADINGS})[ \t*_]{{0,4}}:[ \t*_]{{0,4}}", re.I | re.M
)
_OWN_LINE = re.compile(rf"^{_DECORATION}(?P<name>{_HEADINGS})[ \t*_#=.-]{{0,8}}$", re.I | re.M)
_CAPITALS = re.compile(rf"^{_DECORATION}(?P<name>{_CAPITAL_HEADINGS})[ \t]{{1,4}}(?=[A-Z0-9])", re.M)

_SENTENCE_END = re.compile(r"[.!?](?=\s+\S)|\n(?=\s*\S)")

DEFAULT_SECTION = "findings"


@dataclass(frozen=True)
class SectionSpan:
    """`text[start:end]` is the body of section `name`, its heading left out."""

    name: str
    start: int
    end: int


def split_sections(text: str) -> tuple[SectionSpan, ...]:
    """Sections of `text` in reading order. Text before the first heading, or without any heading, is "findings".

    Names: findings, impression, technique, comparison, clinical_information, examination, recommendation.
    """
    headings = {
        match.start(): (match.end(), _BY_HEADING[" ".join(match["name"].lower().split())])
        for expression in (_CAPITALS, _OWN_LINE, _WITH_COLON)
        for match in expression.finditer(text)
    }
    spans: list[SectionSpan] = []
    name, start = DEFAULT_SECTION, 0
    for heading_start, (heading_end, heading_name) in sorted(headings.items()):
        if heading_start < start:
            continue
        spans.append(SectionSpan(name, start, heading_start))
        name, start = heading_name, heading_end
    end = len(text)
    told = {span.name for span in spans if text[span.start : span.end].strip()} | {name}
    if told.isdisjoint({"findings", "impression"}) and (first_end := _SENTENCE_END.search(text, start)) is not None:
        # "Comparison: with March. The heart is ...": nothing else says where the findings are, so the heading names one sentence.
        end = first_end.end()
    spans.append(SectionSpan(name, start, end))
    spans.append(SectionSpan(DEFAULT_SECTION, end, len(text)))
    return tuple(span for span in spans if text[span.start : span.end].strip())
