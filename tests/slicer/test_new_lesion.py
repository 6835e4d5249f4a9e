"""A lesion without a sentence: begun by a button, made by the first click, stroke or box, taken back whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import vtk
from AsapSlicerLib import segment_list
from AsapSlicerLib.drawn_line import NAME
from AsapSlicerLib.lesion_tools import LesionTools
from AsapSlicerLib.slice_clicks import SliceClicks, place_of

from tests.client.scripted import Scripted
from tests.slicer.test_lesions import Case, box, lesion


class Hand:
    """A reader's hand in the axial view. heard: events that reached what lies behind the tools, such as Slicer's own styles."""

    def __init__(self, case: Case) -> None:
        self.case, self.tools = case, LesionTools(case.logic)
        self.node = case.stage.slice_logics["Axial"].GetSliceNode()
        self.view = vtk.vtkGenericRenderWindowInteractor()
        self.heard: list[str] = []
        for name in ("LeftButtonPressEvent", "MouseMoveEvent", "LeftButtonReleaseEvent"):
            self.view.AddObserver(name, lambda _caller, event: self.heard.append(event), 0.0)
        self.clicks = SliceClicks(lambda _place: None, self.tools.tapped, pen=self.tools)
        self.clicks.watch(self.view, self.node)

    def drag(self, *pixels: tuple[int, int], shift: bool = False) -> list[Any]:
        """Press at the first, go through the others, let go at the last; the lines drawn on the way."""
        drawn = []
        self.view.SetEventInformation(*pixels[0], 0, int(shift))
        self.view.InvokeEvent("LeftButtonPressEvent")
        for pixel in pixels[1:]:
            self.view.SetEventInformation(*pixel, 0, int(shift))
            self.view.InvokeEvent("MouseMoveEvent")
            drawn += lines(self.case)
        self.view.InvokeEvent("LeftButtonReleaseEvent")
        self.case.wait()
        return drawn

    def place(self, pixel: tuple[int, int]) -> list[float]:
        """Where a pixel lies."""
        return [pytest.approx(mm) for mm in place_of(self.node, pixel)]


def lines(case: Case) -> list[Any]:
    """What is drawn over the slices now."""
    found = case.stage.scene.GetNodesByName(NAME)
    return [found.GetItemAsObject(n) for n in range(found.GetNumberOfItems())]


@pytest.fixture
def hand() -> Iterator[Hand]:
    with Scripted(wait_for_jobs=False) as server:
        case = Case(server)
        server.parts.clear()
        yield Hand(case)
        case.logic.close()
        case.stage.close()


BLOCK = np.ones((4, 4, 4))


def test_the_first_click_makes_it_and_the_last_undo_takes_it_away(hand: Hand) -> None:
    case, lesions = hand.case, hand.case.logic.lesions
    hand.tools.begin()
    assert (lesions.active, lesions.waits, lesions.can_undo) == (True, True, False)
    assert "inside the lesion" in hand.tools.told
    hand.drag((100, 120), shift=True)
    assert "inside the lesion first" in case.said[-1].message
    assert case.asked() == []
    case.answers(lesion("a", box((5, 6, 7), BLOCK)))
    hand.drag((100, 120))
    assert case.asked()[0]["prompt"]["include"] == [hand.place((100, 120))]
    assert case.asked()[0]["prompt"]["sentence"] is None
    case.answers(lesion("b", box((9, 6, 7), np.ones((2, 4, 4))), base="a"))
    hand.drag((110, 120), shift=True)
    assert case.asked()[1]["prompt"]["exclude"] == [hand.place((110, 120))]
    assert [row.name for row in segment_list.segment_rows(case.stage.scene, case.ct)] == ["Lesion 1"]
    assert hand.heard.count("LeftButtonPressEvent") == 3, "a click is also what Slicer makes of it"
    sizes = []
    for step in (lesions.undo, lesions.undo, lesions.redo, lesions.redo):
        step()
        sizes.append(int(case.mask().sum()))
    assert sizes == [64, 0, 64, 96]
    lesions.undo()
    lesions.undo()
    assert lesions.waits and not lesions.can_undo and lesions.can_redo
    case.answers(lesion("c", box((5, 6, 7), BLOCK)))
    hand.drag((90, 120))
    assert case.asked()[-1]["prompt"]["include"] == [hand.place((90, 120))], "what was undone is gone"
    assert case.asked()[-1]["base"] is None
    lesions.finish()
    hand.tools.begin()
    case.answers(lesion("d", box((15, 6, 7), BLOCK)))
    hand.drag((60, 120))
    assert [row.name for row in segment_list.segment_rows(case.stage.scene, case.ct)] == ["Lesion 1", "Lesion 2"]


def test_a_first_click_on_nothing_and_a_failure_wait_for_another(hand: Hand) -> None:
    case, lesions = hand.case, hand.case.logic.lesions
    hand.tools.begin()
    case.answers(lesion("a", None))
    hand.drag((100, 120))
    assert "click another place" in case.said[-1].message
    assert lesions.waits
    case.answers(lesion("b", box((5, 6, 7), BLOCK)))
    hand.drag((90, 120))
    assert case.asked()[-1]["prompt"]["include"] == [hand.place((90, 120))]


def test_strokes_are_drawn_said_and_undone_and_slicer_hears_nothing_of_them(hand: Hand) -> None:
    case, lesions = hand.case, hand.case.logic.lesions
    hand.tools.begin()
    hand.tools.choose("scribble")
    hand.heard.clear()
    case.answers(lesion("a", box((5, 6, 7), BLOCK)))
    drawn = hand.drag((100, 120), (110, 120), (120, 125))
    assert hand.heard == []
    assert len({node.GetID() for node in drawn}) == 1
    assert lines(case) == [], "the line is gone with the button"
    (stroke,) = case.asked()[0]["prompt"]["include_strokes"]
    assert (stroke[0], stroke[-1]) == (hand.place((100, 120)), hand.place((120, 125)))
    case.answers(lesion("b", box((5, 6, 7), np.zeros((1, 4, 4))), base="a"))
    hand.drag((130, 120), (140, 120), shift=True)
    asked = case.asked()[1]["prompt"]
    assert (len(asked["include_strokes"]), len(asked["exclude_strokes"])) == (1, 1)
    assert case.mask().sum() == 48
    lesions.undo()
    assert case.mask().sum() == 64
    assert len(lesions.prompt.exclude_strokes) == 0
    hand.tools.choose("scribble")
    hand.drag((130, 120), (180, 120))
    assert len(case.asked()) == 2, "back to clicks: a drag is Slicer's again"
    assert hand.heard != []


def test_a_box_is_as_deep_as_its_shorter_side_and_lies_along_the_cts_axes(hand: Hand) -> None:
    case = hand.case
    hand.node.SetSliceOffset(4.0)
    hand.tools.begin()
    hand.tools.choose("box")
    hand.drag((100, 120), (101, 121))
    assert (case.asked(), hand.tools.tool) == ([], "box"), "too small to be meant"
    case.answers(lesion("a", box((5, 6, 7), BLOCK)))
    hand.drag((100, 120), (130, 140), (150, 130))
    low, high = np.sort(case.asked()[0]["prompt"]["box"], axis=0)
    ends = np.sort([place_of(hand.node, (100, 120)), place_of(hand.node, (150, 130))], axis=0)
    depth = ends[1, 1] - ends[0, 1]
    np.testing.assert_allclose(low, [*ends[0, :2], 4.0 - depth / 2], atol=1e-6)
    np.testing.assert_allclose(high, [*ends[1, :2], 4.0 + depth / 2], atol=1e-6)
    assert hand.tools.tool == "point", "one box a time"
    case.answers(lesion("b", box((5, 6, 7), np.ones((4, 4, 5)))))
    hand.drag((100, 120))
    assert case.asked()[1]["prompt"]["box"] is not None, "the box stays said"
