"""Labels of a server's studies: what is submitted is what stands in the scene, and nothing of it is ever lost."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer
from AsapSlicerLib import segment_list, volume_nodes
from AsapSlicerLib.datastore_images import Held, held_of, note_held
from AsapSlicerLib.image_files import opened_volume
from AsapSlicerLib.label_desk import LabelDesk
from AsapSlicerLib.organs import Organs
from AsapSlicerLib.segment_files import segments_file
from AsapSlicerLib.segment_masks import LABELMAP, segments_of
from AsapSlicerLib.segments import (
    add_segment,
    choose_segmentation,
    oriented_image,
    segmentation_choices,
    segmentation_of,
)

from asap.io.nifti import write_nifti
from asap.io.seg_nrrd import read_seg_nrrd
from tests.client.scripted import JOBS_ROUTE, Play, Scripted, answer
from tests.slicer.test_organs import SHAPE, Reader, organs, segment

HEART = (
    "Segmentation category and type - DICOM master list~SCT^123037004^Anatomical Structure~SCT^80891009^Heart~^^"
    "~Anatomic codes - DICOM master list~^^~^^"
)
HELD = Held("case7", "ab")
LABEL_ROUTE = "PUT /datastore/label.*"


class Labeller(Reader):
    """A reader who labels."""

    def __init__(self, server: Scripted) -> None:
        super().__init__(server)
        note_held(self.ct, HELD)
        self.opened: list[tuple[bytes, Held]] = []
        self.desk = LabelDesk(self.logic, lambda data, held: self.opened.append((data, held)))

    def draw(self, name: str, low: tuple[int, int, int], high: tuple[int, int, int]) -> Any:
        """A box as a segment; its mask on the CT."""
        shift, whole = np.eye(4), np.zeros(SHAPE, np.bool_)
        shift[:3, 3] = low
        mask = np.ones(np.subtract(high, low), np.bool_)
        add_segment(self.stage.scene, self.ct, mask, self.affine @ shift, name=name, colour=(1.0, 0.5, 0.0), terminology=HEART)
        whole[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
        return whole

    def edit(self, name: str, mask: Any) -> None:
        """What the Segment Editor does to a segment's voxels."""
        found = segments_of(segmentation_of(self.stage.scene, self.ct).GetSegmentation()).values()
        one = next(one for one in found if one.GetName() == name)
        one.GetRepresentation(LABELMAP).DeepCopy(oriented_image(mask, self.affine))

    def names(self) -> list[str]:
        """Of the segments."""
        return [row.name for row in segment_list.segment_rows(self.stage.scene, self.ct)]

    def submitted(self, folder: Path) -> Any:
        """Submit; the file that arrived."""
        self.server.play("HEAD /datastore/image.*", answer(200))
        self.server.play(LABEL_ROUTE, answer(200, {"image": "case7", "label": "case7"}))
        self.desk.submit()
        self.wait()
        sent = next(one for one in reversed(self.server.asked) if one.method == "PUT" and "label" in one.path)
        whole = message_from_bytes(b"Content-Type: " + sent.headers["content-type"].encode() + b"\r\n\r\n" + sent.body)
        path = folder / "label.seg.nrrd"
        path.write_bytes(whole.get_payload()[1].get_payload(decode=True))
        return read_seg_nrrd(path)


@pytest.fixture
def labeller() -> Iterator[Labeller]:
    with Scripted(wait_for_jobs=False) as server:
        labeller = Labeller(server)
        yield labeller
        labeller.logic.close()
        labeller.stage.close()


def test_of_overlapping_segments_the_smaller_has_the_voxels_and_the_reader_is_told(labeller: Labeller, tmp_path: Path) -> None:
    small = labeller.draw("Nodule", (5, 5, 5), (9, 9, 9))
    large = labeller.draw("Lung", (3, 3, 3), (20, 20, 20))
    back = labeller.submitted(tmp_path)
    assert [one.label for one in back.masks] == ["Lung", "Nodule"]
    assert [one.kind.type.meaning for one in back.masks] == ["Heart", "Heart"]
    np.testing.assert_array_equal(back.masks[0].mask, large & ~small)
    np.testing.assert_array_equal(back.masks[1].mask, small)
    np.testing.assert_allclose(back.affine, labeller.affine, atol=1e-6)
    assert labeller.desk.told.endswith("Lung, Nodule. 64 voxels are of several segments; the smallest has them.")


