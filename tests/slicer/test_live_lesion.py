"""A lesion of a real CT at the widget, with the real server: by clicks, strokes, boxes and a sentence, back and forward."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from AsapSlicerLib import segment_list
from AsapSlicerLib.lesion_steps import Step, merged
from numpy.typing import NDArray
from scipy import ndimage

from asap.client import SegmentPrompt
from asap.io.read import read_volume
from asap.segmentation import dice
from asap.volume import apply_affine
from tests.reference import reference_data
from tests.server.live import live_server

pytest.importorskip("PySide6", reason="needs PySide6-Essentials")

from tests.slicer.desk import Desk, open_desk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
LONG_S = 240.0
ENDS_MM = 8.0
FAR_MM = 25.0
FLOORS = {"point": 0.8, "box": 0.8, "stroke": 0.8, "exclude stroke": 0.75}  # Dice with the expert's mask
ACTS, SEED = 10, 20261127
Point = tuple[float, float, float]


@dataclass
class Reader:
    """The widget with the tumour's CT, and where the tumour is. depth_mm: below its surface; negative outside, about it only."""

    desk: Desk
    affine: NDArray[np.float64]
    mask: NDArray[np.bool_]
    depth_mm: NDArray[np.float64]

    @property
    def lesions(self) -> Any:
        """The logic's lesions."""
        return self.desk.widget.logic.lesions

    @property
    def drawn(self) -> NDArray[np.bool_]:
        """All segments of the scene, on the CT's voxels."""
        return segment_list.label_map(self.desk.stage.scene, self.desk.ct)[0] > 0

    def mouse(self, *places: Point, shift: bool = False) -> None:
        """Press at the first place, drag through the others, let go, and wait for the answer."""
        node = self.desk.stage.slice_logics["Axial"].GetSliceNode()
        node.JumpSliceByCentering(*places[0])
        view = self.desk.layouts.sliceWidget("Axial").interactor()
        for number, place in enumerate(places):
            view.SetEventInformation(*pixel_of(node, place), 0, int(shift))
            view.InvokeEvent("MouseMoveEvent" if number else "LeftButtonPressEvent")
        view.InvokeEvent("LeftButtonReleaseEvent")
        self.desk.until(lambda: not self.lesions.asking, LONG_S)

    def key(self, name: str) -> None:
        """A key in a slice."""
        view = self.desk.layouts.sliceWidget("Axial").interactor()
        view.SetKeySym(name)
        view.InvokeEvent("KeyPressEvent")

    def replayed(self, prompts: list[SegmentPrompt]) -> NDArray[np.bool_]:
        """The mask that the server makes of these prompts, asked one after another from none."""
        logic, step = self.desk.widget.logic, None
        plan = logic.session.plan(self.desk.ct, lambda: None)
        study = plan.cases.open_full(plan.client, plan.source, plan.model, print, threading.Event()).study
        for prompt in prompts:
            base = None if step is None else step.answer.revision
            (answer,) = plan.client.segment(study, prompt=prompt, base=base).segments
            assert answer.base == base
            step = Step(prompt, *merged(step, answer), answer)
        whole = np.zeros(self.mask.shape, np.bool_)
        if step is not None:
            whole[tuple(slice(a, a + n) for a, n in zip(step.start_ijk, step.mask_ijk.shape, strict=True))] = step.mask_ijk
        return whole

    def near(self, mask: NDArray[np.bool_], generator: random.Random) -> Point:
        """A voxel of a mask, in the world."""
        voxels = np.argwhere(mask)
        r, a, s = apply_affine(self.affine, voxels[generator.randrange(len(voxels))][None].astype(float))[0]
        return float(r), float(a), float(s)


def pixel_of(slice_node: Any, place: Point) -> tuple[int, int]:
    """The pixel of a slice view nearest to a place."""
    inverse = slice_node.GetXYToRAS().NewInstance()
    inverse.DeepCopy(slice_node.GetXYToRAS())
    inverse.Invert()
    x, y, _z, _w = inverse.MultiplyPoint((*place, 1.0))
    return round(x), round(y)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
    volume = read_volume(reference_data("ct/lung2_tumour/lung2_image.nrrd"))
    label = read_volume(reference_data("ct/lung2_tumour/lung2_label.nrrd"))
    folder = tmp_path_factory.mktemp("live-lesion")
    with live_server(folder) as server, open_desk(folder / "desk", server, ct=(np.asarray(volume.hu), volume.affine)) as desk:
        desk.connect()
        desk.choose_ct()
        desk.widget.logic.session.allow()
        mask = np.asarray(label.hu) > 0
        yield Reader(desk, label.affine, mask, depth_of(mask, label.spacing_mm))


def depth_of(mask: NDArray[np.bool_], spacing_mm: Point) -> NDArray[np.float64]:
    """Millimetres from a mask's surface, positive inside, within reach of the mask."""
    reach = [int(2 * FAR_MM / mm) for mm in spacing_mm]
    where = np.argwhere(mask)
    ends = zip(where.min(axis=0), where.max(axis=0) + 1, reach, strict=True)
    about = tuple(slice(max(0, low - far), high + far) for low, high, far in ends)
    depth = np.full(mask.shape, -np.inf)
    inside, outside = (ndimage.distance_transform_edt(part, sampling=spacing_mm) for part in (mask[about], ~mask[about]))
    depth[about] = np.where(mask[about], inside, -outside)
    return depth


