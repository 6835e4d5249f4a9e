import json
import subprocess
import sys
from pathlib import Path

import pytest

from asap import doctor
from asap.doctor import examine, free_space, packages, processor_flags, reference_material, weights
from asap.models.catalog import MODELS


def by_name(findings):
    return {finding.name: finding for finding in findings}


def test_everything_is_looked_at_and_every_failure_has_a_remedy():
    findings = by_name(examine())
    assert {"Python", "packages", "DICOM", "torch works", "bfloat16", "memory", "reference data"} <= findings.keys()
    assert findings["Python"].ok and findings["packages"].ok and findings["torch works"].ok
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in findings["Python"].detail
    for finding in findings.values():
        assert finding.ok or finding.remedy
        assert finding.detail


def test_findings_are_plain_data():
    assert json.loads(json.dumps([vars(finding) for finding in examine()]))


def test_every_model_with_files_is_reported():
    names = by_name(examine()).keys()
    assert {f"weights of {name}" for name, entry in MODELS.items() if entry.seed is None} <= names


def test_a_missing_package_is_named():
    finding = packages("DICOM", ("numpy", "no-such-distribution"), "install it", optional=True)
    assert not finding.ok and finding.optional
    assert "no-such-distribution" in finding.detail and "numpy" not in finding.detail
    assert finding.remedy == "install it"


def test_a_package_that_is_installed_but_does_not_import_is_missing(tmp_path, monkeypatch):
    info = tmp_path / "brokenpackage-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brokenpackage\nVersion: 1.0\n")
    (tmp_path / "brokenpackage.py").write_text("raise OSError('a library is gone')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert not packages("x", ("brokenpackage",), "install it", optional=False).ok


def test_weights_that_are_not_there_and_weights_that_were_damaged(tmp_path, monkeypatch):
    monkeypatch.setenv("ASAP_WEIGHTS", str(tmp_path))
    monkeypatch.setattr("asap.models.catalog.PACKAGED_WEIGHTS", tmp_path / "none")
    absent = weights("asap-mini")
    assert not absent.ok and not absent.optional and absent.remedy
    assert weights("asap-base").optional
    folder = written_weights(tmp_path / "asap-mini")
    assert weights("asap-mini").ok
    file = next(folder.glob("*.safetensors"))
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    damaged = weights("asap-mini")
    assert not damaged.ok and "differs" in damaged.detail
    file.unlink()
    assert not weights("asap-mini").ok


def written_weights(folder: Path) -> Path:
    import torch

    from asap.models.weights import write_weights

    folder.mkdir()
    write_weights(
        folder,
        name="asap-mini",
        architecture="asap-mini",
        config={},
        tensors={"w": torch.ones(4, 4)},
        source="made by a test",
        licence="Apache-2.0",
    )
    return folder


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("processor : 0\nflags\t\t: fpu amx_bf16 avx2\nflags : x\n", {"fpu", "amx_bf16", "avx2"}),
        ("Features : fp asimd bf16\n", {"fp", "asimd", "bf16"}),
        ("model : nothing\n", None),
    ],
)
def test_processor_flags(tmp_path, text, flags):
    path = tmp_path / "cpuinfo"
    path.write_text(text)
    assert processor_flags(path) == flags


def test_no_list_of_processor_flags(tmp_path):
    assert processor_flags(tmp_path / "absent") is None


def test_space_of_a_folder_that_does_not_exist_yet(tmp_path, monkeypatch):
    finding = free_space("disk", tmp_path / "not" / "yet")
    assert "GB free" in finding.detail and not (tmp_path / "not").exists()
    monkeypatch.setattr(doctor, "NEEDED_DISK_GB", 10.0**9)
    full = free_space("disk", tmp_path)
    assert not full.ok and full.remedy


def test_reference_data(tmp_path, monkeypatch):
    monkeypatch.delenv("ASAP_REFERENCE_DATA", raising=False)
    assert not reference_material().ok
    monkeypatch.setenv("ASAP_REFERENCE_DATA", str(tmp_path / "absent"))
    assert not reference_material().ok and reference_material().optional
    monkeypatch.setenv("ASAP_REFERENCE_DATA", str(tmp_path))
    assert reference_material().ok


def test_importing_the_doctor_imports_no_torch():
    code = "import sys, asap.doctor; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