def test_segments_an_editor_joined_in_one_label_map_are_told_apart(labeller: Labeller, tmp_path: Path) -> None:
    masks = {"A": labeller.draw("A", (3, 3, 3), (9, 9, 9)), "B": labeller.draw("B", (12, 12, 12), (15, 15, 15))}
    segmentation_of(labeller.stage.scene, labeller.ct).GetSegmentation().CollapseBinaryLabelmaps(True)
    labels, names = labeller.labels()
    for number, name in enumerate(names, start=1):
        np.testing.assert_array_equal(labels == number, masks[name])
    for one in labeller.submitted(tmp_path).masks:
        np.testing.assert_array_equal(one.mask, masks[one.label])


def test_nothing_is_lost_when_the_server_is_gone(labeller: Labeller, tmp_path: Path) -> None:
    drawn = labeller.draw("Heart", (3, 3, 3), (9, 9, 9))
    labeller.server.play("HEAD /datastore/image.*", answer(200))
    labeller.server.play(LABEL_ROUTE, *[Play((), after="close")] * 9)
    labeller.desk.submit()
    labeller.wait()
    assert labeller.said[-1].kind == "error"
    assert "connection to the server broke" in labeller.said[-1].message
    np.testing.assert_array_equal(labeller.labels()[0] > 0, drawn)
    labeller.desk.next_case("random")
    assert "were not submitted" in labeller.desk.told
    assert not any("activelearning" in one.path for one in labeller.server.asked)
    labeller.server._faults.clear()
    assert [one.label for one in labeller.submitted(tmp_path).masks] == ["Heart"]
    labeller.server.play("POST /activelearning/random", answer(200, {}))
    labeller.desk.next_case("random")
    labeller.wait()
    assert "has a label" in labeller.desk.told


def test_what_a_server_does_not_hold_is_not_submitted_to_it(labeller: Labeller) -> None:
    labeller.draw("Heart", (3, 3, 3), (9, 9, 9))
    labeller.server.play("HEAD /datastore/image.*", answer(404))  # another server's "case7"
    labeller.desk.submit()
    labeller.wait()
    assert "does not hold this very image" in labeller.said[-1].message
    for name in ("ASAP.datastoreImage", "ASAP.datastoreSha256"):
        labeller.ct.RemoveAttribute(name)
    labeller.desk.submit()
    assert "labels of its own studies only" in labeller.said[-1].message
    assert not any(one.method == "PUT" and "label" in one.path for one in labeller.server.asked)


def test_a_study_is_opened_once_with_its_place_and_voxels(labeller: Labeller, tmp_path: Path) -> None:
    voxels = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
    write_nifti(tmp_path / "a.nii.gz", voxels, labeller.affine)
    data, held = (tmp_path / "a.nii.gz").read_bytes(), Held("case8", "cd")
    node = opened_volume(labeller.stage.scene, data, held)
    np.testing.assert_array_equal(volume_nodes.source_image(node).voxels_ijk, voxels)
    np.testing.assert_allclose(volume_nodes.ijk_to_ras(node), labeller.affine, atol=1e-5)
    assert (held_of(node), node.GetStorageNode()) == (held, None)
    assert opened_volume(labeller.stage.scene, data, held) is node
    with pytest.raises(ValueError, match="cannot be read"):
        opened_volume(labeller.stage.scene, b"no image", Held("case9", "ef"))
    assert labeller.stage.scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 2


