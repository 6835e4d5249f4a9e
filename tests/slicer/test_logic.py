"""The logic over a socket: one upload, a session lost and found, the server's archive first, errors that change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from AsapSlicerLib.logic import AsapLogic, Event

from tests.client.scripted import STUDY, TOKEN, Scripted, answer, closed_port, refusal
from tests.slicer.scene import SlicerScene
from tests.volumes import oriented

SHAPE = (40, 40, 40)
SPACING = (3.0, 3.0, 3.0)


class Bench:
    """A scene with a CT, a logic, a server, and what the logic said."""

    def __init__(self, server: Scripted) -> None:
        self.server = server
        self.stage = SlicerScene()
        self.ct = self.stage.volume(np.zeros(SHAPE, np.int16), oriented((-1, -1, 1), SPACING, SHAPE))
        self.asked: list[str] = []
        self.logic = AsapLogic(self.stage.scene, lambda url: self.asked.append(url) or True)
        self.events: list[Event] = []
        self.logic.listeners.append(self.events.append)

    def connect(self) -> None:
        self.logic.connect(self.server.url, TOKEN)
        self.wait()
        self.logic.choose_volume(self.ct)

    def wait(self) -> None:
        assert self.logic.wait_for_completion(30)

    def errors(self) -> list[str]:
        return [event.message for event in self.events if event.kind == "error"]

    def nodes(self) -> int:
        return int(self.stage.scene.GetNumberOfNodes())


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Scripted(wait_for_jobs=False) as server:
        bench = Bench(server)
        yield bench
        bench.logic.close()
        bench.stage.close()


def test_a_case_is_uploaded_once_and_consent_is_asked_once(bench: Bench) -> None:
    bench.connect()
    bench.logic.encode()
    bench.wait()
    for sentence in ("A nodule.", "A mass."):
        bench.logic.ground([sentence])
        bench.wait()
    assert bench.errors() == []
    assert bench.server.paths("POST").count("/studies") == 1
    assert bench.asked == [bench.server.url]
    assert bench.server.declared["shape"] == list(SHAPE)
    assert bench.logic.review is not None
    assert [sentence.text for sentence in bench.logic.review.sentences] == ["A nodule.", "A mass."]


def test_the_same_content_in_another_node_is_not_uploaded_again(bench: Bench) -> None:
    bench.connect()
    bench.logic.encode()
    bench.wait()
    bench.logic.choose_volume(bench.stage.volume(np.zeros(SHAPE, np.int16), oriented((-1, -1, 1), SPACING, SHAPE), "copy"))
    bench.logic.encode()
    bench.wait()
    assert bench.server.paths("POST").count("/studies") == 1


def test_changed_voxels_go_up_again(bench: Bench) -> None:
    bench.connect()
    bench.logic.encode()
    bench.wait()
    scalars = bench.ct.GetImageData().GetPointData().GetScalars()
    scalars.SetTuple1(0, 500)
    scalars.Modified()
    bench.server.parts.clear()
    bench.logic.encode()
    bench.wait()
    assert bench.server.paths("POST").count("/studies") == 2


def test_nothing_is_sent_without_consent(bench: Bench) -> None:
    refused: list[str] = []
    logic = AsapLogic(bench.stage.scene, lambda url: bool(refused.append(url)))
    logic.connect(bench.server.url, TOKEN)
    logic.wait_for_completion(10)
    logic.choose_volume(bench.ct)
    logic.encode()
    logic.ground(["A nodule."])
    logic.wait_for_completion(10)
    assert bench.server.paths("POST") == []
    assert refused == [bench.server.url] * 2
    logic.close()


def test_a_lost_session_is_opened_again_with_the_case(bench: Bench) -> None:
    bench.connect()
    bench.logic.encode()
    bench.wait()
    bench.server.parts.clear()
    bench.server.play(f"POST .*/studies/{STUDY}/jobs", refusal(404, "session_gone", "The server no longer holds this session."))
    bench.logic.ground(["A nodule."])
    bench.wait()
    assert bench.errors() == []
    assert bench.server.paths("POST").count("/sessions") == 2
    assert bench.server.paths("POST").count("/studies") == 2
    assert bench.logic.review is not None


def dicom(bench: Bench) -> None:
    """Make the CT one that Slicer loaded from DICOM."""
    bench.ct.SetAttribute("DICOM.instanceUIDs", "1.2.3.1 1.2.3.2")
    scene = bench.stage.scene
    hierarchy: Any = scene.GetNthNodeByClass(0, "vtkMRMLSubjectHierarchyNode")
    item = hierarchy.CreateItem(hierarchy.GetSceneItemID(), bench.ct)  # the desktop's plugins do this on import
    hierarchy.SetItemUID(item, "DICOM", "1.2.840.99")


@pytest.mark.parametrize(("shape", "origin"), [(SHAPE, "datastore"), ((40, 40, 80), "upload")])
def test_a_dicom_series_the_server_holds_is_not_uploaded(bench: Bench, shape: tuple[int, int, int], origin: str) -> None:
    dicom(bench)
    held = {"study": STUDY, "state": "ready", "parts": 0, "missing": []}
    bench.server.play(r"POST .*/studies", answer(201, held))
    bench.server.play(
        rf"GET .*/studies/{STUDY}",
        answer(200, {**held, "encoded": [], "shape": list(shape), "spacing_mm": list(SPACING), "coverage": None}),
    )
    bench.connect()
    bench.logic.encode()
    bench.wait()
    assert bench.errors() == []
    assert bench.logic.case is not None
    assert bench.logic.case.origin == origin
    first = next(asked for asked in bench.server.asked if asked.path.endswith("/studies"))
    assert b"1.2.840.99" in first.body
    assert bool(bench.server.parts) == (origin == "upload")


FAULTS = [
    refusal(422, "not_chest", "This does not look like a chest CT."),
    refusal(429, "queue_full", "The server is busy.", Retry_After="2"),
    refusal(503, "out_of_memory", "The server is out of memory."),
    refusal(500, "internal", "The server failed."),
    answer(200, {"job": "x"}),
    answer(200, ["nonsense"]),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failure_says_why_and_leaves_the_scene_as_it_was(bench: Bench, fault: Any) -> None:
    bench.connect()
    bench.logic.ground(["A nodule."])
    bench.wait()
    assert bench.logic.show([0])
    before, review = bench.nodes(), bench.logic.review
    bench.server.play(rf"POST .*/studies/{STUDY}/jobs", *[fault] * 8)
    bench.logic.ground(["A mass."])
    bench.wait()
    assert len(bench.errors()) == 1
    assert bench.errors()[0].rstrip().endswith(".")
    assert bench.nodes() == before
    assert bench.logic.review is review
    assert bench.logic.view.shown == (0,)


def test_a_dead_server_is_named(bench: Bench) -> None:
    bench.logic.connect(f"http://127.0.0.1:{closed_port()}", TOKEN)
    bench.wait()
    assert len(bench.errors()) == 1
    bench.logic.connect("ftp://somewhere", TOKEN)
    bench.wait()
    assert len(bench.errors()) == 2
    bench.logic.choose_volume(bench.ct)
    bench.logic.encode()
    assert "server" in bench.errors()[2]


def test_rounds_of_work_leave_no_node_behind(bench: Bench) -> None:
    bench.connect()
    bench.logic.ground(["A nodule."])
    bench.wait()
    bench.logic.show([0])
    bench.logic.clear()
    before = bench.nodes()
    for _ in range(30):
        assert bench.logic.show([0])
        bench.logic.clear()
    assert bench.nodes() == before
    bench.logic.view.display.remove()
    assert bench.logic.view.display.heatmap_node() is None


def test_closing_the_scene_forgets_the_case_and_frees_it(bench: Bench) -> None:
    bench.connect()
    bench.logic.ground(["A nodule."])
    bench.wait()
    bench.stage.scene.Clear(0)
    bench.wait()
    assert bench.logic.review is None
    assert bench.logic.case is None
    assert f"/studies/{STUDY}" in bench.server.paths("DELETE")


def test_heat_becomes_a_segment_with_codes(bench: Bench) -> None:
    bench.connect()
    wide = (80, 40, 40)
    bench.logic.choose_volume(bench.stage.volume(np.zeros(wide, np.int16), oriented((-1, -1, 1), SPACING, wide)))
    bench.logic.ground(["A nodule in the right lung."])
    bench.wait()
    bench.logic.make_segment(0)
    bench.wait()
    made = bench.logic.regions.made
    assert made is not None
    node, identity = made
    segment = node.GetSegmentation().GetSegment(identity)
    assert segment.GetName() == "A nodule in the right lung."
    assert "27925004" in segment.GetTerminology()
    bench.logic.measure(0)
    bench.wait()
    found = bench.logic.regions.measured
    assert found is not None
    assert found.millilitres is not None
    labelmap = segment.GetRepresentation("Binary labelmap")
    voxels = sum(1 for n in range(labelmap.GetNumberOfPoints()) if labelmap.GetPointData().GetScalars().GetTuple1(n) > 0)
    assert voxels * 27 / 1000 == pytest.approx(found.millilitres, rel=0.35)  # 3 mm voxels; island on cells of 3 mm
    bench.logic.make_segment(0, (900.0, 900.0, 900.0))
    bench.wait()
    assert bench.logic.regions.made is None
    assert bench.events[-1] == Event("segment", "The region is cold there.")


def test_another_report_takes_the_map_of_the_old_sentence_away(bench: Bench) -> None:
    bench.connect()
    for sentence in ("A nodule.", "A mass."):
        bench.logic.ground([sentence])
        bench.wait()
    assert bench.logic.view.shown == (1,)
    bench.logic.read_report("Another finding.")
    bench.wait()
    assert bench.logic.review is not None
    assert len(bench.logic.review.sentences) == 1
    assert bench.logic.view.shown == ()
    bench.logic.redraw()
    assert bench.errors() == []
