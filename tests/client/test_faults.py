"""Every way a server or a network can fail: the error names the cause and the next step, and comes soon."""

from __future__ import annotations

import re
import socket
import threading

import pytest

from asap.client import (
    AsapClient,
    BadAddress,
    ClientError,
    NotAsapServer,
    NotFound,
    ProtocolError,
    ProxyError,
    QueueFull,
    RequestRefused,
    ServerUnreachable,
    SessionGone,
    TooLarge,
    Unauthorised,
    VersionMismatch,
)
from asap.client.address import Address
from tests.client.conftest import QUICK, Connect
from tests.client.scripted import (
    INFO,
    INFO_ROUTE,
    JOBS_ROUTE,
    STUDY,
    TOKEN,
    Play,
    Scripted,
    answer,
    closed_port,
    html,
    refusal,
    seconds,
)
from tests.client.test_client import opened


def test_nobody_listens(connect: Connect) -> None:
    with pytest.raises(ServerUnreachable, match=r"No server runs at 127\.0\.0\.1 port \d+\. Start it with `asap serve`"):
        connect(f"http://127.0.0.1:{closed_port()}").info()


def test_the_name_is_unknown(connect: Connect) -> None:
    with pytest.raises(ServerUnreachable, match=r"name no-such-host\.invalid is not known.*Check its spelling"):
        connect("http://no-such-host.invalid:8000").info()


