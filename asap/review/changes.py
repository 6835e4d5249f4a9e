"""What differs between two reviews that follow each other, as a record; and the later one, from the earlier and that record.

Only additions are such a difference: a review in which an earlier decision is gone does not follow, it begins anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any, Literal

from .record import (
    HEAD,
    amendment_of,
    answer_of,
    answer_record,
    decision_of,
    from_json,
    preference_of,
    sentence_of,
    signature_of,
    to_json,
)
from .review import Review, ReviewedAnswer, ReviewedSentence

Item = ReviewedSentence | ReviewedAnswer
Kind = Literal["opened", "asked", "extended", "decided", "undone", "answered", "compared", "signed", "amended"]


def change(before: Review | None, after: Review) -> dict[str, Any]:
    """A record of what came; {} when nothing did."""
    if before is None or not _follows(before, after):
        return {"opened": json.loads(to_json(after))}
    record: dict[str, Any] = {}
    if any(getattr(before, name) != getattr(after, name) for name in HEAD):
        record["head"] = {name: getattr(after, name) for name in HEAD}
    # Rows of the whole review, taken only when there are new ones: they are long.
    if len(after.sentences) > len(before.sentences) or len(after.answers) > len(before.answers):
        whole = json.loads(to_json(after))
        record["sentences"] = whole["sentences"][len(before.sentences) :]
        record["answers"] = whole["answers"][len(before.answers) :]
    record["steps"] = [step for old, new, of, index in _pairs(before, after) if (step := _step(of, index, old, new))]
    if after.signature != before.signature and after.signature is not None:
        record["signature"] = asdict(after.signature)
    record["amendments"] = [asdict(one) for one in after.amendments[len(before.amendments) :]]
    record["preferences"] = [asdict(one) for one in after.preferences[len(before.preferences) :]]
    return {name: value for name, value in record.items() if value}


def applied(before: Review | None, record: dict[str, Any]) -> Review:
    """The review after a record. ValueError, KeyError, TypeError, IndexError or ProtocolError for one that does not fit."""
    if "opened" in record:
        return from_json(json.dumps(record["opened"]))
    if before is None:
        raise ValueError("nothing to add to")
    review = before
    if "head" in record:
        report, model, notice, input_sha256 = (str(record["head"][name]) for name in HEAD)
        review = replace(review, report=report, model=model, notice=notice, input_sha256=input_sha256)
    for step in record.get("steps", ()):
        review = _stepped(review, step)
    return replace(
        review,
        sentences=review.sentences + tuple(sentence_of(row) for row in record.get("sentences", ())),
        answers=review.answers + tuple(answer_of(row) for row in record.get("answers", ())),
        signature=signature_of(record["signature"]) if "signature" in record else review.signature,
        amendments=review.amendments + tuple(amendment_of(row) for row in record.get("amendments", ())),
        preferences=review.preferences + tuple(preference_of(row) for row in record.get("preferences", ())),
    )


def kind_of(record: dict[str, Any]) -> tuple[Kind, str, str]:
    """(what happened, to which item such as "sentence 3" or "", the state it now has or ""), without any words of the report."""
    if steps := record.get("steps"):
        return _kind_of_step(steps[-1])
    if "preferences" in record:
        pair = record["preferences"][-1]
        return "compared", f"answers {pair['first']} and {pair['second']}", ""
    if "amendments" in record:
        about = record["amendments"][-1]["sentence"]
        return "amended", "" if about is None else f"sentence {about}", ""
    whole: dict[str, Kind] = {"opened": "opened", "signature": "signed", "answers": "asked"}
    return next((kind for name, kind in whole.items() if name in record), "extended"), "", ""


def _kind_of_step(step: dict[str, Any]) -> tuple[Kind, str, str]:
    item = f"{step['of']} {step['index']}"
    if not step["decisions"]:
        return "answered", item, ""
    last = step["decisions"][-1]
    return ("decided" if last["undoes"] is None else "undone"), item, last["state"]


def _pairs(before: Review, after: Review) -> Iterator[tuple[Item, Item, str, int]]:
    """(earlier, later, "sentence" or "answer", index) of what both hold."""
    for index, sentence in enumerate(zip(before.sentences, after.sentences, strict=False)):
        yield *sentence, "sentence", index
    for index, answer in enumerate(zip(before.answers, after.answers, strict=False)):
        yield *answer, "answer", index


def _follows(before: Review, after: Review) -> bool:
    """Whether all that was decided, signed and amended before is still there."""
    return (
        len(after.sentences) >= len(before.sentences)
        and len(after.answers) >= len(before.answers)
        and all(_same_item(old, new) for old, new, _of, _index in _pairs(before, after))
        and before.signature in (None, after.signature)
        and after.amendments[: len(before.amendments)] == before.amendments
        and after.preferences[: len(before.preferences)] == before.preferences
    )


def _same_item(old: Item, new: Item) -> bool:
    if old is new:
        return True
    same = replace(old, decisions=()) == replace(new, decisions=()) or (
        isinstance(old, ReviewedSentence) and old.draft == new.draft
    )
    return same and new.decisions[: len(old.decisions)] == old.decisions


def _step(of: str, index: int, old: Item, new: Item) -> dict[str, Any]:
    if old == new:
        return {}
    step: dict[str, Any] = {"of": of, "index": index, "decisions": [asdict(one) for one in new.decisions[len(old.decisions) :]]}
    if isinstance(old, ReviewedSentence) and isinstance(new, ReviewedSentence) and new.answer != old.answer:
        step["answer"], step["weights_sha256"] = answer_record(new.answer), new.weights_sha256
    return step


def _stepped(review: Review, step: dict[str, Any]) -> Review:
    index, decisions = int(step["index"]), tuple(decision_of(one) for one in step["decisions"])
    if step["of"] == "answer":
        answer = review.answers[index]
        changed = replace(answer, decisions=answer.decisions + decisions)
        return replace(review, answers=(*review.answers[:index], changed, *review.answers[index + 1 :]))
    sentence = review.sentences[index]
    grown = replace(sentence, decisions=sentence.decisions + decisions)
    if "answer" in step:
        told = sentence_of({"answer": step["answer"], "draft": "", "weights_sha256": step["weights_sha256"], "decisions": ()})
        grown = replace(grown, answer=told.answer, weights_sha256=told.weights_sha256)
    return replace(review, sentences=(*review.sentences[:index], grown, *review.sentences[index + 1 :]))