def deepest(reader: Reader) -> tuple[Point, Point]:
    """Two places along the tumour's widest slice, both well inside."""
    index = np.unravel_index(int(reader.depth_mm.argmax()), reader.mask.shape)
    r, a, s = (float(mm) for mm in apply_affine(reader.affine, np.asarray([index], dtype=float))[0])
    return (r - ENDS_MM, a, s), (r + ENDS_MM, a, s)


def test_new_lesion_click_shift_click_back_forward_and_right(reader: Reader) -> None:
    row = reader.desk.widget.report_panel.lesion
    one, other = deepest(reader)
    reader.key("x")
    assert row.frame.isVisible()
    assert "Click inside the lesion" in row.told.text
    reader.mouse(one)
    first = reader.drawn
    assert dice(first, reader.mask) >= FLOORS["point"]
    reader.mouse(other, shift=True)
    less = reader.drawn
    assert 0 < less.sum() < first.sum()
    told = row.told.text
    reader.desk.click(row.undo)
    assert (reader.drawn == first).all()
    assert row.told.text != told
    reader.key("y")
    assert (reader.drawn == less).all()
    assert row.told.text == told
    reader.desk.click(row.undo)
    reader.desk.click(row.undo)
    assert not reader.drawn.any()
    reader.desk.click(row.redo)
    reader.desk.click(row.done)
    assert not row.frame.isVisible()
    reader.mouse(other)
    assert (reader.drawn == first).all(), "a click after it was right changes nothing"


def test_a_random_hand_and_a_fresh_replay_of_what_remains_agree(reader: Reader) -> None:
    generator = random.Random(SEED)
    reader.lesions.finish()
    for row in segment_list.segment_rows(reader.desk.stage.scene, reader.desk.ct):
        segment_list.remove_segment(reader.desk.stage.scene, reader.desk.ct, row.identity)
    inside, ring = reader.depth_mm > 2.0, (reader.depth_mm < -ENDS_MM) & (reader.depth_mm > -FAR_MM)
    reader.desk.click(reader.desk.widget.report_panel.lesion.new)
    said: list[SegmentPrompt] = []
    at = 0
    for act in ["click", *generator.choices(("click", "stroke", "z", "y"), (3, 2, 2, 1), k=ACTS)]:
        if act in "zy":
            at = max(at - 1, 0) if act == "z" else min(at + 1, len(said))
            reader.key(act)
            continue
        out, before = at > 0 and generator.random() < 0.5, reader.lesions.step
        r, a, s = reader.near(ring if out else inside, generator)
        if act == "stroke":
            reader.key("w")
            reader.mouse((r, a, s), (r + 3.0, a, s), (r + 3.0, a + 3.0, s), shift=out)
            reader.key("w")
        else:
            reader.mouse((r, a, s), shift=out)
        if reader.lesions.step is not before:  # nothing was found there, which is no step
            said, at = [*said[:at], reader.lesions.prompt], at + 1
    assert at > 0
    assert len(said) > 2
    assert reader.lesions.prompt == said[at - 1]
    assert (reader.drawn == reader.replayed(said[:at])).all()


@pytest.mark.parametrize("kind", FLOORS)
def test_every_kind_of_prompt_finds_the_tumour(reader: Reader, kind: str) -> None:
    one, other = deepest(reader)
    where = np.argwhere(reader.mask)
    corners = apply_affine(reader.affine, np.stack([where.min(axis=0), where.max(axis=0)]).astype(float))
    low, high = ((float(r), float(a), float(s)) for r, a, s in corners)
    r, a, s = high
    prompts = {
        "point": SegmentPrompt(include=(one,)),
        "box": SegmentPrompt(box=(low, high)),
        "stroke": SegmentPrompt(include_strokes=((one, other),)),
        "exclude stroke": SegmentPrompt(include=(one,), exclude_strokes=(((r, a, s), (r, a + ENDS_MM, s)),)),
    }
    assert dice(reader.replayed([prompts[kind]]), reader.mask) >= FLOORS[kind]


def test_the_lesion_of_a_sentence_is_cut_and_corrected(reader: Reader) -> None:
    panel = reader.desk.widget.report_panel
    panel.report.text.setPlainText("Large mass in the left lower lobe.")
    reader.desk.click(panel.report.ask)
    reader.desk.until(lambda: len(reader.desk.rows()) == 1, LONG_S)
    reader.desk.click_row(0)
    reader.desk.click(panel.cut)
    reader.desk.until(lambda: reader.lesions.step is not None and not reader.lesions.asking, LONG_S)
    rows = segment_list.segment_rows(reader.desk.stage.scene, reader.desk.ct)
    assert rows[-1].name == "Large mass in the left lower lobe."
    first = reader.lesions.step.mask_ijk.sum()
    assert dice(reader.replayed([reader.lesions.prompt]), reader.mask) >= FLOORS["point"]
    reader.mouse(deepest(reader)[1], shift=True)
    assert reader.lesions.step.mask_ijk.sum() < first
    reader.desk.click(panel.lesion.undo)
    assert reader.lesions.step.mask_ijk.sum() == first
    assert not panel.lesion.undo.isEnabled()
