"""Reports as DICOM structured reports: written by another library, as archives hold them, and read beside their CT."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import slicer
from AsapSlicerLib.report_sources import read_report, report_text, study_reports

from asap.text.read import read_report as parsed
from tests.slicer.scene import SlicerScene
from tests.slicer.test_reports import structured_report as narrative_report
from tests.volumes import oriented

hd = pytest.importorskip("highdicom", reason="needs highdicom")
from pydicom import Dataset, dcmread, uid  # noqa: E402
from pydicom.sr.codedict import codes  # noqa: E402
from pydicom.sr.coding import Code  # noqa: E402

PERSON = "Mustermann^Erika"
TRACKED = "Lesion of Mustermann 0815"


def ct_slice(study: str, series: str) -> Dataset:
    """Header of a CT slice, enough to be evidence."""
    made = Dataset()
    made.PatientID, made.PatientName, made.PatientBirthDate, made.PatientSex = "0815", PERSON, "19500101", "F"
    made.StudyInstanceUID, made.SeriesInstanceUID, made.SOPInstanceUID = study, series, uid.generate_uid()
    made.SOPClassUID, made.Modality = uid.CTImageStorage, "CT"
    made.StudyID, made.StudyDate, made.StudyTime, made.AccessionNumber = "1", "20260101", "080000", "A-77"
    made.ReferringPhysicianName, made.SeriesNumber, made.InstanceNumber = "", 1, 1
    made.Rows = made.Columns = 8
    return made


def measurement_report(path: Path, study: str = "1.2.3.9", series: str = "1.2.3.9.1") -> Path:
    """A measurement report (TID 1500): one nodule with site, side, diameter and margin, one effusion without numbers."""
    reader = hd.sr.ObserverContext(codes.DCM.Person, hd.sr.PersonObserverIdentifyingAttributes(name=PERSON))
    site = hd.sr.FindingSite(codes.SCT.Lung, laterality=codes.SCT.Right)
    groups = [
        hd.sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=hd.sr.TrackingIdentifier(uid=uid.generate_uid(), identifier=TRACKED),
            finding_type=Code("27925004", "SCT", "Nodule"),
            finding_category=codes.SCT.MorphologicallyAbnormalStructure,
            finding_sites=[site],
            measurements=[hd.sr.Measurement(name=Code("81827009", "SCT", "Diameter"), value=12.5, unit=codes.UCUM.Millimeter)],
            qualitative_evaluations=[
                hd.sr.QualitativeEvaluation(Code("RID5713", "RADLEX", "Margin"), Code("RID5714", "RADLEX", "Spiculated"))
            ],
        ),
        hd.sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=hd.sr.TrackingIdentifier(uid=uid.generate_uid(), identifier="2"),
            finding_type=Code("60046008", "SCT", "Pleural effusion"),
        ),
    ]
    content = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_person_context=reader),
        procedure_reported=Code("24627-2", "LN", "CT Chest"),
        imaging_measurements=groups,
    )
    document = hd.sr.ComprehensiveSR(
        evidence=[ct_slice(study, series)],
        content=content[0],
        series_number=7,
        series_instance_uid=uid.generate_uid(),
        sop_instance_uid=uid.generate_uid(),
        instance_number=1,
        manufacturer="tests",
        series_description="Measurements",
    )
    document.save_as(path)
    return path


def test_a_measurement_report_becomes_sentences_with_finding_side_and_size(tmp_path: Path) -> None:
    text = read_report(measurement_report(tmp_path / "sr.dcm"))
    assert text.splitlines() == [
        "FINDINGS:", "Nodule, right lung: diameter 12.5 mm, margin spiculated.", "Pleural effusion.",
    ]  # fmt: skip
    sentences = parsed(text).sentences
    assert [(sentence.section, sentence.text[:6]) for sentence in sentences] == [("findings", "Nodule"), ("findings", "Pleura")]
    finding = sentences[0].findings[0]
    assert (finding.assertion, finding.side, finding.size_mm) == ("present", "right", pytest.approx(12.5))


def test_nobody_who_is_named_in_a_report_is_read(tmp_path: Path) -> None:
    text = read_report(measurement_report(tmp_path / "sr.dcm"))
    assert "Mustermann" not in text
    assert "0815" not in text


def test_the_same_from_the_bytes_a_browser_sends(tmp_path: Path) -> None:
    path = measurement_report(tmp_path / "sr.dcm")
    assert report_text(path.read_bytes()) == read_report(path)
    assert "A nodule in the right lung." in report_text(narrative_report(tmp_path / "narrative.dcm").read_bytes())


@pytest.mark.parametrize("cut", [0.2, 0.6, 0.95])
def test_a_cut_report_is_refused_or_shorter_and_never_a_crash(tmp_path: Path, cut: float) -> None:
    data = measurement_report(tmp_path / "sr.dcm").read_bytes()
    whole = report_text(data)
    try:
        assert report_text(data[: int(cut * len(data))]) in whole
    except ValueError as error:
        assert str(error).endswith(".")


class Database:
    """Slicer's DICOM database as far as the module asks it, over files that are really there and are read for every answer."""

    def __init__(self, folder: Path) -> None:
        self._files = {str(path): dcmread(BytesIO(path.read_bytes()), force=True) for path in sorted(folder.glob("*.dcm"))}

    def studyForSeries(self, series: str) -> str:
        return next(str(one.StudyInstanceUID) for one in self._files.values() if one.SeriesInstanceUID == series)

    def seriesForStudy(self, study: str) -> list[str]:
        return sorted({str(one.SeriesInstanceUID) for one in self._files.values() if one.StudyInstanceUID == study})

    def filesForSeries(self, series: str) -> list[str]:
        return [path for path, one in self._files.items() if one.SeriesInstanceUID == series]

    def fileValue(self, path: str, tag: str) -> str:
        group, element = (int(part, 16) for part in tag.split(","))
        return str(self._files[path][group, element].value) if (group, element) in self._files[path] else ""

    def instanceValue(self, instance: str, tag: str) -> str:
        path = next(path for path, one in self._files.items() if one.SOPInstanceUID == instance)
        return self.fileValue(path, tag)


def test_a_real_report_beside_the_series_is_offered_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = ct_slice("1.2.3.9", "1.2.3.9.1")
    image.file_meta = Dataset()
    image.is_little_endian, image.is_implicit_VR = True, False
    image.save_as(tmp_path / "ct.dcm", write_like_original=True)
    measurement_report(tmp_path / "sr.dcm")
    measurement_report(tmp_path / "foreign.dcm", study="1.2.3.8", series="1.2.3.8.1")
    monkeypatch.setattr(slicer, "dicomDatabase", Database(tmp_path), raising=False)
    stage = SlicerScene()
    ct: Any = stage.volume(np.zeros((8, 8, 8), np.int16), oriented((1, 1, 1), (3.0, 3.0, 3.0), (8, 8, 8)))
    ct.SetAttribute("DICOM.instanceUIDs", str(image.SOPInstanceUID))
    found = study_reports(ct)
    assert [(report.name, report.path.name) for report in found] == [("Measurements", "sr.dcm")]
    assert "Nodule, right lung" in read_report(found[0].path)
    assert study_reports(SimpleNamespace(GetAttribute=lambda _name: None)) == []
    stage.close()
