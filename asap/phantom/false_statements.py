"""Sentences that assert what a generated case does not show: negatives, so that absence means something."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asap.phantom.canvas import PlacedFinding
from asap.phantom.grammar import fill, names_place
from asap.phantom.sentences import (
    LOBES_OF_SIDE,
    LUNG_CONCEPTS,
    PLEURAL_CONCEPTS,
    Generator,
    PhantomSentence,
    deniable,
    fitting_frame,
    of_concept,
    wording,
)
from asap.report import Side

# Their regions never cross a fissure, so that "not in this lobe" is certain.
LOBAR_CONCEPTS = frozenset({"nodule", "calcified_nodule", "ground_glass", "consolidation", "cavity", "bulla", "bronchiectasis"})
SIDES: tuple[Side, Side] = ("left", "right")


def false_queries(
    findings: Sequence[PlacedFinding], rng: Generator, count: int, *, held_out: bool = False
) -> tuple[PhantomSentence, ...]:
    """Sentences that assert what is not there: a finding the case lacks, or one on the side that is free of it; no region."""
    present = {finding.concept for finding in findings}
    missing = deniable(present)
    swaps = _wrong_places(findings, present)
    out = []
    for _ in range(count):
        if swaps and rng.random() < 0.4:
            concept, side, lobe = swaps[int(rng.integers(len(swaps)))]
            out.append(_false_sentence(concept, side, lobe, rng, held_out))
        else:
            out.append(_false_sentence(str(rng.choice(missing)), None, None, rng, held_out))
    return tuple(out)


def _wrong_places(findings: Sequence[PlacedFinding], present: set[str]) -> list[tuple[str, Side, str | None]]:
    """(concept, side, lobe or None for the whole lung) where a concept that is present elsewhere is not."""
    out: list[tuple[str, Side, str | None]] = []
    for concept in sorted(present & (LUNG_CONCEPTS | PLEURAL_CONCEPTS)):
        same = [findings[n] for n in of_concept(findings, concept)]
        for side in SIDES:
            here = [finding for finding in same if finding.side in (side, "bilateral", None)]
            if not here:
                out.append((concept, side, None))
            elif concept in LOBAR_CONCEPTS and all(finding.anatomy for finding in here):
                taken = {finding.anatomy for finding in here}
                out.extend((concept, side, lobe) for lobe in LOBES_OF_SIDE[side] if lobe not in taken)
    return out


def _false_sentence(concept: str, side: Side | None, lobe: str | None, rng: Generator, held_out: bool) -> PhantomSentence:
    """A statement about a place where the concept is not, or without `side` about a concept that is nowhere."""
    must_place, paired = side is not None, concept in LUNG_CONCEPTS | PLEURAL_CONCEPTS
    if side is None and paired and rng.random() < 0.6:
        side = SIDES[int(rng.integers(2))]
    if lobe is None and concept in LUNG_CONCEPTS and rng.random() < 0.6 and (side is not None or not must_place):
        lobe = str(rng.choice(LOBES_OF_SIDE[side or "right"]))
    anatomy = {"bone_lesion": "spine", "fracture": "ribs"}.get(concept, lobe)
    size = float(rng.uniform(8, 40)) if rng.random() < 0.3 else None
    invented = PlacedFinding(concept, side, anatomy, size, np.zeros((0, 0, 0), dtype=np.bool_), 0.0)
    slots, frames = wording(invented, rng, side=side, lobe=lobe, size_mm=size, modifiers=(), plural=False)
    frame = fitting_frame(rng, frames, slots, held_out, must_place)
    stated, stated_lobe = (side, lobe) if names_place(frame) else (None, None)
    return PhantomSentence(fill(rng, frame, slots), concept, "present", stated, stated_lobe, None)
