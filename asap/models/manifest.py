"""The manifest beside a model's weights: what the model is, which files belong to it, and their digests (rule R1).

`manifest.json` is read with an allow-list of keys; nothing in it names code.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asap.errors import WeightsError
from asap.limits import MAX_MANIFEST_BYTES, MAX_WEIGHTS_BYTES

FORMAT = 1
MANIFEST_NAME = "manifest.json"
DTYPES = ("F32", "BF16")
ROLES = ("weights", "tokenizer", "training")
ARCHITECTURES = (
    "asap",
    "asap-mini",
    "asap-mini-labels",
    "asap-mini-segmentation",
    "finding-head",
    "nodule-scorer",
    "language-decoder",
    "report-decoder",
    "unetr",
)
KEYS = frozenset({"format", "name", "architecture", "config", "files", "tensors", "calibration", "source", "licence"})
_FILE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,80}\.(safetensors|json)")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class StoredFile:
    """One file of the folder: plain name, size and sha256."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class StoredTensor:
    """Shape and safetensors dtype of one tensor."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Manifest:
    """Everything that is known of one set of weights.

    files: role (weights, tokenizer, training) -> file. tensors: of the weights file. config, calibration: JSON objects, read
    by the model and by `asap.inference.calibration` with their own allow-lists. source, licence: sentences for a person.
    """

    name: str
    architecture: str
    config: Mapping[str, Any]
    files: Mapping[str, StoredFile]
    tensors: Mapping[str, StoredTensor]
    source: str
    licence: str
    calibration: Mapping[str, Any] | None = field(default=None)

    @property
    def weights_sha256(self) -> str:
        """The identity of the weights."""
        return self.files["weights"].sha256

    def to_json(self) -> dict[str, Any]:
        """The JSON object `from_json` reads."""
        return {
            "format": FORMAT,
            "name": self.name,
            "architecture": self.architecture,
            "config": dict(self.config),
            "files": {role: {"name": f.name, "bytes": f.bytes, "sha256": f.sha256} for role, f in self.files.items()},
            "tensors": {name: {"shape": list(t.shape), "dtype": t.dtype} for name, t in self.tensors.items()},
            "calibration": None if self.calibration is None else dict(self.calibration),
            "source": self.source,
            "licence": self.licence,
        }

    @classmethod
    def from_json(cls, data: Any) -> Manifest:
        """Check and read a manifest's JSON object; WeightsError on anything unknown or malformed."""
        _require(
            isinstance(data, dict) and set(data) == KEYS and data["format"] == FORMAT,
            "it is not of the format this version reads",
        )
        strings = ("name", "architecture", "source", "licence")
        _require(all(isinstance(data[key], str) and len(data[key]) <= 2000 for key in strings), "a text entry is malformed")
        _require(data["architecture"] in ARCHITECTURES, "its architecture is unknown")
        _require(all(isinstance(data[key], dict) for key in ("config", "files", "tensors")), "an entry is not an object")
        _require(data["calibration"] is None or isinstance(data["calibration"], dict), "the calibration is not an object")
        _require("weights" in data["files"] and set(data["files"]) <= set(ROLES), "its list of files is malformed")
        return cls(
            name=data["name"],
            architecture=data["architecture"],
            config=data["config"],
            files={role: _stored_file(entry) for role, entry in data["files"].items()},
            tensors={name: _stored_tensor(entry) for name, entry in data["tensors"].items()},
            source=data["source"],
            licence=data["licence"],
            calibration=data["calibration"],
        )


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a model folder. WeightsError when there is none or it is not usable."""
    path = folder / MANIFEST_NAME
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_MANIFEST_BYTES + 1)
    except OSError as error:
        raise WeightsError("There are no weights here: the folder has no readable manifest.json.") from error
    _require(len(raw) <= MAX_MANIFEST_BYTES, "it is too large")
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise WeightsError("The weights' manifest is not JSON; import or download the weights again.") from error
    return Manifest.from_json(data)


def sha256_of(path: Path) -> str:
    """Hex digest of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _require(ok: bool, what: str) -> None:
    if not ok:
        raise WeightsError(f"The weights' manifest cannot be used: {what}.")


def _stored_file(entry: Any) -> StoredFile:
    _require(isinstance(entry, dict) and set(entry) == {"name", "bytes", "sha256"}, "a file entry is malformed")
    name, size, sha256 = entry["name"], entry["bytes"], entry["sha256"]
    _require(isinstance(name, str) and _FILE_NAME.fullmatch(name) is not None, "a file name is not a plain name")
    _require(type(size) is int and 0 <= size <= MAX_WEIGHTS_BYTES, "a file size is out of range")
    _require(isinstance(sha256, str) and _SHA256.fullmatch(sha256) is not None, "a digest is malformed")
    return StoredFile(name, size, sha256)


def _stored_tensor(entry: Any) -> StoredTensor:
    _require(isinstance(entry, dict) and set(entry) == {"shape", "dtype"}, "a tensor entry is malformed")
    shape, dtype = entry["shape"], entry["dtype"]
    sizes = isinstance(shape, list) and len(shape) <= 8 and all(type(n) is int and 0 <= n < 2**31 for n in shape)
    _require(sizes and dtype in DTYPES, "a tensor's shape or type is not one that weights have")
    return StoredTensor(tuple(shape), dtype)
