"""Generated lesions in real CTs: where the region says, as strong as the scan shows, and nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from asap.phantom.case_files import load_case, save_case
from asap.text.read import read_sentence
from asap_training.data.backgrounds import SOURCES, Background, load_background
from asap_training.data.implants import implanted
from tests.reference import reference_data

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["cip_copd64", "lung2_tumour"])
def background(request: pytest.FixtureRequest) -> Background:
    return load_background(reference_data("ct").parent, request.param)


def test_no_background_serves_two_purposes() -> None:
    roles = {name: source.role for name, source in SOURCES.items()}
    assert roles == {"totalseg_cta": "train", "lung_dx_A0002": "train", "cip_copd64": "select", "lung2_tumour": "test"}


def test_only_the_lesions_differ_from_the_scan(background: Background) -> None:
    """Changes lie in the lungs or a slice beside them, most of them in a region; each region shows its lesion."""
    for seed in range(6):
        case = implanted(background, seed)
        change = case.volume.hu.astype(int) - case.twin.hu
        regions = [f.region for f in case.findings if f.region is not background.tumour]
        reach = ndimage.binary_dilation(case.organs["lung"], iterations=3)
        assert np.array_equal(case.twin.hu, background.anatomy.hu.astype(np.int16))
        assert not change[~reach].any()
        for region in regions:
            assert np.abs(change[region]).mean() > 40
        if background.tumour is not None:
            assert np.abs(change[background.tumour]).max(initial=0) < 30


def test_side_and_sentence_agree_with_the_region(background: Background) -> None:
    for seed in range(12):
        case = implanted(background, seed, held_out_phrasing=True)
        for sentence in case.sentences:
            assert sentence.region is not None and sentence.region.any()
            assert read_sentence(sentence.text).localisable
            inside = {side: (sentence.region & case.organs[f"{side}_lung"]).any() for side in ("left", "right")}
            if sentence.side in inside:
                assert inside[sentence.side] and sum(inside.values()) == 1
            if sentence.kind in {concept for concept, _ in background.source.closed}:
                assert sentence.side in ("left", "right")
                assert (sentence.kind, sentence.side) not in background.source.closed


def test_the_same_seed_gives_the_same_case_and_it_can_be_stored(background: Background, tmp_path: object) -> None:
    first, again = implanted(background, 3), implanted(background, 3)
    assert np.array_equal(first.volume.hu, again.volume.hu)
    assert [s.text for s in first.sentences] == [s.text for s in again.sentences]
    save_case(tmp_path / "case-0000003", first)  # type: ignore[operator]
    stored = load_case(tmp_path / "case-0000003")  # type: ignore[operator]
    assert np.array_equal(stored.volume.hu, first.volume.hu)
    assert all(np.array_equal(a.region, b.region) for a, b in zip(stored.sentences, first.sentences, strict=True))
