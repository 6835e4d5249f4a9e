"""Labelling at the work bench, without a browser: the next case opened from the server, its segments submitted or saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asap_viewer.read_case import ReadCase
from asap_viewer.segment_export import dicom_seg
from AsapSlicerLib import volume_nodes
from AsapSlicerLib.segments import add_segment

from asap.io.dicom_seg import read_segments
from asap.io.nifti import write_nifti
from asap.io.read import read_volume
from asap.io.seg_nrrd import read_seg_nrrd
from tests.browser.test_bench import SHAPE, Reader, reader
from tests.client.scripted import Play, answer
from tests.io.test_dicom_sr import stored

__all__ = ["reader"]
HEART = (
    "Segmentation category and type - DICOM master list~SCT^123037004^Anatomical Structure~SCT^80891009^Heart~^^"
    "~Anatomic codes - DICOM master list~^^~^^"
)


def draw(reader: Reader, name: str, low: tuple[int, int, int], high: tuple[int, int, int]) -> None:
    """A box as a segment."""
    node, shift = reader.bench.scene.volume_node, np.eye(4)
    shift[:3, 3] = low
    affine = volume_nodes.ijk_to_ras(node) @ shift
    mask = np.ones(np.subtract(high, low), np.bool_)
    add_segment(reader.bench.scene.mrml, node, mask, affine, name=name, colour=(1.0, 0.5, 0.0), terminology=HEART)


def file(data: bytes) -> Play:
    """A file as an answer."""
    return Play((b"HTTP/1.1 200 OK\r\nContent-Type: application/gzip\r\nContent-Length: %d\r\n\r\n" % len(data), data))


def test_the_next_case_is_opened_labelled_and_submitted_and_never_lost(reader: Reader, tmp_path: Path) -> None:
    server: Any = reader.server
    assert not reader.page["labelling"]["can_submit"]
    write_nifti(tmp_path / "a.nii.gz", np.full(SHAPE, -300, np.int16), np.diag([3.0, 3.0, 3.0, 1.0]))
    server.play("POST /activelearning/combined", *[answer(200, {"id": "case7"})] * 2)
    server.play("GET /datastore/image.*", *[file((tmp_path / "a.nii.gz").read_bytes())] * 2)
    server.play("HEAD /datastore/image.*", *[answer(200)] * 9)
    draw(reader, "Heart", (3, 3, 3), (9, 9, 9))
    acts = reader.bench.labelling.acts()
    acts["next_case"]("combined")
    assert "were not submitted" in reader.page["task"]["stage"]
    acts["next_case"]("combined")
    page = reader.until(lambda page: page["labelling"]["study"] == "case7" and page["study"]["ready"])
    assert page["segments"] == []
    assert volume_nodes.source_image(reader.bench.scene.volume_node).voxels_ijk.max() == -300
    draw(reader, "Heart", (3, 3, 3), (9, 9, 9))
    draw(reader, "Lung", (1, 1, 1), (20, 20, 20))
    (heart, lung) = reader.page["segments"]
    assert (heart["size"], heart["facts"], lung["facts"]) == ("5.8 ml", "26 mm, -300 HU", "94 mm, -300 HU")
    server.play("PUT /datastore/label.*", *[Play((), after="close")] * 3)
    acts["submit_label"]()
    page = reader.until(lambda page: page["problem"])
    assert "broke" in page["problem"]
    assert [row["text"] for row in page["segments"]] == ["Heart", "Lung"]
    server._faults.clear()
    server.play("HEAD /datastore/image.*", *[answer(200)] * 9)
    server.play("PUT /datastore/label.*", answer(200, {"label": "case7"}))
    reader.bench.retry()
    page = reader.until(lambda page: "Submitted" in page["task"]["stage"])
    assert "Lung, Heart" in page["task"]["stage"]
    (tmp_path / "whole.seg.nrrd").write_bytes(reader.bench.segments.whole())
    assert [int(one.mask.sum()) for one in read_seg_nrrd(tmp_path / "whole.seg.nrrd").masks] == [216, 6859]


def test_overlapping_segments_come_back_whole_from_dicom(reader: Reader, tmp_path: Path) -> None:
    pytest.importorskip("highdicom", reason="needs highdicom: pip install 'asap-ct[dicom]'")
    series, volume = stored(tmp_path)
    reader.bench.open_case(lambda: ReadCase(read_volume(series), folder=series))
    reader.until(lambda page: page["has_series"] and page["study"]["ready"])
    draw(reader, "Heart", (3, 3, 3), (9, 9, 9))
    draw(reader, "Lung", (1, 1, 1), (20, 20, 15))
    (tmp_path / "seg.dcm").write_bytes(dicom_seg(reader.bench.segments.whole(), series))
    back = read_segments(tmp_path / "seg.dcm", (volume.shape, volume.affine))
    assert [one.label for one in back.masks] == ["Heart", "Lung"]
    for one, low, high in zip(back.masks, ((3, 3, 3), (1, 1, 1)), ((9, 9, 9), (20, 20, 15)), strict=True):
        truth = np.zeros(volume.shape, np.bool_)
        truth[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
        np.testing.assert_array_equal(one.mask, truth)
        assert one.kind.type.meaning == "Heart"
