"""Organs, measured segments, lesions of the server's own series: all stand on the CT's voxels, whatever order a server keeps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from AsapSlicerLib import segment_list, volume_nodes
from AsapSlicerLib.logic import AsapLogic, Event
from AsapSlicerLib.organs import Organs
from AsapSlicerLib.question_desk import QuestionDesk
from AsapSlicerLib.segments import onto_voxels

from tests.client.scripted import INFO, INFO_ROUTE, JOB, JOBS_ROUTE, MODEL, NOTICE, STUDY, TOKEN, Scripted, answer, sentence
from tests.slicer.scene import SlicerScene
from tests.slicer.test_lesions import LUNG, MASS, MORPHOLOGY, box
from tests.volumes import oriented

SHAPE = (30, 28, 26)
SPACING_MM = (1.0, 1.0, 2.0)
CAPABLE = INFO | {"capabilities": ["encode", "ground", "segment", "lesion", "ask"]}


def mirrored(affine: Any) -> Any:
    """Another order of the same voxels, as an archive may keep them: the first two axes run the other way."""
    flip = np.diag([-1.0, -1.0, 1.0, 1.0])
    flip[:2, 3] = np.asarray(SHAPE[:2]) - 1.0
    return affine @ flip


def segment(name: str, mask: Any, affine: Any, start: tuple[int, int, int] = (0, 0, 0)) -> dict[str, Any]:
    """A segment as the server sends it."""
    return {
        "name": name, "key": "lung", "colour": [200, 100, 50], "category": MORPHOLOGY, "type": MASS, "modifier": None,
        "region": LUNG, "region_modifier": None, "volume_ml": 1.0, "longest_diameter_mm": 12.4, "mean_hu": 35.2,
        "source": "model", "revision": "a" * 32, "base": None, "affine_ras_mm": np.asarray(affine).tolist(),
        "box": box(start, mask),
    }  # fmt: skip


def organs(*segments: dict[str, Any]) -> Any:
    """The answer of a segment job."""
    result = {"task": "segment", "study": STUDY, "model": MODEL, "notice": NOTICE, "segments": list(segments)}
    return answer(200, {"job": JOB, "state": "done", "result": result})


class Reader:
    """A reader at a CT."""

    def __init__(self, server: Scripted, **info: Any) -> None:
        """info: what the server says of itself besides."""
        self.server, self.stage = server, SlicerScene()
        self.affine = oriented((-1, -1, 1), SPACING_MM, SHAPE)
        self.ct = self.stage.volume(np.zeros(SHAPE, np.int16), self.affine)
        self.logic = AsapLogic(self.stage.scene, lambda _url: True)
        self.said: list[Event] = []
        self.logic.listeners.append(self.said.append)
        server.play(INFO_ROUTE, *[answer(200, CAPABLE | info)] * 9)
        self.logic.connect(server.url, TOKEN)
        self.wait()
        self.logic.choose_volume(self.ct)

    def wait(self) -> None:
        assert self.logic.wait_for_completion(30)

    def labels(self) -> tuple[Any, list[str]]:
        return segment_list.label_map(self.stage.scene, self.ct)


@pytest.fixture
def reader() -> Iterator[Reader]:
    with Scripted(wait_for_jobs=False) as server:
        reader = Reader(server)
        yield reader
        reader.logic.close()
        reader.stage.close()


def test_an_organ_kept_in_another_order_stands_on_the_cts_voxels_and_is_drawn_anew_in_its_place(reader: Reader) -> None:
    truth = np.zeros(SHAPE, np.bool_)
    truth[4:12, 6:9, 3:20] = True
    theirs = mirrored(reader.affine)
    kept = truth[::-1, ::-1]
    drawer = Organs(reader.logic)
    assert drawer.offered
    for _again in range(2):
        reader.server.play(JOBS_ROUTE, organs(segment("Right lung", kept, theirs)))
        drawer.draw("lungs")
        reader.wait()
        labels, names = reader.labels()
        assert names == ["Right lung"]
        np.testing.assert_array_equal(labels > 0, truth)
    asked = [json.loads(one.body) for one in reader.server.asked if one.path.endswith("/jobs")]
    assert [body["targets"] for body in asked] == [["lungs"]] * 2
    assert "Drawn by the model: Right lung" in reader.said[-1].message


@pytest.fixture
def reader_of_labels() -> Iterator[Reader]:
    fine_tuned = {"name": "unetr", "weights_sha256": "cd" * 32, "labels": ["Right lung", "Odd thing"]}
    with Scripted(wait_for_jobs=False) as server:
        reader = Reader(server, label_models=[fine_tuned])
        yield reader
        reader.logic.close()
        reader.stage.close()


def test_labels_of_a_fine_tuned_model_see_the_whole_ct_and_stand_beside_the_organs(reader_of_labels: Reader) -> None:
    reader, drawer = reader_of_labels, Organs(reader_of_labels.logic)
    offered = {key: name for key, name in drawer.targets().items() if "/" in key}
    assert list(offered.values()) == ["Right lung (unetr)", "Odd thing (unetr)", "All labels of unetr"]
    lung, odd = np.zeros((2, *SHAPE), np.bool_)
    lung[4:12, 6:9, 3:20] = True
    odd[10:15, 5:9, 3:9] = True
    reader.server.play(JOBS_ROUTE, organs(segment("Right lung", lung, reader.affine)))
    drawer.draw("lungs")
    reader.wait()
    drawn = organs(segment("Right lung", lung, reader.affine), segment("Odd thing", odd, reader.affine))
    reader.server.play(JOBS_ROUTE, drawn)
    drawer.draw("unetr/")
    reader.wait()
    names = [row.name for row in segment_list.segment_rows(reader.stage.scene, reader.ct)]
    assert names == ["Right lung", "Right lung (unetr)", "Odd thing (unetr)"]
    asked = [json.loads(one.body) for one in reader.server.asked if one.path.endswith("/jobs")]
    assert [(body["model"], body["targets"]) for body in asked] == [
        ("asap-mini", ["lungs"]),
        ("unetr", ["Right lung", "Odd thing"]),
    ]
    assert reader.server.declared["shape"] == list(SHAPE), "its network sees the CT's own voxels"


def test_a_coarser_mask_is_drawn_out_to_the_cts_voxels() -> None:
    coarse = np.zeros((8, 8, 8), np.bool_)
    coarse[2:5, 2:5, 2:5] = True
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    fine = np.eye(4)
    fine[:3, 3] = -1.0  # three voxels a cell, centres together
    mask, place = onto_voxels(coarse, affine, fine, (24, 24, 24))
    whole = np.zeros((24, 24, 24), np.bool_)
    low = np.rint((np.linalg.inv(fine) @ place)[:3, 3]).astype(int)
    whole[tuple(slice(int(n), int(n) + size) for n, size in zip(low, mask.shape, strict=True))] = mask
    middle = np.argwhere(whole).mean(axis=0) + fine[:3, 3]
    np.testing.assert_allclose(middle, [9.0, 9.0, 9.0], atol=0.01)
    assert 0.8 * 9**3 < whole.sum() < 1.1 * 9**3
    with pytest.raises(ValueError, match="outside the CT"):
        onto_voxels(coarse, affine + _far(), fine, (24, 24, 24))


def _far() -> Any:
    far = np.zeros((4, 4))
    far[:3, 3] = 500.0
    return far


def test_a_size_leaves_the_segment_it_was_read_off(reader: Reader) -> None:
    truth = np.zeros(SHAPE, np.bool_)
    truth[10:15, 10:15, 8:11] = True
    evidence = {
        "concept": "mass", "probability": 0.9, "side": "left", "anatomy": None, "size_mm": 12.4,
        "statement": sentence(0, "There is a mass.") | {"span": None}, "segment": segment("Mass", truth, reader.affine),
    }  # fmt: skip
    asked = {"text": "How large is the mass?", "kind": "size", "findings": [], "anatomy": None, "side": None, "denied": False}
    result = {
        "task": "ask", "study": STUDY, "model": MODEL, "notice": NOTICE, "question": asked, "answer": "12 mm across.",
        "verdict": None, "confidence": 0.9, "size_mm": 12.4, "reason": None, "evidence": [evidence],
    }  # fmt: skip
    reader.server.play(JOBS_ROUTE, answer(200, {"job": JOB, "state": "done", "result": result}))
    QuestionDesk(reader.logic).ask("How large is the mass?")
    reader.wait()
    labels, names = reader.labels()
    assert names == ["measured: There is a mass."]
    np.testing.assert_array_equal(labels > 0, truth)


def test_a_lesion_of_a_series_the_server_holds_sends_no_voxels(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volume_nodes, "series_uid", lambda _volume: "1.2.3")
    held = {
        "study": STUDY, "state": "ready", "missing": [], "shape": list(SHAPE), "spacing_mm": list(SPACING_MM), "encoded": [],
        "coverage": None,
    }  # fmt: skip
    reader.server.play(f"GET .*/studies/{STUDY}", *[answer(200, held)] * 9)
    reader.logic.ground(["A mass in the left lung."])
    reader.wait()
    truth = np.zeros(SHAPE, np.bool_)
    truth[5:9, 6:10, 7:11] = True
    theirs = mirrored(reader.affine)
    kept = truth[::-1, ::-1]
    start = tuple(int(n) for n in np.argwhere(kept).min(axis=0))
    record = segment("Mass", np.ones((4, 4, 4)), theirs, (start[0], start[1], start[2]))
    reader.server.play(JOBS_ROUTE, answer(200, {"job": JOB, "state": "done", "result": {
        "task": "lesion", "study": STUDY, "model": MODEL, "notice": NOTICE, "segments": [record],
    }}))  # fmt: skip
    reader.logic.make_lesion(0)
    reader.wait()
    np.testing.assert_array_equal(reader.labels()[0] > 0, truth)
    assert reader.server.parts == {}
    bodies = [json.loads(one.body) for one in reader.server.asked if one.method == "POST" and one.path.endswith("/studies")]
    assert {tuple(body) for body in bodies} == {("datastore_id",)}
