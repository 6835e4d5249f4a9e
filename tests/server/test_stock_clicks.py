"""Clicks of clients that were written for MONAI Label: its Python client, in the words of its Slicer module's two modes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from asap.inference.engine import Engine
from asap.inference.load import load_engine
from asap.io.dicom_seg import read_segments
from asap.io.read import read_labels
from asap.prompt import Point, Prompt
from asap.segment_types import LESIONS
from asap.segmentation import Segment, make_segment
from asap.volume import Volume
from monailabel_app.lib.drawn_segments import Drawing, DrawnSegments
from monailabel_app.lib.stored_studies import signature
from tests.server.http_requests import ask_form
from tests.server.live import LiveServer

pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

CLICK_MODEL, LABEL_MODEL = "asap-mini-clicks", "asap-mini-deepedit"
Voxel = list[int]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return load_engine("asap-mini")


def vessel(volume: Volume, depth: int = 0) -> Voxel:
    """A voxel of soft tissue; the deeper, the farther from the middle."""
    tissue = np.argwhere((volume.hu > 0) & (volume.hu < 200))
    away = np.abs(tissue - np.array(volume.shape) // 2).sum(axis=1)
    found: Voxel = tissue[np.argsort(away, kind="stable")[depth]].tolist()
    return found


def slicer_request(info: dict[str, Any], label: str, points: dict[str, list[Voxel]]) -> dict[str, Any]:
    """What MONAI Label's Slicer module sends in its multi-label mode: every label of the server with its points, if any."""
    config = {key: v[0] if isinstance(v, list) else v for key, v in info["models"][LABEL_MODEL]["config"].items()}
    params: dict[str, Any] = {name: points.get(name, []) for name in info["labels"]}
    return {**params, "label": label, **config, "reset_state": True, "result_extension": ".nrrd", "result_dtype": "uint8"}


def world(volume: Volume, voxels: list[Voxel]) -> tuple[Point, ...]:
    return tuple(tuple(float(x) for x in volume.world_from_voxel(np.array(v, float))) for v in voxels)  # type: ignore[misc]


def mask_of(segment: Segment | None, volume: Volume) -> NDArray[np.bool_]:
    out = np.zeros(volume.shape, dtype=np.bool_)
    if segment is not None:
        out[segment.box] = segment.mask
    return out


def test_a_further_click_corrects_the_answer_before_as_our_own_clients_do(
    stock: Any, study: str, phantom: tuple[Path, Volume], engine: Engine
) -> None:
    volume = phantom[1]
    features, stock._client_id = engine.encode(volume), "corrects"
    inside: list[Voxel] = [vessel(volume)]
    outside: list[Voxel] = []

    def drawn(model: str = CLICK_MODEL) -> NDArray[np.bool_]:
        asked = {"label": "Mass", "foreground": inside, "background": outside}
        return read_labels(Path(stock.infer(model, study, asked)[0]))[0] == 1

    def ours(previous: Segment | None) -> Segment:
        prompt = Prompt(include=world(volume, inside), exclude=world(volume, outside), previous=previous)
        segment = engine.segment_prompted(volume, features, prompt)
        assert segment is not None
        return segment

    first = ours(None)
    assert (drawn() == mask_of(first, volume)).all()
    outside.append(np.argwhere(mask_of(first, volume))[-1].tolist())
    second = ours(first)
    assert (drawn() == mask_of(second, volume)).all()
    assert (drawn() == mask_of(second, volume)).all(), "asked once more it is the same answer"
    inside.append(vessel(volume, 400))
    third, anew = ours(second), ours(None)
    assert (drawn() == mask_of(third, volume)).all()
    assert (mask_of(third, volume) != mask_of(anew, volume)).any(), "else this test cannot tell the two"
    stock._client_id = "another reader"
    assert (drawn() == mask_of(anew, volume)).all(), "nobody corrects what another client drew"
    stock._client_id = "corrects"
    removed = outside.pop()
    assert (drawn() == mask_of(ours(None), volume)).all(), "a point taken back begins anew"
    outside.append(removed)


