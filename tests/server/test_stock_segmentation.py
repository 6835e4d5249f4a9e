"""Segmentation through MONAI Label's own Python client, against the real server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asap.inference.engine import Engine
from asap.inference.load import load_engine
from asap.io.read import read_labels
from asap.prompt import Prompt
from asap.segment_types import ORGANS
from asap.segmentation import Segmentation
from asap.volume import Volume
from tests.server.http_requests import ask_form
from tests.server.live import LiveServer

pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

ORGAN_MODEL, CLICK_MODEL = "asap-mini-organs", "asap-mini-clicks"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return load_engine("asap-mini")


def test_info_names_labels_and_colours(stock: Any, engine: Engine) -> None:
    info = stock.info()
    organs, clicks = info["models"][ORGAN_MODEL], info["models"][CLICK_MODEL]
    assert (organs["type"], clicks["type"]) == ("segmentation", "deepgrow")
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


def test_bad_clicks_and_foreign_parameters_are_one_sentence(live: LiveServer, study: str) -> None:
    for params, word in (
        ('{"background": [[1, 2, 3]]}', "foreground"),
        ('{"foreground": [[1, 2]]}', "three numbers"),
        ('{"foreground": [[1, 2, 3]], "image": "/etc/passwd"}', "Parameters may be"),
    ):
        answer = ask_form(live, "POST", f"/infer/{CLICK_MODEL}?image={study}&output=json", {"params": params})
        assert answer.status == 422
        assert word in answer.body.decode()
