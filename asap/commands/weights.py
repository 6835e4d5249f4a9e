"""`asap weights`: what is installed, checked and imported."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from asap.errors import InputError, WeightsError
from asap.models.catalog import MODELS, model_folder, user_weights
from asap.models.import_checkpoint import import_checkpoint
from asap.models.weights import read_weights


def installed() -> list[dict[str, str]]:
    """One row per known model: name, state, what it is."""
    return [{"name": name, "state": _state(name), "summary": entry.summary} for name, entry in MODELS.items()]


def folder_of(name: str) -> Path:
    """Folder of a model's weights, by catalogue name or already a folder."""
    if name in MODELS and MODELS[name].seed is not None:
        raise InputError("This model is made from a seed and has no files.")
    if name not in MODELS and not Path(name).is_dir():
        raise InputError(f"There is no model of this name; known are {', '.join(MODELS)}, or name a folder with weights.")
    return model_folder(name) if name in MODELS else Path(name)


def verified(name: str) -> str:
    """Read every byte of a model's weights and say what was checked. Raises WeightsError when anything differs."""
    manifest = read_weights(folder_of(name)).manifest
    return f"{manifest.name}: {len(manifest.tensors)} tensors verified, sha256 {manifest.weights_sha256}"


def imported(checkpoint: Path, tokenizer: Path, text_encoder: Path | None, out: Path | None) -> dict[str, Any]:
    """Convert a published checkpoint; returns the report of names used, kept, dead, missing and unexpected."""
    return asdict(import_checkpoint(checkpoint, tokenizer, text_encoder, out or user_weights() / "asap-base"))


def describe_import(report: dict[str, Any]) -> str:
    """The report of an import for a person."""
    counts = ", ".join(f"{count} {kind}" for kind, count in report["counts"].items())
    lines = [f"Imported; weights sha256 {report['weights_sha256']}", f"Entries of the checkpoint: {counts}."]
    for kind in ("dead", "unexpected", "supplied", "filled"):
        if report[kind]:
            lines.append(f"{kind}: {', '.join(report[kind])}")
    return "\n".join(lines)


def _state(name: str) -> str:
    if MODELS[name].seed is not None:
        return "built in"
    try:
        model_folder(name)
    except WeightsError:
        return "not installed"
    return "installed"
