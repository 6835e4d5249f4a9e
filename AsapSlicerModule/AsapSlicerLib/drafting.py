"""A report drafted by the server, taken into review: each sentence with what the draft itself said of it. No window."""

from __future__ import annotations

from asap.client import DraftAnswer, DraftedSentence, GroundAnswer, ProtocolError
from asap.review import DRAFT_STATES, Drafted, new_review, pack_ahead

from .background import Work
from .cases import Plan
from .i18n import _
from .logic import AsapLogic

KEY = "draft"
CAPABILITY = "report"


def can_draft(logic: AsapLogic) -> bool:
    """Whether the server drafts reports and a CT is chosen whose report nobody has signed."""
    signed = logic.review is not None and logic.review.signature is not None
    return logic.session.can(CAPABILITY) and logic.volume is not None and not signed and not logic.busy


def draft_report(logic: AsapLogic) -> None:
    """Draft a report of the chosen CT; ends in the event "report" or "error". Decisions on the same words are kept."""
    if not logic.is_open():
        return

    def act(work: Work, plan: Plan, study: str) -> tuple[DraftAnswer, GroundAnswer, tuple[Drafted, ...], str]:
        answer = plan.client.draft_report(study, model=plan.model.name, progress=work.report, cancel=work)
        placed = GroundAnswer(answer.study, answer.model, answer.notice, tuple(one.answer for one in answer.sentences))
        pack_ahead(placed)
        return answer, placed, tuple(said_of(one) for one in answer.sentences), plan.cases.identity(plan.source)

    def done(result: tuple[DraftAnswer, GroundAnswer, tuple[Drafted, ...], str]) -> None:
        answer, placed, drafted, input_sha256 = result
        if not placed.sentences:
            logic.fail(ValueError(_("The model found nothing to write about this CT.")))
            return
        logic.reviewed(lambda: new_review(answer.text, placed, logic.review, input_sha256, drafted), answer.notice)

    logic.on_case(KEY, act, done, lambda: draft_report(logic))


def said_of(sentence: DraftedSentence) -> Drafted:
    """What the server's draft says of a sentence. ProtocolError for a state of another version."""
    state = next((known for known in DRAFT_STATES if known == sentence.state), None)
    if state is None:
        raise ProtocolError("A drafted sentence is in a state that this version does not know.")
    label = sentence.label
    return Drafted(
        state,
        sentence.organ,
        sentence.probability,
        sentence.held_back_because or "",
        "" if label is None else label.name,
        None if label is None else label.probability,
    )
