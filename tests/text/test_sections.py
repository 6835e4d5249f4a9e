"""Headings of reports and the text under them."""

from __future__ import annotations

import pytest

from asap.text.sections import split_sections


def sections(text: str) -> list[tuple[str, str]]:
    return [(section.name, text[section.start : section.end].strip()) for section in split_sections(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Heart normal.", [("findings", "Heart normal.")]),
        ("FINDINGS: Heart normal.", [("findings", "Heart normal.")]),
        ("Findings:\nHeart normal.\nImpression:\nNormal.", [("findings", "Heart normal."), ("impression", "Normal.")]),
        ("FINDINGS\nHeart normal.\nIMPRESSION\nNormal.", [("findings", "Heart normal."), ("impression", "Normal.")]),
        ("FINDINGS The heart is normal.\nIMPRESSION Normal.", [("findings", "The heart is normal."), ("impression", "Normal.")]),
        ("## Findings\nHeart normal.", [("findings", "Heart normal.")]),
        ("**Findings:** Heart normal.", [("findings", "Heart normal.")]),
        (
            "TECHNIQUE: CT. COMPARISON: None. FINDINGS: Clear.",
            [("technique", "CT."), ("comparison", "None."), ("findings", "Clear.")],
        ),
        ("Clinical information: cough.\nConclusion: normal.", [("clinical_information", "cough."), ("impression", "normal.")]),
        ("INDICATION: cough\nFINDINGS: clear", [("clinical_information", "cough"), ("findings", "clear")]),
        ("Lungs clear.\nIMPRESSION: Normal.", [("findings", "Lungs clear."), ("impression", "Normal.")]),
        ("Findings are normal.", [("findings", "Findings are normal.")]),
        ("The impression of a nodule remains.", [("findings", "The impression of a nodule remains.")]),
        ("RECOMMENDATION: CT in 3 months.", [("recommendation", "CT in 3 months.")]),
        ("Comparison: March 2020. Lungs clear. Heart normal.",
         [("comparison", "March 2020."), ("findings", "Lungs clear. Heart normal.")]),
        ("TECHNIQUE: CT.\nLungs clear.", [("technique", "CT."), ("findings", "Lungs clear.")]),
        ("FINDINGS:\nIMPRESSION: Normal.", [("impression", "Normal.")]),
    ],
)  # fmt: skip
def test_headings(text: str, expected: list[tuple[str, str]]) -> None:
    assert sections(text) == expected
