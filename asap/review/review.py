"""The report and the answers under review as data: each with what the model said and every decision about it.

Records are frozen; a change is a new `Review`. Undo is a decision too, and signing ends all but amendments.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from asap.client import GroundAnswer, SentenceAnswer

from .decisions import STATES, VERDICTS, Decision, Preference, State, Verdict, one_line, state_of, time_now
from .drafted import Drafted
from .errors import ReviewError
from .signing import Amendment, Signature


@dataclass(frozen=True)
class ReviewedSentence:
    """answer: what the model said about the current wording. draft: the wording it began with. weights_sha256: of that model.

    drafted: what the draft said of its own sentence; None for one a person wrote.
    """

    answer: SentenceAnswer
    draft: str
    weights_sha256: str
    decisions: tuple[Decision, ...] = ()
    drafted: Drafted | None = None

    @property
    def state(self) -> State:
        """Where the sentence stands."""
        return self.decisions[-1].state if self.decisions else "draft"

    @property
    def text(self) -> str:
        """The current wording."""
        return self.decisions[-1].text if self.decisions else self.draft

    @property
    def sure(self) -> float | None:
        """How sure the model is of the wording, calibrated: of its own draft as a whole, else of finding and place."""
        if self.drafted is not None and self.text == self.draft:
            return self.drafted.probability
        return self.answer.confidence

    @property
    def doubted(self) -> bool:
        """Whether the draft itself did not stand by the sentence, and no reader has said otherwise."""
        return self.state == "draft" and self.drafted is not None and self.drafted.state != "supported"

    @property
    def in_report(self) -> bool:
        """Whether the sentence stands in the report: neither rejected nor left in doubt."""
        return self.state != "rejected" and not self.doubted

    @property
    def undecided(self) -> bool:
        """Whether a reader must decide before signing; what the draft held back need not be looked at."""
        return self.state == "draft" and (self.drafted is None or self.drafted.state != "held back")


@dataclass(frozen=True)
class ReviewedAnswer:
    """A question and a model's answer. confidence: calibrated, or None. evidence: where in the CT it was seen, or why not.

    further: other places it rests on, the surest first. case: which CT it is about, in a worklist of many; model: "" where the
    reader is not to know.
    """

    question: str
    draft: str
    model: str
    weights_sha256: str
    confidence: float | None = None
    evidence: SentenceAnswer | None = None
    decisions: tuple[Decision, ...] = ()
    case: str = ""
    further: tuple[SentenceAnswer, ...] = ()

    @property
    def state(self) -> State:
        """Where the answer stands."""
        return self.decisions[-1].state if self.decisions else "draft"

    @property
    def text(self) -> str:
        """The answer as it stands, corrected where a reader did so."""
        return self.decisions[-1].text if self.decisions else self.draft

    @property
    def verdict(self) -> Verdict | None:
        """What the reader said last, None before that."""
        return self.decisions[-1].verdict if self.decisions else None


@dataclass(frozen=True)
class Review:
    """report: the text as it was read in; model, notice: of the newest answer. input_sha256: `Volume.identity`, or ""."""

    report: str
    model: str
    notice: str
    sentences: tuple[ReviewedSentence, ...]
    answers: tuple[ReviewedAnswer, ...] = ()
    input_sha256: str = ""
    signature: Signature | None = None
    amendments: tuple[Amendment, ...] = ()
    preferences: tuple[Preference, ...] = ()

    # what was said

    def answered(self, index: int, answer: SentenceAnswer, weights_sha256: str) -> Review:
        """The review with the model's answer for a sentence's new wording. ReviewError once it is signed."""
        self.must_be_open()
        sentence = self.sentences[index]
        placed = replace(answer, index=index, section=sentence.answer.section, span=sentence.answer.span)
        return self._with_sentence(index, replace(sentence, answer=placed, weights_sha256=weights_sha256))

    def extended(self, answer: GroundAnswer) -> Review:
        """The review with further sentences at its end. ReviewError once it is signed."""
        self.must_be_open()
        added = tuple(
            ReviewedSentence(replace(one, index=len(self.sentences) + n), one.text, answer.model.weights_sha256)
            for n, one in enumerate(answer.sentences)
        )
        return replace(self, model=answer.model.name, notice=answer.notice, sentences=self.sentences + added)

    def asked(self, answer: ReviewedAnswer) -> Review:
        """The review with one more question and its answer. ReviewError once it is signed."""
        self.must_be_open()
        return replace(self, answers=(*self.answers, answer))

    # what was decided

    def decided(self, index: int, state: State, author: str, text: str | None = None) -> Review:
        """The review after one more decision about a sentence. ReviewError for no state or wording, or once signed."""
        self.must_be_open()
        if state not in STATES:
            raise ReviewError("A sentence is a draft, accepted, edited or rejected.")
        sentence = self.sentences[index]
        wording = sentence.text if text is None else one_line(text)
        decision = Decision(state, author, time_now(), wording, self.next_number)
        return self._with_sentence(index, replace(sentence, decisions=(*sentence.decisions, decision)))

    def judged(self, index: int, verdict: Verdict, author: str, correction: str = "", seconds: float | None = None) -> Review:
        """The review after a verdict on an answer; a correction goes with "disagree". ReviewError for another, or once signed."""
        self.must_be_open()
        corrected = " ".join(correction.split())
        if verdict not in VERDICTS or (corrected and verdict != "disagree"):
            raise ReviewError("A verdict is agree, disagree or unsure; a correction goes with disagree.")
        answer = self.answers[index]
        state = state_of(verdict, corrected)
        decision = Decision(state, author, time_now(), corrected or answer.draft, self.next_number, verdict, seconds=seconds)
        return self._with_answer(index, replace(answer, decisions=(*answer.decisions, decision)))

    def preferred(self, first: int, second: int, better: int | None, author: str) -> Review:
        """The review after two answers to one question were compared. ReviewError for other answers, or once signed."""
        self.must_be_open()
        one, other = self.answers[first], self.answers[second]
        if first == second or (one.case, one.question) != (other.case, other.question) or better not in (first, second, None):
            raise ReviewError("Two different answers to one question are compared; one of them is better, or neither.")
        return replace(self, preferences=(*self.preferences, Preference(author, time_now(), first, second, better)))

    def undone(self, author: str) -> Review | None:
        """The review with its last decision taken back by a further one; None without any. ReviewError once it is signed."""
        self.must_be_open()
        last = self.last_decision
        if last is None:
            return None
        of, index, number = last
        item: ReviewedSentence | ReviewedAnswer = self.sentences[index] if of == "sentence" else self.answers[index]
        at = next(n for n, decision in enumerate(item.decisions) if decision.number == number)
        # Undo goes strictly backwards, so what stood before that decision is what its predecessor here says.
        before = item.decisions[at - 1] if at else Decision("draft", "", "", item.draft, 0)
        back = replace(before, author=author, time_utc=time_now(), number=self.next_number, undoes=number, seconds=None)
        if of == "sentence":
            return self._with_sentence(index, replace(self.sentences[index], decisions=(*item.decisions, back)))
        return self._with_answer(index, replace(self.answers[index], decisions=(*item.decisions, back)))

    @property
    def last_decision(self) -> tuple[str, int, int] | None:
        """("sentence" or "answer", its index, the decision's number) of what undo would take back."""
        steps = list(self._steps())
        gone = {step.undoes for _of, _index, step in steps}
        standing = [(step.number, of, index) for of, index, step in steps if step.undoes is None and step.number not in gone]
        if not standing:
            return None
        number, of, index = max(standing)
        return of, index, number

    @property
    def next_number(self) -> int:
        """The number of the next decision."""
        return 1 + max((step.number for _of, _index, step in self._steps()), default=0)

    @property
    def reviewed(self) -> int:
        """How many sentences are no longer drafts."""
        return sum(sentence.state != "draft" for sentence in self.sentences)

    @property
    def waiting(self) -> int:
        """How many sentences a reader must still decide before signing."""
        return sum(sentence.undecided for sentence in self.sentences)

    def must_be_open(self) -> None:
        """ReviewError once the review is signed."""
        if self.signature is not None:
            raise ReviewError("This report is signed and stays as it is; add an amendment.")

    def _steps(self) -> Iterator[tuple[str, int, Decision]]:
        for index, sentence in enumerate(self.sentences):
            yield from (("sentence", index, step) for step in sentence.decisions)
        for index, answer in enumerate(self.answers):
            yield from (("answer", index, step) for step in answer.decisions)

    def _with_sentence(self, index: int, sentence: ReviewedSentence) -> Review:
        return replace(self, sentences=(*self.sentences[:index], sentence, *self.sentences[index + 1 :]))

    def _with_answer(self, index: int, answer: ReviewedAnswer) -> Review:
        return replace(self, answers=(*self.answers[:index], answer, *self.answers[index + 1 :]))


def new_review(
    report: str,
    answer: GroundAnswer,
    earlier: Review | None = None,
    input_sha256: str = "",
    drafted: Sequence[Drafted] = (),
) -> Review:
    """A review of a report that was just answered.

    Of an earlier, unsigned one stay the decisions on the same words, and the questions that were asked with all said of them.
    drafted: what the draft said of each sentence, for a report that a model wrote.
    """
    known, review = {}, Review(report, answer.model.name, answer.notice, (), input_sha256=input_sha256)
    if earlier is not None and earlier.signature is None:
        known = {sentence.draft: sentence.decisions for sentence in earlier.sentences}
        review = replace(review, answers=earlier.answers, preferences=earlier.preferences)
    start, review = review.next_number, review.extended(answer)
    kept: list[ReviewedSentence] = []
    for index, sentence in enumerate(review.sentences):
        said = drafted[index] if drafted else None
        decisions = known.get(sentence.draft, ())
        if decisions and decisions[-1].text == sentence.draft:
            first = start + sum(len(one.decisions) for one in kept)
            decisions = tuple(replace(step, number=first + n, undoes=None) for n, step in enumerate(decisions))
        else:
            decisions = ()
        kept.append(replace(sentence, decisions=decisions, drafted=said))
    return replace(review, sentences=tuple(kept))
