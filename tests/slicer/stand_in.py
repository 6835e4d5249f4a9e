"""A server environment that starts at once: its `python` runs the scripted server in place of `-m monailabel_app.serve`."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = """#!/bin/sh
if [ "$1" = "-m" ]; then
  shift 2
  exec "{python}" "{here}" "$@"
fi
exec "{python}" "$@"
"""
COMPLAINT = "asap: The server is not installed; install it with pip."


def make_environment(folder: Path, name: str = "python") -> Path:
    """A folder with such a `python`; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    python = folder / name
    python.write_text(SCRIPT.format(python=sys.executable, here=Path(__file__).resolve()), encoding="utf-8")
    python.chmod(0o755)
    return python


def main(words: list[str]) -> None:
    """Serve until told to end, as `python -m monailabel_app.serve` does; complain when the folder says so."""
    sys.path.insert(0, str(ROOT))
    from tests.client import scripted

    token = Path(words[words.index("--token-file") + 1]).read_text(encoding="ascii")
    scripted.TOKEN = token
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_args: ended.set())
    with scripted.Scripted(wait_for_jobs=False) as server:
        sys.stdout.write(f"loading the model\nASAP server: {server.url}  token {token}\n")
        sys.stdout.flush()
        ended.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
