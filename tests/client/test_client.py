"""The client against a well-behaved server: what is sent, what comes back."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable

import numpy as np
import pytest

from asap.client import AsapClient, Progress, SessionGone
from asap.client.wire import unpack_voxels
from tests.client.scripted import JOB, NOTICE, STUDY, Scripted, refusal

AFFINE = [[3.0, 0, 0, -10], [0, 3.0, 0, 20], [0, 0, 3.0, 5], [0, 0, 0, 1]]


def hu(shape: tuple[int, int, int] = (4, 5, 6), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-1024, 3000, shape).astype("<i2")


def opened(client: AsapClient, voxels: np.ndarray | None = None, **options: object) -> str:
    volume = hu() if voxels is None else voxels
    return client.open_study(volume.tobytes(order="F"), volume.shape, AFFINE, **options)  # type: ignore[arg-type]


def test_the_server_is_described(client: AsapClient) -> None:
    assert client.health()
    info = client.info()
    assert info.models[0].cell_mm == (12.0, 12.0, 12.0)
    assert info.limits.part_bytes == 8 * 2**20
    assert (info.queue_limit, info.sessions_limit, info.datastore_images) == (16, 8, 2)


def test_the_voxels_that_arrive_are_those_that_were_sent(server: Scripted, client: AsapClient) -> None:
    voxels = hu((90, 80, 70))
    told: list[Progress] = []
    assert opened(client, voxels, progress=told.append) == STUDY
    arrived = np.frombuffer(unpack_voxels([server.encoded()], voxels.size), "<i2").reshape(voxels.shape, order="F")
    assert np.array_equal(arrived, voxels)
    assert server.declared["affine_ras_mm"] == AFFINE
    assert server.declared["shape"] == [90, 80, 70]
    shares = [progress.share or 0.0 for progress in told if progress.stage == "sending"]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert [progress.stage for progress in told] == sorted(progress.stage for progress in told)  # compressing, then sending


def test_an_upload_sends_only_what_the_server_misses(server: Scripted, client: AsapClient) -> None:
    voxels = hu((128, 128, 128))
    opened(client, voxels)
    count = len(server.parts)
    assert count > 1
    del server.parts[1]
    server.asked.clear()
    opened(client, voxels)
    assert server.paths("PUT") == [f"/studies/{STUDY}/parts/1"]


def test_a_sentence_gets_its_place(server: Scripted, client: AsapClient) -> None:
    study = opened(client)
    told: list[Progress] = []
    answer = client.ground(study, sentences=["There is a nodule."], progress=told.append)
    assert server.question["sentences"] == ["There is a nodule."]
    assert server.question["supersede"] is True
    assert answer.notice == NOTICE
    place = answer.sentences[0]
    assert (place.text, place.confidence, place.peak_ras_mm, place.span) == ("There is a nodule.", 0.75, (1.0, 2.0, 3.0), (0, 18))
    assert place.map is not None
    assert place.map.shape == (1, 2, 3)
    assert np.allclose(place.map.heat(), np.array([0, 16, 20, 40, 62, 63]) / 63 * 0.9)
    assert Progress("encoding the volume", 0.5) in told
    assert Progress("waiting", None, 1) in told


def test_an_answer_that_is_ready_takes_one_request(server: Scripted, client: AsapClient) -> None:
    study = opened(client)
    server.wait_for_jobs = False
    server.asked.clear()
    assert client.ground(study, sentences=["One.", "Two."]).sentences[1].text == "Two."
    assert [asked.method for asked in server.asked] == ["POST"]


def test_encode_study_datastore_and_close(server: Scripted, client: AsapClient) -> None:
    study = client.open_datastore_study("a")
    encoded = client.encode(study)
    assert (encoded.seconds, encoded.identity, encoded.model.name) == (1.5, "cd" * 32, "asap-mini")
    assert "wait_s" not in server.question
    state = client.study(study)
    assert (state.state, state.shape, state.encoded) == ("ready", (4, 5, 6), (("asap-mini", False),))
    assert state.coverage is not None
    assert len(state.coverage.corner_ras_mm) == 8
    assert [(image.id, image.description) for image in client.datastore_images()] == [("a", ""), ("b", "Thorax")]
    client.close_study(study)
    client.close()
    client.close()
    assert server.paths("DELETE") == [f"/studies/{STUDY}", "/sessions/current"]


def test_one_connection_serves_a_thread(server: Scripted, client: AsapClient) -> None:
    for _ in range(5):
        client.info()
    assert server.connections == 1


def test_threads_do_not_mix_their_answers(server: Scripted, client: AsapClient) -> None:
    study = opened(client)
    server.wait_for_jobs = False
    wrong = []

    def ask(name: str) -> None:
        for number in range(10):
            text = f"Sentence {number} of {name}."
            if client.ground(study, sentences=[text]).sentences[0].text != text:
                wrong.append(text)

    threads = [threading.Thread(target=ask, args=(f"thread {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_session_that_is_gone_is_never_replaced_unseen(server: Scripted, client: AsapClient) -> None:
    study = opened(client)
    server.play(f"POST .*/studies/{STUDY}/jobs", refusal(404, "session_gone"))
    with pytest.raises(SessionGone, match="Open the case again"):
        client.ground(study, sentences=["x"])
    before = len(server.paths("POST"))
    with pytest.raises(SessionGone):
        client.ground(study, sentences=["x"])
    with pytest.raises(SessionGone):
        client.study(study)
    assert len(server.paths("POST")) == before
    opened(client)
    assert server.paths("POST")[before] == "/sessions"


def test_heartbeats_go_on_by_themselves_and_end_with_the_client(server: Scripted, connect: Callable[..., AsapClient]) -> None:
    client = AsapClient(server.url, "a-token-of-the-tests", session_liveness_s=1)
    opened(client)
    client.keep_alive()
    deadline = threading.Event()
    for _ in range(40):
        if server.paths("PUT").count("/sessions/current") >= 2:
            break
        deadline.wait(0.05)
    assert server.paths("PUT").count("/sessions/current") >= 2
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None
    for _ in range(40):
        if not any(thread.name == "asap-heartbeat" for thread in threading.enumerate()):
            break
        deadline.wait(0.05)
    assert not any(thread.name == "asap-heartbeat" for thread in threading.enumerate())


def test_misuse_is_told_before_anything_is_sent(server: Scripted, client: AsapClient) -> None:
    study = opened(client)
    before = len(server.asked)
    with pytest.raises(ValueError, match="sentences or report"):
        client.ground(study)
    with pytest.raises(ValueError, match="int16"):
        client.open_study(b"123", (1, 1, 1), AFFINE)
    assert len(server.asked) == before


def test_half_a_character_in_a_report_does_not_stop_it(server: Scripted, client: AsapClient) -> None:
    study = opened(client)
    client.ground(study, report="Nodule \ud83d in the left lung.")
    assert server.question["report"] == "Nodule ? in the left lung."


def test_a_finished_job_is_not_deleted(server: Scripted, client: AsapClient) -> None:
    client.encode(opened(client))
    assert f"/jobs/{JOB}" not in server.paths("DELETE")
