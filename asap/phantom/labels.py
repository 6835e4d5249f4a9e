"""Label values of generated anatomy."""

from __future__ import annotations

# The lungs are the five lobes; vessels inside a lobe keep the lobe's label.
LABELS: dict[str, int] = {
    "background": 0,
    "soft_tissue": 1,
    "right_upper_lobe": 2,
    "right_middle_lobe": 3,
    "right_lower_lobe": 4,
    "left_upper_lobe": 5,
    "left_lower_lobe": 6,
    "heart": 7,
    "pericardium": 8,
    "aorta": 9,
    "pulmonary_artery": 10,
    "vena_cava": 11,
    "trachea": 12,
    "main_bronchi": 13,
    "esophagus": 14,
    "mediastinum": 15,
    "spine": 16,
    "ribs": 17,
    "sternum": 18,
    "liver": 19,
    "spleen": 20,
    "stomach": 21,
    "diaphragm": 22,
    "muscle": 23,
    "fat": 24,
    "breast": 25,
    "thyroid": 26,
    "kidney": 27,
    "scapula_clavicle": 28,
    "table": 29,
}
LOBES = ("right_upper_lobe", "right_middle_lobe", "right_lower_lobe", "left_upper_lobe", "left_lower_lobe")
