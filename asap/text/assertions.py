"""Whether a finding is stated present, absent or uncertain.

Cue words with a direction and a scope, in the manner of NegEx (Chapman et al., J Biomed Inform 2001) and ConText (Harkema et al.,
J Biomed Inform 2009); the word lists and the scope rules are our own. A cue before its finding ("no",
    "without") reaches forward, one
after it ("was not observed") backward, both no further than the clause; words such as "no change in" only look like a negation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asap.report import Assertion
from asap.text.patterns import Match, PatternIndex, longest
from asap.text.tokens import Token

_SEEN = (
    "observed|seen|detected|identified|noted|found|visualized|visualised|demonstrated|present|evident|appreciated|encountered|"
    "distinguished|shown|revealed|watched|visible|selected|monitored|apparent|recognized|recognised|available|determined|remarkable|"
    "suspected|definable|discernible|delineated|clarified|followed|defined|existing|exist|existed|indicated|see|noticed|considered"
)
_CUES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("pseudo", (
        "no ~1 change", "no ~3 change in|of|from|is|was|since|compared", "not ~2 changed", "no difference",
        "no ~2 difference in|between",
        "without ~2 change", "no progression|growth", "no ~2 increase|decrease in|of ~2 size|number|extent|dimension|diameter",
            "pathological ~2 size|dimension|appearance|configuration|diameter",
        "not only",
        "not increased|decreased|significantly", "no longer than", "not ~2 reach*",
        "did|does|do not ~2 show ~2 change", "not ~1 ruled", "no prior|previous|comparison", "not ~2 optimal*",
        "not ~2 evaluated",
        "not ~2 characterized|characterised|specific", "not ~2 differentiat*", "without contrast|iv|intravenous", "non contrast",
        "not necessarily", "no need", "not given|known|applicable|available", "not ~1 calcified|enlarged ~3 node",
        "not ~2 large|significant|clear|clearly in", "no interval", "not as", "no evidence ~3 change", "no ~2 interval change")),
    ("absent_before", (
        "no", "without", "negative for", "absence of", "absent", "free of|from", "rule out|ruled out", "denies",
        "no evidence ~2 of",
        "no sign of", "neither", "nor", "lack of", "no longer", "devoid of", "clear of", "resolution of", "exclude", "excluded",
        "never", "none of", "not have|contain|show|demonstrate|reveal|include|identify", "unremarkable for",
        "without evidence of",
        "no definite|definitive|obvious|suspicious|acute", "not a", "not any", "fail* to", "normal without", "no new",
        "not associated with", "removal of", "interval removal", "free of", "cleared of",
        "not see", "not consistent with", "not suggest*", "not compatible with")),
    ("absent_after", (
        f"not ~3 {_SEEN}", "not ~2 exist*", "absent", "is|are|was|were|has|have been? ~1 resolved", "resolved",
        "no longer|more ~3 seen|visible|present|identified|evident", "disappeared", "ruled out", "was|were|is|are excluded",
        "negative",
        "completely regressed", "total regression", f"cannot|couldn|wasn|isn|weren|aren t? ~2 {_SEEN}", "none",
        f"could not be {_SEEN}",
        f"can not be {_SEEN}", f"never {_SEEN}", "completely resolved", "has cleared", "have cleared", "unlikely", "not there",
        "has|have been removed", "was|were removed", "has|have cleared", "has|have gone", "cleared")),
    ("uncertain_before", (
        "possible", "possibly", "may", "might", "suspicious ~3 for|of|in", "suspicion ~2 of|for", "concern* for|of",
        "suggest* ~1 of?",
        "cannot|can not|could not exclude", "not exclude", "questionable", "question of", "probable", "probably", "likely",
        "perhaps",
        "could be|represent|reflect|indicate", "differential|ddx", "versus", "vs", "rule out", "in favor of", "evaluate for",
        "to exclude",
        "worrisome for", "suspected", "equivocal", "can be|represent", "presumably", "presumed", "consider", "thought to",
        "appears to", "suspect", "in terms of", "impression of", "borderline", "difficult|hard to exclude", "query",
        "maybe", "potentially", "raise* ~3 of|for", "not ~1 certain", "preliminary diagnosis")),
    ("uncertain_after", (
        "cannot|not ~2 excluded", "can not ~2 excluded", "cannot ~2 ruled out", "not ~2 ruled out", "could not ~2 excluded", "?",
        "is|are|was|were ~1 possible|questionable|suspected|likely|probable|suspicious|uncertain|considered",
        "in the differential",
        "not well seen|visualized|visualised|evaluated|delineated|appreciated", "is|are not ~2 certain")),
    ("stop", (
        "but", "however", "except", "although", "though", "while", "whereas", "apart from", "other than", "aside from",
        "nevertheless",
        "yet", ";", ".", "!", "with the exception of", "there is|are|was|were|has|have", "besides", "in addition", "instead",
        "otherwise",
        "in this case", "despite", "nonetheless", ": ", "secondary to", "due to", "because", "as well as a", "only",
        "and a|an", "and there", "and mild|minimal|small|stable|few", "excluding", "in a patient", "save for", "outside")),
    ("present_after", (
        f"is|are|was|were|has|have|been ~2 {_SEEN}", "is|are again|also|still ~1 seen|noted",
            "is|are stable|unchanged|present|noted",
        "unchanged", "stable", "persist*", "continue*", "measure*", "remain*")),
)  # fmt: skip
_INDEX = PatternIndex(_CUES)
_NEGATIONS = frozenset({"not", "no", "never", "nor"})
_EARLIER = frozenset({"previous", "previously", "prior", "earlier", "former"})
_NEW_STATEMENT = frozenset(
    [
        "there",
        "a",
        "an",
        "mild",
        "minimal",
        "small",
        "few",
        "some",
        "several",
        "multiple",
        "stable",
        "bilateral",
        "moderate",
        "large",
        "slight",
        "diffuse",
        "scattered",
        "patchy",
        "linear",
        "tortuous",
        "calcified",
        "calcific",
        "unchanged",
        "with",
        "degenerative",
        "heart",
        "lung",
        "mediastinum",
        "trachea",
        "old",
        "healed",
        "chronic",
        "increased",
        "subsegmental",
        "left",
        "right",
    ]
)


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
    if any(token.form in _NEGATIONS for token in cues.tokens[first + 1 : last]):
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
