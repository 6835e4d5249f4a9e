"""Findings of a sentence: which, where, on which side, how large, and whether they are there at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asap.report import Assertion, Finding
from asap.text.anatomy import Place, SideWord, find_places, find_sides
from asap.text.assertions import Cues, assertion_of, find_cues, part_of_pseudo_cue, spared_place
from asap.text.normality import normal_positions
from asap.text.patterns import Match, PatternIndex, longest
from asap.text.placement import SentencePlaces
from asap.text.sizes import Size, find_sizes
from asap.text.spelling import corrected
from asap.text.tokens import Token, tokenise
from asap.text.vocabulary import FINDINGS

_INDEX = PatternIndex((concept, entry.patterns) for concept, entry in FINDINGS.items())


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
    tokens = [Token(corrected(token.form), token.start, token.end) for token in tokenise(text)]
    sides = find_sides(tokens)
    places = find_places(tokens, sides)
    cues = find_cues(tokens)
    matches = longest(_INDEX.find(tokens))
    located = SentencePlaces(tokens, places, sides, matches)
    sized = _attach_sizes(matches, find_sizes(text), tokens)
    normal = normal_positions(tokens)
    alternatives = _alternatives(matches, tokens)
    findings: list[Finding] = []
    for number, match in enumerate(matches):
        if FINDINGS[match.key].vague and part_of_pseudo_cue(cues, match):
            continue
        vague_and_normal = FINDINGS[match.key].vague and any(0 < place - match.last <= 8 for place in normal)
        assertion: Assertion = "absent" if vague_and_normal else assertion_of(cues, match.first, match.last)
        if assertion == "present" and number in alternatives:
            assertion = "uncertain"
        spared = spared_place(cues, match, matches, places) if assertion == "absent" else None
        if spared is not None:
            findings.append(Finding(match.key, "present", spared.anatomy, spared.side, sized.get(number)))
        findings.extend(
            Finding(found.concept, assertion, found.anatomy, found.side, sized.get(number)) for found in located.locate(match)
        )
    return Reading(tuple(tokens), places, sides, cues, _without_vague(_merged(findings)))


def _alternatives(matches: Sequence[Match], tokens: Sequence[Token]) -> frozenset[int]:
    """Numbers of the findings offered as one or the other ("atelectasis or pneumonia")."""
    found: set[int] = set()
    for n in range(1, len(matches)):
        between = [token.form for token in tokens[matches[n - 1].last + 1 : matches[n].first]]
        if "or" in between and len(between) <= 2 and FINDINGS[matches[n - 1].key].anatomy == FINDINGS[matches[n].key].anatomy:
            found.update((n - 1, n))
    return frozenset(found)


def _attach_sizes(matches: Sequence[Match], sizes: Sequence[Size], tokens: Sequence[Token]) -> dict[int, float]:
    """For each finding (by number) the largest of the sizes nearest to it."""
    attached: dict[int, float] = {}
    for size in sizes:
        best = min(
            (n for n in range(len(matches)) if not FINDINGS[matches[n].key].vague),
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
    """Each finding once: said twice with the same assertion and place, it keeps the larger size; a doubt beside its own
    statement ("a lesion, likely a cyst") is left out."""
    merged: dict[tuple[str, str, str | None, str | None], Finding] = {}
    for finding in findings:
        key = (finding.concept, finding.assertion, finding.anatomy, finding.side)
        known = merged.get(key)
        if known is None or (finding.size_mm or 0.0) > (known.size_mm or 0.0):
            merged[key] = finding
    return tuple(
        finding
        for (concept, assertion, *place), finding in merged.items()
        if assertion != "uncertain" or (concept, "present", *place) not in merged
    )
