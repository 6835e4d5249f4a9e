"""Readers of presence for one model's cases: what does not change from case to case is made once, maps once per case."""

from __future__ import annotations

from threading import Lock
from weakref import WeakKeyDictionary

from torch import Tensor

from asap.inference.features import StudyFeatures
from asap.inference.finding_curves import Curves
from asap.inference.finding_maps import FindingMaps, FindingRows
from asap.inference.grounder import Grounder
from asap.inference.presence import PresenceReader

KEPT_CASES = 2  # 3 MB each


class FindingReaders:
    """Maps of the cases asked about last are kept while their features are: a second question costs a tenth of the first."""

    def __init__(self, grounder: Grounder, curves: Curves) -> None:
        self._grounder, self._curves = grounder, curves
        self._rows: FindingRows | None = None
        self._maps: WeakKeyDictionary[StudyFeatures, dict[str, Tensor]] = WeakKeyDictionary()
        self._lock = Lock()

    def rows(self) -> FindingRows:
        """Rows of the findings' statements, made once."""
        if self._rows is None:
            self._rows = FindingRows.of(self._grounder)
        return self._rows

    def maps(self, features: StudyFeatures) -> FindingMaps:
        """Evidence for every finding, cell by cell."""
        with self._lock:
            known = self._maps[features] = self._maps.pop(features, {})
            while len(self._maps) > KEPT_CASES:
                del self._maps[next(iter(self._maps))]
        return FindingMaps(self._grounder, self.rows(), features, known)

    def of(self, features: StudyFeatures) -> PresenceReader:
        """What tells which findings are there."""
        return PresenceReader(self.maps(features), self._curves)
