"""Clients that were written for MONAI Label and know nothing of ASAP: its own Python class and curl."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from asap.inference.load import load_engine
from asap.io.nifti_write import write_nifti
from asap.io.read import read_labels
from asap.text.read import read_sentence
from asap.volume import Volume, apply_affine, to_int16
from tests.server.http_requests import ask, ask_form
from tests.server.live import LiveServer

pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

HEART = "The heart is normal in size."
NOWHERE = "Comparison: none."


def test_info_offers_the_model_with_its_card(stock: object) -> None:
    info = stock.info()  # type: ignore[attr-defined]
    model = info["models"]["asap-mini"]
    assert (model["type"], model["dimension"], model["labels"]) == ("segmentation", 3, ["region"])
    assert model["config"]["sentence"]
    assert len(model["card"]["weights_sha256"]) == 64
    assert "Not for diagnosis" in info["description"]
    assert info["strategies"].keys() == {"random", "uncertainty", "diversity", "combined"}


def test_a_wrong_password_is_no_token(live: LiveServer) -> None:
    body = b"username=a&password=wrong&grant_type=password"
    answer = ask(live, "POST", "/auth/token", body, token=None, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status == 401


def test_infer_gives_the_engines_region_on_the_voxels_of_the_image(
    stock: object, study: str, phantom: tuple[Path, Volume]
) -> None:
    path, document = stock.infer("asap-mini", study, {"sentence": HEART})  # type: ignore[attr-defined]
    volume = phantom[1]
    labels, affine = read_labels(Path(path))
    assert labels.shape == volume.shape
    assert np.abs(affine - volume.affine).max() < 1e-4
    engine = load_engine("asap-mini")
    (expected,) = engine.ground(engine.encode(volume), [read_sentence(HEART)])
    region = expected.region()
    assert region is not None
    for voxel in np.argwhere(labels == 1)[:: max(1, int(labels.sum()) // 500)]:
        cell = np.rint(apply_affine(np.linalg.inv(expected.affine), apply_affine(affine, voxel.astype(float)))).astype(int)
        assert region[tuple(cell)]
    cell_voxels = abs(np.linalg.det(expected.affine[:3, :3]) / np.linalg.det(affine[:3, :3]))
    assert (labels == 1).sum() == pytest.approx(region.sum() * cell_voxels, rel=0.02)
    (row,) = document["sentences"]
    assert row["peak_ras_mm"] == pytest.approx(expected.peak_ras_mm, abs=0.01)
    assert document["label_names"] == {HEART: 1}


def test_the_default_parameters_of_the_viewer_are_answered(stock: object, study: str) -> None:
    config = stock.info()["models"]["asap-mini"]["config"]  # type: ignore[attr-defined]
    path, document = stock.infer("asap-mini", study, {**config, "result_extension": ".nrrd"})  # type: ignore[attr-defined]
    labels, _ = read_labels(Path(path))
    assert labels.max() == 1
    assert b"encoding: gzip" in Path(path).read_bytes()[:500]
    assert Path(path).stat().st_size < labels.size / 20
    assert document["notice"].endswith("Not for diagnosis.")


@pytest.mark.parametrize(("extension", "packed"), [(".nii.gz", True), (".nii", False), (".nrrd", True)])
def test_a_region_comes_in_the_format_that_is_asked_for(live: LiveServer, study: str, extension: str, packed: bool) -> None:
    params = json.dumps({"sentence": HEART, "result_extension": extension})
    answer = ask_form(live, "POST", f"/infer/asap-mini?image={study}&output=image", {"params": params})
    assert answer.status == 200
    assert answer.headers["content-disposition"].endswith(f'{extension}"')
    assert (len(answer.body) < 200_000) == packed
    if extension == ".nii.gz":
        assert len(gzip.decompress(answer.body)) > 10**6


def test_a_report_is_answered_sentence_by_sentence(live: LiveServer, study: str) -> None:
    report = f"FINDINGS: {HEART} No pleural effusion. The liver is homogeneous.\nCOMPARISON: None."
    answer = ask_form(live, "POST", f"/infer/asap-mini?image={study}&output=json", {"params": json.dumps({"report": report})})
    rows = answer.json()["sentences"]
    assert [row["localisable"] for row in rows] == [True, False, True, False]
    assert answer.json()["label_names"] == {HEART: 1, "The liver is homogeneous.": 3}


def test_sentences_without_a_place_give_json_and_no_image(live: LiveServer, study: str) -> None:
    params = {"params": json.dumps({"sentence": NOWHERE})}
    everything = ask_form(live, "POST", f"/infer/asap-mini?image={study}", params)
    assert everything.json()["sentences"][0]["reason"]
    only_image = ask_form(live, "POST", f"/infer/asap-mini?image={study}&output=image", params)
    assert (only_image.status, only_image.code) == (422, "unprocessable")


def test_session_upload_infer_and_delete(stock: object, live: LiveServer, phantom: tuple[Path, Volume]) -> None:
    made = stock.create_session(str(phantom[0]))  # type: ignore[attr-defined]
    session = made["session_id"]
    assert "path" not in json.dumps(made)
    path, _ = stock.infer("asap-mini", "", {"sentence": HEART}, session_id=session)  # type: ignore[attr-defined]
    assert read_labels(Path(path))[0].shape == phantom[1].shape
    assert ask(live, "GET", f"/session/{session}?image=true").body == phantom[0].read_bytes()
    stock.remove_session(session)  # type: ignore[attr-defined]
    assert ask(live, "GET", f"/session/{session}").status == 404
    assert not list(live.temp.rglob(f"*{session}*"))


def test_labels_are_kept_and_given_back(stock: object, live: LiveServer, study: str, tmp_path: Path) -> None:
    path, _ = stock.infer("asap-mini", study, {"sentence": HEART})  # type: ignore[attr-defined]
    stock.save_label(study, path, "review", {"by": "reader"})  # type: ignore[attr-defined]
    back = stock.download_label(study, "review")  # type: ignore[attr-defined]
    assert np.array_equal(read_labels(Path(back))[0], read_labels(Path(path))[0])
    assert stock.datastore()["objects"][study]["labels"]["review"]["info"]["by"] == "reader"  # type: ignore[attr-defined]
    assert ask(live, "DELETE", f"/datastore/label?id={study}&tag=review").status == 403
    assert ask(live, "DELETE", f"/datastore/label?id={study}&tag=review", token="admin").status == 200
    assert not (live.studies / "labels" / "review" / f"{study}.nii.gz").exists()


def test_an_image_is_known_by_its_check_sum(live: LiveServer, study: str) -> None:
    data = ask(live, "GET", f"/datastore/image?image={study}").body
    right, wrong = hashlib.sha256(data).hexdigest(), "0" * 64
    sums = {None: 200, right: 200, f"SHA256:{right.upper()}": 200, f"MD5:{hashlib.md5(data).hexdigest()}": 200}
    for check_sum, status in (sums | {wrong: 404, f"SHA512:{right}": 404, "CRC:1": 422, "SHA256:a:b": 422}).items():
        query = f"image={study}" + (f"&check_sum={check_sum}" if check_sum else "")
        assert ask(live, "HEAD", f"/datastore/image?{query}").status == status, check_sum
    assert ask(live, "HEAD", "/datastore/image?image=nobody").status == 404


def test_the_next_sample_is_a_study_without_a_label(stock: object, live: LiveServer, tmp_path: Path) -> None:
    """Other tests put theirs there too, and label them."""
    write_nifti(tmp_path / "new.nii.gz", np.zeros((4, 4, 4), np.int16), np.eye(4))
    stock.upload_image(str(tmp_path / "new.nii.gz"), "unlabelled")  # type: ignore[attr-defined]
    images = stock.datastore()["objects"]  # type: ignore[attr-defined]
    sample = stock.next_sample("random", {})  # type: ignore[attr-defined]
    assert sample["id"] in {name for name, image in images.items() if not image["labels"]}
    assert "path" not in sample
    assert ask(live, "DELETE", "/datastore/image?id=unlabelled", token="admin").status == 200


def test_curl_infers_with_a_file_and_with_an_id(live: LiveServer, study: str, phantom: tuple[Path, Volume]) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("needs curl")
    command = [
        curl,
        "-sf",
        "--noproxy",
        "*",
        "-H",
        f"Authorization: Bearer {live.token}",
        "-F",
        f'params={{"sentence": "{HEART}"}}',
    ]
    by_id = subprocess.run([*command, f"{live.url}/infer/asap-mini?image={study}&output=json"], capture_output=True, check=True)
    by_file = subprocess.run(
        [*command, "-F", f"file=@{phantom[0]}", f"{live.url}/infer/asap-mini?output=json"], capture_output=True, check=True
    )
    assert json.loads(by_id.stdout) == json.loads(by_file.stdout)


def test_info_and_health_answer_while_inferences_run(live: LiveServer, phantom: tuple[Path, Volume], tmp_path: Path) -> None:
    """Fine maps of a case nobody asked of before take a while; benchmarks report p99, here the bar only has to tell apart."""
    params = {"params": json.dumps({"sentence": HEART, "fine": True})}
    write_nifti(tmp_path / "another.nii", to_int16(phantom[1].hu + 1), phantom[1].affine)
    another = {"file": ("another.nii", (tmp_path / "another.nii").read_bytes())}
    spans: list[tuple[float, float]] = []

    def infer() -> None:
        start = time.monotonic()
        assert ask_form(live, "POST", "/infer/asap-mini?output=json", params, another).status == 200
        spans.append((start, time.monotonic()))

    thread = threading.Thread(target=infer)
    thread.start()
    waits = []
    while thread.is_alive():
        for target in ("/info/", "/asap/v1/health"):
            start = time.monotonic()
            assert ask(live, "GET", target).status == 200
            waits.append(time.monotonic() - start)
        time.sleep(0.02)
    thread.join()
    (span,) = spans
    assert len(waits) >= 6
    assert sorted(waits)[len(waits) // 2] < (span[1] - span[0]) / 4
