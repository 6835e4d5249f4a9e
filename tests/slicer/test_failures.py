"""Whatever fails, the scene stays as it was and the reader is told what to do next; near versions; nothing without consent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from AsapSlicerLib.logic import AsapLogic, Event

from tests.client.scripted import EVENTS, INFO, JOB, STUDY, TOKEN, Play, Scripted, answer, closed_port, html, refusal, stream
from tests.slicer.scene import SlicerScene
from tests.volumes import oriented

SHAPE = (40, 40, 40)
JOBS, STATE, EVENTS_ROUTE = f"POST .*/studies/{STUDY}/jobs", f"GET .*/studies/{STUDY}", f"GET .*/jobs/{JOB}/events"
RESULT, DECLARE, PART, SESSION = f"GET .*/jobs/{JOB}/result", "POST .*/asap/v1/studies", r"PUT .*/parts/\d+", "POST .*/sessions"
INFO_ROUTE = "GET .*/asap/v1/info"
FAILED = {"event": "failed", "error": {"code": "internal", "message": "The model failed; try again.", "id": "1"}}
DRIP = Play((b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",), after="close")
DAMAGED = {"job": JOB, "state": "done", "result": {"task": "ground", "sentences": [{"map": {"shape": [9] * 3}}]}}
# (route, what is answered there); the work is a new sentence about an encoded case, or the case itself where it names an upload
FAULTS: dict[str, tuple[str, Play]] = {
    "token refused": (JOBS, refusal(401, "unauthorised")),
    "host refused": (JOBS, refusal(403, "forbidden", "This host is not allowed.")),
    "study gone": (JOBS, refusal(404, "not_found", "There is no such study; open the case again.")),
    "job gone": (JOBS, refusal(410, "gone", "The job was dropped; ask again.")),
    "no length": (JOBS, refusal(411, "length_required", "Send the length of the request.")),
    "too large": (JOBS, refusal(413, "too_large", "The report is too long.")),
    "not chest": (JOBS, refusal(422, "not_chest", "This does not look like a chest CT; choose another volume.")),
    "bad volume": (JOBS, refusal(422, "bad_volume", "The volume has no voxels; choose another.")),
    "conflict": (JOBS, refusal(409, "conflict", "The study is still uploading; try again.")),
    "queue full": (JOBS, refusal(429, "queue_full", "The server is busy.", Retry_After="3")),
    "sessions full": (SESSION, refusal(503, "sessions_full", "Too many sessions are open.", Retry_After="3")),
    "out of memory": (JOBS, refusal(503, "out_of_memory", "The server is out of memory; try a smaller model.")),
    "internal": (JOBS, refusal(500, "internal", "The server failed.")),
    "disk full": (DECLARE, refusal(507, "insufficient_storage", "The server's disk is full; free some space there.")),
    "damaged upload": (PART, refusal(422, "damaged_upload", "The upload was damaged; send it again.")),
    "part too large": (PART, html(413)),
    "proxy 502": (JOBS, html(502)),
    "proxy 503": (JOBS, html(503)),
    "proxy 504": (JOBS, html(504)),
    "login page": (JOBS, html(200)),
    "proxy login": (JOBS, html(407)),
    "redirect": (JOBS, answer(302, None, Location="http://127.0.0.1:1/elsewhere")),
    "another server": (JOBS, html(404)),
    "no JSON": (JOBS, Play((b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n{NaN",))),
    "a list": (JOBS, answer(200, ["nonsense"])),
    "half an answer": (JOBS, answer(200, {"job": "x"})),
    "a damaged map": (JOBS, answer(200, DAMAGED)),
    "no HTTP": (JOBS, Play((b"\x15\x03\x01 not http\r\n\r\n",), after="close")),
    "cut off": (JOBS, DRIP),
    "reset": (JOBS, Play((), after="reset")),
    "job failed": (EVENTS_ROUTE, stream(EVENTS[0], FAILED)),
    "job cancelled elsewhere": (EVENTS_ROUTE, stream(EVENTS[0], {"event": "cancelled"})),
    "events of another world": (EVENTS_ROUTE, stream(b"\xff\xfe no json\n")),
    "result refused": (RESULT, refusal(500, "internal", "The result was lost.")),
    "result of another job": (RESULT, answer(200, {"task": "encode"})),
    "session refused": (SESSION, refusal(403, "forbidden", "This program may not open sessions.")),
}  # fmt: skip
NEXT_STEP = re.compile(
    r"\b(open|ask|try|choose|check|copy|use|crop|resample|send|see|start|enter|log in|update|free|raise|give|correct)\b"
    r"|says more|same version",
    re.IGNORECASE,
)


class Bench:
    """A reader's case with one sentence shown, before something fails."""

    def __init__(self, server: Scripted) -> None:
        self.server = server
        self.stage = SlicerScene()
        self.ct = self.stage.volume(np.zeros(SHAPE, np.int16), oriented((-1, -1, 1), (3.0, 3.0, 3.0), SHAPE))
        self.logic = AsapLogic(self.stage.scene, lambda _url: True)
        self.events: list[Event] = []
        self.logic.listeners.append(self.events.append)

    def connect(self) -> None:
        self.logic.connect(self.server.url, TOKEN)
        self.wait()
        self.logic.choose_volume(self.ct)

    def wait(self) -> None:
        assert self.logic.wait_for_completion(60)

    def errors(self) -> list[str]:
        return [event.message for event in self.events if event.kind == "error"]

    def scene_state(self) -> list[Any]:
        """Every node, and what every slice view shows and where."""
        scene = self.stage.scene
        state: list[Any] = [scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())]
        for logic in self.stage.slice_logics.values():
            composite, node = logic.GetSliceCompositeNode(), logic.GetSliceNode()
            state += [composite.GetBackgroundVolumeID(), composite.GetForegroundVolumeID(), composite.GetForegroundOpacity()]
            state.append([node.GetSliceToRAS().GetElement(row, 3) for row in range(3)])
        heat = self.logic.view.display.heatmap_node()
        state.append(None if heat is None else (heat.GetImageData().GetMTime(), heat.GetDisplayNode().GetLowerThreshold()))
        return state


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Scripted(wait_for_jobs=True) as server:
        bench = Bench(server)
        yield bench
        bench.logic.close()
        bench.stage.close()


