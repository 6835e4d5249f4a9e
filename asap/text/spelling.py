"""Misspelt medical words ("percardium", "efusion") read as the word of the vocabularies they differ from by one letter.

Only long words that no pattern knows are looked up, and only by deletions (the symmetric-delete idea of Garbe, 2012): a few
dictionary accesses, whatever the size of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from asap.text.tokens import normal_form
from asap.text.vocabulary import ANATOMY, FINDINGS

_SHORTEST = 7
# Words of their own that stand one letter from a known one.
# fmt: off
_KEPT = frozenset({
    "infusion", "inferior", "anterior", "interior", "posterior", "superior", "exterior", "internal", "external", "lobular",
    "inflamed",
    "display", "displayed", "lobulated", "mineral", "cochlea", "compare", "resolve", "contract", "suction", "structured",
    "included",
    "thicker", "thickest", "thrombus", "reversal", "tubercle"})
# fmt: on


def _known() -> tuple[frozenset[str], tuple[str, ...]]:
    """Whole words of all patterns, and the stems that stand for many words ("atelect*")."""
    tables: list[Iterable[tuple[str, ...]]] = [
        (entry.patterns for entry in FINDINGS.values()),
        (entry.patterns for entry in ANATOMY.values()),
    ]
    words = {
        choice.rstrip("?")
        for table in tables
        for patterns in table
        for pattern in patterns
        for element in pattern.split()
        for choice in element.split("|")
    }
    stems = tuple(sorted(word[:-1] for word in words if word.endswith("*")))
    return frozenset(normal_form(word) for word in words if word.isalpha()), stems


_WORDS, _STEMS = _known()


def _deletions(word: str) -> set[str]:
    return {word, *(word[:i] + word[i + 1 :] for i in range(1, len(word)))}


def _index(known: Iterable[str]) -> dict[str, str]:
    """From every word, and every word with one letter left out (never its first), to the word; the shortest word wins."""
    index: dict[str, str] = {}
    for word in sorted(known, key=lambda w: (len(w), w)):
        if len(word) >= _SHORTEST:
            for variant in _deletions(word):
                index.setdefault(variant, word)
    return index


_LONG_STEMS = tuple(stem for stem in _STEMS if len(stem) >= _SHORTEST)
_WORD_INDEX = _index(_WORDS)
_STEM_INDEX = _index(_STEMS)
_LONGEST_STEM = 1 + max(len(stem) for stem in _STEMS)


@lru_cache(maxsize=8192)
def corrected(form: str) -> str:
    """`form` itself where a pattern knows it or nothing is one letter away, else the known word or stem it was meant to be."""
    if len(form) < _SHORTEST or not form.isalpha() or form in _WORDS or form in _KEPT or form.startswith(_LONG_STEMS):
        return form
    whole = _nearest(form, _WORD_INDEX)
    if whole is not None:
        return whole
    for length in range(_SHORTEST, min(len(form), _LONGEST_STEM) + 1):
        stem = _nearest(form[:length], _STEM_INDEX)
        if stem is not None:
            return stem
    return form


def _nearest(form: str, index: dict[str, str]) -> str | None:
    for variant in sorted(_deletions(form), key=lambda v: (v != form, v)):
        word = index.get(variant)
        if word is not None and _one_letter_apart(form, word):
            return word
    return None


def _one_letter_apart(one: str, other: str) -> bool:
    """Whether one insertion, deletion or substitution turns `one` into `other`."""
    if abs(len(one) - len(other)) > 1:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    return one[start + 1 :] == other[start + 1 :] or one[start:] == other[start + 1 :] or one[start + 1 :] == other[start:]
