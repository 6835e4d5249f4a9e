"""A disk that takes nothing more: every route that writes says so, keeps what was there, and works again afterwards.

The file-size limit of the running server is lowered from outside: its every write beyond a few kilobytes then fails.
"""

from __future__ import annotations

import json
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from asap.client import AsapClient
from asap.io.nifti import write_nifti
from tests.server.http_requests import Answer, ask, ask_form, ask_json
from tests.server.live import LiveServer, live_server
from tests.soak.process import files_below
from tests.thorax import thorax

pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
pytestmark = pytest.mark.slow

SMALL_BYTES = 2000
LONG_NOTE = {"info": json.dumps({"note": "b" * 3000})}
SENTENCE = {"params": json.dumps({"sentence": "The heart is enlarged."})}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    chest = thorax(spacing_mm=(5.0, 5.0, 5.0))
    path = tmp_path_factory.mktemp("image") / "chest.nii.gz"
    noisy = chest.hu + np.random.default_rng(0).integers(-20, 20, chest.shape)
    write_nifti(path, noisy.astype(np.int16), chest.affine)
    return path.read_bytes()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, image: bytes) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("full")
    (folder / "studies").mkdir()
    (folder / "studies" / "chest.nii.gz").write_bytes(image)
    with live_server(folder, "--models", "asap-test") as server:
        # Whatever is loaded or written once is loaded and written: the index, the reader child, the model.
        assert ask_form(server, "POST", "/infer/asap-test?image=chest&output=json", SENTENCE).status == 200
        assert (
            ask_form(server, "PUT", "/datastore/label?image=chest&tag=review", files={"label": ("l.nii.gz", image)}).status == 200
        )
        yield server


@contextmanager
def full_disk(pid: int) -> Iterator[None]:
    """No file of the process may grow beyond a few kilobytes."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (SMALL_BYTES, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def declare(server: LiveServer, _image: bytes) -> Answer:
    session = {"X-ASAP-Session": ask_json(server, "POST", "/asap/v1/sessions", {"client": "x"}).json()["session"]}
    declared = {
        "shape": [100, 100, 100], "affine_ras_mm": np.eye(4).tolist(), "encoding": "raw", "bytes": 2_000_000, "sha256": "0" * 64,
        "part_bytes": 10**6,
    }  # fmt: skip
    return ask_json(server, "POST", "/asap/v1/studies", {"upload": declared}, headers=session)


def large(image: bytes) -> bytes:
    """Larger than what a form keeps in memory, so that it is spooled to the disk while it is read."""
    return image + b"\0" * 3 * 2**20


WRITES: dict[str, Callable[[LiveServer, bytes], Answer]] = {
    "upload": declare,
    "stock session": lambda server, image: ask_form(server, "PUT", "/session/", files={"files": ("a.nii.gz", image)}),
    "spooled form": lambda server, image: ask_form(server, "PUT", "/session/", files={"files": ("a.nii.gz", large(image))}),
    "image": lambda server, image: ask_form(server, "PUT", "/datastore/image?image=new", files={"file": ("a.nii.gz", image)}),
    "label": lambda server, image: ask_form(
        server, "PUT", "/datastore/label?image=chest&tag=review", files={"label": ("a.nii.gz", image)}
    ),
    "index": lambda server, image: ask_form(server, "PUT", "/datastore/image/info?image=chest", LONG_NOTE),
    "label image": lambda server, image: ask_form(server, "POST", "/infer/asap-test?image=chest&output=image", SENTENCE),
    "inference on a file": lambda server, image: ask_form(
        server, "POST", "/infer/asap-test?output=json", SENTENCE, {"file": ("a.nii.gz", image)}
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRITES)
def test_a_full_disk_is_said_and_nothing_is_half_written(server: LiveServer, image: bytes, what: str) -> None:
    studies = {path: (server.studies / path).read_bytes() for path in files_below(server.studies)}
    temporary = files_below(server.temp)
    with full_disk(server.pid):
        answer = WRITES[what](server, image)
    assert (answer.status, answer.code) == (507, "insufficient_storage"), answer.body
    assert "disk" in answer.json()["error"]["message"]
    assert {path: (server.studies / path).read_bytes() for path in files_below(server.studies)} == studies
    assert files_below(server.temp) == temporary
    assert WRITES[what](server, image).status in (200, 201)
    if what == "image":
        assert ask(server, "DELETE", "/datastore/image?id=new", token="admin").status == 200


def test_a_full_disk_costs_no_answer_that_needs_none(server: LiveServer) -> None:
    client = AsapClient(server.url, server.token)
    with full_disk(server.pid):
        study = client.open_datastore_study("chest")
        assert client.ground(study, sentences=["The heart is enlarged."]).sentences[0].map is not None
    client.close()
