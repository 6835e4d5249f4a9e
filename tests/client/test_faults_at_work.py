"""An upload or a job that breaks, fails or is cancelled: it ends soon, says why, and leaves no work on the server."""

from __future__ import annotations

import threading

import pytest

from asap.client import (
    AsapClient,
    Cancelled,
    ClientError,
    JobFailed,
    ProtocolError,
    ProxyError,
    RequestRefused,
    ServerUnreachable,
    TooLarge,
)
from tests.client.conftest import QUICK, Connect
from tests.client.scripted import (
    EVENTS,
    EVENTS_ROUTE,
    INFO,
    INFO_ROUTE,
    JOB,
    JOBS_ROUTE,
    PART_ROUTE,
    RESULT_ROUTE,
    STUDY,
    Play,
    Scripted,
    answer,
    refusal,
    seconds,
    stream,
)
from tests.client.test_client import hu, opened

# Uploads.


def test_an_upload_goes_on_where_it_broke(server: Scripted, client: AsapClient) -> None:
    server.play(PART_ROUTE, Play((), after="reset"), *[Play((), after="reset")] * 3)
    voxels = hu((128, 128, 128))
    assert opened(client, voxels) == STUDY
    sent = [path for path in server.paths("PUT") if "parts" in path]
    assert len(sent) == len(server.parts) + 4  # three attempts, a new declaration, one more, and then every part once
    assert server.paths("POST").count("/studies") == 2


def test_an_upload_that_breaks_again_and_again_ends(server: Scripted, client: AsapClient) -> None:
    server.play(PART_ROUTE, *[Play((), after="reset")] * 50)
    with pytest.raises(ServerUnreachable, match="broke"):
        opened(client)
    assert len(server.paths("PUT")) == 9


def test_a_part_refused_before_it_was_read_says_why(server: Scripted, client: AsapClient) -> None:
    refused = refusal(413, "too_large", "The part is too large.")
    server.play(PART_ROUTE, Play(refused.pieces, after="hang"))
    with pytest.raises(TooLarge, match="The part is too large"):
        opened(client, hu((160, 160, 160)))


def test_a_volume_larger_than_the_server_takes_is_not_sent(server: Scripted, client: AsapClient) -> None:
    limits = {"limits": {**INFO["limits"], "upload_bytes": 50}}
    server.play(INFO_ROUTE, answer(200, INFO | limits))
    with pytest.raises(TooLarge, match="Crop or resample"):
        opened(client)
    assert "/studies" not in server.paths("POST")


@pytest.mark.parametrize("missing", [[0], [7], [-1], ["0"], [0.5], {"a": 1}, None, list(range(200_000))])
def test_a_server_that_asks_for_parts_without_end_is_stopped(server: Scripted, client: AsapClient, missing: object) -> None:
    server.play(PART_ROUTE, *[answer(200, {"missing": missing})] * 20)
    with pytest.raises(ProtocolError):
        opened(client)


def test_damage_on_the_way_is_told(server: Scripted, client: AsapClient) -> None:
    server.play(PART_ROUTE, refusal(422, "damaged_upload", "The upload arrived damaged; send it again."))
    with pytest.raises(RequestRefused, match="send it again") as caught:
        opened(client)
    assert caught.value.code == "damaged_upload"


# Jobs.


def test_a_job_that_fails_says_why(server: Scripted, client: AsapClient) -> None:
    error = {"code": "not_chest", "message": "This does not look like a chest CT.", "id": "0badcafe"}
    server.play(EVENTS_ROUTE, stream({"event": "started"}, {"event": "failed", "error": error}))
    with pytest.raises(JobFailed, match="does not look like a chest CT") as caught:
        client.encode(opened(client))
    assert caught.value.code == "not_chest"


def test_a_superseded_job_ends_as_cancelled(server: Scripted, client: AsapClient) -> None:
    server.play(EVENTS_ROUTE, stream({"event": "queued", "position": 1}, {"event": "cancelled"}))
    with pytest.raises(Cancelled, match="newer request"):
        client.ground(opened(client), sentences=["x"])


def test_a_notice_is_passed_on(server: Scripted, client: AsapClient) -> None:
    notice = {"event": "notice", "code": "out_of_memory", "message": "Trying again on the processor."}
    server.play(EVENTS_ROUTE, stream(notice, {"event": "done"}))
    told: list[str] = []
    client.encode(opened(client), progress=lambda progress: told.append(progress.stage))
    assert notice["message"] in told


@pytest.mark.parametrize("half", [b'{"event":"pro', b""])
def test_a_stream_that_breaks_is_taken_up_again(server: Scripted, client: AsapClient, half: bytes) -> None:
    server.play(EVENTS_ROUTE, stream(*EVENTS[:2], *([half] if half else []), after="reset" if half else "close"))
    told: list[str] = []
    client.encode(opened(client), progress=lambda progress: told.append(progress.stage))
    assert told.count("started") == 1
    assert told[-1] == "encoding the volume"


def test_a_stream_that_breaks_for_ever_ends_and_frees_the_worker(server: Scripted, client: AsapClient) -> None:
    server.play(EVENTS_ROUTE, *[stream({"event": "started"})] * 20)
    with pytest.raises(ServerUnreachable, match="broke several times"):
        client.encode(opened(client))
    assert server.paths("GET").count(f"/jobs/{JOB}/events") < 10
    assert f"/jobs/{JOB}" in server.paths("DELETE")


