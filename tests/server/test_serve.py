"""The life of a server: how it starts, refuses to start, stops, dies and comes back, and two of them on one folder."""

from __future__ import annotations

import concurrent.futures
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from asap.volume import Volume
from tests.server.forked import Forked
from tests.server.http_requests import ask, ask_form
from tests.server.live import live_server
from tests.server.tiny_unetr import NAME, tiny_unetr

pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
pytestmark = pytest.mark.slow


def refused(*arguments: str, command: tuple[str, ...] = ("-m", "monailabel_app.serve")) -> str:
    """What a server says that does not start."""
    done = subprocess.run(
        [sys.executable, *command, *arguments], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def refused_late(folder: Path, *arguments: str) -> str:
    """The same of what it finds only after its imports."""
    log = folder / "late.log"
    server = Forked(["--token-file", str(folder / "new"), "--port", "0", *arguments], log, dict(os.environ))
    assert server.wait(120) == 2
    said = log.read_text()
    assert "Traceback" not in said
    return said


def test_what_a_server_refuses_before_it_starts(tmp_path: Path) -> None:
    token = tmp_path / "token"
    assert "--token-file" in refused("--host", "0.0.0.0")
    assert "--behind-proxy" in refused("--host", "0.0.0.0", "--token-file", str(token))
    token.write_text("t" * 40)
    token.chmod(0o644)
    assert "chmod 600" in refused("--token-file", str(token))
    assert "folder" in refused("--studies", str(tmp_path / "nowhere"))
    assert "no model" in refused_late(tmp_path, "--models", "asap-nothing")
    unetr = tiny_unetr(tmp_path)
    weights = next(unetr.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1])
    said = refused_late(tmp_path, "--models", "asap-test", str(unetr))
    assert f"The fine-tuned UNETR in {NAME} cannot be served." in said
    assert said.count("asap: ") == 1


def test_a_port_in_use_is_told_at_once(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = refused("--port", str(taken.getsockname()[1]), "--token-file", str(tmp_path / "token"))
    assert "--port 0" in said


def test_the_command_line_becomes_the_server(tmp_path: Path) -> None:
    assert "--token-file" in refused("serve", "--host", "0.0.0.0", command=("-m", "asap.cli"))


def test_a_server_stops_quickly_and_leaves_nothing(tmp_path: Path, phantom: tuple[Path, Volume]) -> None:
    with live_server(tmp_path, by_command=True) as server:
        private = [path for path in server.temp.iterdir() if path.name.startswith("asap-server-")]
        assert [path.stat().st_mode & 0o777 for path in private] == [0o700]
        made = ask_form(server, "PUT", "/session/", files={"files": ("a.nii.gz", phantom[0].read_bytes())})
        assert made.status == 200
        assert [path for path in server.temp.rglob("*.nii.gz")]
        assert server.token not in server.log.read_text()
        assert server.token not in Path(f"/proc/{server.pid}/cmdline").read_text()
        assert server.stop(signal.SIGTERM) == 0, "it was killed: it took longer than a user waits"
        assert list(server.temp.iterdir()) == []


def test_a_killed_server_leaves_nothing_to_the_next(tmp_path: Path, phantom: tuple[Path, Volume]) -> None:
    with live_server(tmp_path) as first:
        session = ask_form(first, "PUT", "/session/", files={"files": ("a.nii.gz", phantom[0].read_bytes())}).json()["session_id"]
        first.stop(signal.SIGKILL)
        left = list(first.temp.iterdir())
        assert left
    with live_server(tmp_path) as second:
        assert not [path for path in left if path.exists()]
        assert ask(second, "GET", f"/session/{session}").status == 404
        assert (second.token, second.admin_token) == (first.token, first.admin_token)


def test_two_servers_on_one_folder_lose_nothing(tmp_path: Path, phantom: tuple[Path, Volume]) -> None:
    studies = tmp_path / "studies"
    studies.mkdir()
    for name in ("one", "two"):
        os.link(phantom[0], studies / f"{name}.nii.gz")
    with (
        live_server(tmp_path / "a", studies=studies) as a,
        live_server(tmp_path / "b", studies=studies) as b,
        concurrent.futures.ThreadPoolExecutor(4) as pool,
    ):

        def note(number: int) -> int:
            server, image = ((a, "one"), (b, "one"), (a, "two"), (b, "two"))[number % 4]
            body = f"info={json.dumps({f'key{number}': number})}".encode()
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            return ask(server, "PUT", f"/datastore/image/info?image={image}", body, headers=form).status

        assert set(pool.map(note, range(80))) == {200}
        for server in (a, b):
            objects = ask(server, "GET", "/datastore/?output=all").json()["objects"]
            noted = {key for image in ("one", "two") for key in objects[image]["image"]["info"] if key.startswith("key")}
            assert noted == {f"key{number}" for number in range(80)}
