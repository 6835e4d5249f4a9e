"""Present, absent or uncertain: cues, their direction and where their scope ends."""

from __future__ import annotations

import pytest

from asap.text.read import read_sentence


def assertions(text: str) -> dict[str, str]:
    return {finding.concept: finding.assertion for finding in read_sentence(text).findings}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("There is a nodule in the left lung.", {"nodule": "present"}),
        ("No pleural effusion.", {"pleural_effusion": "absent"}),
        ("Pleural effusion was not observed.", {"pleural_effusion": "absent"}),
        ("Pericardial effusion is not seen.", {"pericardial_effusion": "absent"}),
        ("No emphysematous changes.", {"emphysema": "absent"}),
        ("No bronchiectatic change was detected.", {"bronchiectasis": "absent"}),
        ("No fibrotic changes are seen.", {"fibrosis": "absent"}),
        ("There is no significant change in the nodule.", {"nodule": "present"}),
        ("No consolidation or pneumothorax.", {"consolidation": "absent", "pneumothorax": "absent"}),
        ("Neither consolidation nor pneumothorax is present.", {"consolidation": "absent", "pneumothorax": "absent"}),
        ("Lungs are clear without consolidation.", {"consolidation": "absent"}),
        ("Negative for pneumothorax.", {"pneumothorax": "absent"}),
        ("There is no evidence of pulmonary embolism.", {"pulmonary_embolism": "absent"}),
        ("The pneumothorax has resolved.", {"pneumothorax": "absent"}),
        ("The nodule is no longer visible.", {"nodule": "absent"}),
        ("The chest tube has been removed.", {"medical_material": "absent"}),
        ("The lungs are free of consolidation.", {"consolidation": "absent"}),
        ("The heart is not enlarged.", {"cardiomegaly": "absent"}),
        ("The lymph nodes are not enlarged.", {"lymphadenopathy": "absent"}),
        ("No suspicious nodules.", {"nodule": "absent"}),
        ("No change in the nodule.", {"nodule": "present"}),
        ("No interval change in the bronchiectasis.", {"bronchiectasis": "present"}),
        ("The nodule has not changed.", {"nodule": "present"}),
        ("There is no doubt about the nodule.", {"nodule": "present"}),
        ("No increase in size of the nodule.", {"nodule": "present"}),
        ("Pneumothorax cannot be excluded.", {"pneumothorax": "uncertain"}),
        ("Pneumonia is not excluded.", {"pneumonia": "uncertain"}),
        ("Consolidation cannot be ruled out.", {"consolidation": "uncertain"}),
        ("Small pneumothorax?", {"pneumothorax": "uncertain"}),
        ("Possible nodule in the lingula.", {"nodule": "uncertain"}),
        ("This may be atelectasis.", {"atelectasis": "uncertain"}),
        ("Findings suspicious for pneumonia.", {"pneumonia": "uncertain"}),
        ("Probable emphysema.", {"emphysema": "uncertain"}),
        ("A nodule that may be a metastasis.", {"nodule": "present", "metastasis": "uncertain"}),
        ("A nodule (metastasis?) in the left lung.", {"nodule": "present", "metastasis": "uncertain"}),
        ("Atelectasis or pneumonia at the right base.", {"atelectasis": "uncertain", "pneumonia": "uncertain"}),
        ("No effusion, but there is a pneumothorax.", {"pleural_effusion": "absent", "pneumothorax": "present"}),
        ("No effusion; however, a nodule is seen.", {"pleural_effusion": "absent", "nodule": "present"}),
        ("Clear lungs except for a nodule.", {"nodule": "present"}),
        ("No mass, but a nodule is observed.", {"mass": "absent", "nodule": "present"}),
        ("A nodule is observed, but no mass.", {"nodule": "present", "mass": "absent"}),
        ("A nodule is observed and no effusion is detected.", {"nodule": "present", "pleural_effusion": "absent"}),
        ("Emphysema is present; bronchiectasis was not detected.", {"emphysema": "present", "bronchiectasis": "absent"}),
        ("Cardiomegaly without pericardial effusion.", {"cardiomegaly": "present", "pericardial_effusion": "absent"}),
        ("No pleural or pericardial effusion.", {"pleural_effusion": "absent", "pericardial_effusion": "absent"}),
        ("No mass apart from a hiatal hernia.", {"mass": "absent", "hiatal_hernia": "present"}),
        ("Atelectasis cannot be distinguished from consolidation.", {"atelectasis": "present", "consolidation": "present"}),
        ("A nodule without calcification.", {"nodule": "present", "calcification": "absent"}),
        ("The nodule is not calcified.", {"nodule": "present", "calcification": "absent"}),
        ("Nodule; metastasis is less likely.", {"nodule": "present", "metastasis": "uncertain"}),
        ("Resolving pneumonia.", {"pneumonia": "present"}),
        ("Nodes that do not reach pathological size are seen.", {"lymph_node": "present"}),
        ("No consolidation, effusion, or pneumothorax is seen.",
         {"consolidation": "absent", "pleural_effusion": "absent", "pneumothorax": "absent"}),
        ("The emphysema seen previously is unchanged.", {"emphysema": "present"}),
        ("A nodule seen on the previous examination was not detected.", {"nodule": "absent"}),
    ],
)  # fmt: skip
def test_assertion_of_each_finding(text: str, expected: dict[str, str]) -> None:
    assert assertions(text) == expected


def test_what_an_exception_spares_is_present_there() -> None:
    sentence = read_sentence("No consolidation except in the right lower lobe.")
    assert ("consolidation", "present", "lower_lobe", "right") in {
        (finding.concept, finding.assertion, finding.anatomy, finding.side) for finding in sentence.findings
    }
    assert sentence.localisable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No effusion, but there is a nodule.", "present"),
        ("No effusion. ", "absent"),
        ("Possible nodule, no effusion.", "uncertain"),
        ("Both lungs are clear.", "present"),
        ("Both lungs are clear and no effusion is seen.", "present"),
        ("Aorta.", "present"),
    ],
)
def test_assertion_of_the_sentence(text: str, expected: str) -> None:
    assert read_sentence(text).assertion == expected
