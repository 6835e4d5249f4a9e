"""Reports come in from text and DICOM structured reports, edits are shown word by word, decisions go back, results go out."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import slicer
from AsapSlicerLib.report_export import reviewed_text, write_report
from AsapSlicerLib.report_sources import read_report, study_reports

from asap import review
from asap.client.protocol import ground_answer
from asap.review.documents import review_json
from asap.review.word_diff import as_html, word_changes
from asap.text.read import read_report as parsed
from tests.client.scripted import ground_result
from tests.slicer.scene import SlicerScene
from tests.volumes import oriented

TEXTS = ["A nodule in the right lung.", "No effusion.", "The heart is normal."]


def made_review() -> review.Review:
    return review.new_review("\n".join(TEXTS), ground_answer(ground_result(TEXTS)))


def structured_report(path: Path, *, sop_class: str = "1.2.840.10008.5.1.4.1.1.88.11") -> Path:
    """A basic text structured report as reporting systems write it: two sections with a text item each."""
    pydicom = pytest.importorskip("pydicom", reason="needs pydicom")
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
    from pydicom.sequence import Sequence
    from pydicom.uid import ExplicitVRLittleEndian

    def code(meaning: str) -> Any:
        concept = Dataset()
        concept.CodeValue, concept.CodingSchemeDesignator, concept.CodeMeaning = "121070", "DCM", meaning
        return Sequence([concept])

    def section(name: str, text: str) -> Any:
        item, inner = Dataset(), Dataset()
        inner.RelationshipType, inner.ValueType, inner.TextValue = "CONTAINS", "TEXT", text
        inner.ConceptNameCodeSequence = code("Finding")
        item.RelationshipType, item.ValueType = "CONTAINS", "CONTAINER"
        item.ConceptNameCodeSequence, item.ContentSequence = code(name), Sequence([inner])
        return item

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, pydicom.uid.generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    document = FileDataset(str(path), {}, file_meta=meta, preamble=bytes(128))
    document.SOPClassUID, document.SOPInstanceUID, document.Modality = sop_class, meta.MediaStorageSOPInstanceUID, "SR"
    document.SpecificCharacterSet = "ISO_IR 192"
    document.is_little_endian, document.is_implicit_VR = True, False
    document.ContentSequence = Sequence(
        [section("Findings", "A nodule in the right lung. Gr\u00f6\u00dfe 5 mm."), section("Conclusions", "Follow-up advised.")]
    )
    document.save_as(str(path), write_like_original=False)
    return path


def test_a_text_file_is_read_whatever_its_mark(tmp_path: Path) -> None:
    (tmp_path / "report.txt").write_text("Lunge: \u00fcberbl\u00e4ht.", encoding="utf-8-sig")
    assert read_report(tmp_path / "report.txt") == "Lunge: \u00fcberbl\u00e4ht."


def test_a_structured_report_becomes_sections_the_server_reads(tmp_path: Path) -> None:
    text = read_report(structured_report(tmp_path / "sr.dcm"))
    assert text.splitlines()[0] == "FINDINGS:"
    assert "Gr\u00f6\u00dfe 5 mm." in text
    found = [(sentence.section, sentence.text) for sentence in parsed(text).sentences]
    assert ("findings", "A nodule in the right lung.") in found
    assert ("impression", "Follow-up advised.") in found


@pytest.mark.parametrize("kind", ["binary", "large", "gone", "cut", "image", "empty"])
def test_what_is_no_report_is_refused_in_one_sentence_that_says_what_to_do(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "report.txt"
    if kind == "binary":
        path.write_bytes(bytes(range(128, 256)))
    elif kind == "large":
        path.write_bytes(b"x" * 1_000_001)
    elif kind in ("cut", "image", "empty"):
        structured_report(path, sop_class="1.2.840.10008.5.1.4.1.1.2" if kind == "image" else "1.2.840.10008.5.1.4.1.1.88.11")
        data = path.read_bytes()
        if kind == "cut":
            path.write_bytes(data[:150] + bytes(200))
        elif kind == "empty":
            path.write_bytes(data[: data.index(b"\x40\x00\x30\xa7")] if b"\x40\x00\x30\xa7" in data else data[:160])
    with pytest.raises(ValueError, match=r"(save the report|choose one of modality SR|paste the report)") as caught:
        read_report(path)
    assert str(tmp_path) not in str(caught.value)


def test_reports_of_the_same_study_are_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"1.2.840.99": [("CT", "thorax", "ct.dcm")] * 2, "1.2.840.77": [("SR", "Radiology report", "sr.dcm")]}
    by_path = {row[2]: row for rows in files.values() for row in rows}
    database = SimpleNamespace(
        studyForSeries=lambda _series: "study",
        seriesForStudy=lambda _study: list(files),
        filesForSeries=lambda series: [row[2] for row in files[series]],
        fileValue=lambda path, tag: by_path[path][0 if tag == "0008,0060" else 1],
        instanceValue=lambda _uid, _tag: "1.2.840.99",
    )
    stage = SlicerScene()
    shape = (8, 8, 8)
    ct = stage.volume(np.zeros(shape, np.int16), oriented((1, 1, 1), (3.0, 3.0, 3.0), shape))
    assert study_reports(ct) == []
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    assert study_reports(ct) == []  # not loaded from DICOM
    ct.SetAttribute("DICOM.instanceUIDs", "1.2.3.1")
    assert [(report.name, report.path.name) for report in study_reports(ct)] == [("Radiology report", "sr.dcm")]
    stage.close()


def test_an_edit_is_shown_word_by_word_and_never_as_markup() -> None:
    changes = word_changes("A 5 mm nodule in the right lung.", "A 7 mm nodule in the left lung.")
    assert [change for change in changes if change[0] != "same"] == [
        ("removed", "5"), ("added", "7"), ("removed", "right"), ("added", "left"),
    ]  # fmt: skip
    assert " ".join(words for change, words in changes if change != "removed") == "A 7 mm nodule in the left lung."
    assert as_html(word_changes("a", "<img src=x> a")) == "<b><u>&lt;img src=x&gt;</u></b> a"
    assert as_html(word_changes("A nodule.", "A mass.")) == "A <s>nodule</s> <b><u>mass</u></b>."
    assert word_changes("same words.", "same words.") == [("same", "same words.")]


def test_the_exported_text_holds_what_was_decided() -> None:
    done = made_review().decided(0, "edited", "Dr A", "A mass in the right lung.").decided(1, "rejected", "Dr A")
    text = reviewed_text(done)
    assert text.startswith("Research use. AI-generated. Not for diagnosis.\n")
    assert "A mass in the right lung." in text
    assert "No effusion." not in text
    assert "[not reviewed] The heart is normal." in text
    assert "2 of 3 sentences reviewed, 1 left out; Dr A" in text
    record = json.loads(review_json(done))
    assert [row["state"] for row in record["sentences"]] == ["edited", "rejected", "draft"]
    assert record["sentences"][0]["draft"] == TEXTS[0]
    assert record["notice"] == "Research use. AI-generated. Not for diagnosis."


def test_an_export_is_written_whole_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_report(tmp_path / "report.json", made_review())
    write_report(tmp_path / "report.txt", made_review())
    assert json.loads((tmp_path / "report.json").read_text())["format"] == "asap-reviewed-report"
    for name, begin in (("r.fhir.json", '{\n  "resourceType": "DiagnosticReport"'), ("r.md", "# Reviewed report")):
        write_report(tmp_path / name, made_review())
        assert (tmp_path / name).read_text().startswith(begin)
        (tmp_path / name).unlink()
    before = (tmp_path / "report.txt").read_bytes()

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("AsapSlicerLib.report_export.os.fsync", full)
    with pytest.raises(ValueError, match="choose another folder"):
        write_report(tmp_path / "report.txt", made_review().decided(0, "accepted", "A"))
    assert (tmp_path / "report.txt").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.json", "report.txt"]
