"""The closed language the embedded text encoder reads."""

from __future__ import annotations

import zlib

import pytest

from asap.report import Finding, Report, Section, Sentence
from asap.text.concepts import CONCEPT_VOCABULARY, concept_tokens
from asap.text.ctrate_labels import CTRATE_FINDINGS, ctrate_labels
from asap.text.normality import is_abnormal
from asap.text.read import read_report, read_sentence
from asap.text.vocabulary import ANATOMY, FINDINGS, ancestors
from tests.reference import reference_data

# Size and CRC-32 of the tuple as frozen; new weights are needed before either may change.
VOCABULARY_SIZE, VOCABULARY_CRC32 = 221, 1610484921


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("A spiculated 12 mm nodule in the left upper lobe.",
         ("assert:present", "side:left", "size:10-20", "anatomy:upper_lobe", "finding:nodule", "modifier:spiculated")),
        ("No pleural effusion.", ("assert:absent", "anatomy:pleura", "finding:pleural_effusion")),
        ("The right lung is clear.", ("assert:present", "state:normal", "side:right", "anatomy:lung")),
        ("Possible 5 mm nodule.", ("assert:uncertain", "size:<6", "anatomy:lung", "finding:nodule")),
        ("No effusion, but there is a bulla.", ("assert:present", "anatomy:lung", "finding:bulla")),
        ("Thank you.", ("assert:present",)),
    ],
)  # fmt: skip
def test_tokens_of_a_sentence(text: str, tokens: tuple[str, ...]) -> None:
    assert concept_tokens(read_sentence(text)) == tokens


@pytest.mark.parametrize(
    ("size_mm", "token"),
    [
        (5.9, "<6"),
        (6, "6-10"),
        (9.9, "6-10"),
        (10, "10-20"),
        (20, "20-30"),
        (30, "30-50"),
        (49.9, "30-50"),
        (50, ">50"),
        (200, ">50"),
    ],
)
def test_size_bins(size_mm: float, token: str) -> None:
    finding = Finding("nodule", "present", "lung", None, size_mm)
    sentence = Sentence(0, "nodule", (0, 6), "findings", "present", None, ("lung",), (finding,), True, None)
    assert f"size:{token}" in concept_tokens(sentence)


def test_the_vocabulary_is_closed_without_twins_and_covers_both_dictionaries() -> None:
    assert len(set(CONCEPT_VOCABULARY)) == len(CONCEPT_VOCABULARY)
    assert {f"finding:{key}" for key in FINDINGS} | {f"anatomy:{key}" for key in ANATOMY} <= set(CONCEPT_VOCABULARY)


def test_the_vocabulary_keeps_the_order_shipped_weights_were_trained_with() -> None:
    assert (len(CONCEPT_VOCABULARY), zlib.crc32("\n".join(CONCEPT_VOCABULARY).encode())) == (VOCABULARY_SIZE, VOCABULARY_CRC32)


def test_vocabulary_entries_point_at_one_another_correctly() -> None:
    for concept, entry in FINDINGS.items():
        assert entry.anatomy is None or entry.anatomy in ANATOMY, concept
        assert entry.ctrate is None or entry.ctrate in CTRATE_FINDINGS, concept
        assert all(place in ANATOMY and target in FINDINGS for place, target in entry.becomes), concept
    assert ancestors("lingula") == ("lingula", "upper_lobe", "lung")
    assert all(ancestors(key)[0] == key for key in ANATOMY)


def test_every_pattern_is_found_in_its_own_words() -> None:
    plain = [
        (concept, pattern)
        for concept, entry in FINDINGS.items()
        for pattern in entry.patterns
        if not set("|*~?") & set(pattern) and not entry.vague
    ]
    unread = [(concept, pattern) for concept, pattern in plain if not read_sentence(pattern).findings]
    assert not unread


def test_ctrate_labels_have_the_published_names_in_order() -> None:
    labels = ctrate_labels(read_report("Nodule in the left lung. No pleural effusion. Possible emphysema."))
    assert tuple(labels) == CTRATE_FINDINGS
    assert {name for name, there in labels.items() if there} == {"Lung nodule", "Emphysema"}


def test_ctrate_names_are_those_of_the_published_list() -> None:
    import json

    published = json.loads(reference_data("labels/ctrate_18_abnormalities.json").read_text(encoding="utf-8"))
    assert tuple(published["labels"]) == CTRATE_FINDINGS


def test_an_opacity_explained_by_a_scar_is_no_lung_opacity() -> None:
    assert not ctrate_labels(read_report("Linear opacities consistent with scarring in the right lung."))["Lung opacity"]
    assert ctrate_labels(read_report("Patchy opacities in the right lung."))["Lung opacity"]


def test_what_the_referring_doctor_asks_is_no_label() -> None:
    labels = ctrate_labels(read_report("CLINICAL INFORMATION: Emphysema, pleural effusion.\nFINDINGS: Hiatal hernia."))
    assert [name for name, there in labels.items() if there] == ["Hiatal hernia"]


def test_labels_need_a_statement() -> None:
    empty = Report("x", (Section("findings", (0, 1), ()),))
    assert not any(ctrate_labels(empty).values())


@pytest.mark.parametrize(
    ("text", "abnormal"),
    [
        ("The heart is enlarged.", True),
        ("Low lung volumes.", True),
        ("Blunting of the left costophrenic angle.", True),
        ("Possible pneumonia.", True),
        ("The lungs are clear.", False),
        ("No acute findings.", False),
        ("The mediastinal contours are stable.", False),
        ("The heart is not enlarged.", False),
        ("Dictated by the resident.", None),
    ],
)
def test_is_abnormal(text: str, abnormal: bool | None) -> None:
    assert is_abnormal(read_sentence(text)) is abnormal