def test_a_server_that_accepts_and_says_nothing(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = connect(f"http://127.0.0.1:{silent.getsockname()[1]}")

        def ask() -> None:
            with pytest.raises(ServerUnreachable, match="did not answer in time"):
                client.info()

        assert QUICK.read_s <= seconds(ask) < QUICK.read_s + 1.0


def test_an_answer_that_only_drips_is_given_up(server: Scripted, connect: Connect) -> None:
    client = connect(server.url, timeouts=type(QUICK)(connect_s=1.0, read_s=0.1, upload_s=1.0))
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    server.play(INFO_ROUTE, Play((head, *[b" "] * 500), pause_s=0.05))
    with pytest.raises(ServerUnreachable, match="did not answer in time"):
        client.info()


@pytest.mark.parametrize(
    ("play", "kind", "sentence"),
    [
        (refusal(401, "unauthorised"), Unauthorised, "does not accept the token. Copy the token"),
        (refusal(403, "forbidden", "This host is not allowed."), Unauthorised, "This host is not allowed. Use the address"),
        (refusal(404, "session_gone"), SessionGone, "no longer holds this session. Open the case again"),
        (refusal(404, "not_found", "There is no such study."), NotFound, "There is no such study."),
        (refusal(410, "gone", "The job was dropped."), NotFound, "The job was dropped."),
        (refusal(413, "too_large", "The volume is too large."), TooLarge, "The volume is too large. Crop or resample"),
        (refusal(429, "queue_full", "The server is busy.", Retry_After="7"), QueueFull, "busy. Try again in 7 seconds."),
        (refusal(503, "sessions_full", "Too many sessions."), QueueFull, "Too many sessions. Try again in 5 seconds."),
        (refusal(503, "out_of_memory", "Out of memory."), RequestRefused, "Out of memory."),
        (refusal(422, "unprocessable", "The shape is wrong."), RequestRefused, "The shape is wrong."),
        (refusal(500, "internal", "Something broke."), RequestRefused, "Something broke. The server's log says more."),
        (refusal(507, "insufficient_storage", "The disk is full."), RequestRefused, "The disk is full."),
        (html(502), ProxyError, "A proxy answered 502 in place of the server."),
        (html(503), ProxyError, "A proxy answered 503"),
        (html(504), ProxyError, "A proxy answered 504"),
        (html(401), Unauthorised, "asks for a login"),
        (html(403), Unauthorised, "A proxy or firewall refuses"),
        (html(407), ProxyError, "The proxy asks for a login"),
        (html(413), TooLarge, "A proxy in front of the server does not take requests of this size"),
        (html(404), NotAsapServer, "not an ASAP server"),
        (html(418), ProxyError, "status 418"),
        (html(200), ProxyError, "on a guest network, log in first"),
        (answer(302, None, Location="http://127.0.0.1:1/elsewhere"), ProxyError, "a redirect"),
        (answer(200, INFO | {"protocol": 2}), VersionMismatch, "version 2 of the protocol, .* 1. Update the client"),
        (answer(200, INFO | {"protocol": 0}), VersionMismatch, "Update the server"),
        (answer(200, INFO | {"models": "none"}), ProtocolError, "models.*same version"),
        (answer(200, [1, 2]), ProtocolError, "not an object"),
        (Play((b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n{NaN",)), ProtocolError, "JSON"),
        (Play((b"\x15\x03\x01\x00\x02\x02\x50 not http\r\n\r\n",), after="close"), ProxyError, "does not speak HTTP"),
        (Play((b"HTTP/1.1 200 OK\r\n" + b"x" * 70_000,), after="close"), ProxyError, "does not speak HTTP"),
    ],
)  # fmt: skip
def test_refusals_and_garbage(server: Scripted, client: AsapClient, play: Play, kind: type[ClientError], sentence: str) -> None:
    server.play(INFO_ROUTE, play)
    with pytest.raises(kind, match=sentence) as caught:
        client.info()
    assert type(caught.value) is kind
    assert TOKEN not in str(caught.value)


def test_the_time_to_try_again_is_a_number(server: Scripted, client: AsapClient) -> None:
    server.play(INFO_ROUTE, refusal(429, "queue_full", Retry_After="12"), refusal(429, "queue_full", Retry_After="soon"))
    for expected in (12.0, 5.0):
        with pytest.raises(QueueFull) as caught:
            client.info()
        assert caught.value.retry_after_s == expected


def test_a_stock_monai_label_server_is_recognised(server: Scripted, client: AsapClient) -> None:
    server.play("GET /asap/v1/info", html(404))
    server.play("GET /info/", answer(200, {"name": "Radiology", "models": {}}))
    with pytest.raises(NotAsapServer, match=r"MONAI Label server answers.*without the ASAP app\. Start it with `asap serve`"):
        client.info()


def test_health_never_raises(server: Scripted, connect: Connect) -> None:
    assert not connect(f"127.0.0.1:{closed_port()}").health()
    server.play("GET .*/health", html(502))
    client = connect(server.url, None)
    assert not client.health()
    assert client.health()


def test_a_redirect_does_not_get_the_token(server: Scripted, client: AsapClient) -> None:
    with Scripted() as elsewhere:
        server.play(INFO_ROUTE, answer(307, None, Location=f"{elsewhere.url}/asap/v1/info"))
        with pytest.raises(ProxyError, match="token stays"):
            client.info()
        assert not elsewhere.asked


def test_an_answer_without_end_is_not_kept(server: Scripted, client: AsapClient) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    server.play(INFO_ROUTE, Play((head, *[b" " * 2**20] * 64), after="close"))
    with pytest.raises(ProxyError, match="larger than any"):
        client.info()


def test_a_long_message_is_cut_and_has_one_line(server: Scripted, client: AsapClient) -> None:
    server.play(INFO_ROUTE, refusal(422, "unprocessable", "a\nb\x1b[31m" + "c" * 5000))
    with pytest.raises(RequestRefused) as caught:
        client.info()
    assert len(str(caught.value)) < 600
    assert str(caught.value).isprintable()


# What is harmless to repeat is repeated; what is not is not.


@pytest.mark.parametrize(
    "broken",
    [
        Play((), after="reset"),
        Play((), after="close"),
        Play((b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",), after="close"),
        Play((b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",), after="reset"),
    ],
)
def test_a_question_that_changes_nothing_is_asked_again(server: Scripted, client: AsapClient, broken: Play) -> None:
    server.play(INFO_ROUTE, broken, broken)
    assert client.info().protocol == 1
    server.play(INFO_ROUTE, broken, broken, broken)
    with pytest.raises(ServerUnreachable, match="connection to the server broke"):
        client.info()


def test_a_job_is_never_submitted_twice(server: Scripted, client: AsapClient) -> None:
    study = opened(client)
    server.play(JOBS_ROUTE, Play((), after="reset"))
    with pytest.raises(ServerUnreachable, match="broke"):
        client.ground(study, sentences=["x"])
    assert server.paths("POST").count(f"/studies/{STUDY}/jobs") == 1


def test_a_connection_the_server_closed_meanwhile_is_replaced_before_a_job_is_sent(server: Scripted, client: AsapClient) -> None:
    study = opened(client)
    info = answer(200, INFO)
    server.play(INFO_ROUTE, Play(info.pieces, after="close"))
    client.info()
    while not server.closed:
        threading.Event().wait(0.01)
    assert client.ground(study, sentences=["x"]).sentences
    assert server.connections >= 2


def test_bytes_nobody_asked_for_do_not_become_the_next_answer(server: Scripted, client: AsapClient) -> None:
    info = answer(200, INFO)
    poison = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    server.play(INFO_ROUTE, Play((info.pieces[0], poison), pause_s=0.05))
    client.info()
    threading.Event().wait(0.2)
    assert client.info().protocol == 1


# What a person may type.


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "No server address"),
        ("http://0.0.0.0:8000", "0.0.0.0 is the address a server listens on.*http://127.0.0.1:8000"),
        ("[::]:8000", "listens on"),
        ("ftp://host", "neither http:// nor https://"),
        ("http://user:secret@host", "user name or password"),
        ("http://host/?token=1", "Leave out everything from"),
        ("http://:8000", "no usable host name"),
        ("http://host:0", "no usable host name"),
        ("http://host:99999", "cannot be read"),
        ("http://[host", "cannot be read"),
        ("http://ho st", "no usable host name"),
        ("http://host/a\r\nX-Evil: 1", "no usable host name|cannot be read"),
    ],
)
def test_addresses_that_cannot_work_are_explained(typed: str, sentence: str) -> None:
    with pytest.raises(BadAddress, match=sentence) as caught:
        AsapClient(typed)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "expected", "header", "loopback"),
    [
        ("127.0.0.1:8000", Address("http", "127.0.0.1", 8000, ""), "127.0.0.1:8000", True),
        ("  http://LocalHost:8000/ ", Address("http", "localhost", 8000, ""), "localhost:8000", True),
        ("https://server.hospital/asap/", Address("https", "server.hospital", 443, "/asap"), "server.hospital", False),
        ("[::1]:9000", Address("http", "::1", 9000, ""), "[::1]:9000", True),
        ("server", Address("http", "server", 80, ""), "server", False),
    ],
)
def test_addresses_are_completed(typed: str, expected: Address, header: str, loopback: bool) -> None:
    address = AsapClient(typed).address
    assert address == expected
    assert (address.host_header, address.is_loopback) == (header, loopback)


@pytest.mark.parametrize("token", ["a b", "a\nb", "ä", "a\r\nX-Evil: 1"])
def test_a_token_with_a_line_end_is_refused(token: str) -> None:
    with pytest.raises(BadAddress, match="Copy it again") as caught:
        AsapClient("127.0.0.1:8000", token)
    assert token not in str(caught.value)


def test_a_path_in_front_of_the_server_is_kept(server: Scripted, connect: Connect) -> None:
    server.play("GET /reverse/proxy/asap/v1/info", answer(200, INFO))
    assert connect(server.url + "/reverse/proxy/").info().protocol == 1
    assert re.fullmatch(r"127\.0\.0\.1:\d+", server.asked[-1].headers["host"])
