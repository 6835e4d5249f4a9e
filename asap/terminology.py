"""What a segment is, in codes: organs and lesions by SNOMED CT and DICOM, with a side where the code has none. Plain Python.

Sources: DICOM PS3.16 context groups 7150 (categories), 7151 and 7155 (organs of the chest), 7159 and 6104 (lesions, opacities),
244 (side). The colours are our own; neighbours differ in lightness as well as in hue.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from asap.errors import InputError

Side = Literal["left", "right"]
Colour = tuple[int, int, int]  # 0-255


@dataclass(frozen=True)
class Code:
    """A coded concept: value, designator of its scheme (SCT for SNOMED CT, DCM for DICOM), and its meaning in words."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True)
class Term:
    """What a segment is. side: modifies `type`. place, place_side: the organ a lesion lies in. colour: red, green, blue."""

    category: Code
    type: Code
    colour: Colour
    side: Code | None = None
    place: Code | None = None
    place_side: Code | None = None


def _sct(value: str, meaning: str) -> Code:
    return Code(value, "SCT", meaning)


LEFT, RIGHT = _sct("7771000", "Left"), _sct("24028007", "Right")
SIDES: dict[Side, Code] = {"left": LEFT, "right": RIGHT}
ORGAN = _sct("123037004", "Anatomical Structure")
ABNORMAL = _sct("49755003", "Morphologically Abnormal Structure")
TISSUE = _sct("85756007", "Tissue")
LUNG = _sct("39607008", "Lung")
UPPER_LOBE, LOWER_LOBE = _sct("45653009", "Upper lobe of lung"), _sct("90572001", "Lower lobe of lung")
PLEURA = _sct("3120008", "Pleural structure")

TERMS: dict[str, Term] = {
    "lung": Term(ORGAN, LUNG, (122, 197, 226)),
    "left_lung": Term(ORGAN, LUNG, (98, 172, 226), LEFT),
    "right_lung": Term(ORGAN, LUNG, (146, 222, 210), RIGHT),
    "left_upper_lobe": Term(ORGAN, UPPER_LOBE, (66, 135, 245), LEFT),
    "left_lower_lobe": Term(ORGAN, LOWER_LOBE, (44, 88, 178), LEFT),
    "right_upper_lobe": Term(ORGAN, UPPER_LOBE, (124, 226, 178), RIGHT),
    "right_middle_lobe": Term(ORGAN, _sct("72481006", "Middle lobe of right lung"), (198, 222, 92)),
    "right_lower_lobe": Term(ORGAN, LOWER_LOBE, (40, 142, 98), RIGHT),
    "heart": Term(ORGAN, _sct("80891009", "Heart"), (206, 66, 66)),
    "pericardium": Term(ORGAN, _sct("76848001", "Pericardium"), (238, 160, 140)),
    "aorta": Term(ORGAN, _sct("15825003", "Aorta"), (240, 96, 52)),
    "pulmonary_artery": Term(ORGAN, _sct("81040000", "Pulmonary artery"), (32, 98, 206)),
    "vena_cava": Term(ORGAN, _sct("48345005", "Superior Vena Cava"), (86, 86, 198)),
    "trachea": Term(ORGAN, _sct("44567001", "Trachea"), (182, 228, 255)),
    "main_bronchi": Term(ORGAN, _sct("955009", "Bronchus"), (150, 206, 236)),
    "airway": Term(ORGAN, _sct("89187006", "Airway structure"), (166, 216, 246)),
    "esophagus": Term(ORGAN, _sct("32849002", "Esophagus"), (212, 160, 98)),
    "spine": Term(ORGAN, _sct("421060004", "Spine"), (240, 224, 176)),
    "vertebrae": Term(ORGAN, _sct("51282000", "Vertebra"), (226, 204, 134)),
    "ribs": Term(ORGAN, _sct("113197003", "Rib"), (253, 232, 158)),
    "sternum": Term(ORGAN, _sct("56873002", "Sternum"), (244, 214, 110)),
    "liver": Term(ORGAN, _sct("10200004", "Liver"), (178, 104, 76)),
    "spleen": Term(ORGAN, _sct("78961009", "Spleen"), (142, 74, 112)),
    "stomach": Term(ORGAN, _sct("69695003", "Stomach"), (216, 132, 105)),
    "kidney": Term(ORGAN, _sct("64033007", "Kidney"), (150, 98, 83)),
    "lesion": Term(ABNORMAL, _sct("52988006", "Lesion"), (255, 210, 0), place=LUNG),
    "mass": Term(ABNORMAL, _sct("4147007", "Mass"), (255, 170, 0), place=LUNG),
    "nodule": Term(ABNORMAL, _sct("27925004", "Nodule"), (255, 226, 74), place=LUNG),
    "consolidation": Term(ABNORMAL, _sct("95436008", "Lung consolidation"), (230, 126, 34), place=LUNG),
    "ground_glass": Term(ABNORMAL, Code("112120", "DCM", "Ground glass opacity"), (196, 214, 90), place=LUNG),
    "atelectasis": Term(ABNORMAL, _sct("46621007", "Atelectasis"), (198, 118, 190), place=LUNG),
    "pleural_effusion": Term(ABNORMAL, _sct("60046008", "Pleural effusion"), (84, 168, 196), place=PLEURA),
}  # fmt: skip
OTHER = Term(TISSUE, TISSUE, (128, 174, 128))  # Slicer's own code for a segment nobody has named


def term(name: str, side: Side | None = None) -> Term:
    """The codes of a segment called `name`; spaces and capitals are free, an unknown name is a tissue of no further kind.

    side: of a lesion's organ, or of an organ of which there are two. Raises InputError for a side on an organ that has none.
    """
    known = TERMS.get("_".join(name.lower().split()), OTHER)
    if side is None:
        return known
    if known.place is not None:
        return replace(known, place_side=SIDES[side])
    if known.side not in (None, SIDES[side]) or known.type not in (LUNG, UPPER_LOBE, LOWER_LOBE, TERMS["kidney"].type):
        raise InputError(f"A segment of this kind ({known.type.meaning}) is not named {side}.")
    return replace(known, side=SIDES[side])
