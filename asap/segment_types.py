"""What can be segmented: key, label, colour and the DICOM codes of PS3.16 that a SEG, a Slicer segment and a label map carry.

SNOMED CT codes as in DICOM's CID 7150/7151 (categories, property types) and CID 244 (laterality); ground-glass opacity, for
which SNOMED CT has no morphology, is RadLex's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from asap.errors import InputError

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Code:
    """One entry of a coding scheme, as DICOM writes it."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True)
class SegmentType:
    """A kind of segment. colour: red, green, blue, 0 to 255. modifier: its side.

    region, region_modifier: the organ a lesion of this kind lies in, and that organ's side where it is known.
    """

    key: str
    label: str
    colour: Colour
    category: Code
    type: Code
    modifier: Code | None = None
    region: Code | None = None
    region_modifier: Code | None = None


def _sct(value: str, meaning: str) -> Code:
    return Code(value, "SCT", meaning)


ANATOMY = _sct("123037004", "Anatomical Structure")
MORPHOLOGY = _sct("49755003", "Morphologically Altered Structure")
LEFT, RIGHT = _sct("7771000", "Left"), _sct("24028007", "Right")
LUNG, PLEURA = _sct("39607008", "Lung"), _sct("3120008", "Pleura")
UPPER_LOBE, LOWER_LOBE = _sct("45653009", "Upper lobe of lung"), _sct("90572001", "Lower lobe of lung")


def _organ(key: str, label: str, colour: Colour, code: Code, side: Code | None = None) -> SegmentType:
    return SegmentType(key, label, colour, ANATOMY, code, side)


def _lesion(key: str, label: str, colour: Colour, code: Code, region: Code | None = LUNG) -> SegmentType:
    return SegmentType(key, label, colour, MORPHOLOGY, code, None, region)


ORGANS: dict[str, SegmentType] = {
    kind.key: kind
    for kind in (
        _organ("right_lung", "Right lung", (110, 184, 209), LUNG, RIGHT),
        _organ("left_lung", "Left lung", (88, 140, 200), LUNG, LEFT),
        _organ("right_upper_lobe", "Right upper lobe", (172, 138, 115), UPPER_LOBE, RIGHT),
        _organ("right_middle_lobe", "Right middle lobe", (202, 164, 140), _sct("72481006", "Middle lobe of right lung")),
        _organ("right_lower_lobe", "Right lower lobe", (224, 186, 162), LOWER_LOBE, RIGHT),
        _organ("left_upper_lobe", "Left upper lobe", (140, 190, 150), UPPER_LOBE, LEFT),
        _organ("left_lower_lobe", "Left lower lobe", (170, 220, 180), LOWER_LOBE, LEFT),
        _organ("heart", "Heart", (206, 110, 84), _sct("80891009", "Heart")),
        _organ("aorta", "Aorta", (224, 97, 76), _sct("15825003", "Aorta")),
        _organ("pulmonary_artery", "Pulmonary artery", (0, 122, 171), _sct("81040000", "Pulmonary artery")),
        _organ("trachea", "Trachea", (182, 228, 255), _sct("44567001", "Trachea")),
        _organ("main_bronchi", "Main bronchi", (140, 205, 235), _sct("102297006", "Main bronchus")),
        _organ("airway", "Airway", (160, 215, 245), _sct("110726009", "Trachea and bronchus")),
        _organ("spine", "Vertebral column", (226, 202, 134), _sct("421060004", "Vertebral column")),
        _organ("liver", "Liver", (221, 130, 101), _sct("10200004", "Liver")),
        _organ("spleen", "Spleen", (157, 108, 162), _sct("78961009", "Spleen")),
        _organ("stomach", "Stomach", (216, 132, 105), _sct("69695003", "Stomach")),
    )
}

