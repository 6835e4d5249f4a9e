"""A review as one line of ASCII JSON: the text of a scene's node, a line of a journal, what a signature covers."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from asap.client import GroundAnswer, ProtocolError, SentenceAnswer
from asap.client.protocol import sentence_answer
from asap.client.wire import pack_map

from .decisions import STATES, VERDICTS, Decision, Preference
from .drafted import drafted_of
from .errors import DamagedReview
from .review import Review, ReviewedAnswer, ReviewedSentence
from .signing import Amendment, Signature, chained, digest, map_digest

FORMAT = 2
DAMAGED = "This ASAP review cannot be read; it is damaged or of another version."
HEAD = ("report", "model", "notice", "input_sha256")


def to_json(review: Review) -> str:
    """The whole review, maps included."""
    sentences = ",".join(_sentence_json(sentence) for sentence in review.sentences)
    answers = ",".join(_given_json(answer) for answer in review.answers)
    head = {
        "format": FORMAT,
        **{name: getattr(review, name) for name in HEAD},
        "signature": None if review.signature is None else asdict(review.signature),
        "amendments": [asdict(one) for one in review.amendments],
        "preferences": [asdict(one) for one in review.preferences],
    }
    return f'{compact(head)[:-1]},"sentences":[{sentences}],"answers":[{answers}]}}'


def from_json(text: str) -> Review:
    """The review of such a line, its signature checked. DamagedReview, with what to do, for anything else."""
    try:
        record = json.loads(text)
        if record["format"] != FORMAT:
            raise ValueError("another format")
        review = Review(
            **{name: str(record[name]) for name in HEAD},
            sentences=tuple(sentence_of(row) for row in record["sentences"]),
            answers=tuple(answer_of(row) for row in record["answers"]),
            signature=None if record["signature"] is None else signature_of(record["signature"]),
            amendments=tuple(amendment_of(row) for row in record["amendments"]),
            preferences=tuple(preference_of(row) for row in record["preferences"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError, ProtocolError) as error:
        raise DamagedReview(DAMAGED) from error
    check_signature(review)
    return review


def content_sha256(review: Review) -> str:
    """sha256 of everything a signature covers: texts, answers, digests of maps, decisions."""
    sentences = [
        {
            "draft": one.draft,
            "weights_sha256": one.weights_sha256,
            "answer": _fingerprint(one.answer),
            "decisions": [asdict(step) for step in one.decisions],
            **_drafted(one),
        }
        for one in review.sentences
    ]
    answers = [
        {
            **_given(one),
            "evidence": None if one.evidence is None else _fingerprint(one.evidence),
            **({"further": [_fingerprint(place) for place in one.further]} if one.further else {}),
        }
        for one in review.answers
    ]
    preferences = [asdict(one) for one in review.preferences]
    return digest([{name: getattr(review, name) for name in HEAD}, sentences, answers, preferences])


def check_signature(review: Review) -> None:
    """DamagedReview when what was signed, or an amendment, was changed afterwards."""
    if review.signature is None:
        if review.amendments:
            raise DamagedReview(DAMAGED)
        return
    if review.signature.sha256 != content_sha256(review):
        raise DamagedReview("This report was changed after it was signed; its signature no longer holds.")
    previous = review.signature.sha256
    for one in review.amendments:
        if one != chained(previous, one.author, one.time_utc, one.text, one.sentence):
            raise DamagedReview("An amendment was changed after it was written; this report no longer holds together.")
        previous = one.sha256


def compact(record: Any) -> str:
    """JSON without spaces."""
    return json.dumps(record, separators=(",", ":"), allow_nan=False)


def _sentence_json(sentence: ReviewedSentence) -> str:
    record = {
        "draft": sentence.draft,
        "weights_sha256": sentence.weights_sha256,
        "decisions": [asdict(decision) for decision in sentence.decisions],
        **_drafted(sentence),
    }
    return f'{compact(record)[:-1]},"answer":{_answer_json(sentence.answer)}}}'


def _drafted(sentence: ReviewedSentence) -> dict[str, Any]:
    """Only of a drafted sentence, so that a report a person wrote is signed as it was before drafts came to be."""
    return {} if sentence.drafted is None else {"drafted": asdict(sentence.drafted)}


def _given_json(answer: ReviewedAnswer) -> str:
    evidence = "null" if answer.evidence is None else _answer_json(answer.evidence)
    further = ",".join(_answer_json(place) for place in answer.further)
    more = f',"further":[{further}]' if further else ""  # absent from records of an older version
    return f'{compact(_given(answer))[:-1]},"evidence":{evidence}{more}}}'


def _given(answer: ReviewedAnswer) -> dict[str, Any]:
    names = ("case", "question", "draft", "model", "weights_sha256", "confidence")
    return {name: getattr(answer, name) for name in names} | {"decisions": [asdict(step) for step in answer.decisions]}


def pack_ahead(answer: GroundAnswer) -> None:
    """Pack the maps of a report's answer now, off the thread of a window; keeping a review of it then costs little."""
    for sentence in answer.sentences:
        _answer_json(sentence)


