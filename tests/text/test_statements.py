"""What the package says itself reads back as what it meant."""

from __future__ import annotations

import pytest

from asap.report import Side
from asap.text.read import read_sentence
from asap.text.regions import findings_of_region
from asap.text.statements import LOBES, WORDINGS, denial, statement, term_of, wordings_of

PLACES: list[tuple[Side | None, str | None]] = [(None, None), ("left", None), ("right", None), ("bilateral", None)]
LOBAR: list[tuple[Side | None, str | None]] = [(side, lobe) for side, lobes in LOBES.items() for lobe in lobes]


def places(concept: str) -> list[tuple[Side | None, str | None]]:
    seat = WORDINGS[concept].seat
    return PLACES[:1] if seat == "none" else PLACES + LOBAR if seat == "lung" else PLACES


@pytest.mark.parametrize("concept", WORDINGS)
def test_every_statement_reads_back_as_its_finding_its_side_and_its_lobe(concept: str) -> None:
    for side, lobe in places(concept):
        for text in (*wordings_of(concept, side, lobe), statement(concept, side, lobe, several=True)):
            (finding,) = read_sentence(text).findings
            assert (finding.concept, finding.assertion, finding.side) == (concept, "present", side), text
            assert lobe is None or finding.anatomy == lobe, text


@pytest.mark.parametrize("concept", WORDINGS)
def test_every_denial_reads_back_as_absent_and_has_no_place(concept: str) -> None:
    for side, _ in places(concept)[:3]:
        sentence = read_sentence(denial(concept, side))
        assert [(f.concept, f.assertion, f.side) for f in sentence.findings] == [(concept, "absent", side)]
        assert not sentence.localisable


@pytest.mark.parametrize(
    ("size_mm", "text"),
    [(8.2, "There is an 8 mm nodule in the left lung."), (12.4, "There is a 12 mm nodule in the left lung.")],
)
def test_a_measured_size_is_said_and_read_back(size_mm: float, text: str) -> None:
    assert statement("nodule", "left", None, size_mm) == text
    assert read_sentence(text).findings[0].size_mm == round(size_mm)


def test_a_finding_without_a_wording_is_named_by_its_key() -> None:
    assert term_of("pulmonary_embolism") == "pulmonary embolism"
    assert term_of("aortic_aneurysm") == "aortic aneurysm"


@pytest.mark.parametrize(
    ("anatomy", "there", "elsewhere"),
    [
        ("heart", "pericardial_effusion", "nodule"),
        ("lower_lobe", "consolidation", "pleural_effusion"),
        ("trachea", "bronchiectasis", "mass"),
        ("esophagus", "hiatal_hernia", "emphysema"),
        ("abdomen", "liver_lesion", "cardiomegaly"),
        ("rib", "fracture", "mass"),
    ],
)
def test_regions_hold_their_findings(anatomy: str, there: str, elsewhere: str) -> None:
    found = findings_of_region(anatomy)
    assert there in found
    assert elsewhere not in found


def test_a_region_nothing_is_looked_for_in_is_empty() -> None:
    assert findings_of_region("breast") == ()
