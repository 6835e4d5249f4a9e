"""Encoded studies of files that lie on this machine: the second question about a file does not read it again."""

from __future__ import annotations

import os
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from asap.errors import InputError
from asap.inference.engine import Engine
from asap.inference.features import StudyFeatures
from asap.io.read import read_volume
from asap.pause import Pause, no_pause
from asap.volume import Affine

MAX_STUDIES = 16
Signature = tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True, eq=False)
class StoredStudy:
    """What an answer about a file needs: its features, and the file's own grid for label images."""

    features: StudyFeatures
    shape: tuple[int, int, int]
    affine: Affine


class StoredStudies:
    """The most recently used studies of one engine, by file signature (name, inode, size, time of change)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: OrderedDict[tuple[Signature, bool], StoredStudy] = OrderedDict()
        self._lock = threading.Lock()

    def known(self, path: Path, *, fine: bool) -> StoredStudy | None:
        """Recall a study that was encoded and whose file is unchanged. Raises InputError when the file is gone."""
        return self._recall((signature(path), fine))

    def encoded(self, path: Path, *, fine: bool, private: bool = False, pause: Pause = no_pause) -> StoredStudy:
        """Read (in the sandboxed child) and encode, or recall. pause: called meanwhile; what it raises ends it.

        private: a caller's own file; no other question meets its features, and `forget_missing` drops them with the file.
        Raises AsapError.
        """
        key = (signature(path), fine)
        known = self._recall(key)
        if known is not None:
            return known
        volume = read_volume(path, pause)
        owner = secrets.token_hex(16) if private else None
        features = self._engine.encode(volume, fine=fine, owner=owner, between_blocks=pause)
        if owner is not None:
            self._engine.forget(owner)
        study = StoredStudy(features, volume.shape, volume.affine)
        with self._lock:
            self._kept[key] = study
            while len(self._kept) > MAX_STUDIES:
                self._kept.popitem(last=False)
        return study

    def forget_missing(self) -> None:
        """Drop the studies of files that are no longer there."""
        with self._lock:
            for key in [key for key in self._kept if not all(Path(name).exists() for name, *_ in key[0])]:
                del self._kept[key]

    def _recall(self, key: tuple[Signature, bool]) -> StoredStudy | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)


def signature(path: Path) -> Signature:
    """What changes when a file, or a file of a folder, changes. Raises InputError when there is none."""
    try:
        entries = sorted(path.iterdir()) if path.is_dir() else [path]
        states = [(entry, entry.stat()) for entry in entries]
    except OSError as error:
        raise InputError("The image is no longer there.") from error
    return tuple((os.fspath(entry), state.st_ino, state.st_size, state.st_mtime_ns) for entry, state in states)
