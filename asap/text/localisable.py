"""Whether a sentence has a place to show, and, where it has none, the reason in words a reader understands."""

from __future__ import annotations

from asap.report import Finding
from asap.text.mentions import Reading
from asap.text.normality import normal_positions
from asap.text.patterns import PatternIndex
from asap.text.vocabulary import ANATOMY, FINDINGS

ABSENT = "States that something is absent."
NOTHING_TO_SHOW = "Names nothing that has a place in the image."
OUTSIDE_CHEST = "Speaks of an organ a chest CT does not show well."

_SECTIONS_WITHOUT_PLACE = frozenset({"technique", "comparison", "clinical_information", "examination", "recommendation"})
_INDEX = PatternIndex((
    ("aside", (
        "recommend*", "is|are advised", "suggested follow", "follow up", "correlat*", "technique", "comparison",
        "compared ~2 previous|prior",
        "comparison none", "contrast ~3 administ*", "section thickness", "slice thickness", "axial plane",
        "clinical information|history|data",
        "could not ~3 evaluated", "cannot ~3 evaluated|assessed", "not ~2 evaluated", "limited ~2 evaluation|study|examination",
        "motion artifact", "history of", "images|image were|was", "multiplanar", "reconstruct*", "without contrast",
        "suboptimal*",
        "image ~2 obtained|acquired|taken", "evaluation ~2 limited", "was|were performed", "examined ~3 window", "dictated",
        "thank you")),
))  # fmt: skip


def localisable(section: str, reading: Reading) -> tuple[bool, str | None]:
    """(whether there is a place to show, reason where there is none) of one sentence."""
    if section in _SECTIONS_WITHOUT_PLACE:
        return False, NOTHING_TO_SHOW
    stated = [finding for finding in reading.findings if finding.assertion != "absent"]
    in_chest = any(ANATOMY[place.anatomy].chest for place in reading.places)
    aside = bool(_INDEX.find(reading.tokens))
    denied = any(cue.key.startswith("absent") for cue in reading.cues.matches)
    names_organ_only = in_chest and not reading.findings and not aside and not denied
    normal_organ = in_chest and bool(normal_positions(reading.tokens))
    if aside and not reading.places and all(finding.assertion == "uncertain" for finding in stated):
        return False, NOTHING_TO_SHOW
    if any(_has_place(finding) for finding in stated) or normal_organ or names_organ_only:
        return True, None
    if (reading.findings and not stated) or (denied and reading.places and not aside):
        return False, ABSENT
    if (reading.places or stated) and not in_chest:
        return False, OUTSIDE_CHEST
    return False, NOTHING_TO_SHOW


def _has_place(finding: Finding) -> bool:
    if not FINDINGS[finding.concept].chest:
        return False
    return finding.anatomy is not None and ANATOMY[finding.anatomy].chest
