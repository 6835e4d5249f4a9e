"""The real server, the real model, Slicer's own scene: a case is opened, encoded, and clicked sentences light up their place."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from AsapSlicerLib import segment_list, volume_nodes
from AsapSlicerLib.image_files import opened_volume
from AsapSlicerLib.label_desk import LabelDesk
from AsapSlicerLib.logic import AsapLogic, Event
from AsapSlicerLib.organs import Organs
from AsapSlicerLib.resample import resample_for_model

from asap.inference.load import load_engine
from asap.io.nifti import write_nifti
from asap.io.read import read_labels, read_volume
from asap.phantom.case import generate_case
from asap.text.read import read_report
from asap.volume import Affine, Volume, apply_affine, to_int16
from tests.reference import reference_data
from tests.server.live import LiveServer, live_server
from tests.slicer.scene import SlicerScene

pytestmark = pytest.mark.slow
REACH_MM = 3.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
    with live_server(tmp_path_factory.mktemp("slicer-live")) as server:
        yield server


@pytest.fixture
def stage() -> Iterator[SlicerScene]:
    stage = SlicerScene()
    yield stage
    stage.close()


def connected(server: LiveServer, stage: SlicerScene, asked: list[str]) -> AsapLogic:
    logic = AsapLogic(stage.scene, lambda url: asked.append(url) or True)
    logic.connect(server.url, server.token)
    assert logic.wait_for_completion(60)
    assert logic.server is not None
    return logic


def test_real_ct_the_heat_lies_on_the_tumour(server: LiveServer, stage: SlicerScene) -> None:
    volume = read_volume(reference_data("ct/lung2_tumour/lung2_image.nrrd"))
    label = read_volume(reference_data("ct/lung2_tumour/lung2_label.nrrd"))
    asked: list[str] = []
    logic = connected(server, stage, asked)
    events: list[Event] = []
    logic.listeners.append(events.append)
    logic.choose_volume(stage.volume(np.asarray(volume.hu), volume.affine))
    logic.encode()
    assert logic.wait_for_completion(240)
    assert [event for event in events if event.kind == "error"] == []
    shares = [event.share for event in events if event.kind == "progress" and event.share is not None]
    assert len(shares) > 3
    assert logic.case is not None
    assert logic.case.origin == "upload"
    logic.ground(["Large mass in the left lower lobe.", "The heart is normal in size.", "No pleural effusion."])
    assert logic.wait_for_completion(60)
    assert logic.review is not None
    tumour = apply_affine(label.affine, np.argwhere(np.asarray(label.hu) > 0).astype(float))
    assert logic.show([0])
    peak = np.asarray(logic.review.sentences[0].answer.peak_ras_mm)
    assert np.linalg.norm(tumour - peak, axis=1).min() <= REACH_MM
    crosshair = stage.scene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    np.testing.assert_allclose(crosshair.GetCrosshairRAS(), peak)
    logic.measure(0)
    assert logic.wait_for_completion(60)
    found = logic.regions.measured
    assert found is not None
    assert found.millilitres is not None
    assert 20 < found.millilitres < 110  # the expert's mask has 48 ml
    assert logic.sentences_at(tuple(tumour.mean(axis=0)))[0][0] == 0
    assert logic.show([1])
    assert not logic.show([2])
    assert logic.review.sentences[2].answer.reason
    assert asked == [server.url]
    logic.close()


def test_generated_case_progress_cancel_and_three_sentences(server: LiveServer, stage: SlicerScene) -> None:
    case = generate_case(3, required=("mass",))
    logic = connected(server, stage, [])
    logic.choose_volume(stage.volume(np.asarray(case.volume.hu), case.volume.affine))
    errors: list[str] = []
    logic.listeners.append(lambda event: errors.append(event.message) if event.kind == "error" else None)
    progressed = threading.Event()
    logic.listeners.append(lambda event: progressed.set() if event.kind == "progress" else None)
    logic.encode()
    while not progressed.is_set():
        logic.background.poll()
        progressed.wait(0.01)
    assert logic.cancel()
    assert logic.case is None
    assert not logic.busy
    logic.encode()
    assert logic.wait_for_completion(240)
    assert logic.case is not None
    logic.read_report(case.report)
    assert logic.wait_for_completion(60)
    assert errors == []
    assert logic.review is not None
    shown = [index for index in range(len(logic.review.sentences)) if logic.show([index])]
    assert len(shown) >= 3
    organs = {"heart": case.organs["heart"], "liver": case.organs.get("liver")}
    for index in shown:
        sentence = logic.review.sentences[index]
        for name, mask in organs.items():
            if mask is not None and sentence.text.lower().startswith(f"the {name}") and sentence.answer.peak_ras_mm:
                places = apply_affine(case.volume.affine, np.argwhere(mask).astype(float))
                assert np.linalg.norm(places - sentence.answer.peak_ras_mm, axis=1).min() <= REACH_MM
    logic.close()


def test_the_next_case_is_opened_segmented_submitted_and_followed_by_another(server: LiveServer, stage: SlicerScene) -> None:
    case = generate_case(5)
    images = {"one": case.volume, "two": Volume(np.asarray(case.volume.hu)[:, :, 2:], moved(case.volume.affine, (0, 0, 2)))}
    for name, volume in images.items():
        write_nifti(server.studies / f"{name}.nii.gz", to_int16(volume.hu), volume.affine)
    logic = connected(server, stage, [])
    desk = LabelDesk(logic, lambda data, held: logic.choose_volume(opened_volume(stage.scene, data, held)))
    errors: list[str] = []
    logic.listeners.append(lambda event: errors.append(event.message) if event.kind == "error" else None)
    assert logic.session.client is not None
    while {"one", "two"} - {image.id for image in logic.session.client.datastore_images()}:
        time.sleep(0.1)  # the server watches its folder
    logic.refresh()
    desk.on_event(Event("server"))
    assert logic.wait_for_completion(60)
    assert desk.usual == "combined"
    assert {"random", "combined"} <= {strategy.name for strategy in desk.strategies}
    desk.next_case(desk.usual)
    assert logic.wait_for_completion(60)
    first = desk.study
    assert first in images
    np.testing.assert_allclose(volume_nodes.ijk_to_ras(logic.volume), images[first].affine, atol=1e-3)
    Organs(logic).draw("heart")
    assert logic.wait_for_completion(240)
    assert logic.case is not None
    assert logic.case.origin == "datastore", "a case that came from the server does not go back to it"
    drawn, _names = segment_list.label_map(stage.scene, logic.volume)
    assert drawn.any()
    desk.next_case(desk.usual)
    assert desk.study == first
    assert "not submitted" in desk.told
    desk.submit()
    assert logic.wait_for_completion(60)
    assert desk.told == f"Submitted as the label of {first}: Heart."
    desk.next_case(desk.usual)
    assert logic.wait_for_completion(60)
    assert desk.study in set(images) - {first}
    assert errors == []
    (kept,) = server.studies.glob("labels/final/*")
    labels, affine = read_labels(kept)
    np.testing.assert_array_equal(labels, drawn)
    np.testing.assert_allclose(affine, images[first].affine, atol=1e-3)
    index = json.loads((server.studies / "datastore_v2.json").read_text())
    assert index["objects"][first]["labels"]["final"]["info"]["label_names"] == {"Heart": 1}
    logic.close()


def moved(affine: Affine, start: tuple[int, int, int]) -> Affine:
    """The affine of a volume that begins at a voxel of another."""
    shift = np.eye(4)
    shift[:3, 3] = start
    return affine @ shift


def test_client_and_server_resampling_ground_alike() -> None:
    path: Path = reference_data("ct/lung2_tumour/lung2_image.nrrd")
    volume = read_volume(path)
    engine = load_engine("asap-mini")
    spacing = engine.grounder.grid.spacing_mm
    upload = resample_for_model(np.asarray(volume.hu), volume.affine, spacing)
    sentences = read_report("Large mass in the left lower lobe. The heart is normal. The aorta is unremarkable.").sentences
    ours = engine.ground(engine.encode(Volume(np.array(upload.voxels_ijk), upload.affine_ras_mm)), sentences)
    theirs = engine.ground(engine.encode(volume), sentences)
    for one, other in zip(ours, theirs, strict=True):
        assert one.heatmap is not None
        assert other.heatmap is not None
        assert np.corrcoef(one.heatmap.ravel(), other.heatmap.ravel())[0, 1] >= 0.999
        assert np.linalg.norm(np.subtract(one.peak_ras_mm, other.peak_ras_mm)) <= 3.0
