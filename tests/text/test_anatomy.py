"""Places and sides of findings."""

from __future__ import annotations

import pytest

from asap.text.read import read_sentence


def places(text: str) -> list[tuple[str, str | None, str | None]]:
    return [(finding.concept, finding.anatomy, finding.side) for finding in read_sentence(text).findings]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Nodule in the right upper lobe.", [("nodule", "upper_lobe", "right")]),
        ("Nodule in the upper lobe of the right lung.", [("nodule", "upper_lobe", "right")]),
        ("Nodule in the upper lobe on the right.", [("nodule", "upper_lobe", "right")]),
        ("RUL nodule.", [("nodule", "upper_lobe", "right")]),
        ("Nodule, LLL.", [("nodule", "lower_lobe", "left")]),
        ("Nodule in the middle lobe.", [("nodule", "middle_lobe", "right")]),
        ("Nodule in the lingula.", [("nodule", "lingula", "left")]),
        ("Nodule in the left lung upper lobe inferior lingular segment.", [("nodule", "lingula", "left")]),
        ("Nodule in the apicoposterior segment of the left lung.", [("nodule", "upper_lobe", "left")]),
        ("Nodule in the superior segment of the left lower lobe.", [("nodule", "lower_lobe", "left")]),
        ("Nodule in the lateral basal segment on the right.", [("nodule", "lower_lobe", "right")]),
        ("Nodule in the medial segment of the right middle lobe.", [("nodule", "middle_lobe", "right")]),
        ("Left-sided pleural effusion.", [("pleural_effusion", "pleura", "left")]),
        ("Pleural effusions are seen bilaterally.", [("pleural_effusion", "pleura", "bilateral")]),
        ("Emphysema in both lungs.", [("emphysema", "lung", "bilateral")]),
        ("A solid pulmonary nodule is seen in the left lower lobe.", [("nodule", "lower_lobe", "left")]),
        ("Consolidation in the right upper and middle lobes.",
         [("consolidation", "upper_lobe", "right"), ("consolidation", "middle_lobe", "right")]),
        ("Nodules in the right upper lobe and left lower lobe.",
         [("nodule", "upper_lobe", "right"), ("nodule", "lower_lobe", "left")]),
        ("Nodule in the right upper lobe, atelectasis in the left lower lobe.",
         [("nodule", "upper_lobe", "right"), ("atelectasis", "lower_lobe", "left")]),
        ("In the right upper lobe, a nodule is seen, and in the left lower lobe, atelectasis.",
         [("nodule", "upper_lobe", "right"), ("atelectasis", "lower_lobe", "left")]),
        ("Cardiomegaly and left pleural effusion.", [("cardiomegaly", "heart", None), ("pleural_effusion", "pleura", "left")]),
        ("Right atrium is dilated.", [("cardiomegaly", "heart", None)]),
        ("Nodule in the left thyroid lobe.", [("thyroid_nodule", "thyroid", "left")]),
        ("Lesion in the right lobe of the liver.", [("liver_lesion", "liver", None)]),
        ("Nodule in the left breast.", [("breast_lesion", "breast", "left")]),
        ("Cyst in the left kidney.", [("kidney_lesion", "kidney", "left")]),
        ("Calcified plaques in the aorta and coronary arteries.",
         [("arterial_calcification", "aorta", None), ("coronary_calcification", "coronary_arteries", None)]),
        ("Calcification of the mitral valve.", [("valve_calcification", "heart", None)]),
        ("Fracture of the left seventh rib.", [("fracture", "rib", "left")]),
        ("Compression fracture of T12.", [("vertebral_compression", "vertebra", None)]),
        ("Enlarged right hilar lymph nodes.", [("lymphadenopathy", "hilum", "right")]),
        ("Lymph node at station 4R.", [("lymph_node", "lymph_node", "right")]),
        ("Mass in the anterior mediastinum.", [("mediastinal_mass", "mediastinum", None)]),
        ("Wall thickening of the esophagus.", [("esophageal_abnormality", "esophagus", None)]),
        ("Hiatal hernia.", [("hiatal_hernia", "esophagus", None)]),
        ("Emphysema in both upper lobes, band atelectasis in the lingula.",
         [("emphysema", "upper_lobe", "bilateral"), ("atelectasis", "lingula", "left")]),
        ("Effusion at the apex of the heart in the pericardial space.", [("pericardial_effusion", "pericardium", None)]),
    ],
)  # fmt: skip
def test_each_finding_has_its_own_place_and_side(text: str, expected: list[tuple[str, str | None, str | None]]) -> None:
    assert places(text) == expected


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("Left lung.", "left"),
        ("The right hemidiaphragm is intact.", "right"),
        ("Both lungs are clear.", "bilateral"),
        ("The left ventricle is normal.", None),
        ("The right coronary artery is patent.", None),
        ("Right effusion and left atelectasis.", "bilateral"),
        ("Trachea is midline.", None),
        ("No effusion on the left; consolidation on the right.", "right"),
    ],
)
def test_side_of_the_sentence(text: str, side: str | None) -> None:
    assert read_sentence(text).laterality == side


def test_anatomy_of_a_sentence_is_most_specific_first() -> None:
    assert read_sentence("Nodule in the lingula of the left lung.").anatomy == ("lingula", "lung")


@pytest.mark.parametrize(
    ("text", "size_mm"),
    [
        ("A 12 mm nodule in the lingula with a 3 cm effusion.", {"nodule": 12.0, "pleural_effusion": 30.0}),
        ("Mass of 4 x 3.5 cm in the left upper lobe.", {"mass": 40.0}),
        ("Left upper lobe mass 35 mm, spiculated, with volume loss.", {"mass": 35.0, "volume_loss": None}),
        ("Emphysema and a nodule measuring 6 mm.", {"emphysema": None, "nodule": 6.0}),
    ],
)
def test_sizes_go_to_the_nearest_finding(text: str, size_mm: dict[str, float | None]) -> None:
    assert {finding.concept: finding.size_mm for finding in read_sentence(text).findings} == size_mm
