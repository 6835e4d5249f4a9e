"""A lesion cut out of the image and corrected click by click: what is asked, what is drawn, every step back and forward."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import vtk
from AsapSlicerLib import segment_list, volume_nodes
from AsapSlicerLib.logic import AsapLogic, Event
from AsapSlicerLib.segment_masks import LABELMAP
from AsapSlicerLib.segments import oriented_image, segmentation_of

from asap.client.wire import MaskBox, pack_mask, unpack_mask, unpack_voxels
from tests.client.scripted import INFO, INFO_ROUTE, JOB, JOBS_ROUTE, MODEL, NOTICE, STUDY, TOKEN, Scripted, answer, refusal
from tests.slicer.scene import SlicerScene
from tests.volumes import oriented

SHAPE = (30, 28, 26)
SPACING_MM = (1.0, 1.0, 2.0)
VOXEL_ML = 0.002
MORPHOLOGY = {"value": "49755003", "scheme": "SCT", "meaning": "Morphologically Altered Structure"}
MASS = {"value": "4147007", "scheme": "SCT", "meaning": "Mass"}
LUNG = {"value": "39607008", "scheme": "SCT", "meaning": "Lung"}


def box(start: tuple[int, int, int], mask: Any) -> dict[str, Any]:
    """A mask's box as the server sends it."""
    bits = np.asarray(mask, np.bool_)
    i, j, k = bits.shape
    return pack_mask(MaskBox(start, (i, j, k), np.packbits(bits).tobytes()))


def lesion(revision: str, packed: dict[str, Any] | None, base: str | None = None, ml: float = 1.0) -> Any:
    """The answer of a lesion job; None for nothing found."""
    row = {
        "name": "Mass", "key": "mass", "colour": [200, 100, 50], "category": MORPHOLOGY, "type": MASS, "modifier": None,
        "region": LUNG, "region_modifier": None, "volume_ml": ml, "longest_diameter_mm": 12.4, "mean_hu": 35.2,
        "source": "region growing", "revision": revision * 32, "base": None if base is None else base * 32, "box": packed,
    }  # fmt: skip
    segments = [] if packed is None else [row]
    result = {"task": "lesion", "study": STUDY, "model": MODEL, "notice": NOTICE, "segments": segments}
    return answer(200, {"job": JOB, "state": "done", "result": result})


class Case:
    """A reader with a mass on the screen."""

    def __init__(self, server: Scripted) -> None:
        self.server, self.stage = server, SlicerScene()
        voxels = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
        self.ct = self.stage.volume(voxels, oriented((-1, -1, 1), SPACING_MM, SHAPE))
        self.voxels = voxels
        self.logic = AsapLogic(self.stage.scene, lambda _url: True)
        self.said: list[Event] = []
        self.logic.listeners.append(self.said.append)
        server.play(INFO_ROUTE, *[answer(200, INFO | {"capabilities": ["encode", "ground", "segment", "lesion"]})] * 9)
        self.logic.connect(server.url, TOKEN)
        self.wait()
        self.logic.choose_volume(self.ct)
        self.logic.ground(["A mass in the left lung."])
        self.wait()

    def wait(self) -> None:
        assert self.logic.wait_for_completion(30)

    def answers(self, *plays: Any) -> None:
        """Play these for the next lesion jobs."""
        self.server.play(JOBS_ROUTE, *plays)

    def asked(self) -> list[dict[str, Any]]:
        """Lesion questions so far."""
        bodies = [json.loads(one.body) for one in self.server.asked if one.method == "POST" and one.path.endswith("/jobs")]
        return [body for body in bodies if body["task"] == "lesion"]

    def mask(self) -> Any:
        """All that is drawn, on the CT's voxels."""
        return segment_list.label_map(self.stage.scene, self.ct)[0] > 0


@pytest.fixture
def case() -> Iterator[Case]:
    with Scripted(wait_for_jobs=False) as server:
        case = Case(server)
        yield case
        case.logic.close()
        case.stage.close()


