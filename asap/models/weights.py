"""Weights on disk: safetensors plus manifest, verified before use and memory-mapped (rule R1: no pickle).

A folder holds `manifest.json` and files whose names carry their digest, so that replacing weights is one atomic rename of
the manifest: a reader meets the old set or the new one.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from asap.errors import OutputError, WeightsError
from asap.io.atomic import write_bytes
from asap.limits import MAX_WEIGHTS_HEADER_BYTES
from asap.models.manifest import MANIFEST_NAME, ROLES, Manifest, StoredFile, StoredTensor, read_manifest, sha256_of

DTYPE_NAMES = {torch.float32: "F32", torch.bfloat16: "BF16"}
BYTES_PER_VALUE = {"F32": 4, "BF16": 2}


@dataclass(frozen=True, eq=False)
class StoredWeights:
    """Verified weights: the manifest, the memory-mapped tensors by name, the tokenizer's text if there is one."""

    manifest: Manifest
    tensors: Mapping[str, Tensor]
    tokenizer_json: str | None


def write_weights(
    folder: Path,
    tensors: Mapping[str, Tensor],
    *,
    name: str,
    architecture: str,
    config: Mapping[str, Any],
    source: str,
    licence: str,
    tokenizer_json: str | None = None,
    training: Mapping[str, Tensor] | None = None,
    calibration: Mapping[str, Any] | None = None,
) -> Manifest:
    """Write one model into `folder` (made if need be) and return its manifest.

    tensors: float32 or bfloat16. training: further tensors only training reads. Raises OutputError when the disk refuses, and
    the set of weights that was there before is then intact.
    """
    contents = {"weights": _serialised(tensors)}
    if tokenizer_json is not None:
        contents["tokenizer"] = tokenizer_json.encode()
    if training:
        contents["training"] = _serialised(training)
    files = {role: _stored_file(role, data) for role, data in contents.items()}
    stored = {key: StoredTensor(tuple(value.shape), DTYPE_NAMES[value.dtype]) for key, value in tensors.items()}
    manifest = Manifest.from_json(
        Manifest(name, architecture, config, files, stored, source, licence, calibration).to_json()  # the reader's own checks
    )
    folder.mkdir(parents=True, exist_ok=True)
    before = {path.name for path in folder.iterdir()}
    try:
        for role, data in contents.items():
            write_bytes(folder / files[role].name, data, "weights")
        write_bytes(folder / MANIFEST_NAME, json.dumps(manifest.to_json(), indent=1).encode(), "weights' manifest")
    except OutputError:
        for new in {file.name for file in files.values()} - before:
            (folder / new).unlink(missing_ok=True)
        raise
    _remove_replaced(folder, {file.name for file in files.values()})
    return manifest


def read_weights(folder: Path) -> StoredWeights:
    """Read and verify one model folder; tensors stay mapped to the file.

    Raises WeightsError for a missing or damaged file, a size or digest that differs, an overlong header, tensors that are
    extra, missing, overlapping or of another type or shape than the manifest says.
    """
    manifest = read_manifest(folder)
    tokenizer_json = None
    if "tokenizer" in manifest.files:
        path = verified_file(folder, manifest, "tokenizer")
        try:
            tokenizer_json = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise WeightsError("The tokenizer beside the weights cannot be read.") from error
    tensors = map_tensors(verified_file(folder, manifest, "weights"), manifest.tensors)
    return StoredWeights(manifest, tensors, tokenizer_json)


def verified_file(folder: Path, manifest: Manifest, role: str) -> Path:
    """Path of the file of `role` once its size and sha256 agree with the manifest; WeightsError otherwise."""
    stored = manifest.files[role]
    path = folder / stored.name
    try:
        same = path.is_file() and path.stat().st_size == stored.bytes and sha256_of(path) == stored.sha256
    except OSError as error:
        raise WeightsError(f"The {role} file cannot be read.") from error
    if not same:
        raise WeightsError(f"The {role} file is missing or not the one its manifest describes; import or download it again.")
    return path


def map_tensors(path: Path, expected: Mapping[str, StoredTensor]) -> dict[str, Tensor]:
    """Memory-map the tensors of a safetensors file after comparing its header with `expected`."""
    check_header(path, expected)
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            return {name: file.get_tensor(name) for name in expected}
    except (SafetensorError, OSError, RuntimeError) as error:
        raise WeightsError("The weights file is damaged; import or download it again.") from error


def check_header(path: Path, expected: Mapping[str, StoredTensor]) -> None:
    """Compare a safetensors header with the expected tensors and with the file's size, before anything is mapped."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(MAX_WEIGHTS_HEADER_BYTES, size - 8):
                raise WeightsError("The weights file has a header of an impossible length.")
            header = json.loads(file.read(length))
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError("The weights file has no readable header.") from error
    if not isinstance(header, dict):
        raise WeightsError("The weights file has no readable header.")
    header.pop("__metadata__", None)
    if set(header) != set(expected):
        raise WeightsError("The weights file has other tensors than its manifest lists.")
    spans = sorted(_span(header[name], expected[name]) for name in expected)
    starts = [0, *(end for _, end in spans)]
    if [start for start, _ in spans] != starts[:-1] or starts[-1] != size - 8 - length:
        raise WeightsError("The tensors of the weights file overlap, leave gaps or do not fill it.")


def _span(entry: Any, expected: StoredTensor) -> tuple[int, int]:
    """Start and end of a tensor's bytes, checked against its shape and type."""
    if not isinstance(entry, dict) or entry.get("shape") != list(expected.shape) or entry.get("dtype") != expected.dtype:
        raise WeightsError("A tensor of the weights file has another shape or type than its manifest says.")
    offsets = entry.get("data_offsets")
    if not (isinstance(offsets, list) and len(offsets) == 2 and all(type(n) is int and n >= 0 for n in offsets)):
        raise WeightsError("A tensor of the weights file has no place.")
    start, end = offsets
    if end - start != math.prod(expected.shape) * BYTES_PER_VALUE[expected.dtype]:
        raise WeightsError("A tensor of the weights file has another size than its shape says.")
    return start, end


def _serialised(tensors: Mapping[str, Tensor]) -> bytes:
    """Each tensor on its own: tied parameters of a training model may share memory, a file's may not."""
    return bytes(save({key: value.detach().clone(memory_format=torch.contiguous_format) for key, value in tensors.items()}))


def _stored_file(role: str, data: bytes) -> StoredFile:
    digest = hashlib.sha256(data).hexdigest()
    suffix = "json" if role == "tokenizer" else "safetensors"
    return StoredFile(f"{role}-{digest[:16]}.{suffix}", len(data), digest)


def _remove_replaced(folder: Path, current: set[str]) -> None:
    for role in ROLES:
        for path in folder.glob(f"{role}-*"):
            if path.name not in current:
                path.unlink(missing_ok=True)
