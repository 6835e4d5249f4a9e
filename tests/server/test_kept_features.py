"""Encoded cases on disk: those of the server's own studies stay while they are useful, those of a caller's file go with it."""

from __future__ import annotations

import json
import signal
import stat
from pathlib import Path

import numpy as np
import pytest

from asap.client import AsapClient, Progress
from asap.io.nifti import write_nifti
from tests.server.http_requests import ask, ask_form
from tests.server.live import LiveServer, live_server
from tests.thorax import thorax

pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
pytestmark = pytest.mark.slow

HEART = "The heart is enlarged."


def stages_of(server: LiveServer, study: str) -> set[str]:
    """What the server tells while it encodes one of its own studies."""
    told: list[Progress] = []
    client = AsapClient(server.url, server.token)
    client.encode(client.open_datastore_study(study), progress=told.append)
    client.close()
    return {progress.stage for progress in told}


def test_features_stay_for_the_servers_own_studies_and_go_with_everything_else(tmp_path: Path) -> None:
    chest, cache = thorax(spacing_mm=(5.0, 5.0, 5.0)), tmp_path / "cache"
    (tmp_path / "studies").mkdir()
    write_nifti(tmp_path / "studies" / "chest.nii.gz", chest.hu.astype(np.int16), chest.affine)
    other = (chest.hu.astype(np.int16) + 1).clip(-1024, 3000)
    write_nifti(tmp_path / "other.nii.gz", other, chest.affine)
    words = ("--models", "asap-test", "--cache", str(cache))

    def kept() -> int:
        return len(list(cache.rglob("*.safetensors")))

    with live_server(tmp_path, *words) as server:
        assert stat.S_IMODE(cache.stat().st_mode) == 0o700
        assert "looking for the lungs" in stages_of(server, "chest")
        assert kept() == 1

        client = AsapClient(server.url, server.token)
        study = client.open_study(other.tobytes(order="F"), chest.shape, chest.affine.tolist())
        client.ground(study, sentences=[HEART])
        assert kept() == 2
        client.close_study(study)
        assert kept() == 1

        params = {"params": json.dumps({"sentence": HEART})}
        upload = {"file": ("other.nii.gz", (tmp_path / "other.nii.gz").read_bytes())}
        assert ask_form(server, "POST", "/infer/asap-test?output=json", params, upload).status == 200
        session = ask_form(server, "PUT", "/session/", files={"files": upload["file"]}).json()["session_id"]
        for _ in range(2):
            assert ask_form(server, "POST", f"/infer/asap-test?session_id={session}&output=json", params).status == 200
        assert kept() == 1
        assert ask(server, "DELETE", f"/session/{session}").status == 200
        assert not [path for path in server.temp.rglob("*") if path.suffix in (".gz", ".voxels")]

        study = client.open_study(other.tobytes(order="F"), chest.shape, chest.affine.tolist())
        client.ground(study, sentences=[HEART])
        server.stop(signal.SIGKILL)
        assert kept() == 2

    with live_server(tmp_path, *words) as server:
        assert kept() == 1, "what an upload of a killed server left is gone"
        assert "looking for the lungs" not in stages_of(server, "chest")
        assert server.stop() == 0
        assert kept() == 1
