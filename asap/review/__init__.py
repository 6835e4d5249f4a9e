"""Reviewing drafts and answers: the standard library and `asap.client` only, so that Slicer, server and command line share it."""

from .decisions import STATES, VERDICTS, Decision, Preference, State, Verdict, time_now
from .drafted import DRAFT_STATES, Drafted, DraftState
from .errors import DamagedReview, ReviewError
from .kept_review import KeptReview
from .record import from_json, pack_ahead, to_json
from .review import Review, ReviewedAnswer, ReviewedSentence, new_review
from .sign_off import amended, signed
from .signing import Amendment, Signature

__all__ = [
    "DRAFT_STATES",
    "STATES",
    "VERDICTS",
    "Amendment",
    "DamagedReview",
    "Decision",
    "DraftState",
    "Drafted",
    "KeptReview",
    "Preference",
    "Review",
    "ReviewError",
    "ReviewedAnswer",
    "ReviewedSentence",
    "Signature",
    "State",
    "Verdict",
    "amended",
    "from_json",
    "new_review",
    "pack_ahead",
    "signed",
    "time_now",
    "to_json",
]
