"""The engine with a tiny random model: what it answers must not depend on how a case is stored, and refusals must be clear."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
import torch

from asap.errors import Cancelled, NotChestError
from asap.grounding import Grounding
from asap.inference.engine import Engine
from asap.inference.load import load_engine
from asap.inference.side import side_check
from asap.phantom.case import PhantomCase, generate_case, stored_obliquely
from asap.preprocess import GridMap
from asap.text.read import read_report, read_sentence
from asap.volume import Volume, apply_affine

REPORT = read_report("FINDINGS: Heart. There is a nodule in the left lung. No pleural effusion. COMPARISON: None.")


@lru_cache(maxsize=1)
def engine() -> Engine:
    return load_engine("asap-test")


@lru_cache(maxsize=1)
def case() -> PhantomCase:
    return generate_case(3)


def test_every_sentence_gets_a_map_or_a_reason() -> None:
    answers = engine().ground(engine().encode(case().volume), REPORT.sentences)
    assert [a.sentence.text for a in answers] == [s.text for s in REPORT.sentences]
    for answer in answers:
        assert (answer.heatmap is None) == (answer.reason is not None) == (answer.peak_ras_mm is None)
        if answer.heatmap is not None:
            assert answer.heatmap.shape == (14, 14, 14)
            assert 0.0 <= answer.heatmap.min() <= answer.heatmap.max() <= 1.0
            region = answer.region()
            assert region is not None
            assert region.sum() == answer.tokens
            assert answer.confidence is None


def test_absence_and_nothing_to_show_never_get_a_hot_spot() -> None:
    answers = engine().ground(engine().encode(case().volume), REPORT.sentences)
    by_text = {a.sentence.text: a for a in answers}
    assert by_text["No pleural effusion."].reason == "States that something is absent."
    assert by_text["None."].heatmap is None


def test_one_case_stored_in_another_way_is_encoded_once() -> None:
    volume = case().volume
    features = engine().encode(volume)
    stored = Volume(np.ascontiguousarray(volume.hu[::-1, ::-1]), volume.affine @ flip(volume.shape))
    assert engine().encode(stored) is features


def test_another_position_is_another_case() -> None:
    volume = case().volume
    moved = volume.affine.copy()
    moved[:3, 3] += 5.0
    assert engine().encode(Volume(volume.hu, moved)) is not engine().encode(volume)


def test_the_answer_turns_with_the_patient() -> None:
    """The same voxels, axes permuted and flipped and the world turned: the peak turns with them."""
    rng = np.random.default_rng(4)
    plain = case().volume
    turned = stored_obliquely(plain, rng).reoriented_to_ras()
    question = [read_sentence("Heart.")]
    before = engine().ground(engine().encode(plain), question)[0]
    after = engine().ground(engine().encode(turned), question)[0]
    voxel = plain.voxel_from_world(np.asarray(before.peak_ras_mm))
    assert np.linalg.norm(turned.world_from_voxel(voxel) - np.asarray(after.peak_ras_mm)) < 0.5


def test_cells_in_the_padding_are_never_the_answer() -> None:
    features = engine().encode(case().volume.cropped((0, 0, 12), (128, 112, 100)))
    grid: GridMap = features.windows[0].grid
    assert not grid.inside.all()
    answer = engine().ground(features, [read_sentence("Heart.")])[0]
    assert answer.heatmap is not None
    assert not answer.heatmap[~grid.inside].any()


@pytest.mark.slow
def test_fine_maps_are_the_same_question_on_half_the_cell() -> None:
    coarse = engine().ground(engine().encode(case().volume), [read_sentence("Heart.")])[0]
    fine = engine().ground(engine().encode(case().volume, fine=True), [read_sentence("Heart.")])[0]
    assert fine.heatmap is not None
    assert fine.heatmap.shape == (28, 28, 28)
    assert np.allclose(fine.affine[:3, :3] * 2, coarse.affine[:3, :3])
    assert np.allclose(apply_affine(fine.affine, np.zeros(3)), apply_affine(coarse.affine, np.zeros(3)))


def test_what_is_not_a_chest_is_refused_and_nothing_is_kept() -> None:
    air = Volume(np.full((40, 40, 40), -1000, np.int16), np.diag([4.0, 4.0, 4.0, 1.0]))
    with pytest.raises(NotChestError):
        engine().encode(air)


class Hook:
    """Counts its calls and stops the work at one of them."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.calls, self.stop_at = 0, stop_at

    def __call__(self) -> None:
        self.calls += 1
        if self.calls == self.stop_at:
            raise Cancelled("Stopped.")


