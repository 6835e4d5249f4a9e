"""Which CT window a sentence is looked at in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asap.report import Sentence
from asap.text.vocabulary import ANATOMY, FINDINGS, ancestors


@dataclass(frozen=True)
class Window:
    """A CT window: grey runs from `level_hu` - half the width to `level_hu` + half the width."""

    name: str
    level_hu: float
    width_hu: float

    def grey(self, hu: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values 0 (black) to 1 (white), same shape."""
        low = self.level_hu - self.width_hu / 2
        return np.clip((hu - np.float32(low)) / np.float32(self.width_hu), 0, 1).astype(np.float32)


LUNG = Window("Lung", -600.0, 1500.0)
SOFT_TISSUE = Window("Soft tissue", 40.0, 400.0)
BONE = Window("Bone", 400.0, 1800.0)

LUNG_PLACES = frozenset({"lung", "airway", "trachea", "main_bronchi"})
LUNG_FINDINGS = frozenset({"pneumothorax", "pneumomediastinum", "subcutaneous_emphysema", "pneumoperitoneum"})


def window_for(sentence: Sentence) -> Window:
    """The window a radiologist would choose: by the finding's own place first, then by the anatomy the sentence names."""
    for finding in sentence.findings:
        if finding.concept in LUNG_FINDINGS:
            return LUNG
        entry = FINDINGS.get(finding.concept)
        keeps = entry is not None and entry.keeps_place
        place = (entry.anatomy if entry and keeps else None) or finding.anatomy or (entry.anatomy if entry else None)
        if place is not None:
            return _window_of(place)
    return _window_of(sentence.anatomy[0]) if sentence.anatomy else LUNG


def _window_of(anatomy: str) -> Window:
    if anatomy not in ANATOMY:
        return SOFT_TISSUE
    chain = ancestors(anatomy)
    if LUNG_PLACES.intersection(chain):
        return LUNG
    return BONE if "bone" in chain else SOFT_TISSUE
