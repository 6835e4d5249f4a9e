"""A whole service with a real tiny model, an image that passes for a chest, and a caller that speaks the protocol."""

from __future__ import annotations

import hashlib
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import torch
from fastapi import FastAPI
from fastapi.testclient import TestClient
from torch import Tensor

from asap.inference.engine import Engine
from asap.inference.feature_store import FeatureStore
from asap.inference.features import EncodedImage
from asap.inference.grounder import Grounder
from asap.inference.load import load_engine
from asap.models.load_unetr import LoadedUnetr
from asap.pause import Pause, no_pause
from asap.report import Sentence
from asap.volume import Volume
from monailabel_app.server.routes import PREFIX, asap_router
from monailabel_app.server.service import Service, build_service
from monailabel_app.server.service_config import ServiceConfig
from tests.thorax import thorax

HEART = "The heart is enlarged."


@lru_cache(maxsize=4)
def chest(seed: int = 0) -> Volume:
    """A chest of a few ellipsoids, another patient for another seed."""
    plain = thorax(spacing_mm=(5.0, 5.0, 5.0), seed=seed)
    return Volume(np.clip(plain.hu.astype(np.int32) + seed, -1024, 3000).astype(np.int16), plain.affine)


@lru_cache(maxsize=1)
def tiny_grounder() -> Grounder:
    """The random tiny model of the catalogue."""
    return load_engine("asap-test").grounder


class GatedGrounder:
    """The tiny model behind a gate: an encoding waits at its pauses until the gate is open, and may be made to fail."""

    def __init__(self) -> None:
        real = tiny_grounder()
        self.name, self.weights_sha256, self.grid = real.name, real.weights_sha256, real.grid
        self.calibration, self.cost = real.calibration, real.cost
        self.match, self.heat, self.evidence = real.match, real.heat, real.evidence
        self.device, self.finding_head, self.nodule_scorer = real.device, real.finding_head, real.nodule_scorer
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.failures: list[Exception] = []
        self.frugal: list[bool] = []
        self.sentence_delay_s = 0.0

    def place(self, device: torch.device) -> None:
        self.device = device

    def encode_image(self, image_11HWD: Tensor, *, pause: Pause = no_pause, frugal: bool = False) -> EncodedImage:
        self.frugal.append(frugal)
        self.entered.release()
        while not self.gate.wait(0.01):
            pause()
        if self.failures:
            raise self.failures.pop(0)
        return tiny_grounder().encode_image(image_11HWD, pause=pause, frugal=frugal)

    def encode_sentences(self, sentences: Sequence[Sentence]) -> Tensor:
        time.sleep(self.sentence_delay_s)
        return tiny_grounder().encode_sentences(sentences)


class Archive:
    """Studies the server holds itself."""

    kind = "folder"

    def __init__(self, studies: Mapping[str, Volume], series: Path | None = None) -> None:
        self._studies = studies
        self._series = series

    def count(self) -> int:
        return len(self._studies)

    def contains(self, datastore_id: str) -> bool:
        return datastore_id in self._studies

    def volume(self, datastore_id: str, pause: Pause) -> Volume:
        pause()
        return self._studies[datastore_id]

    def series(self, datastore_id: str, pause: Pause) -> Path | None:
        pause()
        return self._series


