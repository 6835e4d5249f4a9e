"""What is installed, what is missing, and how to mend it."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from asap.errors import WeightsError
from asap.models.catalog import MODELS, model_folder, user_weights
from asap.models.manifest import read_manifest, sha256_of

SUPPORTED_PYTHON = ((3, 11), (3, 13))
REQUIRED = ("numpy", "scipy", "torch", "safetensors", "nibabel", "pynrrd", "tokenizers", "matplotlib", "rich", "tyro")
DICOM_EXTRA = ("pydicom", "pylibjpeg", "pylibjpeg-openjpeg", "highdicom")
IMPORT_NAMES = {"pynrrd": "nrrd", "pylibjpeg-openjpeg": "openjpeg"}
REINSTALL = "Install again: pip install asap-ct"
NEEDED_DISK_GB = 2.0
NEEDED_MEMORY_GB = 4.0
BF16_FLAGS = ("amx_bf16", "avx512_bf16")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. remedy: what to do, None where nothing need be done. optional: ASAP works without it."""

    name: str
    ok: bool
    detail: str
    remedy: str | None = None
    optional: bool = False


def examine() -> list[Finding]:
    """Look at everything; never raises, changes nothing, asks no network."""
    looks: list[Callable[[], Finding]] = [
        _python,
        lambda: packages("packages", REQUIRED, REINSTALL, optional=False),
        lambda: packages(
            "DICOM", DICOM_EXTRA, "To read DICOM folders and write segmentations: pip install 'asap-ct[dicom]'", optional=True
        ),
        _torch,
        _processor,
        _memory,
        *(lambda name=name: weights(name) for name, entry in MODELS.items() if entry.seed is None),
        lambda: free_space("disk (weights)", user_weights()),
        lambda: free_space("disk (temporary files)", Path(tempfile.gettempdir())),
        reference_material,
    ]
    return [look() for look in looks]


def _python() -> Finding:
    lowest, highest = SUPPORTED_PYTHON
    version = sys.version_info[:2]
    ok = lowest <= version <= highest
    names = [".".join(map(str, pair)) for pair in (lowest, highest)]
    remedy = None if ok else f"Make the environment with Python {names[0]} to {names[1]}."
    return Finding("Python", ok, ".".join(map(str, sys.version_info[:3])), remedy)


def packages(name: str, distributions: tuple[str, ...], remedy: str, *, optional: bool) -> Finding:
    """Whether every distribution is installed and can be imported."""
    found, missing = [], []
    for distribution in distributions:
        try:
            version = importlib.metadata.version(distribution)
            importlib.import_module(IMPORT_NAMES.get(distribution, distribution))
        except (ImportError, OSError, RuntimeError):  # OSError, RuntimeError: a library inside the package does not load
            missing.append(distribution)
        else:
            found.append(f"{distribution} {version}")
    if missing:
        return Finding(name, False, f"missing or broken: {', '.join(missing)}", remedy, optional)
    return Finding(name, True, ", ".join(found), optional=optional)


def _torch() -> Finding:
    try:
        torch = importlib.import_module("torch")
        product = (torch.ones(4, 4) @ torch.ones(4, 4)).sum().item()
        threads, device = torch.get_num_threads(), "CUDA" if torch.cuda.is_available() else "CPU"
    except (ImportError, OSError, RuntimeError):
        return Finding("torch works", False, "torch cannot be used", REINSTALL)
    ok = product == 64.0
    return Finding(
        "torch works", ok, f"{device}, {threads} threads" if ok else "torch computes wrongly", None if ok else REINSTALL
    )


def _processor() -> Finding:
    flags = processor_flags(Path("/proc/cpuinfo"))
    if flags is None:
        return Finding("bfloat16", True, "not known on this system; float32 is used where it is missing", optional=True)
    found = [flag for flag in BF16_FLAGS if flag in flags]
    if found:
        return Finding("bfloat16", True, f"in hardware ({', '.join(found)})", optional=True)
    remedy = "Nothing is broken; a processor with AMX or AVX512-BF16, or a GPU, answers several times faster."
    return Finding("bfloat16", False, "not in hardware; float32 is used", remedy, optional=True)


def processor_flags(cpuinfo: Path) -> frozenset[str] | None:
    """The processor's feature flags as Linux lists them; None where there is no such list."""
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    lines = [line for line in text.splitlines() if line.startswith(("flags", "Features"))]
    return frozenset(lines[0].partition(":")[2].split()) if lines else None


def _memory() -> Finding:
    try:
        total_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, ValueError, OSError):
        return Finding("memory", True, "not known on this system")
    ok = total_gb >= NEEDED_MEMORY_GB
    remedy = None if ok else f"Use a machine with at least {NEEDED_MEMORY_GB:.0f} GB, or crop the volumes."
    return Finding("memory", ok, f"{total_gb:.0f} GB", remedy, optional=True)


def weights(name: str) -> Finding:
    """Whether a model's files are there and are byte for byte the ones its manifest names. Only asap-mini must be."""
    label, optional = f"weights of {name}", name != "asap-mini"
    remedy = "To use it: asap weights import PTH --tokenizer FILE" if optional else REINSTALL
    try:
        folder = model_folder(name)
    except WeightsError:
        return Finding(label, False, "not installed", remedy, optional)
    try:
        manifest = read_manifest(folder)
        for stored in manifest.files.values():
            if sha256_of(folder / stored.name) != stored.sha256:
                raise WeightsError("A file differs from the one the manifest names.")
    except (WeightsError, OSError) as error:
        detail = str(error) if isinstance(error, WeightsError) else "A file the manifest names cannot be read."
        return Finding(label, False, detail, remedy, optional)
    return Finding(label, True, f"verified, sha256 {manifest.weights_sha256[:12]}", optional=optional)


def free_space(name: str, folder: Path) -> Finding:
    """Whether the disk that holds (or would hold) a folder has room."""
    existing = next((path for path in (folder, *folder.parents) if path.is_dir()), None)
    if existing is None:
        return Finding(name, False, "the folder's disk does not exist", "Set ASAP_WEIGHTS to a folder on a disk that exists.")
    free_gb = shutil.disk_usage(existing).free / 2**30
    ok = free_gb >= NEEDED_DISK_GB
    return Finding(name, ok, f"{free_gb:.1f} GB free", None if ok else f"Free at least {NEEDED_DISK_GB:.0f} GB.", optional=True)


def reference_material() -> Finding:
    """Whether the tests find the real scans they compare with."""
    named = os.environ.get("ASAP_REFERENCE_DATA", "")
    ok = bool(named) and Path(named).is_dir()
    detail = "found" if ok else "ASAP_REFERENCE_DATA names no folder" if named else "not set"
    remedy = None if ok else "Only for developers: set ASAP_REFERENCE_DATA to the reference folder; tests that need it skip."
    return Finding("reference data", ok, detail, remedy, optional=True)
