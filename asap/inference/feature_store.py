"""Encoded cases on disk, so that a case opened yesterday is answered at once today.

One safetensors file a case: the features, the lung masks as bits, and a JSON record in the header with the checksum of the
whole file. The folder is private; file and folder names are digests. A file that is damaged, or is not what its name says, is
ignored and removed. Several processes may use one folder: every file is written whole under its final name (rule R8).
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np

from asap import __version__, limits
from asap.errors import OutputError
from asap.inference.feature_file import DamagedFeaturesError, features_from_bytes, features_to_bytes
from asap.inference.features import StudyFeatures, Triple
from asap.inference.grounder import Grounder
from asap.io.atomic import PART_PREFIX, PART_SUFFIX, atomic_writer
from asap.volume import Affine, Volume, apply_affine, corner_indices

SUFFIX = ".safetensors"
ABANDONED_AFTER_S = 3600.0  # the unfinished file of a process that was killed
CORNER_STEP_MM = 0.01  # geometries that round alike share a name; what is closer still is judged on the file's content


class FeatureStore:
    """A folder of encoded cases within a limit of bytes; the least recently used go first.

    owner: whose upload a case is. Each owner has a folder of their own; None is the folder all may share.
    Raises OutputError when the folder cannot be made or made private.
    """

    def __init__(self, folder: Path, max_bytes: int = limits.FEATURE_STORE_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        _make_private(folder)

    def find(self, ras: Volume, identity: str, settings: str, *, fine: bool, owner: str | None = None) -> StudyFeatures | None:
        """The features of this case (a volume in RAS order and its identity) under these settings, or None."""
        path = self._path(ras.affine, ras.shape, identity, settings, fine=fine, owner=owner)
        try:
            with path.open("rb") as file:
                data = file.read(limits.MAX_FEATURE_FILE_BYTES + 1)
            features = features_from_bytes(data, settings)
            if (features.identity, features.fine) != (identity, fine):
                raise DamagedFeaturesError
        except DamagedFeaturesError:
            with suppress(OSError):
                path.unlink()
            return None
        except OSError:
            return None
        if not features.belongs_to(ras):
            return None
        with suppress(OSError):
            os.utime(path)
        return features

    def add(self, features: StudyFeatures, settings: str, *, owner: str | None = None) -> None:
        """Keep a case. Raises OutputError when the disk refuses; what was there before is then intact."""
        path = self._path(features.ras_affine, features.ras_shape, features.identity, settings, fine=features.fine, owner=owner)
        data = features_to_bytes(features, settings)
        if len(data) > min(self._max_bytes, limits.MAX_FEATURE_FILE_BYTES):
            raise OutputError("The encoded case is larger than the space it may take on disk; it was not kept there.")
        _make_private(path.parent)
        with atomic_writer(path, "encoded case") as file:
            if os.name == "posix":
                os.fchmod(file.fileno(), 0o600)
            file.write(data)
        self._evict(keep=path)

    def forget(self, owner: str, identity: str | None = None) -> None:
        """Remove an owner's case (by its identity), or all of an owner's cases."""
        folder = self._folder / owner_digest(owner)
        for path in _entries(folder, f"{_digest(identity)}-*" if identity is not None else "*"):
            path.unlink(missing_ok=True)
        if identity is None:
            with suppress(OSError):
                folder.rmdir()

    def forget_all_owners(self) -> None:
        """Remove the uploads of sessions that a crash left behind; call it before the first session opens."""
        for folder in _entries(self._folder, "*"):
            if folder.is_dir() and folder.name != owner_digest(None):
                for path in _entries(folder, "*"):
                    path.unlink(missing_ok=True)
                with suppress(OSError):
                    folder.rmdir()

    def _path(self, affine: Affine, shape: Triple, identity: str, settings: str, *, fine: bool, owner: str | None) -> Path:
        corners = np.rint(apply_affine(affine, corner_indices(shape)) / CORNER_STEP_MM).astype(np.int64)
        rest = _digest(f"{corners.tolist()} {settings} {fine}")
        return self._folder / owner_digest(owner) / f"{_digest(identity)}-{rest}{SUFFIX}"

    def _evict(self, keep: Path) -> None:
        """Remove the oldest until the limit holds, and what killed processes left unfinished."""
        found = []
        for path in (p for folder in _entries(self._folder, "*") for p in _entries(folder, "*")):
            with suppress(OSError):
                facts = path.stat()
                found.append((facts.st_mtime, facts.st_size, path))
        total = sum(size for _, size, path in found)
        for mtime, size, path in sorted(found):
            unfinished = path.name.startswith(PART_PREFIX) and path.name.endswith(PART_SUFFIX)
            abandoned = unfinished and time.time() - mtime > ABANDONED_AFTER_S
            too_much = total > self._max_bytes and path.suffix == SUFFIX and path != keep
            if abandoned or too_much:
                with suppress(OSError):
                    path.unlink()
                total -= size


def owner_digest(owner: str | None) -> str:
    """The name of an owner's folder; nothing can be learnt from it."""
    return _digest("shared" if owner is None else f"owner {owner}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _entries(folder: Path, pattern: str) -> list[Path]:
    """What is in a folder; nothing when it has gone."""
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise OutputError("The folder for encoded cases cannot be made or made private; name another one.") from error


def settings_digest(grounder: Grounder) -> str:
    """What features depend on besides the case: weights, heads, grid, and the version of the code that computes them."""
    settings = {"weights": grounder.weights_sha256, "grid": asdict(grounder.grid), "asap": __version__}
    if grounder.finding_head is not None:
        settings["finding_head"] = grounder.finding_head.weights_sha256
    if grounder.nodule_scorer is not None:
        settings["nodule_scorer"] = grounder.nodule_scorer.weights_sha256
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