def test_a_first_click_that_is_background_draws_nothing_and_is_no_error(stock: Any, study: str) -> None:
    for model in (CLICK_MODEL, LABEL_MODEL):
        path, document = stock.infer(model, study, {"label": "early", "foreground": [], "background": [[5, 5, 5]]})
        assert document["label_names"] == {}
        assert not read_labels(Path(path))[0].any()


def test_points_under_their_labels_names_draw_each_label_and_bound_the_others(
    stock: Any, study: str, phantom: tuple[Path, Volume], engine: Engine
) -> None:
    volume, info = phantom[1], stock.info()
    features, stock._client_id = engine.encode(volume), "labels"
    near = vessel(volume)
    alone = engine.segment_prompted(volume, features, Prompt(include=world(volume, [near])))
    assert alone is not None
    far: Voxel = np.argwhere(mask_of(alone, volume))[-1].tolist()
    path, document = stock.infer(LABEL_MODEL, study, slicer_request(info, "Mass", {"Mass": [near]}))
    assert path.endswith(".nrrd")
    assert document["label_names"] == {"Mass": 1}
    assert ((read_labels(Path(path))[0] == 1) == mask_of(alone, volume)).all()
    assert document["segments"][0]["type"]["meaning"] == "Mass"
    both = slicer_request(info, "Nodule", {"Mass": [near], "Nodule": [far]})
    path, document = stock.infer(LABEL_MODEL, study, both)
    labels, _ = read_labels(Path(path))
    names = document["label_names"]
    assert set(names) == {"Mass", "Nodule"}
    assert labels[tuple(near)] == names["Mass"]
    assert labels[tuple(far)] == names["Nodule"]
    corrected = Prompt(include=world(volume, [near]), exclude=world(volume, [far]), previous=alone)
    mass = mask_of(engine.segment_prompted(volume, features, corrected), volume)
    assert ((labels == names["Mass"]) <= mass).all()
    assert not mass[tuple(far)]
    path, document = stock.infer(LABEL_MODEL, study, {**both, "result_extension": ".seg.nrrd"})
    whole = read_segments(Path(path), (volume.shape, volume.affine))
    assert (next(m.mask for m in whole.masks if m.label == "Mass") == mass).all(), "overlap takes nothing away"
    assert [row.kind.key for row in whole.masks] == [row["key"] for row in document["segments"]]


def test_what_clicks_drew_goes_with_the_file_it_was_drawn_on(tmp_path: Path, engine: Engine) -> None:
    kept, path = DrawnSegments(), tmp_path / "ct.nii"
    path.write_bytes(b"a scan")
    volume = Volume(np.zeros((8, 8, 8), np.int16), np.eye(4))
    segment = make_segment(volume, np.ones((2, 2, 2), np.bool_), LESIONS["mass"], source="a test")
    assert segment is not None
    drawing = Drawing(signature(path), "reader", "Mass")
    for number in range(100):
        kept.keep(replace(drawing, label=str(number)), Prompt(include=((0, 0, 0),)), segment)
    assert kept.find(replace(drawing, label="0")) is None, "memory is bounded"
    assert kept.find(replace(drawing, label="99")) is not None
    kept.forget_missing()
    assert kept.find(replace(drawing, label="99")) is not None
    path.unlink()
    kept.forget_missing()
    assert kept.find(replace(drawing, label="99")) is None


@pytest.mark.parametrize("extra", [{"image": "/etc/passwd"}, {"private": True}, {"Mass": "x"}, {"m" * 65: []}])
def test_under_a_labels_name_only_points_are_taken(live: LiveServer, study: str, extra: dict[str, Any]) -> None:
    params = json.dumps({"Nodule": [[1, 2, 3]], **extra})
    answer = ask_form(live, "POST", f"/infer/{LABEL_MODEL}?image={study}&output=json", {"params": params})
    assert answer.status == 422
    assert "etc" not in answer.body.decode()
