"""Whether a place lies on the side its sentence names."""

from __future__ import annotations

from asap.grounding import SideCheck
from asap.lungs import LungMasks
from asap.report import Sentence


def side_check(lungs: LungMasks, sentence: Sentence, peak: tuple[float, float, float]) -> SideCheck:
    """Whether the peak lies on the side the sentence names, judged by the classical lung masks and not by the model."""
    if sentence.laterality not in ("left", "right"):
        return "not applicable"
    side = lungs.side_of(peak)
    if side is None:
        return "not applicable"
    return "agrees" if side == sentence.laterality else "disagrees"