@pytest.mark.parametrize(
    "event",
    [
        b"[1]\n",
        b"{\n",
        b"x" * 70_000 + b"\n",
        b'{"event":"progress","stage":7}\n',
        b'{"event":"progress","stage":"a","share":1e999}\n',
        b'{"event":"queued","position":-3}\n',
        b'{"event":"failed"}\n',
        b"\xff\xfe\n",
    ],
)
def test_events_that_are_none_end_the_call(server: Scripted, client: AsapClient, event: bytes) -> None:
    server.play(EVENTS_ROUTE, stream(event, {"event": "done"}))
    with pytest.raises((ProtocolError, ProxyError)):
        client.encode(opened(client), progress=lambda _: None)
    assert f"/jobs/{JOB}" in server.paths("DELETE")


def test_the_answer_of_a_hostile_server_is_refused(server: Scripted, client: AsapClient) -> None:
    study = opened(client)
    for result in ({}, {"sentences": [{}]}, [], "x", {"study": "../../x"}):
        server.play(RESULT_ROUTE, answer(200, result))
        with pytest.raises(ProtocolError):
            client.ground(study, sentences=["x"])


def test_identifiers_cannot_lead_to_other_routes(server: Scripted, client: AsapClient) -> None:
    study = opened(client)
    server.play(JOBS_ROUTE, answer(202, {"job": "../sessions/current", "state": "queued", "position": 1}))
    with pytest.raises(ProtocolError, match="identifier"):
        client.ground(study, sentences=["x"])
    with pytest.raises(ProtocolError, match="identifier"):
        client.study("../../datastore")


# Cancelling, within two seconds whatever the server does.


class After:
    """A cancel flag that is set some time after the first look at it."""

    def __init__(self, delay_s: float) -> None:
        self._event, self._delay_s, self._timer = threading.Event(), delay_s, None

    def is_set(self) -> bool:
        if self._timer is None:
            self._timer = threading.Timer(self._delay_s, self._event.set)
            self._timer.daemon = True
            self._timer.start()
        return self._event.is_set()


SILENT = Play((), after="hang")
CANCELLED_ROUTES = {
    "declaring": ("POST .*/studies", SILENT),
    "sending a part": (PART_ROUTE, SILENT),
    "submitting": (JOBS_ROUTE, SILENT),
    "events": (EVENTS_ROUTE, stream(EVENTS[1], after="hang")),
    "half an event": (EVENTS_ROUTE, stream(b'{"event":"pro', after="hang")),
    "result": (RESULT_ROUTE, Play((b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{",), after="hang")),
}


@pytest.mark.parametrize("name", CANCELLED_ROUTES)
def test_a_cancel_ends_the_call_and_the_job(server: Scripted, connect: Connect, name: str) -> None:
    client = connect(server.url, timeouts=type(QUICK)(connect_s=5.0, read_s=30.0, upload_s=120.0))
    client.info()
    server.play(*CANCELLED_ROUTES[name])

    waits_for_a_job = name not in ("declaring", "sending a part")
    study = opened(client) if waits_for_a_job else ""

    def work() -> None:
        cancel = After(0.2)
        with pytest.raises(Cancelled):
            if waits_for_a_job:
                client.encode(study, cancel=cancel)
            else:
                opened(client, hu((64, 64, 64)), cancel=cancel)

    assert seconds(work) < 0.2 + 2.0
    assert (f"/jobs/{JOB}" in server.paths("DELETE")) == (name in ("events", "half an event", "result"))


def test_the_job_is_stopped_when_its_number_comes_just_after_the_cancel(server: Scripted, client: AsapClient) -> None:
    study = opened(client)
    accepted = answer(202, {"job": JOB, "state": "queued", "position": 1})
    server.play(JOBS_ROUTE, Play((b"", *accepted.pieces), pause_s=0.3))
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        client.ground(study, sentences=["x"], cancel=cancel)
    assert f"/jobs/{JOB}" in server.paths("DELETE")


def test_an_error_in_the_progress_callback_stops_the_job(server: Scripted, client: AsapClient) -> None:
    study = opened(client)
    with pytest.raises(ZeroDivisionError):
        client.encode(study, progress=lambda _: 1 / 0)
    assert f"/jobs/{JOB}" in server.paths("DELETE")


def test_closing_ends_the_waits_of_other_threads(server: Scripted, connect: Connect) -> None:
    client = connect(server.url, timeouts=type(QUICK)(connect_s=5.0, read_s=30.0, upload_s=120.0))
    study = opened(client)
    server.play(EVENTS_ROUTE, stream(EVENTS[1], after="hang"))
    failed: list[ClientError] = []

    def work() -> None:
        try:
            client.encode(study)
        except ClientError as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    while f"/jobs/{JOB}/events" not in server.paths("GET"):
        threading.Event().wait(0.02)
    client.close()
    thread.join(3.0)
    assert not thread.is_alive()
    assert failed
    with pytest.raises(ClientError, match="closed"):
        client.info()
