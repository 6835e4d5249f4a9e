"""A real archive (Orthanc) as the datastore: series are listed, fetched, read in the sandbox and grounded by their UID."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest

from asap.client import AsapClient, GroundAnswer
from asap.io.dicom_seg import read_segments
from asap.io.nifti_write import write_nifti
from asap.io.read import read_volume
from asap.review import new_review, signed, to_json
from asap.volume import Volume, to_int16
from monailabel_app.lib.archive import ArchiveDatastore
from tests.io.synthetic import write_dicom
from tests.server.http_requests import ask, ask_form
from tests.server.live import live_server
from tests.server.orthanc import orthanc, store
from tests.server.readers import Next, Reader
from tests.server.stalled_archive import SERIES as STALLED
from tests.server.stalled_archive import stalled_archive

pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
pytestmark = pytest.mark.slow

SERIES = "1.2.826.0.1.3680043.10.2"
FREE_S, TRIES = 2.0, 3
SENTENCE = "The heart is normal in size."


@pytest.fixture
def archive(tmp_path: Path, phantom: tuple[Path, Volume]) -> Iterator[str]:
    """Address of an archive that holds the generated chest CT as a DICOM series."""
    volume = phantom[1]
    with orthanc(tmp_path) as address:
        store(address, write_dicom(tmp_path / "dicom", to_int16(volume.hu), volume.affine))
        yield address


def test_a_series_of_an_archive_is_grounded_by_its_uid(tmp_path: Path, archive: str, phantom: tuple[Path, Volume]) -> None:
    with live_server(tmp_path / "server", studies=archive) as server:
        assert ask(server, "GET", "/info/").json()["datastore"]["total"] == 1
        params = {"params": json.dumps({"sentence": SENTENCE})}
        by_uid = ask_form(server, "POST", f"/infer/asap-mini?image={SERIES}&output=json", params)
        assert by_uid.status == 200
        upload = {"file": ("a.nii.gz", phantom[0].read_bytes())}
        by_file = ask_form(server, "POST", "/infer/asap-mini?output=json", params, upload)
        peaks = [answer.json()["sentences"][0]["peak_ras_mm"] for answer in (by_uid, by_file)]
        assert peaks[0] == pytest.approx(peaks[1], abs=0.1)
        image = ask(server, "GET", f"/datastore/image?image={SERIES}")
        (tmp_path / "back.nii.gz").write_bytes(image.body)
        assert np.array_equal(
            to_int16(read_volume(tmp_path / "back.nii.gz").reoriented_to_ras().hu), to_int16(phantom[1].reoriented_to_ras().hu)
        )
        for foreign in ("../../etc", "1.2.3", f"../{SERIES}", f"{SERIES}/../x"):
            assert ask_form(server, "POST", f"/infer/asap-mini?image={foreign}", params).status == 404
        assert "Doe" not in ask(server, "GET", "/datastore/?output=all").body.decode() + server.log.read_text()
        assert server.stop() == 0
        assert list(server.temp.iterdir()) == []


def test_a_drafted_report_of_a_series_leaves_the_server_signed_and_as_dicom(
    tmp_path: Path, archive: str, phantom: tuple[Path, Volume]
) -> None:
    with live_server(tmp_path / "server", studies=archive) as server:
        client = AsapClient(server.url, server.token)
        study = client.open_datastore_study(SERIES)
        draft = client.draft_report(study)
        placed = GroundAnswer(draft.study, draft.model, draft.notice, tuple(one.answer for one in draft.sentences))
        review = new_review(draft.text, placed, input_sha256=phantom[1].identity)
        for index in range(len(review.sentences)):
            review = review.decided(index, "accepted", "Dr A")
        files = client.documents(study, to_json(signed(review, "Dr S")), ["dicom"])
        client.close()
        report = pydicom.dcmread(BytesIO(files["report-sr.dcm"]))
        said = {str(one.value) for one in report.iterall() if one.keyword == "TextValue"}
        assert {one.text for one in review.sentences} <= said
        assert SERIES in {str(one.value) for one in report.iterall() if one.keyword == "SeriesInstanceUID"}
        assert sum(name.startswith("heatmap-") for name in files) == sum(one.answer.map is not None for one in review.sentences)
        assert "Doe" not in server.log.read_text()


def test_a_final_label_arrives_in_the_archive_as_a_segmentation(tmp_path: Path, archive: str) -> None:
    held = ArchiveDatastore(archive, tmp_path / "cache")
    try:
        volume = read_volume(held.image_path(SERIES))
        left = np.zeros(volume.shape, dtype=np.uint8)
        left[: volume.shape[0] // 3, :20, :10] = 1
        left[-9:, :20, :10] = 2
        write_nifti(tmp_path / "label.nii.gz", left, volume.affine)
        names = {"label_info": [{"name": "Left lung", "idx": 1}, {"name": "something", "idx": 2}]}
        held.save_label(SERIES, str(tmp_path / "label.nii.gz"), "final", names)
        (sent,) = held._client.search_for_series(search_filters={"Modality": "SEG"})
        study, series = sent["0020000D"]["Value"][0], sent["0020000E"]["Value"][0]
        (back,) = held._client.retrieve_series(study, series)
        back.save_as(tmp_path / "back.dcm", write_like_original=False)
    finally:
        held.close()
    masks = read_segments(tmp_path / "back.dcm", (volume.shape, volume.affine)).masks
    assert [(m.label, m.kind.key, m.kind.modifier and m.kind.modifier.meaning, m.model) for m in masks] == [
        ("Left lung", "left_lung", "Left", None),
        ("something", "lesion", None, None),
    ]
    assert all((m.mask == (left == n)).all() for n, m in enumerate(masks, start=1))


def test_questions_to_the_archive_are_passed_on_where_that_is_turned_on(tmp_path: Path, archive: str) -> None:
    words = ("--turn-on", "dicom-proxy", "reload", "--models", "asap-test")
    with live_server(tmp_path / "server", *words, studies=archive) as server:
        listed = ask(server, "GET", "/proxy/dicom/qido/studies?limit=5")
        assert listed.status == 200
        (study,) = (row["0020000D"]["Value"][0] for row in listed.json())
        metadata = ask(server, "GET", f"/proxy/dicom/wado/studies/{study}/series/{SERIES}/metadata")
        assert {row["0020000E"]["Value"][0] for row in metadata.json()} == {SERIES}
        whole = ask(
            server,
            "GET",
            f"/proxy/dicom/wado/studies/{study}/series/{SERIES}",
            headers={"Accept": 'multipart/related; type="application/dicom"'},
        )
        assert whole.body.count(b"DICM") == len(metadata.json())
        assert ask(server, "GET", "/proxy/dicom/qido/studies", token=None).status == 401
        for climb in (
            "..%2f..%2fsystem",
            "studies/..%2f..%2fsystem",
            "studies/%2e%2e/%2e%2e/system",
            "a//b",
            "studies%3fx",
            "x%0d%0ay",
        ):
            assert ask(server, "GET", f"/proxy/dicom/qido/{climb}").status in (403, 404, 422), climb
        for method, target in (
            ("POST", "/proxy/dicom/stow/studies"),
            ("POST", "/proxy/dicom/qido/studies"),
            ("GET", "/proxy/dicom/stow/x"),
        ):
            assert ask(server, method, target, b"").status == 403
        assert server.token not in server.log.read_text()
        assert ask(server, "POST", "/reload", b"").status == 403
        assert ask(server, "POST", "/reload", b"", token="admin").status == 200
        client = AsapClient(server.url, server.token)
        assert client.ground(client.open_datastore_study(SERIES), sentences=[SENTENCE]).sentences[0].map is not None
        client.close()
        params = {"params": json.dumps({"sentence": SENTENCE})}
        assert ask_form(server, "POST", f"/infer/asap-test?image={SERIES}&output=json", params).status == 200


def test_a_cancel_does_not_wait_for_an_archive_that_stalls(tmp_path: Path) -> None:
    with stalled_archive() as archive, live_server(tmp_path, studies=archive.url) as server:
        taken: list[float] = []
        while len(taken) < TRIES and min(taken, default=FREE_S) >= FREE_S:
            following, reader = Next(server), Reader(server, STALLED)
            archive.asked.clear()
            job = reader.encode()
            assert archive.asked.wait(60)
            path = f"/asap/v1/jobs/{job}"
            taken.append(
                following.seconds_after(lambda path=path, reader=reader: ask(server, "DELETE", path, headers=reader.headers))
            )
            following.client.close()
            archive.release.set()
        assert min(taken) < FREE_S
        end = time.monotonic() + 20
        while list(server.temp.rglob("*.dcm")):
            assert time.monotonic() < end, "what had arrived stays"
            time.sleep(0.05)


def test_an_archive_that_does_not_answer_is_a_sentence(tmp_path: Path) -> None:
    with live_server(tmp_path, studies="http://127.0.0.1:9/dicom-web") as server:
        answer = ask_form(server, "POST", "/infer/asap-mini?image=1.2.3", {"params": json.dumps({"sentence": SENTENCE})})
        assert 400 <= answer.status < 500
        assert "archive" in answer.json()["error"]["message"]
