"""The two vocabularies of the report reader: what can be found (FINDINGS) and where (ANATOMY)."""

from __future__ import annotations

from asap.text.anatomy_vocabulary import ANATOMY, AnatomyEntry
from asap.text.finding_vocabulary import FINDINGS, FindingEntry

__all__ = ["ANATOMY", "FINDINGS", "AnatomyEntry", "FindingEntry", "ancestors"]


def ancestors(anatomy: str) -> tuple[str, ...]:
    """`anatomy` and every larger place it lies in, from small to large ("lingula", "upper_lobe", "lung")."""
    chain = [anatomy]
    while (parent := ANATOMY[chain[-1]].part_of) is not None:
        chain.append(parent)
    return tuple(chain)
