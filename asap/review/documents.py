"""A review as a document for a program (JSON with every decision, no maps) and for a person (Markdown)."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from .decisions import time_now
from .review import Review, ReviewedAnswer, ReviewedSentence
from .word_diff import word_changes

FORMAT, FORMAT_VERSION = "asap-reviewed-report", 3
NOTICE = "Research use. AI-generated. Not for diagnosis."
ANSWER_FIELDS = ("section", "assertion", "laterality", "localisable", "reason", "confidence", "peak_ras_mm", "side_check")
MARKS = {"same": "{}", "removed": "~~{}~~", "added": "**{}**"}


def review_record(review: Review, audit_sha256: str = "") -> dict[str, Any]:
    """All that was drafted, said by models and decided; points are in RAS+ mm, times in UTC. audit_sha256: head of the trail."""
    return {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "notice": NOTICE,
        "exported_utc": time_now(),
        "model": review.model,
        "input_sha256": review.input_sha256,
        "report": review.report,
        "sentences": [_sentence_record(index, one) for index, one in enumerate(review.sentences)],
        "answers": [_answer_record(one) for one in review.answers],
        "preferences": [asdict(one) for one in review.preferences],
        "signature": None if review.signature is None else asdict(review.signature),
        "amendments": [asdict(one) for one in review.amendments],
        "audit_sha256": audit_sha256,
    }


def review_json(review: Review, audit_sha256: str = "") -> str:
    """The record as text."""
    return json.dumps(review_record(review, audit_sha256), indent=2, ensure_ascii=False) + "\n"


def review_markdown(review: Review) -> str:
    """The report as it stands, what changed against the draft, the answered questions, who signed, what was added."""
    lines = ["# Reviewed report", "", f"> {NOTICE}", ""]
    section: str | None = ""
    for sentence in review.sentences:
        if not sentence.in_report:
            continue
        if sentence.answer.section != section:
            section = sentence.answer.section
            lines += [*([""] if lines[-1] else []), f"## {(section or 'added').replace('_', ' ').capitalize()}", ""]
        lines.append(f"- {_escaped(sentence.text)}{_remarks(sentence)}")
    lines.append("")
    doubted = [one for one in review.sentences if one.doubted]
    if doubted:
        lines += ["## Not in the report: the draft did not stand by it", ""]
        lines += [*(f"- {_escaped(one.text)}{_remarks(one)}" for one in doubted), ""]
    changed = [one for one in review.sentences if one.state == "rejected" or one.text != one.draft]
    if changed:
        lines += ["## Against the draft", "", *(f"- {_changes(one)}" for one in changed), ""]
    if review.answers:
        lines += ["## Questions", "", *(f"- {_question(one)}" for one in review.answers), ""]
    lines += [*signing_lines(review), "", *digest_lines(review)]
    return "\n".join(lines) + "\n"


def signing_lines(review: Review) -> list[str]:
    """Who signed when, with the digest, and every amendment; or how much is left to review."""
    if review.signature is None:
        return [f"Not signed; {review.reviewed} of {review.reviewed + review.waiting} sentences reviewed."]
    signed = review.signature
    lines = [f"Signed by {_escaped(signed.author)}, {signed.time_utc}, sha256 {signed.sha256}."]
    for one in review.amendments:
        about = "" if one.sentence is None else f" (sentence {one.sentence + 1})"
        lines += ["", f"Amended by {_escaped(one.author)}, {one.time_utc}{about}: {_escaped(one.text)}"]
    return lines


def digest_lines(review: Review) -> list[str]:
    """Which weights said it, and of which voxels."""
    weights = dict.fromkeys(one.weights_sha256 for one in review.sentences)
    lines = [f"Model weights sha256 {one}." for one in weights]
    return [*lines, f"CT voxels sha256 {review.input_sha256}."] if review.input_sha256 else lines


def _remarks(sentence: ReviewedSentence) -> str:
    said = ["not reviewed"] if sentence.state == "draft" else []
    if sentence.drafted is not None and sentence.drafted.words:
        said.append(_escaped(sentence.drafted.words))
    return f" *({'; '.join(said)})*" if said else ""


def _sentence_record(index: int, sentence: ReviewedSentence) -> dict[str, Any]:
    return {
        "index": index,
        "text": sentence.text,
        "draft": sentence.draft,
        "state": sentence.state,
        "decisions": [asdict(decision) for decision in sentence.decisions],
        "weights_sha256": sentence.weights_sha256,
        "in_report": sentence.in_report,
        "drafted": None if sentence.drafted is None else asdict(sentence.drafted),
        **{name: getattr(sentence.answer, name) for name in ANSWER_FIELDS},
    }


def _answer_record(answer: ReviewedAnswer) -> dict[str, Any]:
    return {
        "question": answer.question,
        "text": answer.text,
        "draft": answer.draft,
        "state": answer.state,
        "verdict": answer.verdict,
        "model": answer.model,
        "weights_sha256": answer.weights_sha256,
        "confidence": answer.confidence,
        "peak_ras_mm": None if answer.evidence is None else answer.evidence.peak_ras_mm,
        "decisions": [asdict(decision) for decision in answer.decisions],
    }


def _changes(sentence: ReviewedSentence) -> str:
    if sentence.state == "rejected":
        return f"~~{_escaped(sentence.draft)}~~"
    return " ".join(MARKS[kind].format(_escaped(words)) for kind, words in word_changes(sentence.draft, sentence.text))


def _question(answer: ReviewedAnswer) -> str:
    said = answer.verdict or "not judged"
    return f"{_escaped(answer.question)} {_escaped(answer.text)} *({said})*"


def _escaped(text: str) -> str:
    """Words as they are: no mark of Markdown or HTML in them takes effect."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>#|~" else letter for letter in text)
