"""The report under review as data: every sentence with its answer and every decision about it, kept in one MRML text node.

What the node holds is enough to go on reviewing without a server: texts, maps as they came over the wire, decisions with author,
time and the digest of the model that drew the map. Records are frozen; a change is a new `Review`.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

from asap.client import GroundAnswer, SentenceAnswer
from asap.client.errors import ProtocolError
from asap.client.protocol import sentence_answer
from asap.client.wire import pack_map

from .i18n import _

State = Literal["draft", "accepted", "edited", "rejected"]
STATES: tuple[State, ...] = ("draft", "accepted", "edited", "rejected")
FORMAT = 1
ROLE = "ASAP.role"
REVIEW_ROLE = "review"
VOLUME_REFERENCE = "ASAP.volume"


@dataclass(frozen=True)
class Decision:
    """One step of a sentence's history. time_utc: ISO 8601. text: the wording from then on."""

    state: State
    author: str
    time_utc: str
    text: str


@dataclass(frozen=True)
class ReviewedSentence:
    """answer: what the model said about the current wording. draft: the wording it began with. weights_sha256: of that model."""

    answer: SentenceAnswer
    draft: str
    weights_sha256: str
    decisions: tuple[Decision, ...] = ()

    @property
    def state(self) -> State:
        """Where the sentence stands."""
        return self.decisions[-1].state if self.decisions else "draft"

    @property
    def text(self) -> str:
        """The current wording."""
        return self.decisions[-1].text if self.decisions else self.draft


@dataclass(frozen=True)
class Review:
    """report: the text as it was read in; model, notice: of the newest answer."""

    report: str
    model: str
    notice: str
    sentences: tuple[ReviewedSentence, ...]

    def decided(self, index: int, state: State, author: str, text: str | None = None) -> Review:
        """The review after one more decision. ValueError for a state or wording that is none."""
        sentence = self.sentences[index]
        wording = sentence.text if text is None else " ".join(text.split())
        if state not in STATES or not wording:
            raise ValueError(_("A sentence is a draft, accepted, edited or rejected, and has words."))
        decision = Decision(state, author, time_now(), wording)
        return self._with(index, replace(sentence, decisions=(*sentence.decisions, decision)))

    @property
    def reviewed(self) -> int:
        """How many sentences are no longer drafts."""
        return sum(sentence.state != "draft" for sentence in self.sentences)

    def answered(self, index: int, answer: SentenceAnswer, weights_sha256: str) -> Review:
        """The review with the model's answer for a sentence's new wording."""
        sentence = self.sentences[index]
        placed = replace(answer, index=index, section=sentence.answer.section, span=sentence.answer.span)
        return self._with(index, replace(sentence, answer=placed, weights_sha256=weights_sha256))

    def extended(self, answer: GroundAnswer) -> Review:
        """The review with further sentences at its end."""
        added = tuple(
            ReviewedSentence(replace(one, index=len(self.sentences) + n), one.text, answer.model.weights_sha256)
            for n, one in enumerate(answer.sentences)
        )
        return replace(self, model=answer.model.name, notice=answer.notice, sentences=self.sentences + added)

    def _with(self, index: int, sentence: ReviewedSentence) -> Review:
        return replace(self, sentences=(*self.sentences[:index], sentence, *self.sentences[index + 1 :]))


