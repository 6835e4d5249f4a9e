"""Learning through MONAI Label's own Python client: labels submitted, a run started, stopped, taken up again, then in use."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from asap.io.nifti_write import write_nifti
from asap.io.read import read_labels
from asap.phantom.case import PhantomCase, generate_case
from asap.volume import to_int16
from asap_training.data.labelled_cases import LabelledCase
from asap_training.finetune_segmentation import held_out
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


def logged_steps(server: LiveServer) -> list[int]:
    """Steps that the one run there was wrote down; every tenth is."""
    (run,) = (server.studies / ".asap-training" / "asap-mini").glob("run-*")
    return [json.loads(line)["step"] for line in (run / "log.jsonl").read_text().splitlines()]


def steps_told(record: dict[str, Any]) -> list[int]:
    return [int(line.split()[1].split("/")[0]) for line in record["details"] if line.startswith("step")]


def finished(client: Any, steps: int, **more: Any) -> dict[str, Any]:
    """The record of a run from its start to its end."""
    client.train_start(MODEL, {MODEL: {"steps": steps, **more}})
    until(lambda: not client.train_status(check_if_running=True), 600)
    record: dict[str, Any] = client.train_status()
    assert record["status"] == "DONE", record
    return record


def _goes_on_where_it_was_stopped(server: LiveServer, admin: Any) -> None:
    """A run far too long to end by itself: how fast the machine is decides nothing."""
    long = {MODEL: {"steps": 5000}}
    assert admin.train_start(MODEL, long)["status"] == "RUNNING"
    until(lambda: max(steps_told(admin.train_status()), default=0) >= 2, 600)
    assert admin.train_stop()["status"] == "STOPPED"
    until(lambda: not admin.train_status(check_if_running=True), 60)
    reached = max(steps_told(admin.train_status()))
    admin.train_start(MODEL, long)
    until(lambda: steps_told(admin.train_status()), 600)
    assert min(steps_told(admin.train_status())) > reached
    admin.train_stop()
    until(lambda: not admin.train_status(check_if_running=True), 60)
    assert logged_steps(server).count(0) == 1, "it did not begin anew"


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
    _goes_on_where_it_was_stopped(server, admin)
    record = finished(admin, 16)
    assert record["outcome"]["accepted"] is True
    info = reader.info()
    assert info["models"][MODEL]["labels"] == {"Heart": 1, "Liver": 2}
    assert info["train_stats"][MODEL]["learnt_from"] == 1
    path, document = reader.infer(MODEL, names[2], {})
    labels, _ = read_labels(Path(path))
    assert labels.shape == cases[names[2]][1].volume.shape
    assert set(document["label_names"]) == {"Heart", "Liver"}
    assert {row["name"]: row["type"]["meaning"] for row in document["segments"]} == {"Heart": "Heart", "Liver": "Liver"}
    _scores_are_noted(server, names, record["outcome"]["score"])
    _a_worse_model_is_not_taken(server, reader, admin, cases, tmp_path)
    _strategies_choose_by_what_they_say(server, reader, tmp_path)
    for path_of_ours in server.studies.rglob("*"):
        assert path_of_ours.suffix != ".part"


def _a_worse_model_is_not_taken(
    server: LiveServer, reader: Any, admin: Any, cases: dict[str, tuple[Path, PhantomCase]], folder: Path
) -> None:
    """Somebody mixes up two names in all that is learnt from; what is scored on is right. Unlabelled images are used too."""
    head = server.studies / ".asap-training" / "asap-mini" / "head"
    before, used = reader.info()["models"][MODEL]["card"]["weights_sha256"], _contents(head)
    labelled = list(cases)[:2]
    train, _ = held_out([LabelledCase("", f"{name}.nii.gz", *[torch.zeros(1)] * 2, None) for name in labelled])
    for case in train:
        name = case.image.removesuffix(".nii.gz")
        _submit(reader, name, cases[name][1], folder, heart=2, liver=1)
    record = finished(admin, 8, semi_supervised=True)
    assert record["request"]["semi_supervised"] is True
    assert steps_told(record) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert record["outcome"]["accepted"] is False
    assert record["outcome"]["score"] < record["outcome"]["old_score"]
    assert reader.info()["models"][MODEL]["card"]["weights_sha256"] == before
    assert _contents(head) == used


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _strategies_choose_by_what_they_say(server: LiveServer, reader: Any, folder: Path) -> None:
    """Further studies of which the last run is made to have said something that is known."""
    known = {"twin": (0.9, [0.1, 0.0]), "far": (0.2, [5.0, 5.0]), "both": (0.8, [4.5, 4.5]), "neither": (0.1, [0.2, 0.1])}
    small = folder / "small.nii.gz"
    write_nifti(small, np.zeros((4, 4, 4), np.int16), np.eye(4))
    for name in known:
        reader.upload_image(str(small), name)
    labelled = reader.next_sample("uncertainty", {})  # of the images of the last run only one is without a label
    unlabelled = {labelled["id"], *known}
    rows = {f"{name}.nii.gz": {"uncertainty": doubt, "feature": feature} for name, (doubt, feature) in known.items()}
    for name in SEEDS:
        rows[f"case{name}.nii.gz"] = {"uncertainty": 0.0, "feature": [0.0, 0.0]}
    (server.studies / ".asap-training" / "asap-mini" / "scores.json").write_text(json.dumps(rows))
    chosen = {strategy: reader.next_sample(strategy, {})["id"] for strategy in ("uncertainty", "diversity", "combined")}
    assert chosen == {"uncertainty": "twin", "diversity": "far", "combined": "both"}
    assert {reader.next_sample("random", {})["id"] for _ in unlabelled} == unlabelled, "those not offered yet come first"


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


def _submit(client: Any, name: str, case: PhantomCase, folder: Path, *, heart: int = 1, liver: int = 2) -> None:
    label = folder / f"{name}-label.nii.gz"
    drawn = (heart * case.organs["heart"] + liver * case.organs["liver"]).astype(np.uint8)
    write_nifti(label, drawn, case.volume.affine)
    info = {"label_info": [{"name": "Heart", "idx": 1}, {"name": "Liver", "idx": 2}]}
    client.save_label(name, str(label), params=info)
