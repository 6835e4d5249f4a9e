"""A fine-tuned UNETR behind `/asap/v1`: its labels are asked for by name and need no encoding by the model that grounds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import Tensor, nn

from asap.client.protocol import server_info
from asap.client.segments import segments_answer
from asap.errors import InputError, WeightsError
from asap.inference.whole_volume import segment_whole
from asap.models.load_unetr import LoadedUnetr, load_unetr
from asap.segment_types import LABEL_COLOURS
from asap.volume import Volume
from monailabel_app.lib.engines import engines, label_models
from tests.server.front import Front, chest, running
from tests.server.test_segment_kinds import drawn
from tests.server.tiny_unetr import LABELS, NAME, tiny_unetr


class Gated(nn.Module):
    """The network behind a gate, which may be made to fail."""

    def __init__(self, real: nn.Module) -> None:
        super().__init__()
        self.real = real
        self.gate, self.entered = threading.Event(), threading.Semaphore(0)
        self.gate.set()
        self.failures: list[Exception] = []

    def forward(self, window: Tensor) -> Tensor:
        self.entered.release()
        assert self.gate.wait(30)
        if self.failures:
            raise self.failures.pop()
        answer: Tensor = self.real(window)
        return answer


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedUnetr:
    return load_unetr(tiny_unetr(tmp_path_factory.mktemp("weights")))


@pytest.fixture
def gated(loaded: LoadedUnetr) -> Gated:
    return Gated(loaded.network)


@pytest.fixture
def front(tmp_path: Path, loaded: LoadedUnetr, gated: Gated) -> Iterator[Front]:
    with running(tmp_path, label_models={NAME: replace(loaded, network=gated)}) as front:  # type: ignore[arg-type]
        yield front


def asking(*targets: str, **more: Any) -> dict[str, Any]:
    return {"task": "segment", "model": NAME, "targets": list(targets)} | more


def test_info_offers_labels_apart_from_the_models_that_ground(front: Front, loaded: LoadedUnetr) -> None:
    info = server_info(front.client.get("/asap/v1/info").json())
    assert [model.name for model in info.models] == ["asap-test"]
    assert [(m.name, m.weights_sha256, m.labels) for m in info.label_models] == [(NAME, loaded.weights_sha256, LABELS)]


def test_labels_are_what_the_network_draws_on_the_cases_own_voxels(front: Front, loaded: LoadedUnetr, gated: Gated) -> None:
    caller, volume = front.caller(), chest()
    study = caller.upload()
    job = caller("POST", f"/studies/{study}/jobs", json=asking(*LABELS)).json()["job"]
    caller.wait(job, "done")
    answer = segments_answer(caller("GET", f"/jobs/{job}/result").json())
    wanted = segment_whole(loaded, volume)
    assert [segment.name for segment in answer.segments] == [segment.name for segment in wanted.segments] == list(LABELS)
    for segment in answer.segments:
        assert (drawn(np.zeros(volume.shape, dtype=np.bool_), segment.box) == wanted.mask(segment.name)).all()
    known, odd = answer.segments
    assert (known.type.meaning, odd.type.meaning) == ("Heart", "Lesion")
    assert odd.colour == LABEL_COLOURS[1]
    assert (answer.model.name, answer.model.weights_sha256) == (NAME, loaded.weights_sha256)
    events = caller("GET", f"/jobs/{job}/events").text
    assert all(stage in events for stage in ("reading the volume", "resampling", "segmenting"))
    assert front.grounder.frugal == [], "the case was not encoded for it"
    one = segments_answer(caller("POST", f"/studies/{study}/jobs", json=asking(LABELS[1], wait_s=10)).json()["result"])
    assert [(segment.name, segment.colour) for segment in one.segments] == [(LABELS[1], odd.colour)], "asked for alone"
    organs = {"task": "segment", "targets": ["lungs"], "wait_s": 10}
    beside = segments_answer(caller("POST", f"/studies/{study}/jobs", json=organs).json()["result"])
    assert [segment.key for segment in beside.segments] == ["right_lung", "left_lung"]


def test_what_is_no_chest_is_segmented_all_the_same(front: Front, loaded: LoadedUnetr) -> None:
    noise = np.random.default_rng(0).integers(-100, 100, (40, 40, 40)).astype(np.int16)
    volume = Volume(noise, np.diag([5.0, 5.0, 5.0, 1.0]))
    caller = front.caller()
    answer = caller("POST", f"/studies/{caller.upload(volume)}/jobs", json=asking(*LABELS, wait_s=10)).json()
    found = {segment.name for segment in segments_answer(answer["result"]).segments}
    assert found == {segment.name for segment in segment_whole(loaded, volume).segments}


def test_a_wrong_label_another_task_and_a_volume_too_large_are_one_sentence(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = front.caller()
    study = caller.upload()
    for question, sentence in (
        (asking("lungs"), f"these weights know {', '.join(LABELS)}"),
        ({"task": "ground", "model": NAME, "sentences": ["Heart."]}, "only draws its labels"),
    ):
        refused = caller("POST", f"/studies/{study}/jobs", json=question)
        assert refused.status_code == 422
        assert sentence in refused.json()["error"]["message"]
    assert caller("POST", f"/studies/{study}/jobs", json=asking("lungs") | {"model": "none"}).status_code == 404
    monkeypatch.setattr("asap.limits.MAX_UNETR_SCORES", 1000)
    job = caller("POST", f"/studies/{study}/jobs", json=asking(*LABELS)).json()["job"]
    error = caller.wait(job, "failed")["error"]
    assert (error["code"], "too large" in error["message"]) == ("too_large", True)


def test_cancelling_stops_between_two_windows_and_the_next_is_answered(front: Front, gated: Gated) -> None:
    caller = front.caller()
    study = caller.upload()
    gated.gate.clear()
    job = caller("POST", f"/studies/{study}/jobs", json=asking(*LABELS)).json()["job"]
    assert gated.entered.acquire(timeout=30)
    assert caller("DELETE", f"/jobs/{job}").status_code == 204
    gated.gate.set()
    assert caller.ask(study, wait_s=10).status_code == 200, "the lane is free again"
    assert not gated.entered.acquire(blocking=False), "no further window was begun"
    assert caller.state(job)["state"] == "cancelled"


def test_short_of_memory_other_cases_are_put_away_and_it_is_tried_once_more(front: Front, gated: Gated) -> None:
    caller = front.caller()
    study = caller.upload()
    gated.failures = [MemoryError()]
    job = caller("POST", f"/studies/{study}/jobs", json=asking(*LABELS)).json()["job"]
    caller.wait(job, "done")
    assert "Memory is short" in caller("GET", f"/jobs/{job}/events").text
    gated.failures = [MemoryError(), MemoryError()]
    job = caller("POST", f"/studies/{study}/jobs", json=asking(*LABELS)).json()["job"]
    assert caller.wait(job, "failed")["error"]["code"] == "out_of_memory"


def test_folders_are_told_apart_loaded_once_and_damaged_ones_named(tmp_path: Path) -> None:
    folder = tiny_unetr(tmp_path / "one")
    names = ("asap-test", str(folder))
    assert list(engines(names)) == ["asap-test"]
    first = label_models(names)
    assert list(first) == [NAME]
    assert label_models(names)[NAME] is first[NAME]
    with pytest.raises(InputError, match="asap-mini before it"):
        engines(names[1:])
    with pytest.raises(InputError, match="share a name"):
        label_models((*names, str(tiny_unetr(tmp_path / "two"))))
    manifest = folder / "manifest.json"
    other = tmp_path / "three"
    folder.rename(other)
    manifest = other / "manifest.json"
    manifest.write_text(manifest.read_text().replace(f'"name": "{NAME}"', '"name": "a/b"'))
    with pytest.raises(WeightsError, match=r"UNETR in three a short name"):
        label_models((str(other),))
    weights = next(other.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(WeightsError, match="UNETR in three cannot be served"):
        label_models((str(other),))
