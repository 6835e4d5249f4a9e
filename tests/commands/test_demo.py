"""`asap demo` where there is no network: the generated case, and the screen says so."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def offline(tmp_path: Path) -> dict[str, str]:
    """No package index, an empty cache, and a browser that does nothing."""
    away = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}
    own = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "BROWSER": "true", "OMP_NUM_THREADS": "1"}
    return {**os.environ, **away, **own}


def test_headless_writes_pictures_and_answers_and_says_what_was_read(tmp_path: Path, offline: dict[str, str]) -> None:
    command = [sys.executable, "-m", "asap.cli", "demo", "--headless", str(tmp_path / "out")]
    done = subprocess.run(command, env=offline, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    assert "Generated chest CT" in done.stdout
    rows = json.loads((tmp_path / "out" / "groundings.json").read_text())["sentences"]
    assert any(row["peak_ras_mm"] for row in rows)
    assert (tmp_path / "out" / "report.png").read_bytes().startswith(b"\x89PNG")


def test_the_work_bench_opens_with_the_sample_case(tmp_path: Path, offline: dict[str, str]) -> None:
    pytest.importorskip("trame_slicer", reason="needs the work bench: pip install 'asap-ct[viewer]'")
    pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
    command = [sys.executable, "-m", "asap.cli", "demo"]
    with subprocess.Popen(command, env=offline, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as bench:
        assert bench.stdout is not None
        said = ""
        try:
            for line in bench.stdout:
                said += line
                if found := re.search(r"^ASAP work bench: (\S+)", line):
                    break
            else:
                pytest.fail(said)
            assert "Generated chest CT" in said
            report = (tmp_path / "cache" / "asap" / "demo-report.txt").read_text()
            assert report.startswith("EXAMINATION: Generated chest CT")
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            assert opener.open(found[1], timeout=60).status == 200
        finally:
            bench.terminate()
            bench.wait(30)


def test_json_is_for_pictures() -> None:
    done = subprocess.run([sys.executable, "-m", "asap.cli", "demo", "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--headless" in done.stderr
