"""MONAI Label's own launcher in a process of its own, for tests."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.server.live import START_S, STOP_S, LiveServer

PACKAGE = Path(__file__).parents[2] / "monailabel_app"
HOOK = ("--uvicorn_app", "monailabel_app.server.app:app")


def command(folder: Path, *arguments: str, port: int = 0) -> list[str]:
    """The launcher's words, with a copy of the app's main.py: the launcher writes into the app's folder."""
    app, studies = folder / "monailabel_app", folder / "studies"
    app.mkdir(parents=True, exist_ok=True)
    studies.mkdir(exist_ok=True)
    (app / "main.py").write_bytes((PACKAGE / "main.py").read_bytes())
    start = [sys.executable, "-m", "monailabel.main", "start_server", "--app", str(app), "--studies", str(studies)]
    return [*start, "--port", str(port), *arguments]


@contextmanager
def launched(folder: Path, *arguments: str) -> Iterator[LiveServer]:
    """Run `monailabel start_server` on a free port of 127.0.0.1 until the block ends; it answers when the block begins."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    temp, log = folder / "temp", folder / "server.log"
    temp.mkdir(parents=True, exist_ok=True)
    tokens = [folder / "token", folder / "admin-token"]
    words = ("--host", "127.0.0.1", "--conf", "token_file", str(tokens[0]), "--conf", "admin_token_file", str(tokens[1]))
    started = time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(
            command(folder, *words, *arguments, port=port),
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={"OMP_NUM_THREADS": "1", **os.environ, "TMPDIR": str(temp)},
        )
    try:
        while not _answers(port):
            assert process.poll() is None and time.monotonic() - started < START_S, log.read_text(errors="replace")[-4000:]
            time.sleep(0.1)
        shown = [path.read_text().strip() if path.exists() else "" for path in tokens]
        url = f"http://127.0.0.1:{port}"
        yield LiveServer(url, *shown, folder / "studies", log, temp, process, time.monotonic() - started)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
        process.kill()
        process.wait(STOP_S)


def _answers(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        return True
    return False
