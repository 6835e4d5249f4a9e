"""What the findings vocabulary says of one finding, and what general words ("nodule", "calcification") mean at which place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FindingEntry:
    """One finding.

    patterns: how it is said. anatomy: where it is when the sentence names no place (key of ANATOMY), or None.
    chest: whether a chest CT shows its place. ctrate: the CT-RATE label it stands for, or None.
    becomes: (anatomy, concept) pairs: the general word at that place is the special finding ("nodule" at "thyroid").
    keeps_place: the default anatomy holds whatever else the sentence names (an effusion "in the right lung" is pleural).
    vague: a word so general that it is left out beside any other finding, and is no finding where it "is normal" ("density").
    """

    patterns: tuple[str, ...]
    anatomy: str | None = None
    chest: bool = True
    ctrate: str | None = None
    becomes: tuple[tuple[str, str], ...] = ()
    keeps_place: bool = False
    vague: bool = False


ORGAN_LESIONS = (
    ("thyroid", "thyroid_nodule"), ("liver", "liver_lesion"), ("adrenal", "adrenal_lesion"), ("kidney", "kidney_lesion"),
    ("spleen", "spleen_lesion"), ("pancreas", "pancreas_lesion"), ("breast", "breast_lesion"), ("axilla", "soft_tissue_lesion"),
    ("bone", "bone_lesion"), ("pleura", "pleural_nodule"), ("chest_wall", "soft_tissue_lesion"),
    ("soft_tissue", "soft_tissue_lesion"), ("muscle", "soft_tissue_lesion"), ("gallbladder", "abdominal_lesion"),
    ("bowel", "abdominal_lesion"), ("abdomen", "abdominal_lesion"), ("bladder", "abdominal_lesion"),
)  # fmt: skip
MASSES = (("mediastinum", "mediastinal_mass"), ("thymus", "mediastinal_mass"), *ORGAN_LESIONS)
CALCIFICATIONS = (
    ("coronary_arteries", "coronary_calcification"), ("valve", "valve_calcification"), ("aorta", "arterial_calcification"),
    ("artery", "arterial_calcification"), ("great_vessels", "arterial_calcification"), ("pleura", "pleural_plaque"),
    ("lymph_node", "calcified_lymph_node"), ("hilum", "calcified_lymph_node"), ("pericardium", "pericardial_thickening"),
    ("thyroid", "thyroid_nodule"), ("liver", "liver_lesion"),
)  # fmt: skip