def test_thirty_kinds() -> None:
    assert len(FAULTS) >= 30


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_failure_changes_nothing_and_names_the_next_step(bench: Bench, name: str) -> None:
    route, play = FAULTS[name]
    bench.connect()
    bench.logic.ground(["A nodule."])
    bench.wait()
    assert bench.logic.show([0])
    if route in (DECLARE, PART, SESSION):  # the session was lost: the case must go up again
        bench.server.parts.clear()
        bench.server.play(JOBS, refusal(404, "session_gone"))
    bench.server.play(route, *[play] * 12)
    before, review, shown = bench.scene_state(), bench.logic.review, bench.logic.view.shown
    bench.logic.ground(["A mass."])
    bench.wait()
    assert len(bench.errors()) == 1
    message = bench.errors()[0]
    assert NEXT_STEP.search(message), message
    assert message.endswith(".")
    assert TOKEN not in message
    assert bench.scene_state() == before
    assert bench.logic.review is review
    assert bench.logic.view.shown == shown


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["nobody", "unknown name", "other version", "older version", "stock MONAI Label", "wrong scheme"]
)
def test_a_server_that_cannot_be_reached_changes_nothing(bench: Bench, name: str) -> None:
    url = bench.server.url
    if name == "nobody":
        url = f"http://127.0.0.1:{closed_port()}"
    elif name == "unknown name":
        url = "http://no-such-host.invalid:8000"
    elif name == "wrong scheme":
        url = "ftp://127.0.0.1"
    elif name == "stock MONAI Label":
        bench.server.play(INFO_ROUTE, html(404))
        bench.server.play("GET /info/", answer(200, {"name": "Radiology", "models": {}}))
    else:
        bench.server.play(INFO_ROUTE, answer(200, INFO | {"protocol": 2 if name == "other version" else 0}))
    before = bench.scene_state()
    bench.logic.connect(url, TOKEN)
    bench.wait()
    assert len(bench.errors()) == 1
    assert NEXT_STEP.search(bench.errors()[0]), bench.errors()[0]
    assert bench.logic.server is None
    assert bench.scene_state() == before


def test_a_newer_server_of_the_same_protocol_works(bench: Bench) -> None:
    """It says more than this client knows: another model, a capability, fields of tomorrow."""
    newer = INFO | {"version": "0.9.0", "capabilities": ["encode", "ground", "dream"], "tomorrow": {"field": 1}}
    bench.server.play(INFO_ROUTE, *[answer(200, newer)] * 4)
    bench.connect()
    assert bench.logic.server is not None
    assert bench.logic.server.version == "0.9.0"
    bench.logic.ground(["A nodule."])
    bench.wait()
    assert bench.errors() == []


def test_nothing_leaves_without_a_server_setting_and_consent(bench: Bench) -> None:
    """Not one byte at the start; after connecting only who-are-you; of the case nothing before the reader agreed."""
    refused: list[str] = []
    logic = AsapLogic(bench.stage.scene, lambda url: bool(refused.append(url)))
    logic.choose_volume(bench.ct)
    logic.encode()
    logic.ground(["A nodule."])
    logic.read_report("A nodule.")
    assert logic.wait_for_completion(10)
    assert bench.server.asked == []
    logic.connect(bench.server.url, TOKEN)
    assert logic.wait_for_completion(10)
    for act in (logic.encode, lambda: logic.ground(["A nodule."]), lambda: logic.read_report("A nodule.")):
        act()
        assert logic.wait_for_completion(10)
    assert [(asked.method, asked.body) for asked in bench.server.asked] == [("GET", b"")] * len(bench.server.asked)
    assert refused == [bench.server.url] * 3
    logic.close()


@pytest.mark.parametrize("rounds", [pytest.param(20, marks=pytest.mark.slow), pytest.param(200, marks=pytest.mark.long)])
def test_cases_leave_nothing_behind(bench: Bench, rounds: int) -> None:
    """Load, ground, show, close: node count is back at the start, and every image and surface we made has been freed by VTK."""
    bench.connect()
    scene, made, freed = bench.stage.scene, 0, []
    counts = []
    for _ in range(rounds):
        bench.server.parts.clear()
        bench.logic.ground(["A nodule."])
        bench.wait()
        assert bench.logic.show([0])
        regions = bench.logic.view.display._find("regions")
        surface = regions.GetSegmentation().GetNthSegment(0).GetRepresentation("Closed surface")
        for thing in (bench.logic.view.display.heatmap_node().GetImageData(), surface, bench.ct.GetImageData()):
            thing.AddObserver("DeleteEvent", lambda *_args: freed.append(1))
            made += 1
        del thing, surface, regions
        bench.logic.clear()
        scene.Clear(0)
        bench.ct = None
        bench.wait()
        counts.append(scene.GetNumberOfNodes())
        bench.ct = bench.stage.volume(np.zeros((8, 8, 8), np.int16), oriented((-1, -1, 1), (3.0, 3.0, 3.0), (8, 8, 8)))
        bench.logic.choose_volume(bench.ct)
    assert bench.errors() == []
    assert len(set(counts[1:])) == 1
    assert made - len(freed) <= 3  # what the last round still holds
