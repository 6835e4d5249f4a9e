"""The guards are the same in front of both ways to start: `asap serve`, and MONAI Label's launcher with our hook."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from asap.volume import Volume
from monailabel_app.server.http import HEADERS_S
from tests.server.http_requests import ask, ask_form
from tests.server.launcher import HOOK, command, launched
from tests.server.live import LiveServer

pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
pytestmark = pytest.mark.slow

BAD_REQUESTS = {
    "no HTTP": b"\x16\x03\x01\x00\xa5 hello\r\n\r\n",
    "no method": b" / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "two lengths": b"POST /asap/v1/sessions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "endless header": b"GET /asap/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 70_000,
}


@pytest.fixture(scope="module")
def hooked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """MONAI Label's launcher with our hook; it leaves nothing."""
    with launched(tmp_path_factory.mktemp("hooked"), *HOOK) as server:
        yield server
        server.stop()
        assert list(server.temp.glob("asap-server-*")) == []


@pytest.fixture(params=["asap serve", "start_server --uvicorn_app"])
def either(request: pytest.FixtureRequest, live: LiveServer, hooked: LiveServer) -> LiveServer:
    """Both ways to start, one after the other."""
    return live if request.param == "asap serve" else hooked


def raw(server: LiveServer, data: bytes, *, timeout_s: float = 30) -> bytes:
    """All that the server answers to these bytes until it ends the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=timeout_s) as connection:
        connection.sendall(data)
        answer = b""
        while more := connection.recv(65536):
            answer += more
    return answer


@pytest.mark.parametrize("what", BAD_REQUESTS)
def test_what_is_no_http_gets_a_refusal_like_any_other(either: LiveServer, what: str) -> None:
    head, _, body = raw(either, BAD_REQUESTS[what]).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"cache-control: no-store" in head.lower()
    error = json.loads(body)["error"]
    assert error["code"] == "bad_request"
    assert len(error["id"]) == 8
    assert ask(either, "GET", "/asap/v1/health", token=None).status == 200


def test_headers_that_come_too_slowly_end_the_connection(either: LiveServer) -> None:
    """A request line, then one header byte at a time: what holds a connection of a server without this limit for ever."""
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", either.port), timeout=60) as slow:
        slow.sendall(b"GET /asap/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        slow.settimeout(0.5)
        while time.monotonic() - start < 3 * HEADERS_S:
            try:
                slow.sendall(b"a")
                ended = slow.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                ended = True
            assert ended
            break
    assert HEADERS_S - 1 < time.monotonic() - start < 2 * HEADERS_S


def test_both_refuse_the_same(live: LiveServer, hooked: LiveServer) -> None:
    def refusals(server: LiveServer) -> list[tuple[str, int, str]]:
        answers = {
            "no token": ask(server, "GET", "/info/", token=None),
            "wrong token": ask(server, "GET", "/info/", token="x" * 40),
            "foreign host": ask(server, "GET", "/info/", headers={"Host": "evil.example"}),
            "foreign page": ask(server, "GET", "/info/", headers={"Origin": "http://evil.example"}),
            "long query": ask(server, "GET", "/info/?" + "q" * 3000),
            "no such route": ask(server, "GET", "/nowhere"),
            "reload": ask(server, "POST", "/reload"),
            "logs": ask(server, "GET", "/logs/"),
            "proxy": ask(server, "GET", "/proxy/dicom/studies"),
            "delete": ask(server, "DELETE", "/datastore/"),
            "climb": ask(server, "PUT", "/datastore/image?image=..%2Fx"),
            "train": ask(server, "POST", "/train/asap-mini", b"{}", token="admin"),
            "websocket": ask(server, "GET", "/info/", token=None, headers={"Upgrade": "websocket", "Connection": "Upgrade"}),
        }
        return [(name, answer.status, answer.code) for name, answer in answers.items()]

    ours, theirs = refusals(live), refusals(hooked)
    assert ours == theirs
    assert {status for _, status, _ in ours} >= {401, 403, 404, 414, 422}


def test_the_launched_server_infers(hooked: LiveServer, phantom: tuple[Path, Volume]) -> None:
    params = {"params": json.dumps({"sentence": "The heart is normal in size."})}
    file = {"file": ("a.nii.gz", phantom[0].read_bytes())}
    answer = ask_form(hooked, "POST", "/infer/asap-mini?output=json", params, file)
    assert answer.json()["sentences"][0]["peak_ras_mm"]
    assert hooked.token not in hooked.log.read_text()
    assert [path.stat().st_mode & 0o777 for path in hooked.temp.glob("asap-server-*")] == [0o700]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--host", "0.0.0.0"), "--token-file"),
        (("--host", "127.0.0.1", "--conf", "guarded", "yes"), "--conf may set"),
    ],
)
def test_what_the_hook_refuses(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    words = command(tmp_path, *HOOK, *arguments)
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("asap: "):
                break
        process.terminate()
    assert said in lines[-1]
    assert not [line for line in lines if "Traceback" in line]


def test_two_workers_are_refused(tmp_path: Path) -> None:
    """uvicorn ends a worker that has not answered after 5 s, which the launcher's own imports may take: so without them."""
    code = "import uvicorn\nif __name__ == '__main__':\n    uvicorn.run('monailabel_app.server.app:app', port=0, workers=2)\n"
    script = tmp_path / "two_workers.py"
    script.write_text(code)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        said = next((line for line in process.stdout if line.startswith("asap: ")), "")
        process.terminate()
    assert "--workers" in said


def test_without_the_hook_it_serves_this_machine_only_and_says_so(tmp_path: Path, phantom: tuple[Path, Volume]) -> None:
    words = command(tmp_path, "--host", "0.0.0.0")
    open_to_all = subprocess.run(words, capture_output=True, text=True, timeout=200, check=False)
    assert open_to_all.returncode != 0
    assert "asap serve" in open_to_all.stderr + open_to_all.stdout
    (tmp_path / "studies").mkdir(exist_ok=True)
    os.link(phantom[0], tmp_path / "studies" / "phantom.nii.gz")
    with launched(tmp_path) as server:
        from monailabel.client import MONAILabelClient

        client = MONAILabelClient(server.url, tmpdir=str(tmp_path))
        assert "asap-mini" in client.info()["models"]
        _, document = client.infer("asap-mini", "phantom", {"sentence": "The heart is normal."})
        assert document["sentences"][0]["peak_ras_mm"]
        assert "guards are absent" in server.log.read_text()
