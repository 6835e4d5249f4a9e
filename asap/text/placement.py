"""Which of the places and sides a sentence names belong to which of its findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate

from asap.report import Side
from asap.text.anatomy import Place, SideWord
from asap.text.patterns import Match
from asap.text.tokens import Token
from asap.text.vocabulary import ANATOMY, FINDINGS, ancestors

# fmt: off
_BREAK_WORDS = frozenset({";", ".", "but", "however", "except", "although", "while", "whereas"})
_LIST_WORDS = frozenset({
    ",", "and", "or", "the", "of", "in", "both", "main", "thoracic", "left", "right", "bilateral", "bilaterally", "at", "level",
    "to", "as",
    "well", "on", "also", "segment", "segments"})
_PHRASE_WORDS = frozenset({"of", "the", "in", "at", "level", "left", "right", "both", "on", "segment", "its", "part",
    "bilateral", "with"})
_INTRODUCTION = frozenset({
    "in", "at", "on", "the", "both", "left", "right", "bilateral", "level", "of", "within", "lung", "lobe", "upper", "lower",
    "middle",
    "segment", "also"})
_PENALTY = {",": 4.0, ":": 4.0, "and": 2.0, "with": 2.0, "or": 2.0, "accompanied": 2.0, "(": 3.0, ")": 3.0}
_MIDLINE = frozenset({"heart", "aorta", "spine", "vertebra", "sternum", "trachea", "esophagus", "mediastinum"})
# Findings that are also at places outside their usual one.
_NODES = frozenset({"mediastinum", "hilum", "axilla", "neck", "abdomen", "breast", "diaphragm"})
_ALSO_AT: dict[str, frozenset[str]] = {
    "lymphadenopathy": _NODES, "lymph_node": _NODES, "calcified_lymph_node": _NODES, "bronchiectasis": frozenset({"lung"}),
    "peribronchial_thickening": frozenset({"lung"}), "mucus_plugging": frozenset({"lung"}), "bronchiolitis": frozenset({"lung"}),
    "airway_obstruction": frozenset({"lung", "trachea"}), "arterial_calcification": frozenset({"artery", "great_vessels"}),
    "degenerative_change": frozenset({"bone"}), "soft_tissue_lesion": frozenset({"axilla", "breast", "abdomen", "neck"})}
_OWN_SIDE: dict[str, Side] = {"middle_lobe": "right", "lingula": "left"}
# fmt: on


@dataclass(frozen=True)
class Located:
    """A finding at a place: what the word means there, where that is, and on which side."""

    concept: str
    anatomy: str | None
    side: Side | None


class SentencePlaces:
    """The places of one sentence, joined to phrases ("lower lobe of the left lung") and lists, ready to be asked by findings."""

    def __init__(
        self, tokens: Sequence[Token], places: Sequence[Place], sides: Sequence[SideWord], findings: Sequence[Match]
    ) -> None:
        self._clauses = list(accumulate(token.form in _BREAK_WORDS for token in tokens))
        self._sides = sides
        self._phrases = _phrases(tokens, places)
        self._lists = _lists(tokens, self._phrases)
        self._phrases = _sides_shared(self._phrases, self._lists)
        penalties = [_PENALTY.get(token.form, 0.0) for token in tokens]
        for phrase in self._phrases:
            comma = phrase.last + 1
            if comma < len(tokens) and tokens[comma].form == "," and _introduces(tokens, phrase):
                penalties[comma] = 0.0
        for match in findings:
            penalties[match.first] += 1.0
        self._cost = [0.0, *accumulate(penalties)]

    def locate(self, match: Match) -> list[Located]:
        """Where the finding of `match` is said to be: one entry for each place listed, or one without place."""
        phrases = [n for n, phrase in enumerate(self._phrases) if self._clauses[phrase.first] == self._clauses[match.first]]
        fitting = [n for n in phrases if _fits(match.key, self._phrases[n].anatomy)]
        if not fitting:
            return [Located(match.key, FINDINGS[match.key].anatomy, self._side_word(match, FINDINGS[match.key].anatomy))]
        if FINDINGS[match.key].anatomy in {"lymph_node", "airway"}:
            fitting = self._without_bare_kind(match, fitting)
        nearest = self._deepened(match, min(fitting, key=lambda n: self._distance(match, n)), fitting)
        listed = sorted((n for n in fitting if self._lists[n] == self._lists[nearest]), key=lambda n: self._distance(match, n))
        found: dict[Located, None] = {}
        for n in [nearest, *listed]:
            phrase = self._phrases[n]
            concept = _special(match.key, phrase.anatomy)
            anatomy = _anatomy(concept, phrase.anatomy)
            if concept == match.key and n != nearest and FINDINGS[concept].keeps_place:
                continue
            side = None if anatomy in _MIDLINE else (phrase.side or self._side_word(match, anatomy))
            found.setdefault(Located(concept, anatomy, side))
        return [one for one in found if len(found) == 1 or one.anatomy != "lymph_node"]

    def _distance(self, match: Match, number: int) -> float:
        phrase = self._phrases[number]
        if phrase.last < match.first:
            return match.first - phrase.last + 0.5 + self._between(match, phrase)
        if phrase.first > match.last:
            return phrase.first - match.last + self._between(match, phrase)
        return 0.0 if any(phrase.first <= position <= phrase.last for position in match.positions) else 0.5

    def _between(self, match: Match, phrase: Place) -> float:
        """Penalty of the commas, conjunctions and other findings between a finding and a place."""
        if phrase.first > match.last:
            return self._cost[phrase.first] - self._cost[match.last + 1]
        return max(0.0, self._cost[match.first] - self._cost[phrase.last + 1])

    def _without_bare_kind(self, match: Match, fitting: list[int]) -> list[int]:
        """Leave out "lymph node" or "bronchial" itself where the statement says in which region or lobe they are."""
        kind = FINDINGS[match.key].anatomy
        regions = [
            n
            for n in fitting
            if (self._phrases[n].anatomy not in {kind, "lung"} or (kind == "lymph_node" and self._phrases[n].side is not None))
            and self._between(match, self._phrases[n]) < 5.0
        ]
        return regions or fitting

    def _deepened(self, match: Match, nearest: int, fitting: Sequence[int]) -> int:
        """Where the nearest place is a whole ("pulmonary nodule"), the nearest part of it that the same statement names."""
        whole = self._phrases[nearest]
        parts = [
            n
            for n in fitting
            if self._phrases[n].anatomy != whole.anatomy
            and whole.anatomy in ancestors(self._phrases[n].anatomy)
            and self._between(match, self._phrases[n]) < 5.0
            and (whole.side is None or self._phrases[n].side in {None, whole.side} or whole.side == "bilateral")
        ]
        return min(parts, key=lambda n: self._distance(match, n)) if parts else nearest

    def _side_word(self, match: Match, anatomy: str | None) -> Side | None:
        if anatomy in _MIDLINE:
            return None
        if anatomy in _OWN_SIDE:
            return _OWN_SIDE[anatomy]
        own = [side for side in self._sides if self._clauses[side.first] == self._clauses[match.first]]
        if not own:
            return None
        return min(own, key=lambda side: min(abs(side.first - match.last), abs(match.first - side.last))).side


@lru_cache(maxsize=len(FINDINGS) * len(ANATOMY))
def _fits(concept: str, anatomy: str) -> bool:
    """Whether a finding can be at a place: anywhere for general words, else at its usual place, a part of it, a special one."""
    entry = FINDINGS[concept]
    chain = ancestors(anatomy)
    if entry.anatomy is None or entry.anatomy in chain or any(place in chain for place, _ in entry.becomes):
        return True
    return anatomy in ancestors(entry.anatomy) or not _ALSO_AT.get(concept, frozenset()).isdisjoint(chain)


def _special(concept: str, anatomy: str) -> str:
    special = dict(FINDINGS[concept].becomes)
    return next((special[key] for key in ancestors(anatomy) if key in special), concept)


def _anatomy(concept: str, named: str) -> str:
    """Where the finding is: the named place where it refines the usual one, else the usual one."""
    usual = FINDINGS[concept].anatomy
    if usual is None:
        return named
    if FINDINGS[concept].keeps_place:
        return usual
    chain = ancestors(named)
    return named if usual in chain or not _ALSO_AT.get(concept, frozenset()).isdisjoint(chain) else usual


def _phrases(tokens: Sequence[Token], places: Sequence[Place]) -> list[Place]:
    """Join neighbours that name one place ("lower lobe" + "left lung") to their most specific part."""
    joined: list[Place] = []
    for place in sorted(places, key=lambda p: (p.first, p.last)):
        last = joined[-1] if joined else None
        if last is not None and _one_place(tokens, last, place):
            deeper = last if len(ancestors(last.anatomy)) > len(ancestors(place.anatomy)) else place
            joined[-1] = Place(deeper.anatomy, last.side or place.side, last.first, max(last.last, place.last))
        else:
            joined.append(place)
    return [replace(p, side=_OWN_SIDE[p.anatomy]) if p.side is None and p.anatomy in _OWN_SIDE else p for p in joined]


def _one_place(tokens: Sequence[Token], one: Place, other: Place) -> bool:
    related = one.anatomy in ancestors(other.anatomy) or other.anatomy in ancestors(one.anatomy)
    agree = one.side is None or other.side is None or one.side == other.side
    return related and agree and all(token.form in _PHRASE_WORDS for token in tokens[one.last + 1 : other.first])


def _lists(tokens: Sequence[Token], phrases: Sequence[Place]) -> list[int]:
    """Number of the enumeration ("heart, aorta and trachea") each phrase stands in."""
    numbers: list[int] = []
    for n, phrase in enumerate(phrases):
        if n == 0:
            numbers.append(0)
            continue
        between = _outside_brackets(tokens[phrases[n - 1].last + 1 : phrase.first])
        numbers.append(numbers[-1] + (not all(token.form in _LIST_WORDS for token in between)))
    return numbers


def _outside_brackets(tokens: Sequence[Token]) -> list[Token]:
    """Tokens without what stands in brackets, such as slice numbers between the places of a list."""
    kept: list[Token] = []
    depth = 0
    for token in tokens:
        depth += token.form == "("
        if depth <= 0:
            kept.append(token)
        depth -= token.form == ")"
    return kept


def _sides_shared(phrases: Sequence[Place], lists: Sequence[int]) -> list[Place]:
    """Parts of a lung listed with one side share it ("right upper and lower lobes")."""
    shared: list[Place] = []
    for n, phrase in enumerate(phrases):
        side = phrase.side
        if side is None and "lung" in ancestors(phrase.anatomy):
            neighbours = [shared[n - 1]] if n > 0 and lists[n - 1] == lists[n] else []
            neighbours += [phrases[n + 1]] if n + 1 < len(phrases) and lists[n + 1] == lists[n] else []
            said = [p.side for p in neighbours if p.side is not None and "lung" in ancestors(p.anatomy)]
            side = said[0] if said else None
        shared.append(replace(phrase, side=side))
    return shared


def _introduces(tokens: Sequence[Token], phrase: Place) -> bool:
    """Whether the phrase opens a statement ("In the right lung, a nodule ...")."""
    position = phrase.first - 1
    while position >= 0 and tokens[position].form in _INTRODUCTION:
        position -= 1
    return position < 0 or (position < phrase.first - 1 and tokens[position].form in {",", "and", ";", ".", ":"})