def begun(case: Case) -> None:
    """The first cut: 4 x 4 x 4 voxels from (5, 6, 7)."""
    case.server.parts.clear()  # what was sent for the model's own voxels
    case.answers(lesion("a", box((5, 6, 7), np.ones((4, 4, 4))), ml=64 * VOXEL_ML))
    case.logic.make_lesion(0)
    case.wait()


def test_the_first_cut_stands_on_the_cts_own_voxels_with_codes_and_measures(case: Case) -> None:
    begun(case)
    assert case.logic.lesions.active
    expected = np.zeros(SHAPE, np.bool_)
    expected[5:9, 6:10, 7:11] = True
    np.testing.assert_array_equal(case.mask(), expected)
    assert case.logic.lesions.measures == "0.1 ml, longest diameter 12 mm, mean 35 HU"
    segmentation = segmentation_of(case.stage.scene, case.ct).GetSegmentation()
    segment = segmentation.GetNthSegment(0)
    assert segment.GetName() == "A mass in the left lung."
    assert "SCT^49755003^Morphologically Altered Structure~SCT^4147007^Mass" in terminology(segment)
    question = case.asked()[0]
    assert question["prompt"]["sentence"] == "A mass in the left lung."
    assert question["prompt"]["include"] == [[1.0, 2.0, 3.0]]  # the scripted peak
    assert case.server.declared["shape"] == list(SHAPE)
    np.testing.assert_array_equal(
        np.frombuffer(unpack_voxels([case.server.encoded()], case.voxels.size), "<i2").reshape(SHAPE, order="F"), case.voxels
    )


def terminology(segment: Any) -> str:
    """A segment's codes."""
    value = vtk.reference("")
    segment.GetTag(segment.GetTerminologyEntryTagName(), value)
    return str(value)


