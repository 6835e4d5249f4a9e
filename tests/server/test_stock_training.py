"""Learning through MONAI Label's own Python client: labels submitted, a run started, stopped, taken up again, then in use."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asap.io.nifti_write import write_nifti
from asap.io.read import read_labels
from asap.phantom.case import PhantomCase, generate_case
from asap.volume import to_int16
from tests.server.http_requests import ask, ask_json
from tests.server.live import LiveServer, live_server

pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

MODEL = "asap-mini-labels"
SEEDS = (71_001, 71_002, 71_003)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, PhantomCase]]:
    folder = tmp_path_factory.mktemp("cases")
    found = {}
    for seed in SEEDS:
        case = generate_case(seed)
        path = folder / f"case{seed}.nii.gz"
        write_nifti(path, to_int16(case.volume.hu), case.volume.affine)
        found[f"case{seed}"] = (path, case)
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, cases: dict[str, tuple[Path, PhantomCase]]) -> Iterator[LiveServer]:
    studies = tmp_path_factory.mktemp("studies")
    for path, _ in cases.values():
        (studies / path.name).write_bytes(path.read_bytes())
    with live_server(tmp_path_factory.mktemp("training"), studies=studies) as running:
        yield running


def signed_in(server: LiveServer, token: str, folder: Path) -> Any:
    from monailabel.client import MONAILabelClient

    client = MONAILabelClient(server.url, tmpdir=str(folder))
    client.update_auth(client.auth_token("someone", token))
    return client


def until(happened: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.3)


@pytest.mark.timeout(900)
def test_labels_are_learnt_stopped_taken_up_again_and_used(
    server: LiveServer, cases: dict[str, tuple[Path, PhantomCase]], tmp_path: Path
) -> None:
    admin, reader = signed_in(server, server.admin_token, tmp_path), signed_in(server, server.token, tmp_path)
    assert MODEL in reader.info()["trainers"]
    assert MODEL not in reader.info()["models"], "nothing was taught yet"
    assert ask_json(server, "POST", f"/train/{MODEL}", {}).status in (401, 403)
    assert admin.train_status(check_if_running=True) is False
    names = list(cases)
    for name in names[:2]:
        _submit(reader, name, cases[name][1], tmp_path)
    assert reader.next_sample("combined", {})["id"] == names[2]
    started = admin.train_start(MODEL, {"steps": 24})
    assert started["status"] == "RUNNING"
    until(lambda: any(line.startswith("step") for line in admin.train_status()["details"]), 300)
    stopped = admin.train_stop()
    assert stopped["status"] == "STOPPED"
    until(lambda: not admin.train_status(check_if_running=True), 60)
    reached = int(stopped["details"][-1].split()[1].split("/")[0]) if stopped["details"][-1].startswith("step") else 0
    admin.train_start(MODEL, {MODEL: {"steps": 24}})
    until(lambda: not admin.train_status(check_if_running=True), 600)
    record = admin.train_status()
    assert record["status"] == "DONE", record
    assert record["outcome"]["accepted"] is True
    steps = [int(line.split()[1].split("/")[0]) for line in record["details"] if line.startswith("step")]
    assert steps[-1] == 24
    assert reached < 7 or min(steps) > reached, "the record keeps the last twenty lines"
    info = reader.info()
    assert info["models"][MODEL]["labels"] == {"Heart": 1, "Liver": 2}
    assert info["train_stats"][MODEL]["learnt_from"] == 1
    path, document = reader.infer(MODEL, names[2], {})
    labels, _ = read_labels(Path(path))
    assert labels.shape == cases[names[2]][1].volume.shape
    assert set(document["label_names"]) <= {"Heart", "Liver"}
    for strategy in ("random", "uncertainty", "diversity", "combined"):
        assert reader.next_sample(strategy, {})["id"] == names[2]
    _scores_are_noted(server, names, record["outcome"]["score"])
    for path_of_ours in server.studies.rglob("*"):
        assert path_of_ours.suffix != ".part"


def _scores_are_noted(server: LiveServer, names: list[str], held_out: float) -> None:
    """Dice on the labelled images, doubt on the other; the held-out image's Dice is the one the training told."""
    notes = {}
    for method in ("dice", "uncertainty"):
        assert ask_json(server, "POST", f"/scoring/{method}", {}, token=None).status in (401, 403)
        assert ask_json(server, "POST", f"/scoring/{method}", {}).json()["status"] == "RUNNING"
        until(lambda: ask(server, "GET", "/scoring/?check_if_running=true").status == 404, 120)
        record = ask(server, "GET", "/scoring/").json()
        assert record["status"] == "DONE", record
        assert set(record["result"]) == set(names[:2] if method == "dice" else names[2:])
    for name in names:
        notes[name] = ask(server, "GET", f"/datastore/image/info?image={name}").json()
    assert all(len(note[f"{key}_model_sha256"]) == 64 for note in notes.values() for key in {"dice", "uncertainty"} & set(note))
    assert "dice" not in notes[names[2]]
    assert 0 < notes[names[2]]["uncertainty"] < 1
    assert set(notes[names[0]]["dice_of_labels"]) == {"Heart", "Liver"}
    assert min(abs(notes[name]["dice"] - held_out) for name in names[:2]) < 1e-3


def test_nonsense_is_refused(server: LiveServer) -> None:
    for content in ({"steps": 0}, {"script": "x"}, {"semi_supervised": 1}):
        answer = ask_json(server, "POST", f"/train/{MODEL}", content, token="admin")
        assert answer.status == 422
        assert "Parameters may be" in answer.body.decode()
    assert ask_json(server, "POST", "/train/other", {}, token="admin").status == 404
    assert ask_json(server, "POST", "/scoring/other", {}).status == 404
    assert ask_json(server, "POST", "/scoring/dice", {"y": "original"}).status == 422
    assert ask(server, "DELETE", "/scoring/").status == 404


def _submit(client: Any, name: str, case: PhantomCase, folder: Path) -> None:
    label = folder / f"{name}-label.nii.gz"
    drawn = case.organs["heart"].astype(np.uint8) + 2 * case.organs["liver"].astype(np.uint8)
    write_nifti(label, drawn, case.volume.affine)
    info = {"label_info": [{"name": "Heart", "idx": 1}, {"name": "Liver", "idx": 2}]}
    client.save_label(name, str(label), params=info)
