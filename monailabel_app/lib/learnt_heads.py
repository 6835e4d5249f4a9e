"""The heads this server's users have taught: loaded at start, exchanged when a run made a better one."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from typing import Any

from asap.errors import AsapError, InputError
from asap.inference.learnt_labels import LearntLabels, read_learnt
from asap.inference.next_case import CaseScore
from asap.io.atomic import write_bytes
from monailabel_app.lib.datastores import Datastore
from monailabel_app.lib.training import training_folder

SCORES, OUTCOME = "scores.json", "outcome.json"
LOG = logging.getLogger("monailabel_app")


class LearntHead:
    """One model's head and what its last run said of the cases. Methods may be called from any thread."""

    def __init__(self, model: str, trunk_sha256: str, datastore: Datastore) -> None:
        self._trunk_sha256 = trunk_sha256
        self._lock = threading.Lock()
        self._head: LearntLabels | None = None
        try:
            self._folder: Path | None = training_folder(datastore) / model
        except InputError:
            self._folder = None
        self.reload()

    def reload(self) -> None:
        """Take up the head that lies in the folder, if one does that reads this trunk's features."""
        head = None
        if self._folder is not None and (self._folder / "head").is_dir():
            try:
                head = read_learnt(self._folder / "head")
            except AsapError:
                LOG.warning("a learnt head could not be read and is not offered")
        with self._lock:
            self._head = head if head is not None and head.trunk_sha256 == self._trunk_sha256 else None

    def finished(self, outcome: dict[str, Any]) -> None:
        """A run came to its end: keep what it said, and take up its head."""
        if self._folder is not None:
            write_bytes(self._folder / OUTCOME, json.dumps(outcome).encode(), "outcome")
        self.reload()

    @property
    def head(self) -> LearntLabels | None:
        """The head in use; None before the first run."""
        with self._lock:
            return self._head

    def last_outcome(self) -> dict[str, Any]:
        """Of the last finished run; empty when there was none."""
        return _json(self._folder, OUTCOME)

    def scores(self) -> dict[str, CaseScore]:
        """What the last run said of each image, by its file's name."""
        rows = _json(self._folder, SCORES)
        return {name: CaseScore(float(row["uncertainty"]), tuple(row["feature"])) for name, row in rows.items()}


def _json(folder: Path | None, name: str) -> dict[str, Any]:
    try:
        read: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8")) if folder is not None else {}
    except (OSError, ValueError):
        return {}
    return read
