"""Normality: what is said to be as it should be, and whether a sentence speaks of anything abnormal."""

from __future__ import annotations

from collections.abc import Sequence, Set

from asap.report import Sentence
from asap.text.patterns import PatternIndex, longest
from asap.text.tokens import Token, tokenise

# fmt: off
_INDEX = PatternIndex((
    ("normal", (
        "normal", "normally", "natural", "unremarkable", "clear", "patent", "open", "intact", "preserved", "midline",
        "within ~1 limit",
        "homogeneous", "homogenous", "symmetric*", "well expanded|aerated|inflated|maintained|defined", "regular", "sharp",
        "smooth contour", "maintained", "expanded", "normocephalic", "good alignment", "aerated", "aligned", "appropriate", "wnl",
        "usual", "physiological", "obvious plane", "age appropriate", "satisfactory", "inflated", "healthy")),
    ("denies", (
        "no ~2 abnormal*|patholog*", "no ~3 disease|process|finding", "not enlarged|dilated|widened|thickened|increased",
        "not remarkable",
        "without abnormal*", "negative", "non enlarged", "nonenlarged")),
    ("not_normal", (
        "not normal|natural|clear|patent|open|intact|preserved|midline|homogeneous|symmetric*", "abnormal*", "normal ~1 variant",
        "larger|wider|smaller|higher|greater than normal", "above|below|upper normal", "near normal", "open wound", "clear from",
        "heterogeneous", "not ~2 clear|normal|patent", "lower|upper limit", "normal ~2 size lymph", "no longer normal", "clearly",
        "clear that", "normalization")),
    ("stable", ("stable", "unchanged", "similar", "no ~2 change", "not ~2 changed", "same")),
))
# fmt: on


def normal_positions(tokens: Sequence[Token]) -> tuple[int, ...]:
    """Token positions of the words that say something is as it should be; denying a finding is not among them."""
    return _positions(tokens, {"normal"})


def states_normality(text: str) -> bool:
    """Whether the sentence says that something is normal ("clear", "patent", "within normal limits")."""
    return bool(normal_positions(tokenise(text)))


def is_abnormal(sentence: Sentence) -> bool | None:
    """True: a finding is stated (or suspected). False: only absence, normality or an unchanged organ. None: no rule applies."""
    if any(finding.assertion != "absent" for finding in sentence.findings):
        return True
    tokens = tokenise(sentence.text)
    if sentence.findings or _positions(tokens, {"normal", "denies"}):
        return False
    return False if sentence.anatomy and _positions(tokens, {"stable"}) else None


def _positions(tokens: Sequence[Token], keys: Set[str]) -> tuple[int, ...]:
    matches = longest(_INDEX.find(tokens))
    masked = {position for match in matches if match.key == "not_normal" for position in match.positions}
    return tuple(match.first for match in matches if match.key in keys and not masked.intersection(match.positions))
