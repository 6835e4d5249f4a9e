"""Whole generated cases: twins, determinism, storage."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from asap.phantom.case import PhantomCase, absent_queries, generate_case, organ_masks, retold, stored_obliquely
from asap.phantom.case_files import FILE_NAME, load_case, save_case
from asap.phantom.difficulty import measure


@pytest.fixture(scope="module")
def case() -> PhantomCase:
    return generate_case(21, required=("nodule", "consolidation", "pleural_effusion"))


def test_the_twin_differs_only_near_findings(case: PhantomCase) -> None:
    touched = np.logical_or.reduce([finding.region for finding in case.findings])
    near = ndimage.binary_dilation(touched, iterations=5)
    change = np.abs(case.volume.hu.astype(np.int32) - case.twin.hu)
    assert np.median(change[touched]) > 100
    assert (change[~near] > 60).mean() < 0.002
    assert np.array_equal(case.volume.affine, case.twin.affine)


def test_contrast_is_what_the_images_show(case: PhantomCase) -> None:
    for finding in case.findings:
        if finding.concept == "consolidation":
            assert measure(case, finding).contrast_hu == pytest.approx(abs(finding.contrast_hu), rel=0.35)


def test_required_findings_are_there_and_told(case: PhantomCase) -> None:
    assert {"nodule", "consolidation", "pleural_effusion"} <= {finding.concept for finding in case.findings}
    told = {sentence.kind for sentence in case.sentences if sentence.region is not None}
    assert {finding.concept for finding in case.findings} <= told
    assert all(sentence.text in case.report for sentence in case.sentences)


def test_absences_have_no_region_and_the_rest_has_one(case: PhantomCase) -> None:
    for sentence in case.sentences:
        shown = sentence.region is not None and bool(sentence.region.any())
        assert shown == (sentence.assertion in ("present", "uncertain") or sentence.organ is not None)


def test_sides_match_masks(case: PhantomCase) -> None:
    for sentence in case.sentences:
        if sentence.region is not None and sentence.side in ("left", "right") and sentence.organ is None:
            lung = case.organs[f"{sentence.side}_lung"]
            assert (sentence.region & lung).sum() > 0.9 * sentence.region.sum()
    left, right = (np.argwhere(case.organs[name])[:, 0].mean() for name in ("left_lung", "right_lung"))
    assert case.volume.affine[0, 0] > 0
    assert right > left


@pytest.mark.slow
def test_the_same_seed_is_the_same_case(case: PhantomCase) -> None:
    again = generate_case(21, required=("nodule", "consolidation", "pleural_effusion"))
    assert np.array_equal(again.volume.hu, case.volume.hu)
    assert np.array_equal(again.twin.hu, case.twin.hu)
    assert again.report == case.report


@pytest.mark.slow
def test_held_out_phrasing_changes_words_and_no_voxel(case: PhantomCase) -> None:
    other = generate_case(21, required=("nodule", "consolidation", "pleural_effusion"), held_out_phrasing=True)
    assert np.array_equal(other.volume.hu, case.volume.hu)
    assert not {s.text for s in other.sentences} & {s.text for s in case.sentences}


def test_absent_queries_are_not_in_the_case(case: PhantomCase) -> None:
    queries = absent_queries(case, np.random.default_rng(0), 60)
    assert len(queries) == 60
    for query in queries:
        for finding in case.findings:
            same_place = query.side in (None, finding.side) and query.anatomy in (None, finding.anatomy)
            assert finding.concept != query.kind or not same_place


def test_retold_keeps_the_image(case: PhantomCase) -> None:
    other = retold(case, np.random.default_rng(9))
    assert other.volume is case.volume
    assert other.report != case.report


def test_a_stored_case_comes_back_exactly(case: PhantomCase, tmp_path: Path) -> None:
    save_case(tmp_path, case)
    began = time.process_time()
    back = load_case(tmp_path)
    assert time.process_time() - began < 0.5  # 0.04 s on a quiet core
    assert (tmp_path / FILE_NAME).stat().st_size < 3_000_000
    assert np.array_equal(back.volume.hu, case.volume.hu)
    assert np.array_equal(back.twin.hu, case.twin.hu)
    assert np.array_equal(back.volume.affine, case.volume.affine)
    assert back.report == case.report
    assert list(back.organs) == list(case.organs)
    assert all(np.array_equal(back.organs[name], mask) for name, mask in case.organs.items())
    for ours, theirs in zip(back.findings, case.findings, strict=True):
        assert np.array_equal(ours.region, theirs.region)
        assert (ours.concept, ours.side, ours.anatomy, ours.size_mm, ours.contrast_hu, ours.modifiers) == (
            theirs.concept,
            theirs.side,
            theirs.anatomy,
            theirs.size_mm,
            theirs.contrast_hu,
            theirs.modifiers,
        )
    for mine, original in zip(back.sentences, case.sentences, strict=True):
        assert (mine.text, mine.kind, mine.assertion, mine.side, mine.anatomy) == (
            original.text,
            original.kind,
            original.assertion,
            original.side,
            original.anatomy,
        )
        if original.region is None:
            assert mine.region is None
        else:
            assert np.array_equal(mine.region, original.region)


@pytest.mark.slow
def test_bilateral_cases_say_one_sentence_for_each_side() -> None:
    case = generate_case(5, bilateral="nodule")
    told = [sentence for sentence in case.sentences if sentence.kind == "nodule"]
    assert sorted(str(sentence.side) for sentence in told) == ["left", "right"]
    assert all(sentence.anatomy is None for sentence in told)


@pytest.mark.slow
def test_cardiomegaly_has_a_twin_with_a_smaller_heart() -> None:
    case = generate_case(8, required=("cardiomegaly",))
    finding = next(finding for finding in case.findings if finding.concept == "cardiomegaly")
    assert abs(finding.contrast_hu) > 20


def test_oblique_storage_keeps_every_voxel_in_its_relative_place(case: PhantomCase) -> None:
    stored = stored_obliquely(case.volume, np.random.default_rng(1))
    back = stored.reoriented_to_ras()
    assert np.array_equal(back.hu, case.volume.hu)
    assert not np.allclose(back.affine[:3, :3], case.volume.affine[:3, :3])
    assert np.allclose(np.linalg.norm(back.affine[:3, 3]), np.linalg.norm(case.volume.affine[:3, 3]))


def test_organs_follow_the_labels() -> None:
    labels = np.zeros((6, 2, 2), dtype=np.uint8)
    labels[:, 0, 0] = [2, 3, 4, 5, 6, 7]
    organs = organ_masks(labels)
    assert organs["right_lung"].sum() == 3
    assert organs["left_lung"].sum() == 2
    assert organs["lung"].sum() == 5
    assert organs["heart"].sum() == 1
    assert "liver" not in organs
