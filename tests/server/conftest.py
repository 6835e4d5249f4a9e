"""One server for all tests of a worker process that only ask it: a start takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from asap.io.nifti import write_nifti
from asap.phantom.case import generate_case
from asap.volume import Volume, to_int16
from tests.server.http_requests import ask, ask_form
from tests.server.live import LiveServer, live_server
from tests.server.tiny_unetr import tiny_unetr

STUDY = "phantom"


@pytest.fixture(scope="session")
def unetr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the fine-tuned UNETR that the running server offers."""
    return tiny_unetr(tmp_path_factory.mktemp("unetr"))


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory, unetr: Path) -> Iterator[LiveServer]:
    """A running server with an empty studies folder, asap-mini and a UNETR; tests that stop or break it start their own."""
    pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
    with live_server(tmp_path_factory.mktemp("live"), "--models", "asap-mini", str(unetr)) as server:
        yield server


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Volume]:
    """A generated chest CT as a file whose axes run left, posterior and superior, and the same as a volume."""
    ras = generate_case(20).volume
    affine = ras.affine.copy()
    for axis in (0, 1):
        affine[:3, 3] += affine[:3, axis] * (ras.shape[axis] - 1)
        affine[:3, axis] *= -1
    volume = Volume(to_int16(ras.hu)[::-1, ::-1].copy(), affine)
    path = tmp_path_factory.mktemp("phantom") / "phantom.nii.gz"
    write_nifti(path, to_int16(volume.hu), volume.affine)
    return path, volume


@pytest.fixture(scope="session")
def study(live: LiveServer, phantom: tuple[Path, Volume]) -> str:
    """Datastore id of the generated chest CT, put there as a client would."""
    stored = ask_form(live, "PUT", f"/datastore/image?image={STUDY}", files={"file": ("any.nii.gz", phantom[0].read_bytes())})
    assert stored.json() == {"image": STUDY}
    assert ask(live, "GET", f"/datastore/image?image={STUDY}").status == 200
    return STUDY


@pytest.fixture
def stock(live: LiveServer, tmp_path: Path) -> object:
    """MONAI Label's own client, signed in the way its Slicer module does."""
    from monailabel.client import MONAILabelClient

    client = MONAILabelClient(live.url, tmpdir=str(tmp_path))
    assert client.auth_enabled()
    client.update_auth(client.auth_token("reader", live.token))
    assert client.auth_valid_token()
    return client
