"""A small pattern language over tokens, matched without backtracking over characters: time is linear in the text.

A pattern is words separated by blanks. `a|b` is a choice, `a*` a prefix, a trailing `?` makes a word optional and `~` (or `~n`) a
gap of up to 5 (n) tokens that does not cross a clause mark (. ; : ! ?) or one of the words "no", "without", "nor", "but".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from asap.text.tokens import Token, normal_form

_BREAKS = frozenset({".", ";", ":", "!", "?", "no", "without", "nor", "but"})
_LONGEST_PREFIX = 20
_REMEMBERED_FORMS = 20_000


@dataclass(frozen=True, slots=True)
class Match:
    """The tokens at `positions` (rising; gaps left out) say `key`."""

    key: str
    positions: tuple[int, ...]

    @property
    def first(self) -> int:
        """Position of the first token."""
        return self.positions[0]

    @property
    def last(self) -> int:
        """Position of the last token."""
        return self.positions[-1]


@dataclass(frozen=True, slots=True)
class _Element:
    exact: frozenset[str]
    prefixes: tuple[str, ...]
    optional: bool
    gap: int

    def accepts(self, form: str) -> bool:
        """Whether a token of this normal form can stand here."""
        return form in self.exact or (bool(self.prefixes) and form.startswith(self.prefixes))


# Key, elements, and the words of which one must stand in the text for the last element to match (None: it may match more).
_Pattern = tuple[str, tuple[_Element, ...], frozenset[str] | None]


def _parse(pattern: str) -> tuple[_Element, ...]:
    elements: list[_Element] = []
    gap = 0
    for word in pattern.split():
        if word.startswith("~"):
            gap = int(word[1:] or 5)
            continue
        optional = word.endswith("?") and len(word) > 1
        choices = (word[:-1] if optional else word).split("|")
        exact = frozenset(normal_form(choice) for choice in choices if not choice.endswith("*"))
        prefixes = tuple(choice[:-1] for choice in choices if choice.endswith("*"))
        elements.append(_Element(exact, prefixes, optional, gap))
        gap = 0
    return tuple(elements)


class PatternIndex:
    """Many patterns, found together. `table` gives for every key its patterns."""

    def __init__(self, table: Iterable[tuple[str, Iterable[str]]]) -> None:
        self._exact: dict[str, list[_Pattern]] = defaultdict(list)
        self._prefix: dict[str, list[_Pattern]] = defaultdict(list)
        for key, patterns in table:
            for pattern in patterns:
                elements = _parse(pattern)
                end = elements[-1]
                needed = None if end.prefixes or end.optional else end.exact
                for form in elements[0].exact:
                    self._exact[form].append((key, elements, needed))
                for prefix in elements[0].prefixes:
                    self._prefix[prefix].append((key, elements, needed))

        self._shortest_prefix = min(map(len, self._prefix), default=_LONGEST_PREFIX)
        self._known: dict[str, list[_Pattern]] = {}

    def find(self, tokens: Sequence[Token]) -> list[Match]:
        """Every match of every pattern, in order of the first token."""
        matches: list[Match] = []
        forms = {token.form for token in tokens}
        for first, token in enumerate(tokens):
            for key, elements, needed in self._starting_with(token.form):
                if len(elements) == 1:
                    matches.append(Match(key, (first,)))
                    continue
                if needed is not None and needed.isdisjoint(forms):
                    continue
                positions = _extend(tokens, first, elements, 0)
                if positions is not None:
                    matches.append(Match(key, positions))
        return matches

    def _starting_with(self, form: str) -> list[_Pattern]:
        known = self._known.get(form)
        if known is None:
            known = list(self._exact.get(form, ()))
            for length in range(self._shortest_prefix, min(len(form), _LONGEST_PREFIX) + 1):
                known.extend(self._prefix.get(form[:length], ()))
            if len(self._known) < _REMEMBERED_FORMS:
                self._known[form] = known
        return known


def _extend(tokens: Sequence[Token], position: int, elements: tuple[_Element, ...], index: int) -> tuple[int, ...] | None:
    """Match elements[index:] with elements[index] at `position`; return the positions of the matched tokens or None."""
    if position >= len(tokens) or not elements[index].accepts(tokens[position].form):
        return None
    for following in range(index + 1, len(elements)):
        for skip in range(elements[following].gap + 1):
            if skip and _breaks(tokens, position + skip):
                break
            rest = _extend(tokens, position + 1 + skip, elements, following)
            if rest is not None:
                return (position, *rest)
        if not elements[following].optional:
            return None
    return (position,)


def _breaks(tokens: Sequence[Token], position: int) -> bool:
    return position >= len(tokens) or tokens[position].form in _BREAKS


def longest(matches: list[Match]) -> list[Match]:
    """Leave out every match whose tokens are all among those of a match of more tokens, and twins; keep reading order."""
    kept: list[Match] = []
    covering: dict[int, list[tuple[str, frozenset[int]]]] = defaultdict(list)
    for match in sorted(matches, key=lambda m: (-len(m.positions), m.last - m.first, m.first)):
        places = frozenset(match.positions)
        if any(places < other or (places == other and match.key == key) for key, other in covering[match.first]):
            continue
        kept.append(match)
        for position in match.positions:
            covering[position].append((match.key, places))
    return sorted(kept, key=lambda m: (m.first, m.last))
