"""Which findings belong to which region of the chest: what a question about an organ, and a heading of a report, ask for."""

from __future__ import annotations

from asap.text.statements import WORDINGS
from asap.text.vocabulary import FINDINGS, ancestors

# Regions a finding is told under beside the one its place says.
_ALSO_IN: dict[str, tuple[str, ...]] = {
    "bronchiectasis": ("lung",),
    "pericardial_effusion": ("heart", "mediastinum"),
    "coronary_calcification": ("heart",),
    "arterial_calcification": ("mediastinum", "great_vessels"),
    "aortic_aneurysm": ("mediastinum", "great_vessels"),
    "lymphadenopathy": ("mediastinum", "hilum"),
    "hiatal_hernia": ("esophagus", "mediastinum", "stomach"),
    "fracture": ("rib", "bone"),
    "bone_lesion": ("vertebra", "spine", "rib", "bone"),
    "pleural_effusion": ("pleura",),
}
_SAME_REGION = {"main_bronchi": "airway", "trachea": "airway", "lingula": "upper_lobe", "artery": "great_vessels"}


def findings_of_region(anatomy: str) -> tuple[str, ...]:
    """Concepts looked for in a region (key of ANATOMY), in the order of WORDINGS; empty where none is."""
    wanted = {anatomy, _SAME_REGION.get(anatomy, anatomy)}
    lobe = "lung" in ancestors(anatomy)[1:]  # a part of the lung holds what the lung does
    if lobe:
        wanted.add("lung")
    return tuple(concept for concept in WORDINGS if wanted & _regions(concept))


def _regions(concept: str) -> frozenset[str]:
    usual = FINDINGS[concept].anatomy
    chain = ancestors(usual) if usual is not None else ()
    return frozenset((*chain, *_ALSO_IN.get(concept, ())))
