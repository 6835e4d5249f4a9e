"""Which sentences have a place to show, and the reason the others are given."""

from __future__ import annotations

import pytest

from asap.text.localisable import ABSENT, NOTHING_TO_SHOW, OUTSIDE_CHEST
from asap.text.read import read_report, read_sentence


@pytest.mark.parametrize(
    "text",
    [
        "Nodule in the left lower lobe.",
        "Both lungs are clear.",
        "The trachea is patent.",
        "The heart is unremarkable.",
        "Aeration of the left lung is normal.",
        "Aorta.",
        "Heart",
        "Thoracic spine.",
        "The spleen is normal.",
        "Liver parenchyma is homogeneous.",
        "The stomach is unremarkable.",
        "Vertebral heights are preserved.",
        "The diameter of the ascending aorta is normal.",
        "Lungs are clear, no effusion.",
        "Heart size is normal without pericardial effusion.",
        "Possible nodule in the lingula.",
        "Pneumothorax cannot be excluded.",
        "No effusion, but there is a nodule in the right lung.",
        "The right upper lobe nodule is unchanged.",
        "The gastric fundus is seen.",
        "A catheter ends in the superior vena cava.",
        "Hepatic steatosis.",
        "Thyroid gland is normal.",
        "Suspicious nodule in the left lung, follow-up is recommended.",
        "The ascending aorta measures 38 mm.",
    ],
)
def test_has_a_place(text: str) -> None:
    sentence = read_sentence(text)
    assert sentence.localisable
    assert sentence.reason is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("No pleural effusion.", ABSENT),
        ("No mass in the liver.", ABSENT),
        ("Pericardial effusion was not observed.", ABSENT),
        ("No enlarged mediastinal lymph nodes.", ABSENT),
        ("The heart is not enlarged.", ABSENT),
        ("No abnormality of the heart.", ABSENT),
        ("There is no evidence of disease in the lungs.", ABSENT),
        ("No nodule was detected in either lung.", ABSENT),
        ("The effusion has resolved.", ABSENT),
        ("No kidney stone.", ABSENT),
        ("Comparison: none.", NOTHING_TO_SHOW),
        ("Thoracic CT within normal limits.", NOTHING_TO_SHOW),
        ("Follow-up in 3 months is recommended.", NOTHING_TO_SHOW),
        ("Clinical correlation is advised.", NOTHING_TO_SHOW),
        ("Axial images were obtained without contrast.", NOTHING_TO_SHOW),
        ("Motion artifact limits evaluation of the lung bases.", NOTHING_TO_SHOW),
        ("The mediastinum could not be evaluated optimally.", NOTHING_TO_SHOW),
        ("History of lung cancer.", NOTHING_TO_SHOW),
        ("Rule out pneumonia.", NOTHING_TO_SHOW),
        ("Thank you for the referral.", NOTHING_TO_SHOW),
        ("Normal examination.", NOTHING_TO_SHOW),
        ("The gallbladder is normal.", OUTSIDE_CHEST),
        ("Stone in the left kidney.", OUTSIDE_CHEST),
    ],
)
def test_has_no_place_and_says_why(text: str, reason: str) -> None:
    sentence = read_sentence(text)
    assert not sentence.localisable
    assert sentence.reason == reason


@pytest.mark.parametrize("heading", ["TECHNIQUE", "COMPARISON", "CLINICAL INFORMATION"])
def test_sections_about_the_examination_have_no_places(heading: str) -> None:
    report = read_report(f"{heading}: Nodule in the left lung.\nFINDINGS: Nodule in the left lung.")
    assert [sentence.localisable for sentence in report.sentences] == [False, True]


def test_every_reason_is_a_sentence_a_reader_understands() -> None:
    for reason in (ABSENT, NOTHING_TO_SHOW, OUTSIDE_CHEST):
        assert reason[0].isupper()
        assert reason.endswith(".")
