"""Segments over the wire: what a client rebuilds from boxes is what the engine drew, and a correction sends only what changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from asap.client.segments import SegmentAnswer, SegmentPrompt, SegmentsAnswer, prompt_record, segments_answer
from asap.client.wire import MaskBox, pack_mask
from asap.errors import Cancelled
from asap.prompt import Prompt
from asap.segmentation import Segment, Segmentation
from asap.volume import Volume
from monailabel_app.server.kinds.segment import LesionRequest, PromptRecord, prepare_lesion
from monailabel_app.server.revisions import Revisions, changed_box, whole_box
from tests.server.front import Caller, Front, chest, running

Mask = NDArray[np.bool_]


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    with running(tmp_path) as front:
        yield front


def drawn(mask: Mask, box: MaskBox) -> Mask:
    """A mask with a box of it replaced, as a viewer does it."""
    if 0 not in box.shape:
        count = int(np.prod(box.shape))
        bits = np.unpackbits(np.frombuffer(box.bits, np.uint8), count=count).astype(np.bool_).reshape(box.shape)
        mask[tuple(slice(start, start + n) for start, n in zip(box.start_ijk, box.shape, strict=True))] = bits
    return mask


def asked(caller: Caller, study: str, **fields: Any) -> SegmentsAnswer:
    answer = caller("POST", f"/studies/{study}/jobs", json={"wait_s": 10.0} | fields)
    assert answer.status_code == 200, answer.text
    return segments_answer(answer.json()["result"])


def test_lungs_come_whole_with_side_and_codes(front: Front) -> None:
    caller = front.caller()
    study = caller.upload()
    answer = asked(caller, study, task="segment", targets=["lungs"])
    volume = chest()
    wanted = front.service._engines["asap-test"].segment(volume, ("lungs",))
    assert [s.key for s in answer.segments] == ["right_lung", "left_lung"]
    for segment, truth in zip(answer.segments, wanted.segments, strict=True):
        assert (drawn(np.zeros(volume.shape, dtype=np.bool_), segment.box) == wanted.mask(truth.name)).all()
        assert segment.base is None
        assert segment.volume_ml == pytest.approx(truth.measurements.volume_ml, abs=1e-3)
    assert [s.modifier.meaning for s in answer.segments if s.modifier] == ["Right", "Left"]


def test_a_correction_sends_the_changed_box_and_an_undo_starts_from_the_older_mask(front: Front) -> None:
    volume = chest()
    caller = front.caller()
    study = caller.upload()
    point, other = _two_points(volume)
    first = _lesion(caller, study, SegmentPrompt(include=[point]))
    mask = drawn(np.zeros(volume.shape, dtype=np.bool_), first.box)
    assert first.base is None
    assert mask.any()
    second = _lesion(caller, study, SegmentPrompt(include=[point, other]), base=first.revision)
    assert second.base == first.revision
    corrected = drawn(mask.copy(), second.box)
    again = _lesion(caller, study, SegmentPrompt(include=[point, other]), base=first.revision)
    assert (drawn(mask.copy(), again.box) == corrected).all()
    engine = front.service._engines["asap-test"]
    previous = engine.segment_prompted(volume, engine.encode(volume), Prompt(include=(point,)))
    truth = engine.segment_prompted(volume, engine.encode(volume), Prompt(include=(point, other), previous=previous))
    assert truth is not None
    assert (corrected == Segmentation(volume.shape, volume.affine, (truth,)).mask(truth.name)).all()


def test_a_mask_a_hand_has_changed_is_corrected_in_place_of_the_revisions(front: Front) -> None:
    volume = chest()
    caller = front.caller()
    study = caller.upload()
    point, other = _two_points(volume)
    first = _lesion(caller, study, SegmentPrompt(include=[point]))
    whole = np.zeros(volume.shape, dtype=np.bool_)
    whole[2:9, 3:8, 1:4] = True  # far from what the server knows
    told = MaskBox((2, 3, 1), (7, 5, 3), np.packbits(np.ones((7, 5, 3), np.bool_)).tobytes())
    answer = asked(
        caller, study, task="lesion", prompt=prompt_record(SegmentPrompt(include=[point, other])), base=first.revision,
        previous=pack_mask(told),
    )  # fmt: skip
    (corrected,) = answer.segments
    assert (corrected.base, corrected.name) == (None, first.name)
    assert (drawn(np.zeros(volume.shape, dtype=np.bool_), corrected.box) & whole).sum() == whole.sum()
    wrong = [
        ({"shape": [4096] * 3}, "beyond the image"),
        ({"start_ijk": list(volume.shape)}, "beyond"),
        ({"data": "AAAA"}, "damaged"),
    ]
    for change, words in wrong:
        body = {"task": "lesion", "prompt": prompt_record(SegmentPrompt(include=[point])), "previous": pack_mask(told) | change}
        job = caller("POST", f"/studies/{study}/jobs", json=body | {"wait_s": 10.0}).json()["job"]
        assert words in caller("GET", f"/jobs/{job}/result").text


def test_what_says_nothing_or_names_nobody_is_refused(front: Front) -> None:
    caller = front.caller()
    study = caller.upload()
    nowhere = {"exclude": [[0.0, 0.0, 0.0]]}
    assert caller("POST", f"/studies/{study}/jobs", json={"task": "lesion", "prompt": nowhere}).status_code == 422
    assert caller("POST", f"/studies/{study}/jobs", json={"task": "segment", "targets": ["hart"]}).status_code == 422
    assert caller("POST", f"/studies/{study}/jobs", json={"task": "segment", "targets": []}).status_code == 422
    unknown = _lesion(caller, study, SegmentPrompt(include=[_two_points(chest())[0]]), base="0" * 32)
    assert unknown.base is None, "a revision nobody keeps: the whole segment comes"


def test_a_model_that_cannot_look_for_lesions_says_what_to_do_instead(front: Front) -> None:
    caller = front.caller()
    study = caller.upload()
    job = caller("POST", f"/studies/{study}/jobs", json={"task": "segment", "targets": ["lesions"]}).json()["job"]
    assert "point at one" in caller.wait(job, "failed")["error"]["message"]


def test_a_lesion_that_is_given_up_stops_between_the_boxes_of_the_head() -> None:
    class Growing:
        def segment_prompted(self, *_case: Any, between_blocks: Callable[[], None]) -> None:
            for _box in range(3):
                between_blocks()

    def given_up() -> None:
        raise Cancelled("nobody waits for it")

    request = LesionRequest(task="lesion", prompt=PromptRecord(include=[[0.0, 0.0, 0.0]]))
    case: Any = SimpleNamespace(
        engine=Growing(), volume=chest, features=None, revisions=Revisions(), progress=print, pause=given_up
    )
    with pytest.raises(Cancelled):
        list(prepare_lesion(request)(case))


def test_boxes_are_tight_and_nothing_changed_is_no_box() -> None:
    mask = np.zeros((6, 6, 6), dtype=np.bool_)
    mask[1:4, 1:4, 1:4] = True
    one = _segment(mask, (10, 10, 10))
    less = mask.copy()
    less[3, 3, 3] = False
    other = _segment(less, (10, 10, 10))
    assert changed_box(one, one).shape == (0, 0, 0)
    assert changed_box(one, other) == MaskBox((13, 13, 13), (1, 1, 1), b"\x00")
    assert changed_box(other, one) == MaskBox((13, 13, 13), (1, 1, 1), b"\x80")
    assert whole_box(one).shape == (6, 6, 6)
    kept = Revisions()
    numbers = [kept.add(one) for _ in range(70)]
    assert kept.find(numbers[0]) is None
    assert kept.find(numbers[-1]) is one


def _segment(mask: Mask, start: tuple[int, int, int]) -> Segment:
    from asap.segment_types import LESIONS
    from asap.segmentation import Measurements

    return Segment(LESIONS["mass"], "Mass", mask, start, Measurements(1.0, 1.0, 1.0), "test")


def _two_points(volume: Volume) -> list[tuple[float, float, float]]:
    """World places of two voxels of soft tissue near the middle."""
    centre = np.array(volume.shape) // 2
    tissue = np.argwhere((volume.hu > -100) & (volume.hu < 200))
    order = np.argsort(np.abs(tissue - centre).sum(axis=1))
    r, a, s = volume.world_from_voxel(tissue[order[0]].astype(float))
    u, v, w = volume.world_from_voxel(tissue[order[40]].astype(float))
    return [(float(r), float(a), float(s)), (float(u), float(v), float(w))]


def _lesion(caller: Caller, study: str, prompt: SegmentPrompt, base: str | None = None) -> SegmentAnswer:
    answer = asked(caller, study, task="lesion", prompt=prompt_record(prompt), base=base)
    assert len(answer.segments) == 1
    return answer.segments[0]
