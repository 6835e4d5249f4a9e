"""A studies folder the server may only read, as a hospital's archive share is: everything but keeping works."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from asap.client import AsapClient
from asap.io.nifti import write_nifti
from tests.server.http_requests import ask, ask_form, ask_json
from tests.server.live import live_server
from tests.thorax import thorax

pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
pytestmark = pytest.mark.slow

# Rights do not stop the superuser: then the folder is mounted for reading, in a view of the disk that only the server has.
MOUNTED = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"')


def view_of(studies: Path) -> tuple[str, ...]:
    """The command in which the folder can only be read."""
    if os.getuid() != 0:
        studies.chmod(0o555)
        return ()
    if subprocess.run([*MOUNTED, str(studies), "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a folder for reading, or a user who is not the superuser")
    return (*MOUNTED, str(studies))


def test_a_folder_that_can_only_be_read_is_read(tmp_path: Path) -> None:
    studies, chest = tmp_path / "share", thorax(spacing_mm=(5.0, 5.0, 5.0))
    studies.mkdir()
    write_nifti(studies / "chest.nii.gz", chest.hu.astype(np.int16), chest.affine)
    volume = {"file": ("new.nii.gz", (studies / "chest.nii.gz").read_bytes())}
    within = view_of(studies)
    with live_server(tmp_path, "--models", "asap-test", studies=studies, within=within) as server:
        assert ask(server, "GET", "/info/").json()["datastore"]["total"] == 1
        params = {"params": json.dumps({"sentence": "The heart is enlarged."})}
        assert ask_form(server, "POST", "/infer/asap-test?image=chest&output=json", params).json()["sentences"][0]["peak_ras_mm"]
        client = AsapClient(server.url, server.token)
        study = client.open_datastore_study("chest")
        assert client.ground(study, sentences=["The heart is enlarged."]).sentences[0].map is not None
        client.close()
        assert ask_json(server, "POST", "/activelearning/random", {}).json()["id"] == "chest"

        refusals = [
            ask_form(server, "PUT", "/datastore/image?image=new", None, volume),
            ask_form(server, "PUT", "/datastore/label?image=chest&tag=final", None, {"label": volume["file"]}),
            ask_form(server, "PUT", "/datastore/image/info?image=chest", {"info": "{}"}),
            ask(server, "DELETE", "/datastore/image?id=chest", token="admin"),
        ]
        for refusal in refusals:
            assert refusal.status == 422
            assert "can only be read" in refusal.json()["error"]["message"]
        assert [path.name for path in studies.iterdir()] == ["chest.nii.gz"]

        studies.chmod(0o755)
        write_nifti(studies / "later.nii.gz", chest.hu.astype(np.int16), chest.affine)
        end = time.monotonic() + 30
        while "later" not in ask(server, "GET", "/datastore/?output=all").json()["objects"]:
            assert time.monotonic() < end, "a study that comes from outside is never seen"
            time.sleep(0.2)
        assert server.stop() == 0
        assert list(server.temp.iterdir()) == []
