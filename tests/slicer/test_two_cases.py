"""Two CTs in one scene: each keeps its own report, decisions and maps, and neither is ever drawn over the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from AsapSlicerLib.logic import AsapLogic

from tests.client.scripted import TOKEN, Scripted
from tests.slicer.desk import SHAPE, Desk
from tests.slicer.scene import SlicerScene
from tests.volumes import oriented

AFFINE = oriented((-1, -1, 1), (3.0, 3.0, 3.0), SHAPE)


@pytest.fixture
def stage() -> Iterator[SlicerScene]:
    stage = SlicerScene()
    yield stage
    stage.close()


def connected(stage: SlicerScene, server: Scripted) -> AsapLogic:
    logic = AsapLogic(stage.scene, lambda _url: True)
    logic.connect(server.url, TOKEN)
    assert logic.wait_for_completion(30)
    return logic


def ask(logic: AsapLogic, volume: Any, *sentences: str) -> None:
    logic.choose_volume(volume)
    logic.ground(sentences)
    assert logic.wait_for_completion(30)


def test_each_ct_has_its_own_review_also_in_a_saved_scene(stage: SlicerScene, tmp_path: Path) -> None:
    first, second = (stage.volume(np.full(SHAPE, hu, np.int16), AFFINE, name) for hu, name in ((0, "one"), (5, "two")))
    with Scripted(wait_for_jobs=False) as server:
        logic = connected(stage, server)
        ask(logic, first, "A nodule.", "A mass.")
        logic.decide(0, "accepted")
        logic.choose_volume(second)
        assert logic.review is None
        assert not logic.view.shown
        assert not logic.show([0])
        assert not logic.can_undo
        ask(logic, second, "The heart is normal.")
        logic.decide(0, "rejected")
        logic.choose_volume(first)
        states = [(sentence.text, sentence.state) for sentence in logic.review.sentences]
        assert states == [("A nodule.", "accepted"), ("A mass.", "draft")]
        assert [path for path in server.paths("POST") if path == "/studies"] == ["/studies"] * 2
        logic.close()
    stage.save(tmp_path / "two.mrml")
    again = SlicerScene()
    again.open(tmp_path / "two.mrml")
    logic = AsapLogic(again.scene, lambda _url: False)
    assert logic.volume.GetName() == "one"  # the one that was chosen when the scene was saved
    assert [sentence.state for sentence in logic.review.sentences] == ["accepted", "draft"]
    logic.choose_volume(again.scene.GetFirstNodeByName("two"))
    assert [sentence.text for sentence in logic.review.sentences] == ["The heart is normal."]
    assert logic.show([0])
    logic.close()
    again.close()


def test_an_answer_for_the_ct_before_is_not_taken_for_the_next(stage: SlicerScene) -> None:
    first, second = (stage.volume(np.full(SHAPE, hu, np.int16), AFFINE, name) for hu, name in ((0, "one"), (5, "two")))
    with Scripted(wait_for_jobs=False) as server:
        logic = connected(stage, server)
        logic.choose_volume(first)
        logic.ground(["A nodule."])
        logic.choose_volume(second)
        assert logic.wait_for_completion(30)
        assert logic.review is None
        logic.close()


def test_the_panel_shows_the_report_of_the_ct_that_is_chosen(desk: Desk) -> None:
    desk.connect()
    desk.choose_ct()
    desk.ask()
    desk.click_row(1)
    assert desk.foreground() == "ASAP heatmap"
    desk.stage.volume(np.full(SHAPE, 5, np.int16), AFFINE, "other")
    panel = desk.widget.case_panel
    panel.list_volumes()
    panel.volumes.setCurrentIndex(2)
    assert desk.foreground() is None
    assert desk.rows() == []
    assert desk.widget.report_panel.progress.text == ""
    panel.volumes.setCurrentIndex(1)
    assert len(desk.rows()) == 3
    desk.click_row(1)
    assert desk.foreground() == "ASAP heatmap"
