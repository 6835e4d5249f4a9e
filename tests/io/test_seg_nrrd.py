"""Slicer's .seg.nrrd: read by Slicer's own code and by pynrrd, so that an error of ours cannot cancel itself."""

from __future__ import annotations

from pathlib import Path

import nrrd
import numpy as np
import pytest

from asap.errors import InputError
from asap.io.dicom_seg import read_segments
from asap.io.seg_nrrd import read_seg_nrrd, write_seg_nrrd
from asap.io.segments import MaskSet, NamedMask
from asap.segment_types import LESIONS, ORGANS, on_side
from tests.io.synthetic import LPS, ras_affine


def _drawn(tilt_degrees: float = 0.0) -> MaskSet:
    """Two lungs apart, and a mass that overlaps one of them."""
    shape = (12, 10, 8)
    masks = {name: np.zeros(shape, dtype=np.bool_) for name in ("left_lung", "right_lung", "mass")}
    masks["left_lung"][1:5, 2:8, 1:7] = True
    masks["right_lung"][7:11, 2:8, 1:7] = True
    masks["mass"][9:12, 5:9, 3:6] = True
    kinds = {"left_lung": ORGANS["left_lung"], "right_lung": ORGANS["right_lung"], "mass": on_side(LESIONS["mass"], "right")}
    segments = tuple(NamedMask(name, mask, kinds[name], "asap-mini" if name == "mass" else None) for name, mask in masks.items())
    return MaskSet(segments, shape, ras_affine((1.5, 2.0, 3.0), tilt_degrees))


@pytest.mark.parametrize("tilt_degrees", [0.0, 20.0])
def test_a_written_file_comes_back_whole(tilt_degrees: float, tmp_path: Path) -> None:
    drawn = _drawn(tilt_degrees)
    write_seg_nrrd(tmp_path / "a.seg.nrrd", drawn)
    back = read_seg_nrrd(tmp_path / "a.seg.nrrd")
    assert np.allclose(back.affine, drawn.affine)
    for one, other in zip(drawn.masks, back.masks, strict=True):
        assert (one.mask == other.mask).all()
        assert (one.label, one.kind, one.model) == (other.label, other.kind, other.model)
    assert (tmp_path / "a.seg.nrrd").read_bytes() == _written_again(drawn, tmp_path)


def _written_again(drawn: MaskSet, tmp_path: Path) -> bytes:
    write_seg_nrrd(tmp_path / "b.seg.nrrd", drawn)
    return (tmp_path / "b.seg.nrrd").read_bytes()


def test_pynrrd_reads_layers_and_codes(tmp_path: Path) -> None:
    drawn = _drawn()
    write_seg_nrrd(tmp_path / "a.seg.nrrd", drawn)
    data, header = nrrd.read(str(tmp_path / "a.seg.nrrd"), index_order="F")
    assert data.shape == (2, *drawn.shape)  # the mass overlaps a lung: two layers
    for n, segment in enumerate(drawn.masks):
        layer, label = int(header[f"Segment{n}_Layer"]), int(header[f"Segment{n}_LabelValue"])
        assert ((data[layer] == label) == segment.mask).all()
    assert np.allclose(header["space origin"], (LPS @ drawn.affine)[:3, 3])
    assert (
        "SCT^4147007^Mass~^^~Anatomic codes - DICOM master list~SCT^39607008^Lung~SCT^24028007^Right" in header["Segment2_Tags"]
    )


@pytest.mark.slow
def test_slicer_reads_it(tmp_path: Path) -> None:
    slicer = pytest.importorskip("slicer", reason="needs slicer-core (the extra viewer)")
    from vtk.util.numpy_support import vtk_to_numpy

    drawn = _drawn()
    write_seg_nrrd(tmp_path / "a.seg.nrrd", drawn)
    scene = slicer.vtkMRMLScene()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(tmp_path / "a.seg.nrrd"))
    assert storage.ReadData(node) == 1
    held = node.GetSegmentation()
    assert held.GetNumberOfSegments() == 3
    for n, segment in enumerate(drawn.masks):
        name = held.GetNthSegmentID(n)
        theirs = held.GetSegment(name)
        assert theirs.GetName() == segment.label
        assert np.allclose(theirs.GetColor(), np.array(segment.kind.colour) / 255, atol=1e-3)
        tag = slicer.vtkSegment.GetTerminologyEntryTagName() if hasattr(slicer, "vtkSegment") else "TerminologyEntry"
        assert segment.kind.type.value in _tag(theirs, tag)
        image = theirs.GetRepresentation("Binary labelmap")
        labels = vtk_to_numpy(image.GetPointData().GetScalars())
        assert np.count_nonzero(labels == theirs.GetLabelValue()) == np.count_nonzero(segment.mask)


def _tag(segment: object, name: str) -> str:
    import vtk

    value = vtk.reference("")
    segment.GetTag(name, value)  # type: ignore[attr-defined]
    return str(value)


@pytest.mark.slow
def test_a_file_of_others_is_read_apart_and_damage_is_refused(tmp_path: Path) -> None:
    drawn = _drawn()
    path = tmp_path / "a.seg.nrrd"
    write_seg_nrrd(path, drawn)
    back = read_segments(path, (drawn.shape, drawn.affine))
    assert [s.label for s in back.masks] == ["left_lung", "right_lung", "mass"]
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError):
        read_segments(path)
    path.write_bytes(b"NRRD0005\ntype: unsigned char\ndimension: 4\nsizes: 2 3 3 3\n\n")
    with pytest.raises(InputError):
        read_segments(path)


def test_every_kind_has_codes_of_its_own_and_sides_are_only_where_they_make_sense() -> None:
    kinds = [(t.type.value, t.modifier, t.region) for t in (*ORGANS.values(), *LESIONS.values())]
    assert len(set(kinds)) == len(kinds)
    with pytest.raises(InputError, match="no organ of which there are two"):
        on_side(ORGANS["heart"], "left")
