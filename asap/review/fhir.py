"""A review as a FHIR DiagnosticReport: one Observation a sentence, inside it. Valid as R4 (4.0.1) and as R5 (5.0.0).

It names no patient: `subject` is left out, which both versions allow, and is for the system that files the report. Sources: HL7
FHIR R4 and R5, DiagnosticReport and Observation.
"""

from __future__ import annotations

import json
from html import escape
from typing import Any, Literal

from .documents import NOTICE
from .review import Review, ReviewedSentence

Release = Literal["R4", "R5"]
VERSIONS: dict[Release, str] = {"R4": "4.0", "R5": "5.0"}
LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
PRESENCE = {"present": ("52101004", "Present"), "absent": ("2667000", "Absent"), "uncertain": ("42425007", "Equivocal")}


def diagnostic_report(review: Review, release: Release = "R4") -> str:
    """The resource as JSON. Signed is "final", signed and amended "amended", anything else "preliminary"."""
    if review.signature is None:
        status, when = "preliminary", None
    else:
        status, when = ("amended" if review.amendments else "final"), review.signature.time_utc
    kept = [(n, one) for n, one in enumerate(review.sentences, start=1) if one.in_report]
    record: dict[str, Any] = {
        "resourceType": "DiagnosticReport",
        "meta": {"tag": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HRESCH", "display": NOTICE}]},
        "language": "en",
        "text": {"status": "generated", "div": _narrative(review, kept)},
        "contained": [_observation(number, sentence, review.input_sha256) for number, sentence in kept],
        "status": status,
        "category": [_concept("http://terminology.hl7.org/CodeSystem/v2-0074", "RAD", "Radiology")],
        "code": _concept(LOINC, "24627-2", "CT Chest"),
        "result": [{"reference": f"#sentence-{number}"} for number, _sentence in kept],
        "conclusion": "\n".join([NOTICE, *(sentence.text for _number, sentence in kept), *(a.text for a in review.amendments)]),
    }
    if when is not None:
        record["issued"] = when
    if not kept:  # FHIR has no empty lists
        del record["contained"], record["result"]
    record["meta"]["profile"] = [f"http://hl7.org/fhir/StructureDefinition/DiagnosticReport|{VERSIONS[release]}"]
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def _observation(number: int, sentence: ReviewedSentence, input_sha256: str) -> dict[str, Any]:
    answer = sentence.answer
    used = f"model weights sha256 {sentence.weights_sha256}"
    record: dict[str, Any] = {
        "resourceType": "Observation",
        "id": f"sentence-{number}",
        "status": "preliminary" if sentence.state == "draft" else "final",
        "code": _concept(LOINC, "59776-5", "Procedure findings Narrative"),
        "valueString": sentence.text,
        "device": {"display": f"{used}, CT voxels sha256 {input_sha256}" if input_sha256 else used},
        "note": [{"text": NOTICE}],
    }
    parts: list[dict[str, Any]] = []
    if answer.assertion in PRESENCE:
        value, meaning = PRESENCE[answer.assertion]
        parts.append(
            {"code": _concept(SNOMED, "705057003", "Presence"), "valueCodeableConcept": _concept(SNOMED, value, meaning)}
        )
    if answer.confidence is not None:
        percent = {"value": round(100 * answer.confidence, 1), "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
        parts.append({"code": {"text": "calibrated confidence of the model"}, "valueQuantity": percent})
    if answer.peak_ras_mm is not None:
        place = "R {:.1f} A {:.1f} S {:.1f} mm".format(*answer.peak_ras_mm)
        parts.append({"code": {"text": "place of the highest heat"}, "valueString": place})
    if sentence.drafted is not None:
        said = sentence.drafted.words or "supported"
        parts.append({"code": {"text": "what the draft said of its own sentence"}, "valueString": said})
    if parts:
        record["component"] = parts
    return record


def _narrative(review: Review, kept: list[tuple[int, ReviewedSentence]]) -> str:
    rows = "".join(f"<li>{escape(sentence.text)} ({escape(_state(sentence))})</li>" for _number, sentence in kept)
    added = "".join(f"<p>Amendment: {escape(one.text)}</p>" for one in review.amendments)
    listed = f"<ol>{rows}</ol>" if rows else ""
    return f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{NOTICE}</p>{listed}{added}</div>'


def _state(sentence: ReviewedSentence) -> str:
    said = "" if sentence.drafted is None else sentence.drafted.words
    return f"{sentence.state}; {said}" if said else sentence.state


def _concept(system: str, code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}]}
