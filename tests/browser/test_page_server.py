"""Who gets the page: only the one who was given its address."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.browser.bench import Bench, running_bench

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One of its own: without a tab a bench ends after some minutes, so one that others share would be gone when they come."""
    pytest.importorskip("trame_slicer", reason="needs the work bench: pip install 'asap-ct[viewer]'")
    with running_bench(tmp_path_factory.mktemp("page-server"), "--server", "http://127.0.0.1:9") as running:
        yield running


def ask(bench: Bench, path: str, **headers: str) -> http.client.HTTPResponse:
    """One GET; the answer with its body read."""
    host = urlsplit(bench.address).netloc
    connection = http.client.HTTPConnection(host, timeout=20)
    connection.request("GET", path, headers={"Host": host, **{name.replace("_", "-"): value for name, value in headers.items()}})
    answer = connection.getresponse()
    if answer.status != 101:
        answer.read()
    connection.close()
    return answer


def opened_address(bench: Bench, timeout_s: float = 60.0) -> str:
    """What the system's browser was told to open: it is called after the address has been printed."""
    end = time.monotonic() + timeout_s
    while not (bench.opened.exists() and bench.opened.read_text().endswith("\n")):
        assert time.monotonic() < end, "no browser was called"
        time.sleep(0.1)
    return bench.opened.read_text().strip()


def test_the_address_given_opens_the_page_and_keeps_it_private(bench: Bench) -> None:
    answer = ask(bench, urlsplit(bench.address).path)
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert urlsplit(bench.address).hostname == "127.0.0.1"


@pytest.mark.parametrize(
    "path", ["/", "/index.html", "/ws", "/page/page.js", "/open/", f"/{48 * '0'}/index.html", "/%2e%2e/etc/passwd"]
)
def test_without_the_key_there_is_nothing(bench: Bench, path: str) -> None:
    assert ask(bench, path).status == 403


def test_a_page_of_another_site_gets_nothing_even_with_the_key(bench: Bench) -> None:
    path = urlsplit(bench.address).path
    assert ask(bench, path, Host="attacker.example").status == 403, "DNS rebinding"
    assert ask(bench, path, Origin="http://attacker.example").status == 403
    assert ask(bench, path, Origin="null").status == 403
    socket_path = path.replace("index.html", "ws")
    assert ask(bench, socket_path, Origin="http://attacker.example", **UPGRADE).status == 403
    assert ask(bench, socket_path, Origin=bench.origin, **UPGRADE).status == 101


def test_the_address_on_the_browsers_command_line_works_once(bench: Bench) -> None:
    ticket = opened_address(bench)
    assert urlsplit(bench.address).path.split("/")[1] not in ticket
    first = ask(bench, urlsplit(ticket).path)
    assert (first.status, first.headers["Location"]) == (303, bench.address)
    assert ask(bench, urlsplit(ticket).path).status == 403