LESIONS: dict[str, SegmentType] = {
    kind.key: kind
    for kind in (
        _lesion("lesion", "Lesion", (255, 214, 0), _sct("52988006", "Lesion"), None),
        _lesion("nodule", "Nodule", (255, 170, 0), _sct("27925004", "Nodule")),
        _lesion("mass", "Mass", (255, 110, 64), _sct("4147007", "Mass")),
        _lesion("consolidation", "Consolidation", (255, 213, 79), _sct("9656002", "Consolidation")),
        _lesion("ground_glass", "Ground-glass opacity", (174, 213, 129), Code("RID28531", "RADLEX", "Ground-glass opacity")),
        _lesion("atelectasis", "Atelectasis", (149, 117, 205), _sct("46621007", "Atelectasis")),
        _lesion("cavity", "Cavity", (240, 98, 146), _sct("2483006", "Cavity")),
        _lesion("pleural_effusion", "Pleural effusion", (79, 195, 247), _sct("60046008", "Pleural effusion"), PLEURA),
        _lesion("pneumothorax", "Pneumothorax", (128, 222, 234), _sct("36118008", "Pneumothorax"), PLEURA),
    )
}

# Of labels that are none of ours, by their number. Chosen one after the other, each farthest from those before it in CIELAB, seen
# with full colour vision and, for two thirds, without red or green cones; none is near grey (chroma over 42, lightness 55 to 88).
LABEL_COLOURS: tuple[Colour, ...] = (
    (255, 210, 0), (225, 15, 255), (15, 240, 210), (255, 15, 75), (195, 105, 195), (255, 210, 135),
    (255, 90, 0), (255, 135, 150), (75, 225, 255), (45, 150, 90), (105, 180, 255), (240, 75, 150),
    (195, 195, 75), (255, 165, 135), (150, 240, 180), (105, 165, 15), (255, 135, 210), (0, 180, 90),
    (150, 120, 225), (255, 180, 45), (120, 195, 90), (0, 135, 255), (75, 240, 240), (255, 0, 225),
)  # fmt: skip

# One word for several segments, or another word for one.
GROUPS: dict[str, tuple[str, ...]] = {
    "lungs": ("right_lung", "left_lung"),
    "lobes": ("right_upper_lobe", "right_middle_lobe", "right_lower_lobe", "left_upper_lobe", "left_lower_lobe"),
    "vertebrae": ("spine",),
}

# Asks for every lesion there is, beside the organs.
LESIONS_TARGET = "lesions"


def organ_keys(targets: tuple[str, ...]) -> tuple[str, ...]:
    """Targets with groups resolved, each once, in the order asked. InputError names what can be asked for."""
    keys: dict[str, None] = {}
    for target in targets:
        for key in GROUPS.get(target, (target,)):
            if key not in ORGANS:
                raise InputError(f"There is no target of this name; known are {', '.join((*GROUPS, LESIONS_TARGET, *ORGANS))}.")
            keys[key] = None
    return tuple(keys)


def on_side(kind: SegmentType, side: Literal["left", "right"]) -> SegmentType:
    """A lesion's type in the organ of this side. Raises InputError for a type that lies in no organ."""
    if kind.region is None:
        raise InputError(f"A segment of this kind ({kind.label}) has no organ of which there are two.")
    return replace(kind, region_modifier=LEFT if side == "left" else RIGHT)


def label_type(name: str, number: int) -> SegmentType:
    """The type of a label: ours where its name is one of ours, else a lesion in the colour of its number, from 1 on.

    Colours come back after as many labels as there are `LABEL_COLOURS`.
    """
    key = "_".join(name.lower().split())
    known = ORGANS.get(key) or LESIONS.get(key)
    by_label = next((kind for kind in (*ORGANS.values(), *LESIONS.values()) if kind.label.lower() == name.lower()), None)
    return known or by_label or replace(LESIONS["lesion"], colour=LABEL_COLOURS[(number - 1) % len(LABEL_COLOURS)])


def lesion_type(concepts: tuple[str, ...]) -> SegmentType:
    """The type of the first concept that has one, else simply a lesion."""
    return next((LESIONS[concept] for concept in concepts if concept in LESIONS), LESIONS["lesion"])
