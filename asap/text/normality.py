"""Normality: what is said to be as it should be, and whether a sentence speaks of anything abnormal."""

from __future__ import annotations

from collections.abc import Sequence

from asap.report import Sentence
from asap.text.patterns import PatternIndex, longest
from asap.text.tokens import Token, tokenise

_INDEX = PatternIndex((
    ("normal", ("normal", "normally", "natural", "unremarkable", "clear", "patent", "open", "intact", "preserved", "midline",
     "within ~1 limit",
                "homogeneous", "homogenous", "symmetric*", "well expanded|aerated|inflated|maintained|defined",
                "no ~2 abnormal*|patholog*",
                "grossly clear|normal|unremarkable|intact", "regular", "sharp", "smooth contour", "maintained",
                "not enlarged|dilated|widened",
                "expanded", "not remarkable", "normocephalic", "without abnormal*", "not thickened", "good alignment", "aerated",
                "aligned", "appropriate", "wnl", "usual", "physiological", "obvious plane", "stable and normal", "negative",
                "not increased",
                "non enlarged", "nonenlarged", "age appropriate", "satisfactory", "no ~3 disease|process|finding", "inflated",
                "healthy")),
    ("not_normal", ("not normal|natural|clear|patent|open|intact|preserved|midline|homogeneous|symmetric*", "abnormal*",
     "normal ~1 variant",
                    "larger|wider|smaller|higher|greater than normal", "above|below|upper normal", "near normal",
                    "open wound", "clear from", "heterogeneous", "not ~2 clear|normal|patent",
                    "lower|upper limit", "normal ~2 size lymph", "no longer normal", "clearly", "clear that", "normalization")),
    ("described", ("size", "contour", "caliber", "diameter", "width", "thickness", "height")),
))  # fmt: skip
_STABLE = PatternIndex((("stable", ("stable", "unchanged", "similar", "no ~2 change", "not ~2 changed", "same")),))


def normal_positions(tokens: Sequence[Token]) -> tuple[int, ...]:
    """Token positions of the words that say something is normal."""
    matches = longest(_INDEX.find(tokens))
    masked = {position for match in matches if match.key == "not_normal" for position in match.positions}
    return tuple(match.first for match in matches if match.key == "normal" and not masked.intersection(match.positions))


def states_normality(text: str) -> bool:
    """Whether the sentence says that something is normal ("clear", "patent", "within normal limits")."""
    return bool(normal_positions(tokenise(text)))


def is_abnormal(sentence: Sentence) -> bool | None:
    """True: a finding is stated (or suspected). False: only absence or normality is. None: no rule applies."""
    if any(finding.assertion != "absent" for finding in sentence.findings):
        return True
    if sentence.findings or states_normality(sentence.text):
        return False
    if sentence.anatomy and _STABLE.find(tokenise(sentence.text)):
        return False
    return None
