"""Sentences this package says itself: a finding stated at a place, denied, or asked for; every one reads back as what it says.

Used where an answer has to become a sentence: questions are grounded as statements, drafted reports are made of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from asap.report import Side
from asap.text.vocabulary import FINDINGS, ancestors

Seat = Literal["lung", "pleura", "rib", "none"]
Section = Literal["Lungs", "Pleura", "Airways", "Heart", "Vessels", "Mediastinum", "Bones", "Upper abdomen", "Devices"]


@dataclass(frozen=True)
class Wording:
    """How one finding is said.

    name: the term with its article where it has one. plural: the same for several. seat: how its place is named. section: the
    organ of a report it belongs to. others: further terms, so that an answer does not hang on one wording.
    """

    name: str
    plural: str
    seat: Seat
    section: Section
    others: tuple[str, ...] = ()


# fmt: off
WORDINGS: dict[str, Wording] = {
    "nodule": Wording("a nodule", "nodules", "lung", "Lungs", ("a pulmonary nodule", "a nodular opacity")),
    "mass": Wording("a mass", "masses", "lung", "Lungs", ("a lung mass", "a tumor")),
    "consolidation": Wording("consolidation", "consolidations", "lung", "Lungs",
                             ("airspace consolidation", "pneumonic consolidation")),
    "ground_glass": Wording("a ground-glass opacity", "ground-glass opacities", "lung", "Lungs",
                            ("ground glass density", "a ground-glass area")),
    "atelectasis": Wording("atelectasis", "bands of atelectasis", "lung", "Lungs",
                           ("an atelectatic band", "subsegmental atelectasis")),
    "emphysema": Wording("emphysema", "emphysema", "lung", "Lungs", ("emphysematous change", "centrilobular emphysema")),
    "bulla": Wording("a bulla", "bullae", "lung", "Lungs", ("a bleb",)),
    "cavity": Wording("a cavity", "cavities", "lung", "Lungs", ("a cavitary lesion", "a thick-walled cavity")),
    "calcified_nodule": Wording("a calcified nodule", "calcified nodules", "lung", "Lungs", ("a calcified granuloma",)),
    "tree_in_bud": Wording("a tree-in-bud pattern", "tree-in-bud patterns", "lung", "Lungs", ()),
    "fibrosis": Wording("fibrosis", "fibrotic changes", "lung", "Lungs", ("fibrotic change", "pulmonary fibrosis")),
    "septal_thickening": Wording("interlobular septal thickening", "interlobular septal thickening", "lung", "Lungs",
                                 ("thickening of the interlobular septa",)),
    "mosaic_attenuation": Wording("mosaic attenuation", "mosaic attenuation", "lung", "Lungs", ("a mosaic attenuation pattern",)),
    "bronchiectasis": Wording("bronchiectasis", "bronchiectasis", "lung", "Airways", ("bronchiectatic change",)),
    "pleural_effusion": Wording("pleural effusion", "pleural effusions", "pleura", "Pleura", ("pleural fluid",)),
    "pneumothorax": Wording("pneumothorax", "pneumothorax", "pleura", "Pleura", ()),
    "pleural_thickening": Wording("pleural thickening", "pleural thickening", "pleura", "Pleura", ()),
    "pleural_plaque": Wording("pleural plaque", "pleural plaques", "pleura", "Pleura", ("calcified pleural plaque",)),
    "cardiomegaly": Wording("cardiomegaly", "cardiomegaly", "none", "Heart", ("an enlarged heart",)),
    "pericardial_effusion": Wording("pericardial effusion", "pericardial effusion", "none", "Heart", ("pericardial fluid",)),
    "coronary_calcification": Wording("coronary artery calcification", "coronary artery calcifications", "none", "Vessels",
                                      ("calcified coronary plaque",)),
    "arterial_calcification": Wording("aortic calcification", "aortic calcifications", "none", "Vessels",
                                      ("calcified aortic plaque", "calcification of the aortic wall")),
    "aortic_aneurysm": Wording("an aortic aneurysm", "aortic aneurysms", "none", "Vessels",
                               ("aneurysmal dilatation of the aorta",)),
    "lymphadenopathy": Wording("lymphadenopathy", "enlarged lymph nodes", "none", "Mediastinum",
                               ("enlarged lymph nodes", "mediastinal lymphadenopathy")),
    "mediastinal_mass": Wording("a mediastinal mass", "mediastinal masses", "none", "Mediastinum",
                                ("a mass in the mediastinum",)),
    "hiatal_hernia": Wording("a hiatal hernia", "hiatal hernias", "none", "Mediastinum", ("a sliding hiatal hernia",)),
    "bone_lesion": Wording("a bone lesion", "bone lesions", "none", "Bones", ("an osseous lesion",)),
    "fracture": Wording("a rib fracture", "rib fractures", "rib", "Bones", ("a fracture",)),
    "liver_lesion": Wording("a hypodense liver lesion", "hypodense liver lesions", "none", "Upper abdomen",
                            ("a focal lesion in the liver",)),
    "medical_material": Wording("a central venous catheter", "catheters", "none", "Devices",
                                ("a pacemaker", "a chest tube", "a feeding tube")),
}
# fmt: on
LOBES: dict[Side, tuple[str, ...]] = {
    "left": ("upper_lobe", "lower_lobe"),
    "right": ("upper_lobe", "middle_lobe", "lower_lobe"),
}


def place_words(seat: Seat, side: Side | None, lobe: str | None = None) -> str:
    """ " in the right upper lobe", " in both lungs", " on the left"; empty where no place is said."""
    if seat == "lung":
        if side == "bilateral":
            return " in both lungs" if lobe is None else f" in both {lobe.replace('_', ' ')}s"
        if side is None:
            return "" if lobe is None else f" in the {lobe.replace('_', ' ')}"
        return f" in the {side} lung" if lobe is None else f" in the {side} {lobe.replace('_', ' ')}"
    if seat in ("pleura", "rib") and side is not None:
        return " on both sides" if side == "bilateral" else f" on the {side}"
    return ""


def statement(
    concept: str, side: Side | None = None, lobe: str | None = None, size_mm: float | None = None, *, several: bool = False
) -> str:
    """ "There is a 12 mm nodule in the right upper lobe." Raises KeyError for a concept that has no wording."""
    wording = WORDINGS[concept]
    name = wording.plural if several else wording.name
    verb = "are" if several and name.endswith("s") and not name.endswith("is") else "is"
    if size_mm is not None and not several:
        name = _sized(name, size_mm)
    return f"There {verb} {name}{place_words(wording.seat, side, lobe)}."


def wordings_of(concept: str, side: Side | None = None, lobe: str | None = None) -> tuple[str, ...]:
    """The statement in every wording this package knows for the finding."""
    wording = WORDINGS[concept]
    where = place_words(wording.seat, side, lobe)
    return tuple(f"There is {name}{where}." for name in (wording.name, *wording.others))


def denial(concept: str, side: Side | None = None) -> str:
    """ "No pleural effusion." """
    wording = WORDINGS[concept]
    return f"No {_without_article(wording.name)}{place_words(wording.seat, side)}."


def term_of(concept: str) -> str:
    """The finding's name without an article ("ground-glass opacity"); of a concept without a wording its key in words."""
    wording = WORDINGS.get(concept)
    return concept.replace("_", " ") if wording is None else _without_article(wording.name)


def in_lung(concept: str) -> bool:
    """Whether the finding lies in the lung itself."""
    anatomy = FINDINGS[concept].anatomy
    return anatomy is not None and "lung" in ancestors(anatomy)


def _without_article(name: str) -> str:
    return name.removeprefix("a ").removeprefix("an ")


def _sized(name: str, size_mm: float) -> str:
    """ "a 12 mm nodule": an article fits the number, and a name without one gets none."""
    size = f"{max(1, round(size_mm))} mm"
    bare = _without_article(name)
    if bare == name:
        return f"{bare} of {size}"
    article = "an" if size.startswith(("8", "11 ", "18 ")) else "a"
    return f"{article} {size} {bare}"
