"""A real archive (Orthanc) on a free port of this machine, filled over DICOMweb, stopped with the block."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
START_S = 60.0


@contextmanager
def orthanc(folder: Path) -> Iterator[str]:
    """Its DICOMweb address. Skips where Debian's packages orthanc and orthanc-dicomweb are not installed."""
    program = shutil.which("Orthanc")
    if program is None or not PLUGIN.exists():
        pytest.skip("needs Orthanc: apt-get install orthanc orthanc-dicomweb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    storage = folder / "orthanc"
    storage.mkdir()
    settings = {
        "StorageDirectory": str(storage), "IndexDirectory": str(storage), "HttpPort": port, "DicomServerEnabled": False,
        "RemoteAccessAllowed": False, "AuthenticationEnabled": False, "Plugins": [str(PLUGIN)],
    }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(settings))
    silent = subprocess.DEVNULL
    with subprocess.Popen([program, str(folder / "orthanc.json")], stdout=silent, stderr=silent) as server:
        try:
            _wait_for(f"http://127.0.0.1:{port}/system")
            yield f"http://127.0.0.1:{port}/dicom-web"
        finally:
            server.terminate()


def store(archive: str, files: Iterable[Path]) -> None:
    """Send DICOM files by STOW-RS, one request each."""
    for path in files:
        limit = secrets.token_hex(8)
        head = f"--{limit}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        kind = f'multipart/related; type="application/dicom"; boundary={limit}'
        request = urllib.request.Request(f"{archive}/studies", head + path.read_bytes() + f"\r\n--{limit}--\r\n".encode())
        request.add_header("Content-Type", kind)
        request.add_header("Accept", "application/dicom+json")
        with _opener().open(request, timeout=30) as answer:
            assert answer.status == 200


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _wait_for(url: str) -> None:
    end = time.monotonic() + START_S
    while True:
        try:
            _opener().open(url, timeout=5).close()
            return
        except OSError:
            assert time.monotonic() < end, "Orthanc did not start"
            time.sleep(0.1)
