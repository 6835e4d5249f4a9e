"""A public CT in a real archive: found by its SeriesInstanceUID and grounded through both of the server's doors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from asap.client import AsapClient, NotFound
from asap.io.read import read_volume
from tests.reference import reference_data
from tests.server.http_requests import ask, ask_form
from tests.server.live import live_server
from tests.server.orthanc import orthanc, store

pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")

SERIES = "1.3.6.1.4.1.14519.5.2.1.6655.2359.207154000096236603057216610983"
SENTENCE = "The heart is normal in size."


@pytest.mark.slow
def test_a_public_ct_of_an_archive_is_listed_and_grounded_by_its_uid(tmp_path: Path) -> None:
    folder = reference_data("ct/lung_dx_A0002_dicom")
    with orthanc(tmp_path) as archive:
        store(archive, sorted(folder.glob("*.dcm")))
        with live_server(tmp_path / "server", studies=archive) as server:
            client = AsapClient(server.url, server.token)
            assert (client.info().datastore_kind, client.info().datastore_images) == ("dicomweb", 1)
            assert [image.id for image in client.datastore_images()] == [SERIES]
            with pytest.raises(NotFound):
                client.open_datastore_study(SERIES[:-1])
            study = client.open_datastore_study(SERIES)
            ours = client.ground(study, sentences=[SENTENCE]).sentences[0]
            assert ours.map is not None
            params = {"params": json.dumps({"sentence": SENTENCE})}
            stock = ask_form(server, "POST", f"/infer/asap-mini?image={SERIES}&output=json", params)
            assert stock.json()["sentences"][0]["peak_ras_mm"] == pytest.approx(ours.peak_ras_mm, abs=0.02)
            volume = read_volume(folder)
            assert client.study(study).shape == volume.shape
            index = np.linalg.inv(volume.affine) @ [*(ours.peak_ras_mm or ()), 1.0]
            assert ((index[:3] > 0) & (index[:3] < np.array(volume.shape) - 1)).all()
            for image in ask(server, "GET", "/datastore/?output=all").json()["objects"].values():
                assert "Lung_Dx" not in json.dumps(image)
            client.close()
            assert "Lung_Dx" not in server.log.read_text()
            assert server.stop() == 0
            assert list(server.temp.iterdir()) == []
