"""The client against the real server: MONAI Label, guards, service and the shipped model, in a process of their own."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from asap.client import (
    AsapClient,
    Cancelled,
    ClientError,
    JobFailed,
    NotFound,
    Progress,
    SegmentPrompt,
    ServerUnreachable,
    SessionGone,
    Unauthorised,
)
from asap.grounding import Grounding
from asap.inference.load import load_engine
from asap.phantom.case import generate_case
from asap.text.read import read_report
from asap.volume import Volume, apply_affine, to_int16
from tests.server.live import LiveServer, live_server
from tests.server.test_answers import decoded
from tests.server.test_segment_kinds import drawn

pytestmark = pytest.mark.slow

SEED = 60_000
REPORT = "FINDINGS: The heart is enlarged. No pleural effusion. Nodule in the right upper lobe. The liver is unremarkable."


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
    with live_server(tmp_path_factory.mktemp("client")) as server:
        yield server


@pytest.fixture
def client(live: LiveServer) -> Iterator[AsapClient]:
    made = AsapClient(live.url, live.token)
    yield made
    made.close()


@pytest.fixture(scope="module")
def case() -> Volume:
    """A generated chest stored left-posterior-superior, as scanners do."""
    ras = generate_case(SEED).volume
    hu, affine = to_int16(ras.hu)[::-1, ::-1], ras.affine.copy()
    affine[:3, 3] += affine[:3, :2] @ (np.array(ras.shape[:2]) - 1.0)
    affine[:3, :2] *= -1
    return Volume(np.ascontiguousarray(hu), affine)


@pytest.fixture(scope="module")
def expected(case: Volume) -> list[Grounding]:
    """What the engine itself answers."""
    engine = load_engine("asap-mini")
    return engine.ground(engine.encode(case), read_report(REPORT).sentences)


def upload(client: AsapClient, volume: Volume, **options: object) -> str:
    voxels = volume.hu.astype("<i2").tobytes(order="F")
    return client.open_study(voxels, volume.shape, volume.affine.tolist(), **options)  # type: ignore[arg-type]


def test_the_server_describes_itself(client: AsapClient, live: LiveServer) -> None:
    assert client.health()
    info = client.info()
    assert info.default_model == "asap-mini"
    assert {"encode", "ground", "segment", "lesion"} <= set(info.capabilities)
    assert info.datastore_kind == "folder"
    assert client.datastore_images() == []


def test_a_report_is_grounded_where_the_engine_says(client: AsapClient, case: Volume, expected: list[Grounding]) -> None:
    told: list[Progress] = []
    study = upload(client, case, progress=told.append)
    encoded = client.encode(study, progress=told.append)
    assert encoded.coverage is not None
    answer = client.ground(study, report=REPORT, progress=told.append)
    assert {"compressing", "sending", "encoding the volume"} <= {progress.stage for progress in told}
    assert answer.notice.startswith("Research use.")
    assert len(answer.sentences) == len(expected) == 4
    for place, engine in zip(answer.sentences, expected, strict=True):
        assert place.text == engine.sentence.text
        assert place.span is not None
        assert REPORT[slice(*place.span)] == place.text
        assert place.reason == engine.reason
        if engine.heatmap is None or engine.peak_ras_mm is None:
            assert place.map is None
            continue
        assert place.map is not None
        assert place.peak_ras_mm == pytest.approx(engine.peak_ras_mm, abs=0.011)
        seen = decoded(place.map)
        assert seen.argmax() == engine.heatmap.argmax()
        kept = seen > 0
        assert np.abs(seen - engine.heatmap)[kept].max() <= place.map.peak / 63 / 2 * 1.001
        start = np.array(place.map.grid_start, dtype=np.float64)
        assert np.allclose(np.array(place.map.affine_ras_mm)[:3, 3], apply_affine(engine.affine, start), atol=1e-6)


def test_segments_are_the_engines_and_a_correction_brings_the_changed_box(client: AsapClient, case: Volume) -> None:
    study, told = upload(client, case), list[Progress]()
    lungs = client.segment(study, targets=["lungs"], progress=told.append)
    engine = load_engine("asap-mini")
    wanted = engine.segment(case, ("lungs",))
    assert "drawing segments" in {progress.stage for progress in told}
    for segment, truth in zip(lungs.segments, wanted.segments, strict=True):
        mask = drawn(np.zeros(case.shape, dtype=np.bool_), segment.box)
        assert (mask == wanted.mask(truth.name)).all()
        assert segment.modifier is not None
        assert segment.name.startswith(segment.modifier.meaning)
    centre = tuple(float(x) for x in case.world_from_voxel((np.array(case.shape) - 1) / 2))
    first = client.segment(study, prompt=SegmentPrompt(include=[centre])).segments  # type: ignore[list-item]
    if first:
        away = (centre[0], centre[1], centre[2] + 30.0)
        prompt = SegmentPrompt(include=[centre], exclude=[away])  # type: ignore[list-item]
        (second,) = client.segment(study, prompt=prompt, base=first[0].revision).segments
        assert second.base == first[0].revision
        assert np.prod(second.box.shape) <= np.prod(case.shape)
    with pytest.raises(ValueError, match="either"):
        client.segment(study)


def test_the_same_upload_is_the_same_case_and_state_is_told(client: AsapClient, case: Volume) -> None:
    study = upload(client, case)
    assert upload(client, case) == study
    client.encode(study)
    state = client.study(study)
    assert state.state == "ready"
    assert state.shape == case.shape
    assert ("asap-mini", False) in state.encoded
    client.close_study(study)
    client.close_study(study)
    with pytest.raises(NotFound):
        client.study(study)


def test_wrong_token_and_foreign_sessions(live: LiveServer, client: AsapClient, case: Volume) -> None:
    stranger = AsapClient(live.url, "0" * 43)
    with pytest.raises(Unauthorised, match="token"):
        stranger.info()
    study = upload(client, case)
    other = AsapClient(live.url, live.token)
    with pytest.raises(NotFound):
        other.open_datastore_study("no-such-image")
    with pytest.raises(NotFound):
        other.study(study)
    other.close()


def test_what_is_no_chest_is_said(client: AsapClient) -> None:
    air = Volume(np.full((60, 60, 40), -1000, np.int16), np.diag([4.0, 4.0, 4.0, 1.0]))
    with pytest.raises(JobFailed) as caught:
        client.encode(upload(client, air))
    assert caught.value.code == "not_chest"


def test_a_question_the_server_declines_names_why(client: AsapClient, case: Volume) -> None:
    study = upload(client, case)
    with pytest.raises(ClientError):
        client.ground(study, sentences=["x" * 2000])
    with pytest.raises(NotFound):
        client.ground(study, sentences=["Heart."], model="no-such-model")
    assert client.ground(study, sentences=["The heart is enlarged."]).sentences[0].map is not None


def test_a_fine_map_comes_with_its_box(client: AsapClient, case: Volume) -> None:
    place = client.ground(upload(client, case), sentences=["The heart is enlarged."], fine=True).sentences[0]
    assert place.map is not None
    assert place.fine_map is not None
    assert max(place.fine_map.shape) <= 24
    assert place.fine_map.grid_shape == tuple(2 * n for n in place.map.grid_shape)


def test_a_cancel_ends_within_two_seconds_and_the_next_question_is_answered(client: AsapClient, case: Volume) -> None:
    moved = Volume(case.hu + 1, case.affine)
    study = upload(client, moved)
    cancel = threading.Event()
    began: list[float] = []

    def stop(progress: Progress) -> None:
        began.append(time.monotonic())
        cancel.set()

    with pytest.raises(Cancelled):
        client.ground(study, sentences=["The heart is enlarged."], fine=True, progress=stop, cancel=cancel)
    assert time.monotonic() - began[0] < 2.0
    assert client.ground(study, sentences=["The heart is enlarged."]).sentences[0].map is not None


def test_a_closed_client_leaves_nothing_on_the_server(live: LiveServer, case: Volume) -> None:
    client = AsapClient(live.url, live.token)
    upload(client, case)
    before = client.info().sessions_open
    client.close()
    after = AsapClient(live.url, live.token)
    assert after.info().sessions_open == before - 1
    after.close()


def test_a_session_that_expired_is_said_to_be_gone(live: LiveServer, case: Volume) -> None:
    client, silent = (AsapClient(live.url, live.token, session_liveness_s=5) for _ in range(2))
    kept = upload(client, case)
    client.keep_alive()
    study = upload(silent, case)
    time.sleep(8.0)
    assert client.study(kept).state == "ready"
    client.close()
    with pytest.raises(SessionGone, match="Open the case again"):
        silent.study(study)
    assert silent.study(upload(silent, case)).state == "ready"
    silent.close()


@pytest.mark.long
def test_a_server_that_is_killed_is_named(tmp_path_factory: pytest.TempPathFactory, case: Volume) -> None:
    with live_server(tmp_path_factory.mktemp("killed")) as server:
        client = AsapClient(server.url, server.token)
        study = upload(client, case)
        server.stop(signal.SIGKILL)
        with pytest.raises(ServerUnreachable, match="server"):
            client.ground(study, sentences=["The heart is enlarged."])
        assert not client.health()
        client.close()
