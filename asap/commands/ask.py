"""`asap ask`: a question about one chest CT, answered with the place the answer rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from asap.commands.classify import rounded
from asap.commands.folder import case_record, grounding_record, prepare_folder, write_listing, write_maps
from asap.inference.course import Progress, no_progress
from asap.inference.engine import Engine
from asap.questions import Answer, Evidence, Question
from asap.volume import Volume


def ask_to_folder(
    engine: Engine, volume: Volume, question: str, out: Path, *, progress: Progress = no_progress
) -> dict[str, Any]:
    """Answer a question and write the maps and pictures of its evidence and, last, `answer.json`; returns its content.

    Raises InputError (not a chest, an empty question) before anything is written.
    """
    features = engine.encode(volume, progress=progress)
    answer = engine.ask(features, question, volume)
    prepare_folder(out, "answer.json")
    evidence = []
    for part in numbered(answer.evidence):
        progress("drawing", part.grounding.sentence.index / len(answer.evidence))
        evidence.append(evidence_record(part) | write_maps(part.grounding, volume, out))
    document = case_record(engine, features, volume) | answer_record(answer) | {"evidence": evidence}
    write_listing(out, "answer.json", document)
    progress("drawing", 1.0)
    return document


def answer_record(answer: Answer) -> dict[str, Any]:
    """An answer without its evidence."""
    return {
        "question": _question_record(answer.question),
        "answer": answer.text,
        "verdict": answer.verdict,
        "confidence": rounded(answer.confidence),
        "size_mm": None if answer.size_mm is None else round(answer.size_mm, 1),
        "reason": answer.reason,
    }


def _question_record(question: Question) -> dict[str, Any]:
    return {
        "text": question.text,
        "kind": question.kind,
        "findings": [{"concept": f.concept, "anatomy": f.anatomy, "side": f.side} for f in question.findings],
        "anatomy": question.anatomy,
        "side": question.side,
        "denied": question.denied,
    }


def numbered(evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """The same with their statements numbered from 0."""
    sentences = [replace(part.grounding.sentence, index=number) for number, part in enumerate(evidence)]
    return tuple(
        replace(part, grounding=replace(part.grounding, sentence=sentence))
        for part, sentence in zip(evidence, sentences, strict=True)
    )


def evidence_record(evidence: Evidence) -> dict[str, Any]:
    """What one part of an answer rests on."""
    return {
        "concept": evidence.finding.concept,
        "probability": rounded(evidence.probability),
        "side": evidence.side,
        "anatomy": evidence.anatomy,
        "size_mm": None if evidence.size_mm is None else round(evidence.size_mm, 1),
        "statement": grounding_record(evidence.grounding),
    }
