"""`asap view --headless` where it cannot do its work: one sentence, and nothing half-written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`asap view` to its end."""
    pytest.importorskip("trame_slicer", reason="needs the work bench: pip install 'asap-ct[viewer]'")
    command = [sys.executable, "-m", "asap.cli", "view", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=200)


def test_a_server_that_does_not_answer_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    done = run("--sample", "--headless", str(tmp_path / "out"), "--server", "http://127.0.0.1:9")
    assert done.returncode != 0
    assert done.stderr.startswith("asap: ") and done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_pictures_need_a_report(tmp_path: Path, case_file: Path) -> None:
    done = run(str(case_file), "--headless", str(tmp_path / "out"), "--server", "http://127.0.0.1:9")
    assert done.returncode == 2
    assert "report" in done.stderr