@lru_cache(maxsize=4096)
def _answer_json(answer: SentenceAnswer) -> str:
    """Kept, because every decision writes the whole review and no answer ever changes."""
    return compact(answer_record(answer))


def answer_record(answer: SentenceAnswer) -> dict[str, Any]:
    """A model's answer as it came over the wire."""
    record = {field.name: getattr(answer, field.name) for field in dataclasses.fields(answer)}
    for name in ("map", "fine_map"):
        record[name] = None if record[name] is None else pack_map(record[name])
    return record


@lru_cache(maxsize=4096)
def _fingerprint(answer: SentenceAnswer) -> str:
    record = {field.name: getattr(answer, field.name) for field in dataclasses.fields(answer)}
    for name in ("map", "fine_map"):
        record[name] = None if record[name] is None else map_digest(record[name])
    return digest(record)


def sentence_of(row: Any) -> ReviewedSentence:
    """A sentence of its record. ValueError, KeyError, TypeError, ProtocolError for another."""
    decisions = tuple(decision_of(one) for one in row["decisions"])
    said = drafted_of(row.get("drafted"))
    return ReviewedSentence(sentence_answer(row["answer"]), str(row["draft"]), str(row["weights_sha256"]), decisions, said)


def answer_of(row: Any) -> ReviewedAnswer:
    """A question and its answer of their record. Errors as for a sentence."""
    confidence = row["confidence"]
    return ReviewedAnswer(
        **{name: str(row[name]) for name in ("case", "question", "draft", "model", "weights_sha256")},
        confidence=None if confidence is None else float(confidence),
        evidence=None if row["evidence"] is None else sentence_answer(row["evidence"]),
        decisions=tuple(decision_of(one) for one in row["decisions"]),
        further=tuple(sentence_answer(place) for place in row.get("further", ())),
    )


def decision_of(row: Any) -> Decision:
    """A decision of its record. Errors as for a sentence."""
    if row["state"] not in STATES or row["verdict"] not in (None, *VERDICTS):
        raise ValueError("no state")
    texts = {name: str(row[name]) for name in ("author", "time_utc", "text")}
    undoes, seconds = row["undoes"], row["seconds"]
    return Decision(
        row["state"],
        **texts,
        number=int(row["number"]),
        verdict=row["verdict"],
        undoes=None if undoes is None else int(undoes),
        seconds=None if seconds is None else float(seconds),
    )


def preference_of(row: Any) -> Preference:
    """A preference of its record. Errors as for a sentence."""
    better = row["better"]
    names = (str(row["author"]), str(row["time_utc"]), int(row["first"]), int(row["second"]))
    return Preference(*names, None if better is None else int(better))


def signature_of(row: Any) -> Signature:
    """A signature of its record. Errors as for a sentence."""
    return Signature(str(row["author"]), str(row["time_utc"]), str(row["sha256"]))


def amendment_of(row: Any) -> Amendment:
    """An amendment of its record. Errors as for a sentence."""
    sentence = row["sentence"]
    texts = (str(row["author"]), str(row["time_utc"]), str(row["text"]))
    return Amendment(*texts, None if sentence is None else int(sentence), str(row["sha256"]))
