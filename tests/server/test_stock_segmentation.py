"""Segmentation through MONAI Label's own Python client, against the real server."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asap.cli import main
from asap.client import AsapClient
from asap.inference.engine import Engine
from asap.inference.load import load_engine
from asap.inference.whole_volume import segment_whole
from asap.io.read import read_labels
from asap.models.load_unetr import load_unetr
from asap.prompt import Prompt
from asap.segment_types import ORGANS
from asap.segmentation import Segmentation
from asap.volume import Volume
from tests.server.http_requests import ask_form
from tests.server.live import LiveServer
from tests.server.test_segment_kinds import drawn
from tests.server.tiny_unetr import LABELS, NAME

pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

ORGAN_MODEL, CLICK_MODEL, LABEL_MODEL = "asap-mini-organs", "asap-mini-clicks", "asap-mini-deepedit"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return load_engine("asap-mini")


def test_info_names_labels_and_colours(stock: Any, engine: Engine) -> None:
    info = stock.info()
    organs, clicks, labels = (info["models"][name] for name in (ORGAN_MODEL, CLICK_MODEL, LABEL_MODEL))
    assert (organs["type"], clicks["type"], labels["type"]) == ("segmentation", "deepgrow", "deepedit")
    assert {"Lesion", "Nodule", "Mass"} <= set(labels["labels"]), "with labels the Slicer module sends points by their names"
    assert not clicks["labels"]
    assert organs["labels"] == {ORGANS[key].label: n for n, key in enumerate(engine.organs.known, 1)}
    assert organs["colours"]["Left lung"] == list(ORGANS["left_lung"].colour)
    assert {"region", "Left lung", "Right lung"} <= set(info["labels"])


def test_organs_are_the_engines_on_the_voxels_of_the_image(
    stock: Any, study: str, phantom: tuple[Path, Volume], engine: Engine
) -> None:
    path, document = stock.infer(ORGAN_MODEL, study, {"targets": "lungs"})
    labels, affine = read_labels(Path(path))
    volume = phantom[1]
    assert np.abs(affine - volume.affine).max() < 1e-4
    truth = engine.segment(volume, ("lungs",))
    assert document["label_names"] == {"Right lung": 1, "Left lung": 2}
    for name, label in document["label_names"].items():
        assert ((labels == label) == truth.mask(name)).all()
    for row in document["segments"]:
        kind = ORGANS["right_lung" if row["name"] == "Right lung" else "left_lung"]
        assert row["type"] == {"value": "39607008", "scheme": "SCT", "meaning": "Lung"}
        assert row["modifier"] == asdict(kind.modifier)  # type: ignore[arg-type]
        assert row["category"]["meaning"] == "Anatomical Structure"


def test_clicks_in_voxels_or_millimetres_draw_what_the_engine_draws(
    stock: Any, study: str, phantom: tuple[Path, Volume], engine: Engine
) -> None:
    volume = phantom[1]
    heart = np.array(volume.shape) // 2
    tissue = np.argwhere((volume.hu > 0) & (volume.hu < 200))
    voxel = tissue[np.abs(tissue - heart).sum(axis=1).argmin()]
    point = tuple(float(x) for x in volume.world_from_voxel(voxel.astype(float)))
    path, document = stock.infer(CLICK_MODEL, study, {"label": "mine", "foreground": [voxel.tolist()], "background": []})
    drawn, _ = read_labels(Path(path))
    expected = engine.segment_prompted(volume, engine.encode(volume), Prompt(include=(point,)))  # type: ignore[arg-type]
    assert expected is not None
    mask = Segmentation(volume.shape, volume.affine, (expected,)).mask(expected.name)
    assert ((drawn == 1) == mask).all()
    assert document["label_names"] == {"mine": 1}
    again, _ = read_labels(Path(stock.infer(CLICK_MODEL, study, {"foreground": [list(point)], "coordinates": "ras"})[0]))
    assert (again == drawn).all()
    other = np.argwhere(mask)[-1]
    asked = {"label": "mine", "foreground": [voxel.tolist()], "background": [other.tolist()]}
    corrected, _ = read_labels(Path(stock.infer(CLICK_MODEL, study, asked)[0]))
    assert corrected[tuple(voxel)] == 1
    assert corrected[tuple(other)] == 0


def test_a_fine_tuned_unetr_answers_with_what_asap_segment_writes(
    stock: Any, study: str, phantom: tuple[Path, Volume], unetr: Path, tmp_path: Path
) -> None:
    described = stock.info()["models"][NAME]
    assert (described["type"], described["labels"]) == ("segmentation", {"Heart": 1, "Odd thing": 2})
    assert described["colours"]["Heart"] == list(ORGANS["heart"].colour)
    assert set(LABELS) <= set(stock.info()["labels"])
    with pytest.raises(SystemExit) as ended:
        main(["segment", str(phantom[0]), "--model", str(unetr), "--out", str(tmp_path / "written")])
    assert ended.value.code == 0
    written, affine = read_labels(tmp_path / "written" / "segments_0.nii.gz")
    listed = json.loads((tmp_path / "written" / "segments.json").read_text())
    path, document = stock.infer(NAME, study, described["config"])
    labels, ours = read_labels(Path(path))
    assert set(np.unique(labels)) == {0, 1, 2}
    assert (labels == written).mean() > 0.9999, "but where two labels are even, which the number of threads decides"
    assert np.abs(ours - affine).max() < 1e-4
    assert document["label_names"] == {row["name"]: row["label"] for row in listed["segments"]}
    assert document["model"] == listed["model"]


def test_our_client_gets_the_same_labels_and_a_wrong_one_is_refused(
    live: LiveServer, study: str, phantom: tuple[Path, Volume], unetr: Path
) -> None:
    with closing(AsapClient(live.url, live.token)) as client:
        (offered,) = client.info().label_models
        case = client.open_datastore_study(study)
        answer = client.segment(case, targets=offered.labels, model=offered.name)
    truth = segment_whole(load_unetr(unetr), phantom[1])
    assert [segment.name for segment in answer.segments] == [segment.name for segment in truth.segments] == list(LABELS)
    for segment in answer.segments:
        assert (drawn(np.zeros(truth.shape, dtype=np.bool_), segment.box) == truth.mask(segment.name)).all()
    refused = ask_form(live, "POST", f"/infer/{NAME}?image={study}", {"params": '{"targets": "hart"}'})
    assert refused.status == 422
    assert "know Heart, Odd thing" in refused.body.decode()


def test_bad_clicks_and_foreign_parameters_are_one_sentence(live: LiveServer, study: str) -> None:
    for params, word in (
        ("{}", "foreground"),
        ('{"foreground": [[1, 2]]}', "three numbers"),
        ('{"foreground": [[1, 2, 3]], "image": "/etc/passwd"}', "Parameters may be"),
    ):
        answer = ask_form(live, "POST", f"/infer/{CLICK_MODEL}?image={study}&output=json", {"params": params})
        assert answer.status == 422
        assert word in answer.body.decode()
