"""Findings of a sentence: which, where, on which side, how large, and whether they are there at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asap.report import Finding, Side
from asap.text.anatomy import Place, SideWord, find_places, find_sides
from asap.text.assertions import Cues, assertion_of, find_cues, part_of_pseudo_cue
from asap.text.normality import normal_positions
from asap.text.patterns import Match, PatternIndex, longest
from asap.text.sizes import Size, find_sizes
from asap.text.tokens import Token, tokenise
from asap.text.vocabulary import FINDINGS, ancestors

_INDEX = PatternIndex((concept, entry.patterns) for concept, entry in FINDINGS.items())
_CLAUSE_MARKS = frozenset({";", ".", "but", "however", "except", "although", "while", "whereas"})
_LIST_WORDS = frozenset(
    [
        ",",
        "and",
        "or",
        "the",
        "of",
        "in",
        "both",
        "main",
        "thoracic",
        "left",
        "right",
        "bilateral",
        "bilaterally",
        "at",
        "level",
        "to",
        "as",
        "well",
    ]
)


@dataclass(frozen=True)
class Reading:
    """All that was found in one sentence."""

    tokens: tuple[Token, ...]
    places: tuple[Place, ...]
    sides: tuple[SideWord, ...]
    cues: Cues
    findings: tuple[Finding, ...]


def read_mentions(text: str) -> Reading:
    """Read one sentence."""
    tokens = tokenise(text)
    sides = find_sides(tokens)
    places = find_places(tokens, sides)
    cues = find_cues(tokens)
    matches = longest(_INDEX.find(tokens))
    clauses = _clauses(tokens)
    sized = _attach_sizes(matches, find_sizes(text), tokens)
    normal = normal_positions(tokens)
    findings: list[Finding] = []
    for number, match in enumerate(matches):
        if FINDINGS[match.key].vague and part_of_pseudo_cue(cues, match):
            continue
        own = [place for place in places if clauses[place.first] == clauses[match.first]]
        near = _deepened(match, _nearest(match, own, tokens), own)
        vague_and_normal = FINDINGS[match.key].vague and any(0 < place - match.last <= 8 for place in normal)
        for concept, place in _specialised(match.key, match, near):
            finding = Finding(
                concept=concept,
                assertion="absent" if vague_and_normal else assertion_of(cues, match.first, match.last),
                anatomy=_anatomy(concept, place),
                side=_side(match, place, near, sides, clauses),
                size_mm=sized.get(number),
            )
            findings.append(finding)
    return Reading(tuple(tokens), places, sides, cues, _without_vague(_merged(findings)))


def _clauses(tokens: Sequence[Token]) -> list[int]:
    """Number of the clause each token stands in."""
    numbers: list[int] = []
    clause = 0
    for token in tokens:
        clause += token.form in _CLAUSE_MARKS
        numbers.append(clause)
    return numbers


def _distance(match: Match, place: Place) -> float:
    if place.first > match.last:
        return place.first - match.last
    if place.last < match.first:
        return match.first - place.last + 0.5
    return 0.0


def _nearest(match: Match, places: Sequence[Place], tokens: Sequence[Token]) -> list[Place]:
    """The nearest place and those listed with it, nearest first."""
    ordered = sorted(places, key=lambda place: _distance(match, place))
    if not ordered:
        return []
    groups = _list_groups(places, tokens)
    wanted = groups[ordered[0]]
    return [place for place in ordered if groups[place] == wanted]


def _deepened(match: Match, near: list[Place], own: Sequence[Place]) -> list[Place]:
    """Where the nearest place is a whole ("pulmonary nodule"), put the nearest part of it that the clause names first."""
    if not near:
        return near
    whole = near[0].anatomy
    parts = [place for place in own if place.anatomy != whole and whole in ancestors(place.anatomy)]
    if not parts:
        return near
    part = min(parts, key=lambda place: _distance(match, place))
    return [part, *(place for place in near if place is not part and place.side == part.side)]


def _list_groups(places: Sequence[Place], tokens: Sequence[Token]) -> dict[Place, int]:
    """Number of the enumeration ("heart, aorta and trachea") each place stands in."""
    groups: dict[Place, int] = {}
    previous: Place | None = None
    number = 0
    for place in sorted(places, key=lambda p: p.first):
        if previous is not None and not _listed(tokens, previous, place):
            number += 1
        groups[place] = number
        previous = place
    return groups


def _listed(tokens: Sequence[Token], first: Place, second: Place) -> bool:
    return all(token.form in _LIST_WORDS for token in tokens[first.last + 1 : second.first])


def _specialised(concept: str, match: Match, near: Sequence[Place]) -> list[tuple[str, Place | None]]:
    """The findings a word means at the places near it: the special one where a place has one, else the word's own."""
    special = dict(FINDINGS[concept].becomes)
    usual = FINDINGS[concept].anatomy
    found: dict[str, Place] = {}
    for place in near:
        chain = ancestors(place.anatomy)
        target = next((special[key] for key in chain if key in special and special[key] != concept), None)
        if target is not None:
            found.setdefault(target, place)
        elif place is near[0] or usual in chain or place.anatomy in special:
            found.setdefault(concept, place)
    return list(found.items()) or [(concept, None)]


def _anatomy(concept: str, place: Place | None) -> str | None:
    """Where the finding is: the named place where it refines the usual one, else the usual one."""
    usual = FINDINGS[concept].anatomy
    if place is None or (FINDINGS[concept].keeps_place and usual is not None):
        return usual
    if usual is None or usual in ancestors(place.anatomy):
        return place.anatomy
    if usual in {"lymph_node", "airway", "aorta"}:
        return place.anatomy
    return usual


def _side(
    match: Match, place: Place | None, near: Sequence[Place], sides: Sequence[SideWord], clauses: Sequence[int]
) -> Side | None:
    """The side said with the place; places on both sides are bilateral; else the nearest side word of the clause."""
    said = {other.side for other in near if other.side is not None} if place is not None else set()
    if said:
        return next(iter(said)) if len(said) == 1 else "bilateral"
    own = [side for side in sides if clauses[side.first] == clauses[match.first]]
    if not own:
        return None
    nearest = min(own, key=lambda side: min(abs(side.first - match.last), abs(match.first - side.last)))
    return nearest.side


def _attach_sizes(matches: Sequence[Match], sizes: Sequence[Size], tokens: Sequence[Token]) -> dict[int, float]:
    """For each finding (by number) the largest of the sizes nearest to it."""
    attached: dict[int, float] = {}
    for size in sizes:
        best = min(
            range(len(matches)),
            key=lambda n: max(tokens[matches[n].first].start - size.end, size.start - tokens[matches[n].last].end),
            default=None,
        )
        if best is not None:
            attached[best] = max(size.largest_mm, attached.get(best, 0.0))
    return attached


def _without_vague(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Leave vague findings out where the sentence names a definite one of the same assertion."""
    definite = {finding.assertion for finding in findings if not FINDINGS[finding.concept].vague}
    return tuple(f for f in findings if not (FINDINGS[f.concept].vague and f.assertion in definite))


def _merged(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Each finding once: said twice with the same assertion and place, it keeps the larger size."""
    merged: dict[tuple[str, str, str | None, str | None], Finding] = {}
    for finding in findings:
        key = (finding.concept, finding.assertion, finding.anatomy, finding.side)
        known = merged.get(key)
        if known is None or (finding.size_mm or 0.0) > (known.size_mm or 0.0):
            merged[key] = finding
    return tuple(merged.values())
