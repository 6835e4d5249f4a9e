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

SECTIONS_WITHOUT_PLACE = frozenset({"technique", "comparison", "clinical_information", "examination", "recommendation"})
# fmt: off
_INDEX = PatternIndex((
    ("aside", (
        "recommend*", "is|are advised", "suggested follow", "follow up", "correlat*", "technique", "comparison",
        "compared ~2 previous|prior", "contrast ~3 administ*", "section thickness", "slice thickness", "axial plane",
        "clinical information|history|data", "could|can|cannot|not ~3 evaluated|assessed",
        "limited ~2 evaluation|study|examination",
        "motion artifact", "images|image were|was", "multiplanar", "reconstruct*", "without contrast", "suboptimal*",
        "image ~2 obtained|acquired|taken", "evaluation ~2 limited", "was|were performed", "examined ~3 window", "dictated",
        "thank you")),
    ("history", ("history of", "known", "clinical history", "patient with", "case of", "operated for", "follow up for",
     "indication", "rule out", "evaluate for")),
))
# fmt: on


def localisable(section: str, reading: Reading) -> tuple[bool, str | None]:
    """(whether there is a place to show, reason where there is none) of one sentence."""
    stated = [finding for finding in reading.findings if finding.assertion != "absent"]
    if section in SECTIONS_WITHOUT_PLACE or _only_tells_of(reading, stated):
        return False, NOTHING_TO_SHOW
    denied = any(cue.key.startswith("absent") for cue in reading.cues.matches)
    in_chest = any(ANATOMY[place.anatomy].chest for place in reading.places)
    normal_organ = in_chest and bool(normal_positions(reading.tokens))
    if any(_has_place(finding) for finding in stated) or normal_organ:
        return True, None
    if not stated and (reading.findings or (denied and reading.places and not _asides(reading))):
        return False, ABSENT
    if in_chest and not stated and not _asides(reading):
        return True, None
    outside = (reading.places and not in_chest) or any(not FINDINGS[finding.concept].chest for finding in stated)
    return False, OUTSIDE_CHEST if outside else NOTHING_TO_SHOW


def _asides(reading: Reading) -> bool:
    return any(match.key == "aside" for match in _INDEX.find(reading.tokens))


def _only_tells_of(reading: Reading, stated: list[Finding]) -> bool:
    """A history ("History of lung cancer"), or advice about something merely suspected that names no place of its own."""
    if any(match.key == "history" and match.first <= 1 for match in _INDEX.find(reading.tokens)):
        return not any(place.anatomy not in {"lung", "breast", "bowel"} for place in reading.places)
    return not reading.places and _asides(reading) and all(finding.assertion == "uncertain" for finding in stated)


def _has_place(finding: Finding) -> bool:
    if not FINDINGS[finding.concept].chest:
        return False
    return finding.anatomy is not None and ANATOMY[finding.anatomy].chest
