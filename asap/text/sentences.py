"""Sentences of a report with their exact places: abbreviations, decimals, lists, bullets and missing full stops."""

from __future__ import annotations

import re

from asap.limits import MAX_SENTENCE_CHARS

# What may end a sentence: a mark with its closing quotes and brackets, a line break, or a quotation mark used as a bullet.
_BOUNDARY = re.compile(
    r"(?<=[a-z]{3})\.(?=[A-Z][a-z])|[.!?\u3002]+[\"'”\u2019)\]]*(?=\s|[\"“•]|$)|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+|(?<=\s)[\"•●▪◦‣](?=\s?\S)"
)
_LAST_WORD = re.compile(r"[^\s(\[]{1,24}$")
_FIRST = re.compile(r"\S")
_LIST_MARK = re.compile(r"\s*(?:[-*•●▪◦‣\u2013—>]+\s|\(?\d{1,2}[.)](?=\s)|[a-h][.)]\s)")
_BULLET = re.compile(r"[\s\"“”'•●▪◦‣*>#=_|\u2013—-]*(?:\(?\d{1,2}[.)]\s+(?=\D))?[\s\"“”'•●▪◦‣*>]*")
_LABEL_ONLY = re.compile(r"[^.;:,!?]{1,48}:$")

# fmt: off
_ABBREVIATIONS = frozenset({
    "dr", "prof", "mr", "mrs", "ms", "st", "vs", "approx", "ca", "no", "nr", "fig", "ser", "im", "img", "max", "min",
    "resp", "incl", "excl", "e.g", "i.e", "eg", "ie", "etc", "cf", "a.m", "p.m", "sn", "inf", "sup", "ant", "post", "lat",
    "med", "seg", "th", "t", "l", "lt", "rt", "bilat", "dept", "ref", "diam"})
_CONTINUES = frozenset({
    "the", "a", "an", "of", "in", "on", "at", "to", "and", "or", "with", "without", "from", "by", "for", "into", "is",
    "are", "was", "were", "be", "as", "that", "which", "than", "its", "no"})
# fmt: on


def split_sentences(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Exact character spans of the sentences of text[start:end], in order; nothing visible but bullets and labels is left out.

    A line that is only a label ("Mediastinum:") is a heading, not a sentence. A run without any end is cut at a blank before it
    exceeds `asap.limits.MAX_SENTENCE_CHARS`.
    """
    spans: list[tuple[int, int]] = []
    opened = start
    for match in _BOUNDARY.finditer(text, start, end):
        if match.start() < opened or not _ends_sentence(text, opened, match, end):
            continue
        stop = match.end() if match.group()[0] in ".!?\u3002" else match.start()
        spans.extend(_trimmed(text, opened, stop))
        opened = match.end()
    spans.extend(_trimmed(text, opened, end))
    return spans


def _ends_sentence(text: str, opened: int, match: re.Match[str], end: int) -> bool:
    mark = match.group()[0]
    follows = _FIRST.search(text, match.end(), end)
    if follows is None:
        return True
    if mark in '"•●▪◦‣':
        return True
    before = text[max(opened, match.start() - 32) : match.start()]
    word = _LAST_WORD.search(before)
    last = word.group().lower().rstrip(",") if word else ""
    if mark not in ".!?\u3002":
        return _ends_line(text, match, follows, before, last)
    if mark == "." and len(match.group()) == 1:
        return _full_stop_ends(text, opened, match, follows.group(), last)
    return mark != "?" or not follows.group().islower()


def _ends_line(text: str, match: re.Match[str], follows: re.Match[str], before: str, last: str) -> bool:
    if match.group().count("\n") > 1 or match.group().count("\r") > 1 or _LIST_MARK.match(text, match.end()):
        return True
    if before.rstrip().endswith(","):
        return False
    return not (follows.group().islower() or last in _CONTINUES)


def _full_stop_ends(text: str, opened: int, match: re.Match[str], follows: str, last: str) -> bool:
    if not text[opened : match.start()].strip(' \t\r\n"•-*('):
        return False
    if last.isdigit():
        at_line_start = not text[opened : match.start()].strip(' \t\r\n"•-*(' + last)
        return not at_line_start and not follows.islower()
    if last in _ABBREVIATIONS or last.rstrip(".") in _ABBREVIATIONS:
        return False
    if len(last) == 1 and last.isalpha() and follows.isupper() and match.end() - match.start() == 1:
        return last not in "abcdefghjkmnpqrsuvwy"
    return not follows.islower()


def _trimmed(text: str, start: int, end: int) -> list[tuple[int, int]]:
    start = min(_BULLET.match(text, start, end).end(), end)  # type: ignore[union-attr]
    while end > start and (text[end - 1].isspace() or text[end - 1] in '"“•●▪◦‣'):
        end -= 1
    body = text[start:end]
    if not any(character.isalnum() for character in body) or _LABEL_ONLY.match(body):
        return []
    pieces: list[tuple[int, int]] = []
    while end - start > MAX_SENTENCE_CHARS:
        cut = text.rfind(" ", start + MAX_SENTENCE_CHARS // 2, start + MAX_SENTENCE_CHARS)
        cut = start + MAX_SENTENCE_CHARS if cut < 0 else cut
        pieces.append((start, cut))
        start = cut + (text[cut] == " ")
    return [*pieces, (start, end)]
