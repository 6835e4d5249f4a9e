"""Reading a question about a chest CT: its type, the findings and places it asks about. Plain Python over the report reader."""

from __future__ import annotations

import re

from asap.errors import InputError, LimitError
from asap.limits import MAX_SENTENCE_CHARS
from asap.questions import Question, QuestionKind
from asap.report import Finding, Side
from asap.text.mentions import Reading, read_mentions
from asap.text.vocabulary import ANATOMY, FINDINGS

_SIZE = re.compile(
    r"\b(how (?:large|big|long|wide|thick|tall|many (?:mm|millimet|cm|centimet))|sizes?|diameters?|dimensions?|measur\w+|scale|"
    r"magnitude|extents?|thickness)\b"
)
_LOCATION = re.compile(
    r"\b(where|whereabouts|locat\w+|locali[sz]\w+|position(?:ed)?|"
    r"(?:which|what)(?: \w+)? (?:lobes?|sides?|lungs?|parts?|regions?|segments?|areas?|sites?|places?|zones?|spots?)|"
    r"(?:precise|specific|exact|particular) (?:region|area|site|place|spot|part))\b"
)
_YES_OR_NO = re.compile(
    r"^(?:and |so |also |please |tell me (?:if|whether) )*(?:is|are|was|were|does|do|did|has|have|had|can|could|any|whether|if)\b"
)
_ASKS_FOR_NORMALITY = re.compile(
    r"\b(normal|unremarkable|clear|healthy|intact|patent|free of (?:abnormal|disease|patholog)\w*)\b"
)
_ABOUT_ANYTHING = re.compile(
    r"\b(abnorm\w+|anomal\w+|patholog\w+|diseases?|disorders?|findings?|lesions?|diagnos\w+|wrong|problems?|unusual|"
    r"see|seen|visible|observed|shown?|present|normal|unremarkable|clear|healthy|intact|patent)\b"
)
_IRREGULAR = re.compile(r"\birregular(?:ity|ities|(?= (?:findings|changes|features)))", re.I)
_RULED_OUT = re.compile(r"\b(rul(?:e|ed|ing) out|exclud\w+)\b")
_EITHER = re.compile(r"\b(or|either|any of)\b")
# Words of the whole scan, not of a place in it, and words so general that they stand for any finding.
_ANY_FINDING = frozenset({"abnormality", "lesion", "anatomic_variant"})
NO_SUBJECT = "The question names no finding and no organ that this program knows."
OUTSIDE = "The question asks about what a chest CT does not show well."


def read_question(text: str) -> Question:
    """Understand a question.

    Raises LimitError for more than MAX_SENTENCE_CHARS characters, InputError for a text without words.
    """
    if len(text) > MAX_SENTENCE_CHARS:
        raise LimitError(f"The question is longer than {MAX_SENTENCE_CHARS} characters; shorten it.")
    if not any(character.isalnum() for character in text):
        raise InputError("The question is empty; ask about a finding or an organ.")
    asked = _IRREGULAR.sub("abnormal", text.strip().rstrip("?!. "))  # meant of anything, not of a contour
    lower = asked.lower()
    reading = read_mentions(_RULED_OUT.sub("seen", asked))
    findings = _findings(reading)
    kind = _kind(lower, findings, reading)
    anatomy, side = _place(reading)
    yes_or_no = kind in ("presence", "abnormality", "disorder") and bool(_YES_OR_NO.match(lower))
    normality = not findings and bool(_ASKS_FOR_NORMALITY.search(lower))
    return Question(
        text=text.strip(),
        kind=kind,
        findings=findings,
        every=len(findings) > 1 and not _EITHER.search(lower),
        anatomy=None if findings else anatomy,
        side=None if findings else side,
        denied=yes_or_no and (normality or _denied(lower, reading, findings)),
        yes_or_no=yes_or_no or kind == "presence",
        reason=_reason(lower, findings, anatomy),
    )


def _findings(reading: Reading) -> tuple[Finding, ...]:
    """Each definite finding the question names, once; a side or place it names once holds for all of them."""
    named = [f for f in reading.findings if f.concept not in _ANY_FINDING and not FINDINGS[f.concept].vague]
    return tuple(dict.fromkeys(Finding(f.concept, "present", f.anatomy, f.side, None) for f in named))


def _kind(lower: str, findings: tuple[Finding, ...], reading: Reading) -> QuestionKind:
    if findings and _SIZE.search(lower):
        return "size"
    if findings and _LOCATION.search(lower):
        return "location"
    if findings:
        return "presence"
    return "abnormality" if reading.places else "disorder"


def _place(reading: Reading) -> tuple[str | None, Side | None]:
    if not reading.places:
        return None, None
    place = reading.places[-1]
    sides: set[Side | None] = {p.side for p in reading.places} - {None}
    side = place.side or (next(iter(sides)) if len(sides) == 1 else None)
    return place.anatomy, side


def _denied(lower: str, reading: Reading, findings: tuple[Finding, ...]) -> bool:
    """Whether a yes would say that the findings are not there."""
    if _RULED_OUT.search(lower):
        return True
    asked = [f for f in reading.findings if any(f.concept == named.concept for named in findings)]
    return bool(asked) and all(f.assertion == "absent" for f in asked)


def _reason(lower: str, findings: tuple[Finding, ...], anatomy: str | None) -> str | None:
    if findings:
        return None if any(FINDINGS[f.concept].chest for f in findings) else OUTSIDE
    if anatomy is not None and not ANATOMY[anatomy].chest:
        return OUTSIDE
    return None if _ABOUT_ANYTHING.search(lower) else NO_SUBJECT
