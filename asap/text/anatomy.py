"""Places named in a sentence, and the side each of them is said to be on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asap.report import Side
from asap.text.patterns import Match, PatternIndex, longest
from asap.text.tokens import Token
from asap.text.vocabulary import ANATOMY, ancestors

_SIDED = {f"{key}/{side}": (key, side) for key, entry in ANATOMY.items() for _, side in entry.sided}
_INDEX = PatternIndex(
    [(key, entry.patterns) for key, entry in ANATOMY.items()]
    + [(name, [p for p, side in ANATOMY[key].sided if side == want]) for name, (key, want) in _SIDED.items()]
)
_SIDE_INDEX = PatternIndex(
    (
        ("left", ("left", "leftward", "lt", "left sided", "lefthemithorax")),
        ("right", ("right", "rightward", "rt", "right sided")),
        ("bilateral", ("bilateral", "bilaterally", "both", "biapical", "bibasilar", "bibasal", "bihilar",
         "left|right greater|larger|more than left|right", "left|right ~1 than left|right", "right and left",
         "left and right",
                       "right or left", "left or right", "either", "left right", "right left")),
    )
)  # fmt: skip
# Organs with a parenchyma of their own: beside one of them "parenchyma" is not the lung's.
_ORGANS = frozenset({"liver", "spleen", "kidney", "pancreas", "thyroid", "adrenal", "breast"})
# fmt: off
_NOT_A_SIDE = PatternIndex((("other", (
    "left|right atrium|ventricle|atrial|ventricular|coronary", "left|right main coronary", "left anterior descending",
    "left|right heart",
    "left|right lobe of the? liver", "liver left|right lobe", "left|right hepatic lobe", "left|right facing",
    "left|right convex*",
    "left|right sided? aortic arch", "left|right portal", "left|right upper quadrant", "both main bronchus|bronchi",
    "left|right liver lobe")),))
# fmt: on


@dataclass(frozen=True)
class Place:
    """Tokens first..last name `anatomy`; `side` is the one said with it, or None."""

    anatomy: str
    side: Side | None
    first: int
    last: int


@dataclass(frozen=True)
class SideWord:
    """Token position of a word that says a side."""

    side: Side
    first: int
    last: int


def find_sides(tokens: Sequence[Token]) -> tuple[SideWord, ...]:
    """Side words in reading order; "left ventricle" or "right coronary artery" say no side."""
    masked = {position for match in _NOT_A_SIDE.find(tokens) for position in match.positions}
    matches = longest(_SIDE_INDEX.find(tokens))
    sides: dict[str, Side] = {"left": "left", "right": "right", "bilateral": "bilateral"}
    return tuple(SideWord(sides[m.key], m.first, m.last) for m in matches if not masked.intersection(m.positions))


def find_places(tokens: Sequence[Token], sides: Sequence[SideWord]) -> tuple[Place, ...]:
    """Places in reading order, each with its side."""
    matches = _resolve(longest(_INDEX.find(tokens)), tokens)
    places = []
    for match in matches:
        key, own_side = _SIDED.get(match.key, (match.key, None))
        side: Side | None = own_side if own_side is not None else _side_of(match, tokens, sides)
        places.append(Place(key, side, match.first, match.last))
    return tuple(places)


def _resolve(matches: list[Match], tokens: Sequence[Token]) -> list[Match]:
    """Drop words that only look like a place: the general "upper"/"lower" without a lung near, the apex of the heart."""
    elsewhere = any("lung" not in ancestors(match.key.split("/")[0]) and match.key in _ORGANS for match in matches)
    kept: list[Match] = []
    for match in matches:
        form = tokens[match.first].form
        if match.first == match.last and form in {"parenchyma", "parenchymal"} and elsewhere:
            continue
        if (
            match.key in {"upper_lobe", "lower_lobe"}
            and match.first == match.last
            and form in {"upper", "lower", "base", "apex", "basal", "apical"}
        ):
            near = {token.form for token in tokens[max(0, match.first - 4) : match.last + 9]}
            if form in {"upper", "lower"} and not _shared_lobe(tokens, match.last):
                continue
            if near & {"heart", "cardiac", "pericardium", "neck", "skull", "vertebra", "aorta"}:
                continue
        kept.append(match)
    return kept


def _lobe_near(matches: Sequence[Match], segment: Match) -> bool:
    """Whether a lobe or the lingula is named beside "superior segment" or "medial segment", which then says no lobe itself."""
    return any(
        other is not segment
        and other.first - segment.last < 6
        and segment.first - other.last < 6
        and "lung" in ancestors(other.key.split("/")[0])[1:]
        for other in matches
    )


def _shared_lobe(tokens: Sequence[Token], last: int) -> bool:
    """Whether "upper" or "lower" shares the noun of a list: "upper and lower lobes"."""
    following = [token.form for token in tokens[last + 1 : last + 5]]
    return bool(following) and following[0] in {"and", "or", ",", "middle"} and "lobe" in following


def _side_of(match: Match, tokens: Sequence[Token], sides: Sequence[SideWord]) -> Side | None:
    """The side directly before ("left upper lobe"), or of the next phrase ("upper lobe of the left lung",
    "lower lobe on the right")."""
    before = [
        side
        for side in sides
        if side.last < match.first and match.first - side.last <= 4 and _joined(tokens, side.last, match.first)
    ]
    if before:
        return before[-1].side
    after = [
        side
        for side in sides
        if side.first > match.last and side.first - match.last <= 4 and _joined(tokens, match.last, side.first)
    ]
    if after:
        return after[0].side
    return None


def _joined(tokens: Sequence[Token], start: int, end: int) -> bool:
    between = [token.form for token in tokens[start + 1 : end]]
    return not any(
        form in {",", ";", ".", ":", "and", "or", "is", "are", "was", "were", "there", "no", "with"} for form in between
    )


def most_specific(anatomies: Sequence[str]) -> tuple[str, ...]:
    """Each key once, those that lie deepest first ("lower_lobe" before "lung"), else in reading order."""
    unique = list(dict.fromkeys(anatomies))
    return tuple(sorted(unique, key=lambda key: -len(ancestors(key))))