def time_now() -> str:
    """Now in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def new_review(report: str, answer: GroundAnswer, earlier: Review | None = None) -> Review:
    """A review of a report that was just answered. Decisions of an earlier review stay with sentences of the same words."""
    known = {sentence.draft: sentence.decisions for sentence in earlier.sentences} if earlier is not None else {}
    empty = Review(report, answer.model.name, answer.notice, ())
    review = empty.extended(answer)
    kept = []
    for sentence in review.sentences:
        decisions = known.get(sentence.draft, ())
        same_words = bool(decisions) and decisions[-1].text == sentence.draft
        kept.append(replace(sentence, decisions=decisions) if same_words else sentence)
    return replace(review, sentences=tuple(kept))


def to_json(review: Review) -> str:
    """One line of ASCII JSON, the text of the MRML node."""
    rows = ",".join(_sentence_json(sentence) for sentence in review.sentences)
    record = {"format": FORMAT, "report": review.report, "model": review.model, "notice": review.notice}
    return f'{_compact(record)[:-1]},"sentences":[{rows}]}}'


def _sentence_json(sentence: ReviewedSentence) -> str:
    record = {
        "draft": sentence.draft,
        "weights_sha256": sentence.weights_sha256,
        "decisions": [dataclasses.asdict(decision) for decision in sentence.decisions],
    }
    return f'{_compact(record)[:-1]},"answer":{_answer_json(sentence.answer)}}}'


@lru_cache(maxsize=4096)
def _answer_json(answer: SentenceAnswer) -> str:
    """Kept, because every decision writes the whole review and no answer ever changes."""
    return _compact(_answer_record(answer))


def _compact(record: dict[str, Any]) -> str:
    return json.dumps(record, separators=(",", ":"))


def from_json(text: str) -> Review:
    """The review a node's text holds. ValueError, with what to do, for anything else: scenes come from other people too."""
    try:
        record = json.loads(text)
        if record["format"] != FORMAT:
            raise ValueError("another format")
        return Review(
            str(record["report"]),
            str(record["model"]),
            str(record["notice"]),
            tuple(_sentence(row) for row in record["sentences"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError, ProtocolError) as error:
        raise ValueError(_("This scene's ASAP review cannot be read; it is damaged or of a newer version.")) from error


def _sentence(row: Any) -> ReviewedSentence:
    names = [field.name for field in dataclasses.fields(Decision)]
    decisions = tuple(Decision(**{name: str(one[name]) for name in names}) for one in row["decisions"])  # type: ignore[arg-type]
    if any(decision.state not in STATES for decision in decisions):
        raise ValueError("unknown state")
    return ReviewedSentence(sentence_answer(row["answer"]), str(row["draft"]), str(row["weights_sha256"]), decisions)


def _answer_record(answer: SentenceAnswer) -> dict[str, Any]:
    record = {field.name: getattr(answer, field.name) for field in dataclasses.fields(answer)}
    for name in ("map", "fine_map"):
        record[name] = None if record[name] is None else pack_map(record[name])
    for name in ("peak_ras_mm", "span"):
        record[name] = None if record[name] is None else list(record[name])
    return record


def review_node(scene: Any) -> Any:
    """The scene's review node, or None."""
    for n in range(scene.GetNumberOfNodesByClass("vtkMRMLTextNode")):
        node = scene.GetNthNodeByClass(n, "vtkMRMLTextNode")
        if node.GetAttribute(ROLE) == REVIEW_ROLE:
            return node
    return None


def save(scene: Any, review: Review, volume: Any) -> Any:
    """Write the review into the scene's node, made on first use. Returns the node."""
    node = review_node(scene)
    if node is None:
        node = scene.AddNewNodeByClass("vtkMRMLTextNode", _("ASAP review"))
        node.SetAttribute(ROLE, REVIEW_ROLE)
        # The words stand in the .mrml itself: they are there however the scene was saved.
        node.SetForceCreateStorageNode(node.CreateStorageNodeNever)
    node.SetNodeReferenceID(VOLUME_REFERENCE, volume.GetID() if volume is not None else None)
    node.SetText(to_json(review))
    return node


def load(scene: Any) -> tuple[Review, Any] | None:
    """The scene's review and the volume it speaks of (None when that is gone), or None. ValueError for a damaged one."""
    node = review_node(scene)
    if node is None or not node.GetText():
        return None
    return from_json(node.GetText()), node.GetNodeReference(VOLUME_REFERENCE)