def test_what_a_hand_has_drawn_or_changed_stays_when_an_organ_is_drawn_anew(labeller: Labeller) -> None:
    truth = np.zeros(SHAPE, np.bool_)
    truth[4:12, 6:9, 3:20] = True
    edited = truth.copy()
    edited[4:12, 9, 3:20] = True

    def draw() -> None:
        labeller.server.play(JOBS_ROUTE, organs(segment("Heart", truth, labeller.affine)))
        Organs(labeller.logic).draw("heart")
        labeller.wait()

    draw()
    labeller.edit("Heart", edited)
    draw()
    assert labeller.names() == ["Heart", "Heart 2"]
    labels, _names = labeller.labels()
    np.testing.assert_array_equal(labels == 1, edited & ~truth)  # the second lies over it
    labeller.edit("Heart 2", edited)
    labeller.edit("Heart 2", truth)
    draw()
    assert labeller.names() == ["Heart", "Heart 2"], "as it was drawn again: it gives way"


def test_an_own_segmentation_can_take_the_segments_and_keeps_what_it_has(labeller: Labeller) -> None:
    scene, ct = labeller.stage.scene, labeller.ct
    own = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Mine")
    moved = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Elsewhere")
    moved.SetAndObserveTransformNodeID(labeller.stage.transform(np.diag([1.0, 1.0, 1.0, 1.0])).GetID())
    mine = slicer.vtkSegment()
    mine.SetName("Heart")
    by_hand = np.zeros(SHAPE, np.bool_)
    by_hand[2:6, 2:6, 2:6] = True
    mine.AddRepresentation(LABELMAP, oriented_image(by_hand, labeller.affine))
    own.GetSegmentation().SetSourceRepresentationName(LABELMAP)
    own.GetSegmentation().AddSegment(mine, "m")
    assert segmentation_choices(scene, ct) == [own]
    choose_segmentation(scene, ct, own)
    truth = np.zeros(SHAPE, np.bool_)
    truth[4:12, 6:9, 3:20] = True
    labeller.server.play(JOBS_ROUTE, organs(segment("Heart", truth, labeller.affine)))
    Organs(labeller.logic).draw("heart")
    labeller.wait()
    assert segmentation_of(scene, ct) is own
    assert labeller.names() == ["Heart", "Heart 2"]
    np.testing.assert_array_equal(labeller.labels()[0] == 1, by_hand & ~truth)
    choose_segmentation(scene, ct, None)
    assert segmentation_of(scene, ct) is None
    assert own.GetSegmentation().GetNumberOfSegments() == 2


def test_saved_segments_come_back_whole_where_they_overlap(labeller: Labeller, tmp_path: Path) -> None:
    masks = {"Lung": labeller.draw("Lung", (3, 3, 3), (20, 20, 20)), "A mass.": labeller.draw("A mass.", (15, 5, 5), (24, 9, 9))}
    (tmp_path / "a.seg.nrrd").write_bytes(segments_file(labeller.stage.scene, labeller.ct))
    back = read_seg_nrrd(tmp_path / "a.seg.nrrd")
    assert [one.label for one in back.masks] == list(masks)
    for one in back.masks:
        np.testing.assert_array_equal(one.mask, masks[one.label])
        assert one.kind.type.value == "80891009"
    assert back.shape == SHAPE


def test_rows_are_measured_anew_after_an_edit_and_only_then(labeller: Labeller, monkeypatch: pytest.MonkeyPatch) -> None:
    labeller.draw("Heart", (3, 3, 3), (9, 9, 9))
    labeller.draw("Lung", (10, 10, 10), (12, 12, 12))
    taken: list[int] = []
    true = segment_list.measured
    monkeypatch.setattr(segment_list, "measured", lambda mask, *more: taken.append(int(mask.sum())) or true(mask, *more))
    measuring = segment_list.Measuring()
    rows = segment_list.segment_rows(labeller.stage.scene, labeller.ct, measuring)
    assert [row.measures.millilitres for row in rows] == pytest.approx([0.432, 0.016])
    segment_list.segment_rows(labeller.stage.scene, labeller.ct, measuring)
    assert taken == [216, 8]
    smaller = np.zeros(SHAPE, np.bool_)
    smaller[3:9, 3:9, 3] = True
    labeller.edit("Heart", smaller)
    rows = segment_list.segment_rows(labeller.stage.scene, labeller.ct, measuring)
    assert taken == [216, 8, 36]
    assert rows[0].measures.text == "0.1 ml, longest diameter 7 mm, mean 0 HU"
