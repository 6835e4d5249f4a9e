"""The encoded cases of the open studies, within a limit of bytes. An upload's features belong to its own study alone."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace

from asap.inference.features import StudyFeatures
from monailabel_app.server.studies import Study

Key = tuple[str, str, bool]


class FeatureShelf:
    """Features by (study, model, fine), the least recently used ones going first. Safe to share between threads."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[Key, StudyFeatures] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, study: Study, model: str, *, fine: bool) -> StudyFeatures | None:
        """Features of a study, or None. The first field of view of a fine encoding is the plain one."""
        with self._lock:
            found = self._touched((study.id, model, fine))
            if found is None and not fine:
                found = self._touched((study.id, model, True))
                found = None if found is None else replace(found, windows=found.windows[:1])
            return found

    def add(self, study: Study, model: str, features: StudyFeatures) -> bool:
        """Keep the features of a study; False when it was released meanwhile."""
        with self._lock:
            if study.closed:
                return False
            self._kept[(study.id, model, features.fine)] = features
            while len(self._kept) > 1 and self._bytes() > self._max_bytes:
                self._kept.popitem(last=False)
            return True

    def encoded(self, study: Study) -> list[tuple[str, bool]]:
        """(model, fine) pairs of a study that answer at once."""
        with self._lock:
            return [(model, fine) for owner, model, fine in self._kept if owner == study.id]

    @property
    def bytes(self) -> int:
        """Memory of all that is kept."""
        with self._lock:
            return self._bytes()

    def drop(self, study: Study) -> list[tuple[str, StudyFeatures]]:
        """Forget a study that was released; returns what was kept of it, by model."""
        with self._lock:
            return [(key[1], self._kept.pop(key)) for key in list(self._kept) if key[0] == study.id]

    def drop_others(self, study: Study) -> None:
        """Forget every other study, when memory is short."""
        with self._lock:
            for key in [key for key in self._kept if key[0] != study.id]:
                del self._kept[key]

    def _bytes(self) -> int:
        return sum(kept.bytes for kept in self._kept.values())

    def _touched(self, key: Key) -> StudyFeatures | None:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)
