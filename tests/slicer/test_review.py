"""What was decided survives: in JSON, in a saved scene, without a server; and what cannot be read is refused in one sentence."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from AsapSlicerLib import review
from AsapSlicerLib.logic import AsapLogic

from asap.client.protocol import GroundAnswer, ground_answer
from tests.client.scripted import ground_result
from tests.slicer.scene import SlicerScene
from tests.volumes import oriented

TEXTS = ["A nodule in the right lung.", "No effusion.", 'Quotes "here", <tags> & more.']


def answer(texts: list[str] | None = None) -> GroundAnswer:
    return ground_answer(ground_result(texts or TEXTS))


def test_history_is_kept_with_author_time_and_model() -> None:
    made = review.new_review("the report", answer())
    made = made.decided(0, "accepted", "Dr A").decided(0, "edited", "Dr B", "  A nodule\nin the left lung. ")
    sentence = made.sentences[0]
    assert [step.state for step in sentence.decisions] == ["accepted", "edited"]
    assert [step.author for step in sentence.decisions] == ["Dr A", "Dr B"]
    assert sentence.decisions[1].time_utc.endswith("+00:00")
    assert (sentence.draft, sentence.text) == (TEXTS[0], "A nodule in the left lung.")
    assert sentence.weights_sha256 == "ab" * 32
    assert [one.state for one in made.sentences[1:]] == ["draft", "draft"]


def test_a_new_reading_keeps_decisions_on_the_same_words_only() -> None:
    first = review.new_review("r", answer()).decided(0, "accepted", "A").decided(1, "edited", "A", "Some effusion.")
    second = review.new_review("r2", answer([*reversed(TEXTS)]), first)
    assert [sentence.state for sentence in second.sentences] == ["draft", "draft", "accepted"]


def test_json_round_trip_is_exact_and_ascii() -> None:
    made = review.new_review("Befund: \u00dcbersicht", answer()).decided(2, "rejected", "J\u00e4ger")
    text = review.to_json(made)
    assert text.isascii()
    assert review.from_json(text) == made


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"format": 2}', "nan", "[" * 10000])
def test_a_damaged_node_is_refused_in_one_sentence(damage: str) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        review.from_json(damage)


@pytest.mark.parametrize("field", ["answer", "decisions", "draft"])
def test_a_sentence_with_a_wrong_field_is_refused(field: str) -> None:
    record = json.loads(review.to_json(review.new_review("r", answer())))
    record["sentences"][0][field] = 5 if field != "draft" else None
    if field == "draft":
        del record["sentences"][0]["draft"]
    with pytest.raises(ValueError, match="cannot be read"):
        review.from_json(json.dumps(record))


def test_a_map_with_a_bad_box_is_refused() -> None:
    record = json.loads(review.to_json(review.new_review("r", answer())))
    record["sentences"][0]["answer"]["map"]["shape"] = [10**6, 10**6, 10**6]
    with pytest.raises(ValueError, match="cannot be read"):
        review.from_json(json.dumps(record))


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
    review.save(stage.scene, made, ct)
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
    node.SetAttribute(review.ROLE, review.REVIEW_ROLE)
    node.SetText("{damaged")
    logic = AsapLogic(stage.scene, lambda _url: False)
    heard: list[str] = []
    logic.listeners.append(lambda event: heard.append(event.message) if event.kind == "error" else None)
    logic.restore()
    assert logic.review is None
    assert "cannot be read" in heard[0]
    logic.close()
    stage.close()
