"""The panel's boxes for segments and labelling, on the module's own source."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import slicer
from AsapSlicerLib import volume_nodes
from AsapSlicerLib.segment_masks import LABELMAP
from AsapSlicerLib.segments import add_segment, oriented_image, segmentation_of

from asap.io.seg_nrrd import read_seg_nrrd
from tests.client.scripted import answer
from tests.slicer.desk import SHAPE, Desk


def drawn(desk: Desk, name: str = "Heart") -> Any:
    """A segment as the server's organs are put in."""
    mask, affine = np.ones((6, 6, 6), np.bool_), volume_nodes.ijk_to_ras(desk.ct)
    return add_segment(desk.stage.scene, desk.ct, mask, affine, name=name, colour=(1.0, 0.0, 0.0), terminology="~~~~~~")


def test_the_editor_gets_segments_and_ct_and_coming_back_shows_what_was_changed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor_has: dict[str, Any] = {}
    editor = SimpleNamespace(
        setSegmentationNode=lambda node: editor_has.update(segmentation=node),
        setSourceVolumeNode=lambda node: editor_has.update(volume=node),
        setCurrentSegmentID=lambda identity: editor_has.update(segment=identity),
    )
    monkeypatch.setattr(slicer.util, "selectModule", lambda name: editor_has.update(module=name), raising=False)
    monkeypatch.setattr(slicer.util, "getModuleWidget", lambda _name: SimpleNamespace(editor=editor), raising=False)
    box = desk.widget.segment_box
    assert not box.edit.isEnabled()
    desk.choose_ct()
    node, identity = drawn(desk)
    desk.widget.logic.lesions.identity = identity
    desk.click(box.edit)
    assert editor_has == {"module": "SegmentEditor", "segmentation": node, "volume": desk.ct, "segment": identity}
    assert box.list.text == "Heart: 5.8 ml, longest diameter 26 mm, mean 0 HU"
    smaller = np.zeros(SHAPE, np.bool_)
    smaller[:2, :2, :2] = True
    node.GetSegmentation().GetSegment(identity).GetRepresentation(LABELMAP).DeepCopy(
        oriented_image(smaller, volume_nodes.ijk_to_ras(desk.ct))
    )
    desk.widget.exit()
    desk.widget.enter()
    assert segmentation_of(desk.stage.scene, desk.ct) is node
    assert box.list.text == "Heart: 0.2 ml, longest diameter 5 mm, mean 0 HU"


def test_an_own_segmentation_is_chosen_in_the_panel_and_saved(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import qt

    mine = desk.stage.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Mine")
    box = desk.widget.segment_box
    desk.choose_ct()
    assert [box.target.itemText(n) for n in range(box.target.count)] == ["ASAP segments", "Mine"]
    box.target.setCurrentIndex(1)
    assert drawn(desk)[0] is mine
    box.refresh()
    assert box.target.currentIndex == 1
    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", lambda *_args: (str(tmp_path / "mine"), ""))
    desk.click(box.save)
    assert [one.label for one in read_seg_nrrd(tmp_path / "mine.seg.nrrd").masks] == ["Heart"]


def test_the_next_case_is_asked_for_as_the_server_can_choose(desk: Desk) -> None:
    strategies = {name: {"description": f"by {name}"} for name in ("random", "combined")}
    desk.server.play("GET /info/", answer(200, {"strategies": strategies}))
    row = desk.widget.label_row
    assert not row.next.isEnabled()
    desk.connect()
    desk.until(row.next.isEnabled)
    assert row.strategy.currentText == "combined"
    assert not row.submit.isEnabled(), "a CT of the reader's own belongs to no study of the server"
    desk.server.play("POST /activelearning/combined", answer(200, {}))
    desk.click(row.next)
    desk.until(lambda: "has a label" in row.told.text)