def test_clicks_send_all_that_was_said_and_draw_only_what_changed(case: Case) -> None:
    begun(case)
    case.answers(lesion("b", box((9, 6, 7), np.ones((2, 4, 4))), base="a", ml=96 * VOXEL_ML))
    case.logic.lesions.click((4.0, 5.0, 6.0), inside=True)
    case.wait()
    case.answers(lesion("c", box((5, 6, 7), np.zeros((1, 4, 4))), base="b", ml=80 * VOXEL_ML))
    case.logic.lesions.click((9.0, 5.0, 6.0), inside=False)
    case.wait()
    expected = np.zeros(SHAPE, np.bool_)
    expected[6:11, 6:10, 7:11] = True
    np.testing.assert_array_equal(case.mask(), expected)
    last = case.asked()[-1]
    assert (last["prompt"]["include"], last["prompt"]["exclude"]) == ([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [[9.0, 5.0, 6.0]])
    assert [question["base"] for question in case.asked()] == [None, "a" * 32, "b" * 32]
    assert len(segment_list.segment_rows(case.stage.scene, case.ct)) == 1


def test_every_step_goes_back_and_forward_without_the_server(case: Case) -> None:
    begun(case)
    case.answers(lesion("b", box((9, 6, 7), np.ones((2, 4, 4))), base="a"))
    case.logic.lesions.click((4.0, 5.0, 6.0), inside=True)
    case.wait()
    both, asked = case.mask().sum(), len(case.server.asked)
    case.logic.lesions.undo()
    assert (case.mask().sum(), case.logic.lesions.can_undo, case.logic.lesions.can_redo) == (64, False, True)
    case.logic.lesions.redo()
    assert case.mask().sum() == both == 96
    case.logic.lesions.undo()
    assert len(case.server.asked) == asked
    case.answers(lesion("d", box((5, 6, 11), np.ones((4, 4, 1))), base="a"))
    case.logic.lesions.click((4.0, 5.0, 9.0), inside=True)
    case.wait()
    assert (case.mask().sum(), case.logic.lesions.can_redo) == (80, False)
    assert case.asked()[-1]["prompt"]["include"] == [[1.0, 2.0, 3.0], [4.0, 5.0, 9.0]]  # the click that was undone is gone


def test_a_place_under_a_transform_is_asked_in_the_cts_own_frame(case: Case) -> None:
    begun(case)
    shift = np.eye(4)
    shift[:3, 3] = (10.0, 0.0, 0.0)
    case.ct.SetAndObserveTransformNodeID(case.stage.transform(shift).GetID())
    case.answers(lesion("b", box((9, 6, 7), np.ones((1, 1, 1))), base="a"))
    case.logic.lesions.click((14.0, 5.0, 6.0), inside=True)
    case.wait()
    assert case.asked()[-1]["prompt"]["include"][-1] == pytest.approx([4.0, 5.0, 6.0])


def test_nothing_found_and_a_failure_leave_what_was_drawn(case: Case) -> None:
    begun(case)
    case.answers(lesion("b", None), refusal(503, "out_of_memory", "The server is out of memory; try a smaller model."))
    case.logic.lesions.click((4.0, 5.0, 6.0), inside=True)
    case.wait()
    assert "click another place" in case.said[-1].message
    case.logic.lesions.click((4.0, 5.0, 6.0), inside=True)
    case.wait()
    assert [event.kind for event in case.said[-1:]] == ["error"]
    assert case.mask().sum() == 64
    case.answers(lesion("c", box((9, 6, 7), np.ones((1, 4, 4))), base="a"))
    case.logic.lesions.click((7.0, 5.0, 6.0), inside=True)
    case.wait()
    assert case.asked()[-1]["prompt"]["include"] == [[1.0, 2.0, 3.0], [7.0, 5.0, 6.0]]
    case.logic.lesions.finish()
    case.logic.lesions.click((8.0, 5.0, 6.0), inside=True)
    case.wait()
    assert len(case.asked()) == 4
    assert case.mask().sum() == 80


def edit(case: Case, mask: Any) -> None:
    """What the Segment Editor does to the lesion's voxels."""
    segmentation = segmentation_of(case.stage.scene, case.ct).GetSegmentation()
    segmentation.GetSegment(case.logic.lesions.identity).GetRepresentation(LABELMAP).DeepCopy(
        oriented_image(mask, volume_nodes.ijk_to_ras(case.ct))
    )


def test_a_click_goes_on_from_what_a_hand_has_changed_and_undo_comes_back_to_it(case: Case) -> None:
    begun(case)
    first, edited = case.mask(), case.mask()
    edited[5:9, 6:10, 11:14] = True
    edit(case, edited)
    case.answers(lesion("b", box((5, 6, 7), np.ones((4, 4, 8)))))
    case.logic.lesions.click((4.0, 5.0, 6.0), inside=True)
    case.wait()
    asked = case.asked()[-1]
    told = unpack_mask(asked["previous"])
    assert (asked["base"], told.start_ijk, told.shape) == ("a" * 32, (5, 6, 7), (4, 4, 7))
    assert case.mask().sum() == 128
    case.logic.lesions.undo()
    np.testing.assert_array_equal(case.mask(), edited)
    assert case.logic.lesions.measures.startswith("0.2 ml")
    case.logic.lesions.undo()
    np.testing.assert_array_equal(case.mask(), first)
    edited[0:2, 0:2, 0:2] = True
    edit(case, edited)
    case.logic.lesions.undo()
    np.testing.assert_array_equal(case.mask(), first)
    case.logic.lesions.redo()
    np.testing.assert_array_equal(case.mask(), edited)
    case.answers(lesion("c", None))
    case.logic.lesions.click((4.0, 5.0, 6.0), inside=True)
    case.wait()
    np.testing.assert_array_equal(case.mask(), edited)


def test_a_hand_that_draws_while_an_answer_is_under_way_is_asked_from(case: Case) -> None:
    begun(case)
    edited = case.mask()
    edited[5:9, 6:10, 11:14] = True
    case.answers(lesion("b", box((9, 6, 7), np.ones((2, 4, 4))), base="a"), lesion("c", box((5, 6, 7), np.ones((4, 4, 8)))))
    case.logic.lesions.click((4.0, 5.0, 6.0), inside=True)
    edit(case, edited)
    case.wait()
    assert ["previous" in question for question in case.asked()] == [False, False, True]
    assert case.mask().sum() == 128
    case.logic.lesions.undo()
    np.testing.assert_array_equal(case.mask(), edited)
