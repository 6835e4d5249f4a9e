"""Misspelt medical words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asap.text.read import read_sentence
from asap.text.spelling import corrected


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("Small pleural efusion.", "pleural_effusion"),
        ("Percardial effusion.", "pericardial_effusion"),
        ("Consolidaton in the left lung.", "consolidation"),
        ("Mild emphisema.", "emphysema"),
        ("Bronchietasis in both lower lobes.", "bronchiectasis"),
        ("Cardiomegly.", "cardiomegaly"),
    ],
)
def test_one_wrong_letter_does_not_hide_a_finding(text: str, concept: str) -> None:
    assert concept in {finding.concept for finding in read_sentence(text).findings}


@pytest.mark.parametrize(
    "word", ["anterior", "inferior", "internal", "heart", "unremarkable", "infusion", "observed", "examination"]
)
def test_words_of_their_own_are_kept(word: str) -> None:
    assert corrected(word) == word


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=30))
def test_correction_settles(form: str) -> None:
    assert corrected(corrected(form)) == corrected(form)
