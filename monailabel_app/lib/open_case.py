"""The case whose segments are being drawn: its voxels and features stay in memory for the next click, one case at a time."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from pathlib import Path

from asap.inference.engine import Engine
from asap.inference.features import StudyFeatures
from asap.io.read import read_volume
from asap.pause import Pause
from asap.volume import Volume
from monailabel_app.lib.stored_studies import Signature, signature


@dataclass(frozen=True, eq=False)
class Held:
    """One file's voxels and features."""

    path: Path
    volume: Volume
    features: StudyFeatures


class OpenCase:
    """The file of this machine that one engine's segmentation tasks worked on last. Methods may be called from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._held: tuple[Signature, Held] | None = None
        self._lock = threading.Lock()

    def known(self, path: Path) -> Held | None:
        """The case of a file when it is the open one and unchanged. Raises InputError when the file is gone."""
        now = signature(path)
        with self._lock:
            return self._held[1] if self._held is not None and self._held[0] == now else None

    def open(self, path: Path, *, private: bool, pause: Pause) -> Held:
        """Read (in the sandboxed child) and encode a file, or recall it. private: nobody else meets its features.

        pause: called meanwhile; what it raises ends it. Raises AsapError.
        """
        known = self.known(path)
        if known is not None:
            return known
        now = signature(path)
        volume = read_volume(path, pause)
        owner = secrets.token_hex(16) if private else None
        features = self._engine.encode(volume, owner=owner, between_blocks=pause)
        if owner is not None:
            self._engine.forget(owner)
        held = Held(path, volume, features)
        with self._lock:
            self._held = (now, held)
        return held

    def forget_missing(self) -> None:
        """Let the case go when its file is no longer there."""
        with self._lock:
            if self._held is not None and not self._held[1].path.exists():
                self._held = None
