"""A review as files from the server: PDF of any case, DICOM of a series it holds, and a clear no for the rest."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydicom
import pytest

from asap.client import ProtocolError
from asap.client.documents import document_files
from asap.review import Review, signed, to_json
from tests.io.synthetic import write_dicom
from tests.review.cases import TEXTS, accepted, drafted
from tests.server.front import Archive, Caller, Front, chest, running


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    volume = chest()
    write_dicom(tmp_path / "series", volume.hu, volume.affine)
    with running(tmp_path, archive=Archive({"1.2.3": volume}, tmp_path / "series")) as front:
        yield front


def of_the_chest(review: Review) -> Review:
    return replace(review, input_sha256=chest().identity)


def asked(caller: Caller, study: str, review: str, *formats: str) -> Any:
    job = {"task": "documents", "review": review, "formats": list(formats), "wait_s": 0.0}
    return caller("POST", f"/studies/{study}/jobs", json=job)


def answered(caller: Caller, asked_for: Any) -> dict[str, bytes]:
    job = caller.wait(asked_for.json()["job"], "done", seconds=120)["job"]
    return document_files(caller("GET", f"/jobs/{job}/result").json())


def test_an_uploaded_case_gets_its_pdf_and_is_told_why_it_gets_no_dicom(front: Front) -> None:
    caller = front.caller()
    study = caller.upload()
    review = to_json(of_the_chest(accepted()))
    files = answered(caller, asked(caller, study, review, "pdf"))
    assert list(files) == ["reviewed.pdf"]
    assert files["reviewed.pdf"].startswith(b"%PDF")
    refused = caller.wait(asked(caller, study, review, "dicom").json()["job"], "failed")
    answer = caller("GET", f"/jobs/{refused['job']}/result")
    assert answer.status_code == 422
    assert "does not hold this CT as a DICOM series" in answer.json()["error"]["message"]


@pytest.mark.slow  # the files are built in a process of its own
def test_a_series_the_server_holds_gets_a_report_that_points_at_it(front: Front) -> None:
    caller = front.caller()
    study = str(caller("POST", "/studies", json={"datastore_id": "1.2.3"}).json()["study"])
    review = signed(of_the_chest(drafted()).decided(0, "accepted", "A").decided(2, "accepted", "A"), "Dr S")
    files = answered(caller, asked(caller, study, to_json(review), "pdf", "dicom"))
    assert {"reviewed.pdf", "report-sr.dcm", "heatmap-001.dcm"} <= set(files)  # these maps lie beside the chest: no region
    report = pydicom.dcmread(io.BytesIO(files["report-sr.dcm"]))
    said = [str(one.value) for one in report.iterall() if one.keyword == "TextValue"]
    assert TEXTS[0] in said
    assert TEXTS[1] not in said  # held back, and nobody took it up
    assert "contradicted: The classifier says the opposite: Cardiomegaly 12%." in said
    assert f"CT voxels sha256 {chest().identity}" in said
    assert f"model weights sha256 {'ab' * 32}" in said
    other = replace(review, input_sha256="00" * 32, signature=None)
    refused = caller.wait(asked(caller, study, to_json(other), "dicom").json()["job"], "failed", seconds=60)
    assert "another CT" in caller("GET", f"/jobs/{refused['job']}/result").json()["error"]["message"]


@pytest.mark.parametrize("review", ["{}", "not JSON", to_json(signed(accepted(), "Dr S")).replace("nodule", "mass")])
def test_what_is_no_review_or_was_changed_after_signing_is_refused_at_once(front: Front, review: str) -> None:
    caller = front.caller()
    answer = asked(caller, caller.upload(), review, "pdf")
    assert answer.status_code == 422
    assert "mass" not in answer.text


@pytest.mark.parametrize("name", ["../reviewed.pdf", "/tmp/x.dcm", "x.exe", "a/b.dcm", ""])
def test_a_client_takes_no_file_by_a_name_that_is_none_of_ours(name: str) -> None:
    with pytest.raises(ProtocolError):
        document_files({"files": [{"name": name, "data": ""}]})
