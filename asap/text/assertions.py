"""Whether a finding is stated present, absent or uncertain.

Cue words with a direction and a scope, in the manner of NegEx (Chapman et al., J Biomed Inform 2001) and ConText (Harkema et al.,
J Biomed Inform 2009); the word lists and the scope rules are our own. A cue before its finding ("no", "without") reaches forward,
one after it ("was not observed") backward, both no further than the clause; "no change in" only looks like a negation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asap.report import Assertion
from asap.text.anatomy import Place
from asap.text.cue_words import CUES
from asap.text.patterns import Match, PatternIndex, longest
from asap.text.tokens import Token

_INDEX = PatternIndex(CUES)
_NEGATIONS = frozenset({"not", "no", "never", "nor"})
_EXCEPTIONS = frozenset({"except", "apart", "aside", "other", "excluding", "with"})
_EARLIER = frozenset({"previous", "previously", "prior", "earlier", "former"})
# fmt: off
_NEW_STATEMENT = frozenset({
    "there", "a", "an", "mild", "minimal", "small", "few", "some", "several", "multiple", "stable", "bilateral", "moderate",
    "large",
    "slight", "diffuse", "scattered", "patchy", "linear", "tortuous", "calcified", "calcific", "unchanged", "with",
    "degenerative", "heart",
    "lung", "mediastinum", "trachea", "old", "healed", "chronic", "increased", "subsegmental", "left", "right"})
# fmt: on


@dataclass(frozen=True)
class Cues:
    """The cues of one sentence in reading order; positions are those of its tokens."""

    matches: tuple[Match, ...]
    tokens: Sequence[Token]


def find_cues(tokens: Sequence[Token]) -> Cues:
    """Find the cues of a sentence. A cue inside a longer one ("no" in "no change in") does not count."""
    matches = longest(_INDEX.find(tokens))
    masked = {position for match in matches if match.key == "pseudo" for position in match.positions}
    kept = tuple(
        match
        for match in matches
        if match.key == "pseudo" or not (masked.intersection(match.positions) or _is_false_statement(match, tokens))
    )
    return Cues(kept, tokens)


def _is_false_statement(cue: Match, tokens: Sequence[Token]) -> bool:
    """A statement that is negated itself ("was not observed") or tells of an earlier examination ("was seen previously")."""
    if cue.key != "present_after":
        return False
    inside = {token.form for token in tokens[cue.first : cue.last + 1]}
    following = {token.form for token in tokens[cue.last + 1 : cue.last + 5]}
    return bool(inside & _NEGATIONS) or bool(following & _EARLIER)


def part_of_pseudo_cue(cues: Cues, match: Match) -> bool:
    """Whether the words of `match` belong to a phrase such as "no interval change", which states nothing."""
    return any(cue.key == "pseudo" and set(match.positions) & set(range(cue.first, cue.last + 1)) for cue in cues.matches)


def assertion_of(cues: Cues, first: int, last: int) -> Assertion:
    """Assertion of what is said by tokens first..last; a negation inside ("heart is not enlarged") makes it absent."""
    if any(token.form in _NEGATIONS for token in cues.tokens[first + 1 : last]) or _is_denied_change(cues, first, last):
        return "absent"
    if any(token.form == "not" for token in cues.tokens[max(0, first - 2) : first]) and not _in_pseudo_cue(cues, first):
        return "absent"
    before = _reaching_forward(cues, first)
    after = _reaching_backward(cues, last)
    if "uncertain_after" in after:
        return "uncertain"
    if "absent_before" in before or "absent_after" in after:
        return "absent"
    if "uncertain_before" in before:
        return "uncertain"
    return "present"


def _is_denied_change(cues: Cues, first: int, last: int) -> bool:
    """ "No emphysematous changes" denies emphysema, although "no ... change" elsewhere only says that nothing is new."""
    if not any(token.form.startswith("change") for token in cues.tokens[last : last + 2]):
        return False
    return any(
        cue.key == "pseudo" and cue.first < first and last <= cue.last and cues.tokens[cue.first].form == "no"
        for cue in cues.matches
    )


def spared_place(cues: Cues, match: Match, findings: Sequence[Match], places: Sequence[Place]) -> Place | None:
    """The place an absence leaves out ("no nodules except in the lingula"), if no other finding is named after it."""
    for cue in cues.matches:
        if cue.key == "stop" and cue.first > match.last and cues.tokens[cue.first].form in _EXCEPTIONS:
            if any(finding.first > cue.last for finding in findings):
                return None
            return next((place for place in places if place.first > cue.last), None)
    return None


def _in_pseudo_cue(cues: Cues, first: int) -> bool:
    return any(cue.key in {"pseudo", "uncertain_after"} and first - 2 <= cue.last <= first for cue in cues.matches)


def _reaching_forward(cues: Cues, first: int) -> set[str]:
    """Kinds of the cues before `first` whose scope still holds there."""
    reached: set[str] = set()
    for cue in reversed(cues.matches):
        if cue.last >= first or cue.key in reached:
            continue
        if cue.key == "stop":
            break
        if cue.key in {"absent_before", "uncertain_before"} and not _closed_between(cues, cue, first):
            reached.add(cue.key)
        if cue.key in {"present_after", "absent_after"} and _comma_or_and_between(cues.tokens, cue.last, first):
            break
    return reached


def _closed_between(cues: Cues, cue: Match, first: int) -> bool:
    """Whether a new statement opens between the cue and the finding: a comma followed by an opening word, or a closed bracket."""
    tokens = cues.tokens
    opened = 0
    for position in range(cue.last + 1, first):
        form = tokens[position].form
        if form == "(":
            opened += 1
        elif form == ")":
            opened -= 1
            if opened < 0:
                return True
        elif form in {",", ":"} and tokens[position + 1].form in _NEW_STATEMENT and not _list_ends_with_or(tokens, position):
            return True
    return False


def _list_ends_with_or(tokens: Sequence[Token], comma: int) -> bool:
    for token in tokens[comma + 1 : comma + 16]:
        if token.form in {"or", "nor"}:
            return True
        if token.form in {".", ";", ":", "is", "are", "there"}:
            return False
    return False


def _comma_or_and_between(tokens: Sequence[Token], start: int, end: int) -> bool:
    return any(token.form in {",", "and", "but"} for token in tokens[start + 1 : end])


def _reaching_backward(cues: Cues, last: int) -> set[str]:
    """Kinds of the cues after `last` whose scope reaches back to it."""
    reached: set[str] = set()
    opened = _open_bracket_after(cues.tokens, last)
    for cue in cues.matches:
        if cue.first <= last:
            continue
        if cue.key in {"stop", "present_after"}:
            break
        if cue.key in {"absent_after", "uncertain_after"}:
            if opened is not None and cue.first > opened and cues.tokens[cue.first].form == "?":
                continue
            reached.add(cue.key)
            break
        if cue.key == "absent_before" and cue.first > last:
            break
    return reached


def _open_bracket_after(tokens: Sequence[Token], last: int) -> int | None:
    for position in range(last + 1, len(tokens)):
        if tokens[position].form == ")":
            return None
        if tokens[position].form == "(":
            return position
    return None
