"""Sentences of generated reports: regions, sides, pools of wordings."""

from __future__ import annotations

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from asap.phantom import frames, organ_phrases, phrases
from asap.phantom.canvas import PlacedFinding
from asap.phantom.devices import KINDS
from asap.phantom.false_statements import false_queries
from asap.phantom.findings import CONCEPTS
from asap.phantom.grammar import Slots, fill, held_out_frames
from asap.phantom.sentences import (
    CONFUSABLE,
    LUNG_CONCEPTS,
    PLEURAL_CONCEPTS,
    absence_sentence,
    describe,
    finding_sentence,
    organ_sentence,
    stated_side,
)

SHAPE = (4, 3, 3)


def voxel(i: int) -> NDArray[np.bool_]:
    mask = np.zeros(SHAPE, dtype=np.bool_)
    mask[i, 0, 0] = True
    return mask


def lesion(concept: str, side: str | None, lobe: str | None, i: int) -> PlacedFinding:
    words = {"medical_material": (KINDS[i],), "lymphadenopathy": ("hilar",)}.get(concept, ())
    return PlacedFinding(concept, side, lobe, 12.0, voxel(i), 500.0, words)  # type: ignore[arg-type]


NODULES = (
    lesion("nodule", "right", "upper_lobe", 0),
    lesion("nodule", "left", "upper_lobe", 1),
    lesion("nodule", "left", "lower_lobe", 2),
)


def test_what_the_text_leaves_open_widens_the_region() -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for n in range(300):
        sentence = finding_sentence(NODULES, [n % 3], rng, held_out=False)
        assert sentence.region is not None
        shown = {i for i in range(3) if sentence.region[i].any()}
        assert n % 3 in shown
        agree = {
            i
            for i, finding in enumerate(NODULES)
            if sentence.side in (None, finding.side) and sentence.anatomy in (None, finding.anatomy)
        }
        sized = re.search(r"\d (mm|cm)", sentence.text) is not None
        assert shown == agree or (sized and shown == {n % 3})
        assert shown == set(sentence.findings)
        seen.add(len(shown))
    assert seen == {1, 2, 3}


@pytest.mark.parametrize("held_out", [False, True])
def test_text_and_fields_name_the_same_side(held_out: bool) -> None:
    rng = np.random.default_rng(1)
    for concept in sorted(LUNG_CONCEPTS | PLEURAL_CONCEPTS):
        for side in ("right", "left"):
            lobe = "lower_lobe" if concept in LUNG_CONCEPTS else None
            for _ in range(20):
                sentence = finding_sentence([lesion(concept, side, lobe, 0)], [0], rng, held_out=held_out)
                assert stated_side(sentence.text) == sentence.side, sentence.text
                assert sentence.side in (None, side)
                assert ("lobe" in sentence.text or re.search(r"\b[RL][UML]L\b", sentence.text) is not None) == (
                    sentence.anatomy is not None
                ), sentence.text


def test_side_only_names_the_side_and_no_more() -> None:
    rng = np.random.default_rng(2)
    for _ in range(100):
        sentence = finding_sentence(NODULES[:2], [1], rng, held_out=False, side_only=True)
        assert sentence.side == "left"
        assert sentence.anatomy is None
        assert not re.search(r"lobe|\d|[RL][UML]L", sentence.text)


def test_two_sides_in_one_sentence_show_both() -> None:
    rng = np.random.default_rng(3)
    texts = [finding_sentence(NODULES, [0, 1, 2], rng, held_out=False) for _ in range(40)]
    assert all(sentence.region is not None and sentence.region.sum() == 3 for sentence in texts if sentence.anatomy is None)
    assert any(sentence.side == "bilateral" for sentence in texts)


def test_absences_and_false_statements_have_no_region() -> None:
    rng = np.random.default_rng(4)
    for concept in CONCEPTS:
        if concept != "medical_material":
            assert absence_sentence(concept, rng, held_out=False).region is None
    queries = false_queries(NODULES[1:], rng, 200)
    assert all(query.region is None and query.assertion == "present" for query in queries)
    swapped = [query for query in queries if query.kind == "nodule"]
    assert swapped
    assert all(query.side == "right" for query in swapped)
    elsewhere = [query for query in false_queries(NODULES[1:2], rng, 100) if query.kind == "nodule"]
    assert {(query.side, query.anatomy) for query in elsewhere} >= {("left", "lower_lobe"), ("right", None)}
    assert ("left", "upper_lobe") not in {(query.side, query.anatomy) for query in elsewhere}
    assert all(query.side is not None for query in elsewhere)
    assert not {query.kind for query in queries} & {kind for kind, others in CONFUSABLE.items() if "nodule" in others}


def frames_of(kind: str) -> tuple[str, ...]:
    phrasing = phrases.FINDINGS[kind]
    shared = (frames.ONE if phrasing.one else ()) + (frames.MANY if phrasing.many else ())
    return shared + (frames.BULK if phrasing.bulk else ()) + phrasing.own


@pytest.mark.parametrize("concept", [concept for concept in CONCEPTS if concept != "medical_material"])
def test_every_concept_has_many_wordings_in_both_pools(concept: str) -> None:
    usable, kept = set(frames_of(concept)), held_out_frames()
    assert len(usable) >= 12
    assert 0.1 < len(usable & kept) / len(usable) < 0.4


def test_the_pools_share_no_text() -> None:
    def texts(held_out: bool) -> set[str]:
        rng = np.random.default_rng(5)
        out = set()
        for concept in CONCEPTS:
            lobe = "upper_lobe" if concept in LUNG_CONCEPTS else None
            for _ in range(80):
                found = lesion(concept, "left" if concept in LUNG_CONCEPTS | PLEURAL_CONCEPTS else None, lobe, 0)
                out.add(finding_sentence([found], [0], rng, held_out=held_out).text)
        for organ in organ_phrases.NAMES:
            out |= {organ_sentence(organ, {organ: voxel(0)}, rng, held_out=held_out).text for _ in range(30)}
        return out

    training, scoring = texts(False), texts(True)
    assert len(training) > 1000
    assert not training & scoring


def test_articles_and_spaces_are_mended() -> None:
    rng = np.random.default_rng(0)
    assert fill(rng, "A {size}{mod}{n} is seen{in}.", Slots(name="nodule", size_mm=8.2)) == "An 8 mm nodule is seen."
    assert fill(rng, "There is a {mod}{n}{in}.", Slots(name="opacity")) == "There is an opacity."
    assert fill(rng, "{at}: {size}{n}.", Slots(name="GGO", at="right upper lobe")) == "Right upper lobe: GGO."


def test_a_report_names_every_finding_and_no_damaged_organ_as_normal() -> None:
    organs = {"heart": voxel(3), "right_lung": voxel(0), "left_lung": voxel(1), "liver": voxel(3)}
    for seed in range(30):
        sentences = describe(NODULES[1:], organs, np.random.default_rng(seed), held_out=False)
        assert any(sentence.kind == "nodule" and sentence.region is not None for sentence in sentences)
        named = {sentence.organ for sentence in sentences}
        lung = [sentence.text for sentence in sentences if sentence.organ == "left_lung"]
        assert not any(re.search("clear|normal|unremarkable", text) for text in lung)
        assert {"heart", "right_lung", "liver"} <= named
