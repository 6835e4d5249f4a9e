"""What was decided survives in a saved scene and goes on without a server; what cannot be read is refused in one sentence."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from AsapSlicerLib import review_nodes
from AsapSlicerLib.logic import AsapLogic

from asap import review
from asap.client.protocol import GroundAnswer, ground_answer
from tests.client.scripted import ground_result
from tests.slicer.scene import SlicerScene
from tests.volumes import oriented

TEXTS = ["A nodule in the right lung.", "No effusion.", 'Quotes "here", <tags> & more.']


def answer(texts: list[str] | None = None) -> GroundAnswer:
    return ground_answer(ground_result(texts or TEXTS))


@pytest.mark.parametrize("kind", ["mrml", "mrb"])
def test_a_saved_scene_goes_on_without_a_server(tmp_path: Path, kind: str) -> None:
    stage = SlicerScene()
    shape = (30, 30, 30)
    ct = stage.volume(np.zeros(shape, np.int16), oriented((-1, -1, 1), (3.0, 3.0, 3.0), shape))
    first = AsapLogic(stage.scene, lambda _url: False)
    first.choose_volume(ct)
    first.parameters.opacity = 0.35
    first.parameters.reader = "Dr A"
    made = review.new_review("the report", answer())
    first.review = made
    review_nodes.save(stage.scene, made, ct)
    first.decide(0, "accepted")
    assert first.show([0])
    kept = first.review
    path = tmp_path / f"scene.{kind}"
    if kind == "mrml":
        stage.scene.SetURL(str(path))
        stage.scene.SetRootDirectory(str(tmp_path))
        write_volumes(stage, tmp_path)
        assert stage.scene.Commit(str(path))
    else:
        assert stage.scene.WriteToMRB(str(path))
    first.close()
    stage.close()

    other = SlicerScene()
    if kind == "mrml":
        other.scene.SetURL(str(path))
        assert other.scene.Import()
    else:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(tmp_path / "unpacked")
        other.scene.SetURL(str(next((tmp_path / "unpacked").rglob("*.mrml"))))
        assert other.scene.Import()
    second = AsapLogic(other.scene, lambda _url: False)
    assert second.review == kept
    assert second.volume is not None
    assert second.volume.GetName() == "CT"
    assert second.parameters.opacity == pytest.approx(0.35)
    assert second.show([0])
    composite = other.slice_logics["Axial"].GetSliceCompositeNode()
    assert composite.GetForegroundVolumeID() == second.view.display.heatmap_node().GetID()
    second.decide(1, "rejected")
    assert [sentence.state for sentence in second.review.sentences] == ["accepted", "rejected", "draft"]
    assert [step.author for step in second.review.sentences[1].decisions] == ["Dr A"]
    second.close()
    other.close()


def write_volumes(stage: SlicerScene, folder: Path) -> None:
    """What Slicer's save dialog does with data nodes."""
    for n in range(stage.scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode")):
        node = stage.scene.GetNthNodeByClass(n, "vtkMRMLScalarVolumeNode")
        node.AddDefaultStorageNode()
        storage = node.GetStorageNode()
        storage.SetFileName(str(folder / f"{n}.nrrd"))
        assert storage.WriteData(node)


def test_a_scene_with_a_damaged_review_still_opens_and_says_so() -> None:
    stage = SlicerScene()
    node = stage.scene.AddNewNodeByClass("vtkMRMLTextNode", "ASAP review")
    node.SetAttribute(review_nodes.ROLE, review_nodes.REVIEW_ROLE)
    node.SetText("{damaged")
    logic = AsapLogic(stage.scene, lambda _url: False)
    heard: list[str] = []
    logic.listeners.append(lambda event: heard.append(event.message) if event.kind == "error" else None)
    logic.restore()
    assert logic.review is None
    assert "cannot be read" in heard[0]
    logic.close()
    stage.close()
