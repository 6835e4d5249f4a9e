"""What a question is understood to ask."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from asap.errors import InputError, LimitError
from asap.text.questions import NO_SUBJECT, OUTSIDE, read_question


@pytest.mark.parametrize(
    ("text", "kind", "concept", "anatomy", "side"),
    [
        ("Is there a nodule in the right upper lobe?", "presence", "nodule", "upper_lobe", "right"),
        ("any signs of emphysema", "presence", "emphysema", "lung", None),
        ("Can pleural effusion be identified on the left?", "presence", "pleural_effusion", "pleura", "left"),
        ("Where is the ground glass opacity located in the image?", "location", "ground_glass", "lung", None),
        ("Which lobe contains the consolidation?", "location", "consolidation", "lung", None),
        ("How large is the mass in the left lung?", "size", "mass", "lung", "left"),
        ("What is the approximate diameter of the nodule?", "size", "nodule", "lung", None),
    ],
)
def test_questions_about_a_finding(text: str, kind: str, concept: str, anatomy: str, side: str | None) -> None:
    question = read_question(text)
    (finding,) = question.findings
    assert (question.kind, finding.concept, finding.anatomy, finding.side) == (kind, concept, anatomy, side)
    assert question.reason is None


@pytest.mark.parametrize(
    ("text", "kind", "anatomy", "yes_or_no", "denied"),
    [
        ("What are the abnormalities in the heart?", "abnormality", "heart", False, False),
        ("Is the heart normal?", "abnormality", "heart", True, True),
        ("Is there any abnormality in the left lung?", "abnormality", "lung", True, False),
        ("What diseases does the patient have?", "disorder", None, False, False),
        ("Is the scan normal?", "disorder", None, True, True),
    ],
)
def test_questions_about_an_organ_or_the_scan(text: str, kind: str, anatomy: str | None, yes_or_no: bool, denied: bool) -> None:
    question = read_question(text)
    assert (question.kind, question.anatomy, question.yes_or_no, question.denied) == (kind, anatomy, yes_or_no, denied)
    assert question.findings == ()


@pytest.mark.parametrize("text", ["Is the left lung free of nodules?", "Is there no nodule?", "Can nodules be ruled out?"])
def test_a_yes_that_means_absence(text: str) -> None:
    question = read_question(text)
    assert question.denied
    assert [(f.concept, f.assertion) for f in question.findings] == [("nodule", "present")]


def test_two_findings_are_joined_as_the_question_joins_them() -> None:
    assert not read_question("Is a mass or nodule seen?").every
    assert read_question("Are ground glass areas and atelectasis present?").every


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("What time is it?", NO_SUBJECT),
        ("Is there fluid around the heart?", NO_SUBJECT),
        ("Is there a kidney stone?", OUTSIDE),
        ("Is the bladder normal?", OUTSIDE),
    ],
)
def test_what_cannot_be_answered_says_why(text: str, reason: str) -> None:
    assert read_question(text).reason == reason


def test_empty_and_endless_questions_are_refused() -> None:
    with pytest.raises(InputError):
        read_question(" ? ")
    with pytest.raises(LimitError):
        read_question("x" * 1001)


TEMPLATES = Path(os.environ.get("ASAP_REFERENCE_DATA", "")) / "asap_benchmark/VQA/data/ctrate/generate_data/qa_templates"


@pytest.mark.skipif(not os.environ.get("ASAP_REFERENCE_DATA"), reason="no reference material")
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("abnormality", "abnormality"),
        ("disorders", "disorder"),
        ("location", "location"),
        ("presence", "presence"),
        ("size", "size"),
    ],
)
def test_the_published_templates_are_read_as_their_type(name: str, kind: str) -> None:
    templates = json.loads((TEMPLATES / f"{name}_template.json").read_text())[name]
    asked = [t.format(abnormality="pulmonary nodule", region="left lung lower lobe") for t in templates]
    missed = [text for text in asked if read_question(text).kind != kind or read_question(text).reason is not None]
    assert not missed