def test_cancelling_stops_anywhere_and_keeps_nothing() -> None:
    fresh, whole = load_engine("asap-test"), Hook()
    load_engine("asap-test").encode(case().volume, between_blocks=whole)
    for share in (0.0, 0.03, 0.3, 1.0):
        stop = Hook(stop_at=1 + int(share * (whole.calls - 1)))
        with pytest.raises(Cancelled):
            fresh.encode(case().volume, between_blocks=stop)
        assert stop.calls == stop.stop_at
    after = Hook()
    fresh.encode(case().volume, between_blocks=after)
    assert after.calls == whole.calls


def test_progress_never_falls_and_ends_at_one() -> None:
    seen: list[tuple[str, float]] = []
    load_engine("asap-test").encode(case().volume, progress=lambda stage, share: seen.append((stage, share)))
    shares = [share for _, share in seen]
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert shares[-1] == 1.0
    assert len(set(shares)) > 50
    assert list(dict(seen)) == ["recognising the case", "looking for the lungs", "encoding the volume"]


def test_a_sentence_answered_between_blocks_is_answered_as_ever() -> None:
    """The hook may serve a click on the thread that encodes: nothing of the encoding may rub off on it."""
    mini = load_engine("asap-mini")
    features = mini.encode(case().volume)
    asked = [read_sentence("There is a nodule in the left lung.")]
    before = mini.ground(features, asked)[0]
    during: list[Grounding] = []
    image = torch.rand(1, 1, *mini.grounder.grid.shape) * 2 - 1
    mini.grounder.encode_image(image, pause=lambda: during.extend(mini.ground(features, asked)))
    assert len(during) == mini.grounder.cost.pauses
    assert all(np.array_equal(a.heatmap, before.heatmap) and a.confidence == before.confidence for a in during)


def test_an_upload_is_found_by_its_owner_alone() -> None:
    fresh = load_engine("asap-test")
    mine = fresh.encode(case().volume, owner="one")
    assert fresh.encode(case().volume, owner="one") is mine
    theirs = fresh.encode(case().volume, owner="two")
    assert theirs is not mine
    assert fresh.encode(case().volume) is not mine
    fresh.forget("one")
    assert fresh.encode(case().volume, owner="one") is not mine
    assert fresh.encode(case().volume, owner="two") is theirs


def test_the_box_the_model_saw_holds_every_cell() -> None:
    features = engine().encode(case().volume)
    corners = engine().coverage_corners_ras_mm(features)
    assert np.allclose(np.ptp(corners, axis=0), 336.0)
    grid = features.windows[0].grid
    cells = apply_affine(grid.token_affine, np.argwhere(np.ones(features.tokens)).astype(float))
    assert np.allclose(cells.min(axis=0) - corners.min(axis=0), 12.0)
    assert np.allclose(corners.max(axis=0) - cells.max(axis=0), 12.0)


def test_the_side_is_checked_against_the_lungs() -> None:
    lungs = engine().encode(case().volume).lungs
    right = apply_affine(lungs.affine, np.argwhere(lungs.right).mean(axis=0))
    peak = (float(right[0]), float(right[1]), float(right[2]))
    assert side_check(lungs, read_sentence("A nodule in the right lung."), peak) == "agrees"
    assert side_check(lungs, read_sentence("A nodule in the left lung."), peak) == "disagrees"
    assert side_check(lungs, read_sentence("The heart is normal."), peak) == "not applicable"


def flip(shape: tuple[int, int, int]) -> np.ndarray:
    """Voxel affine that flips the first two axes of an array of this shape."""
    out = np.diag([-1.0, -1.0, 1.0, 1.0])
    out[0, 3], out[1, 3] = shape[0] - 1, shape[1] - 1
    return out