class Clock:
    """Monotonic seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Front:
    """A running service and ways to reach it."""

    service: Service
    client: TestClient
    grounder: GatedGrounder
    runtime: Path
    store: FeatureStore
    clock: Clock = field(default_factory=Clock)

    def caller(self, **opening: Any) -> Caller:
        """A new session."""
        answer = self.client.post(f"{PREFIX}/sessions", json={"client": "test/1"} | opening)
        assert answer.status_code == 201, answer.text
        return Caller(self.client, answer.json()["session"])

    def files(self) -> list[Path]:
        """Everything on disk but the lock."""
        found = [path for path in self.runtime.parent.rglob("*") if path.is_file()]
        return [path for path in found if path.suffix != ".lock"]


@contextmanager
def running(
    tmp: Path, *, archive: Archive | None = None, label_models: Mapping[str, LoadedUnetr] | None = None, **limits: Any
) -> Iterator[Front]:
    """A service in this process; its reaper runs when a test calls it."""
    grounder, clock, store = GatedGrounder(), Clock(), FeatureStore(tmp / "features")
    config = ServiceConfig(**({"reap_every_s": 3600.0} | limits))
    engines = {"asap-test": Engine(grounder, store)}
    service = build_service(
        engines,
        "asap-test",
        runtime_dir=tmp / "run",
        config=config,
        datastore=archive,
        label_models=label_models,
        clock=clock,
    )
    try:
        yield Front(service, TestClient(application(service)), grounder, tmp / "run", store, clock)
    finally:
        grounder.gate.set()
        service.close()


def application(service: Service) -> FastAPI:
    """The routes without the guards in front of them."""
    app = FastAPI()
    app.include_router(asap_router(service))
    return app


def encoded(volume: Volume, encoding: str = "shuffle-zlib") -> bytes:
    """A volume as the protocol's client sends it."""
    plain = np.asfortranarray(volume.hu.astype("<i2")).tobytes("F")
    return plain if encoding == "raw" else zlib.compress(plain[0::2] + plain[1::2], 1)


def declaration(volume: Volume, data: bytes, *, part_bytes: int = 2**20, encoding: str = "shuffle-zlib") -> dict[str, Any]:
    """The declaration of `data`."""
    return {
        "shape": list(volume.shape),
        "affine_ras_mm": volume.affine.tolist(),
        "encoding": encoding,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "part_bytes": part_bytes,
    }


class Caller:
    """One session of a client."""

    def __init__(self, client: httpx.Client, session: str) -> None:
        self.client = client
        self.session = session

    def __call__(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request of this session."""
        headers = {"X-ASAP-Session": self.session} | more.pop("headers", {})
        return self.client.request(method, PREFIX + path, headers=headers, **more)

    def declare(self, upload: dict[str, Any]) -> httpx.Response:
        """Declare an upload."""
        return self("POST", "/studies", json={"upload": upload})

    def put(self, study: str, number: int, data: bytes) -> httpx.Response:
        """Send a part."""
        return self("PUT", f"/studies/{study}/parts/{number}", content=data)

    def upload(self, volume: Volume | None = None) -> str:
        """Upload a volume in one part; returns the study."""
        volume = chest() if volume is None else volume
        data = encoded(volume)
        study = str(self.declare(declaration(volume, data, part_bytes=max(len(data), 1))).json()["study"])
        assert self.put(study, 0, data).json() == {"missing": []}
        return study

    def ask(self, study: str, *sentences: str, wait_s: float = 0.0, **more: Any) -> httpx.Response:
        """A ground job."""
        question = {"task": "ground", "sentences": list(sentences) or [HEART], "wait_s": wait_s}
        return self("POST", f"/studies/{study}/jobs", json=question | more)

    def encode(self, study: str, *, wait: bool = True) -> str:
        """An encode job; returns its id."""
        job = str(self("POST", f"/studies/{study}/jobs", json={"task": "encode"}).json()["job"])
        if wait:
            self.wait(job, "done")
        return job

    def state(self, job: str) -> dict[str, Any]:
        """State of a job."""
        answer: dict[str, Any] = self("GET", f"/jobs/{job}").json()
        return answer

    def wait(self, job: str, *states: str, seconds: float = 30.0) -> dict[str, Any]:
        """Wait until a job is in one of these states."""
        wait_for(lambda: self.state(job)["state"] in (*states, "done", "failed", "cancelled"), seconds)
        state = self.state(job)
        assert state["state"] in states, state
        return state


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> float:
    """Wait until a condition holds; returns the seconds it took and fails when it never does."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds, "it never happened"
        time.sleep(0.005)
    return time.monotonic() - start
