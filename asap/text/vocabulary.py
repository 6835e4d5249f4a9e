"""The two vocabularies of the report reader: what can be found (FINDINGS) and where (ANATOMY)."""

from __future__ import annotations

from asap.text.anatomy_vocabulary import ANATOMY, AnatomyEntry
from asap.text.entries import FindingEntry
from asap.text.findings_elsewhere import OTHER_FINDINGS
from asap.text.findings_lung import LUNG_FINDINGS
from asap.text.findings_mediastinum import MEDIASTINAL_FINDINGS

__all__ = ["ANATOMY", "FINDINGS", "AnatomyEntry", "FindingEntry", "ancestors"]

FINDINGS: dict[str, FindingEntry] = {**LUNG_FINDINGS, **MEDIASTINAL_FINDINGS, **OTHER_FINDINGS}


def ancestors(anatomy: str) -> tuple[str, ...]:
    """`anatomy` and every larger place it lies in, from small to large ("lingula", "upper_lobe", "lung")."""
    chain = [anatomy]
    while (parent := ANATOMY[chain[-1]].part_of) is not None:
        chain.append(parent)
    return tuple(chain)
