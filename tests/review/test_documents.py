"""Documents of a review: true to it, with the notice, without a patient; FHIR as the R4 and R5 definitions ask."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree

import pytest

from asap.review import Review, amended, signed
from asap.review.documents import NOTICE, review_json, review_markdown
from asap.review.fhir import Release, diagnostic_report
from tests.review.cases import TEXTS, accepted, fresh

# Of the structure definitions of R4 (4.0.1) and R5 (5.0.0): elements both have, those required, and bound codes.
REPORT = {
    "resourceType", "meta", "language", "text", "contained", "identifier", "basedOn", "status", "category", "code", "subject",
    "effectiveDateTime", "issued", "performer", "resultsInterpreter", "specimen", "result", "conclusion", "conclusionCode",
}  # fmt: skip
REPORT_STATUS = {
    "registered", "partial", "preliminary", "final", "amended", "corrected", "appended", "cancelled", "unknown",
}  # fmt: skip
OBSERVATION = {
    "resourceType", "id", "status", "category", "code", "subject", "effectiveDateTime", "valueString", "valueQuantity",
    "dataAbsentReason", "interpretation", "note", "bodySite", "method", "device", "component",
}  # fmt: skip
OBSERVATION_STATUS = {"registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"}
COMPONENT = {"code", "valueString", "valueQuantity", "valueCodeableConcept", "dataAbsentReason"}
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def reviewed() -> Review:
    """Edited, rejected, judged, signed and amended."""
    review = accepted().decided(1, "edited", "Dr A", "A small <effusion> on *both* sides.").decided(3, "rejected", "Dr A")
    return amended(signed(review.judged(0, "disagree", "Dr B", "No."), "Dr S"), "Dr S", "See $also$ the liver.", 0)


def concept(value: dict[str, Any]) -> None:
    assert value.keys() <= {"coding", "text"}
    for coding in value.get("coding", []):
        assert coding["system"].startswith("http")
        assert coding["code"] == coding["code"].strip() != ""


def nothing_empty(value: Any) -> None:
    """FHIR has no empty objects, lists or strings, and no nulls."""
    assert value not in ({}, [], "", None)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        nothing_empty(one)


@pytest.mark.parametrize("release", ["R4", "R5"])
@pytest.mark.parametrize("stage", ["draft", "signed", "amended", "all rejected"])
def test_the_fhir_report_keeps_to_its_definition(release: Release, stage: str) -> None:
    review = {"draft": fresh(), "signed": signed(accepted(), "Dr S"), "amended": reviewed()}.get(stage)
    if review is None:
        review = fresh()
        for index in range(4):
            review = review.decided(index, "rejected", "A")
    record = json.loads(diagnostic_report(review, release))
    nothing_empty(record)
    assert record.keys() <= REPORT
    assert record["resourceType"] == "DiagnosticReport"
    assert record["status"] in REPORT_STATUS
    assert record["status"] == {"draft": "preliminary", "signed": "final", "amended": "amended"}.get(stage, "preliminary")
    concept(record["code"])
    assert ("issued" in record) == (review.signature is not None)
    assert INSTANT.fullmatch(record.get("issued", "2026-01-01T00:00:00Z"))
    ids = {f"#{one['id']}" for one in record.get("contained", [])}
    assert {one["reference"] for one in record.get("result", [])} == ids
    for one in record.get("contained", []):
        assert one.keys() <= OBSERVATION
        assert one["status"] in OBSERVATION_STATUS
        assert re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", one["id"])
        concept(one["code"])
        assert one["note"] == [{"text": NOTICE}]
        for part in one.get("component", []):
            assert part.keys() <= COMPONENT
            assert sum(name.startswith("value") for name in part) == 1
            concept(part["code"])
    narrative = ElementTree.fromstring(record["text"]["div"])
    assert narrative.tag == "{http://www.w3.org/1999/xhtml}div"
    assert NOTICE in "".join(narrative.itertext())
    assert record["meta"]["profile"] == [
        f"http://hl7.org/fhir/StructureDefinition/DiagnosticReport|{'4.0' if release == 'R4' else '5.0'}"
    ]
    assert "subject" not in record


def test_the_fhir_report_says_what_the_review_says() -> None:
    record = json.loads(diagnostic_report(reviewed()))
    said = [one["valueString"] for one in record["contained"]]
    assert said == [TEXTS[0], "A small <effusion> on *both* sides.", TEXTS[2]]
    assert record["conclusion"].endswith("See $also$ the liver.")
    presence = record["contained"][0]["component"][0]
    assert presence["valueCodeableConcept"]["coding"][0]["display"] == "Present"


def test_json_holds_every_decision_the_verdicts_and_the_head_of_the_trail() -> None:
    record = json.loads(review_json(reviewed(), "ab" * 32))
    assert [row["state"] for row in record["sentences"]] == ["accepted", "edited", "accepted", "rejected"]
    assert record["answers"][0]["verdict"] == "disagree"
    assert record["answers"][0]["text"] == "No."
    assert record["signature"]["author"] == "Dr S"
    assert record["audit_sha256"] == "ab" * 32
    assert record["notice"] == NOTICE
    assert "map" not in record["sentences"][0]


def test_markdown_leaves_out_what_was_rejected_and_shows_what_changed() -> None:
    text = review_markdown(reviewed())
    body, changes = text.split("## Against the draft")
    assert TEXTS[3] not in body
    assert f"~~{TEXTS[3]}~~" in changes
    assert "~~No~~ **A small \\<** effusion" in changes
    assert "A small \\<effusion\\> on \\*both\\* sides." in body
    assert "Amended by Dr S" in text
    assert NOTICE in text
    assert "(not reviewed)" in review_markdown(fresh())
