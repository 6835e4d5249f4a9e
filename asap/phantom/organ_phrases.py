"""Sentences about organs that are as they should be, or are merely named. Keys are organ ids of a generated case."""

from __future__ import annotations

# Frames that fit any organ: {the} "the aorta", {name} "aorta", {is} "is"/"are".
ANY_ORGAN = (
    "{name}.",
    "{the} {is} unremarkable.",
    "{the} {is} normal.",
    "{the} {is} within normal limits.",
    "{the} {is} normal in appearance.",
    "Unremarkable {name}.",
    "Normal {name}.",
    "{the} show{s} no abnormality.",
    "{the} appear{s} normal.",
    "Appearances of {the} are normal.",
    "{the} {is} of normal appearance.",
    "{name}: normal.",
    "{name}: unremarkable.",
    "Evaluation of {the} is unremarkable.",
)

# Frames that only name an organ and claim nothing, so they hold with findings too.
NEUTRAL = ("{name}.", "Appearance of {the}.", "Assessment of {the}.", "View of {the}.", "{the} {is} included in the examination.")

# Organ id -> names; a name that ends in s takes a plural verb (listed in PLURAL otherwise).
NAMES: dict[str, tuple[str, ...]] = {
    "heart": ("heart", "cardiac silhouette"),
    "aorta": ("aorta", "thoracic aorta"),
    "trachea": ("trachea",),
    "main_bronchi": ("main bronchi", "both main bronchi"),
    "airway": ("airway", "central airways", "trachea and main bronchi"),
    "lung": ("lungs", "both lungs", "lung parenchyma"),
    "left_lung": ("left lung", "left lung parenchyma"),
    "right_lung": ("right lung", "right lung parenchyma"),
    "right_upper_lobe": ("right upper lobe", "upper lobe of the right lung", "RUL"),
    "right_middle_lobe": ("right middle lobe", "middle lobe", "RML"),
    "right_lower_lobe": ("right lower lobe", "lower lobe of the right lung", "RLL"),
    "left_upper_lobe": ("left upper lobe", "upper lobe of the left lung", "LUL"),
    "left_lower_lobe": ("left lower lobe", "lower lobe of the left lung", "LLL"),
    "spine": ("spine", "thoracic spine", "thoracic vertebrae", "vertebral column"),
    "liver": ("liver", "imaged liver"),
    "spleen": ("spleen",),
    "stomach": ("stomach",),
    "pulmonary_artery": ("pulmonary artery", "main pulmonary artery", "pulmonary trunk", "pulmonary arteries"),
    "esophagus": ("esophagus", "oesophagus"),
    "mediastinum": ("mediastinum", "mediastinal fat"),
    "ribs": ("ribs", "rib cage"),
    "sternum": ("sternum",),
    "diaphragm": ("diaphragm",),
    "thyroid": ("thyroid", "thyroid gland"),
    "vena_cava": ("superior vena cava", "SVC"),
}
PLURAL = frozenset({"main bronchi", "both main bronchi", "thoracic vertebrae", "trachea and main bronchi"})
NO_ARTICLE = frozenset({"both lungs", "both main bronchi"})

OWN: dict[str, tuple[str, ...]] = {
    "heart": (
        "The heart is normal in size.",
        "Heart size is normal.",
        "Heart size within normal limits.",
        "Heart contour and size are normal.",
        "The cardiac silhouette is unremarkable.",
        "Cardiac size is not enlarged.",
        "The heart is not enlarged.",
        "Normal heart size.",
        "The cardiac chambers are of normal size.",
        "Heart dimensions are normal.",
    ),
    "aorta": (
        "The thoracic aorta is normal in calibre.",
        "The aorta is normal in caliber.",
        "The calibration of the aorta is normal.",
        "The diameter of the thoracic aorta is normal.",
        "The aortic arch and descending aorta are of normal width.",
        "Aortic calibre is preserved.",
    ),
    "trachea": (
        "The trachea is patent.",
        "The trachea is in the midline.",
        "The trachea is open.",
        "The tracheal lumen is clear.",
    ),
    "main_bronchi": (
        "The main bronchi are patent.",
        "Both main bronchi are open.",
        "The right and left main bronchi are clear.",
    ),
    "airway": (
        "Trachea and main bronchi are open.",
        "The central airways are patent.",
        "Trachea and both main bronchi are patent.",
        "The airway is clear.",
    ),
    "lung": (
        "The lungs are clear.",
        "Both lungs are well aerated.",
        "Both lungs are clear.",
        "Aeration of both lung parenchyma is normal.",
        "Lung parenchyma is normal bilaterally.",
        "The lungs are well expanded.",
    ),
    "left_lung": (
        "The left lung is clear.",
        "Left lung is well aerated.",
        "Left lung parenchyma is normal.",
        "Aeration of the left lung is normal.",
        "The left lung is well expanded.",
        "The left hemithorax is clear.",
    ),
    "right_lung": (
        "The right lung is clear.",
        "Right lung is well aerated.",
        "Right lung parenchyma is normal.",
        "Aeration of the right lung is normal.",
        "The right lung is well expanded.",
        "The right hemithorax is clear.",
    ),
    "spine": (
        "Vertebral body heights are preserved.",
        "The thoracic vertebrae are intact.",
        "Vertebral corpus heights and alignment are normal.",
        "Bony structures of the spine are normal.",
    ),
    "liver": (
        "The liver is homogeneous.",
        "Liver density is normal.",
        "The visualised liver is unremarkable.",
        "Liver parenchyma is normal.",
    ),
    "spleen": ("The spleen is not enlarged.", "Spleen size is normal."),
    "stomach": ("The stomach is collapsed.", "The imaged stomach is normal.", "Stomach wall is normal."),
    "pulmonary_artery": (
        "The pulmonary trunk is not dilated.",
        "Pulmonary artery diameter is normal.",
        "Pulmonary arteries are of normal calibre.",
    ),
    "esophagus": ("The esophagus is not dilated.", "Oesophageal wall thickness is normal.", "Esophageal calibration is normal."),
    "mediastinum": ("Mediastinal contours are normal.", "The mediastinum is midline.", "Mediastinal structures are normal."),
    "ribs": ("The ribs are intact.", "Costal structures are normal."),
    "sternum": ("The sternum is intact.", "Sternum is normal in contour."),
    "diaphragm": ("Both hemidiaphragms are smooth.", "The diaphragm is normal in position."),
    **{
        f"{side}_{lobe}_lobe": (
            f"The {side} {lobe} lobe is clear.",
            f"{side.capitalize()} {lobe} lobe parenchyma is normal.",
            f"The {side} {lobe} lobe is well aerated.",
            f"Aeration of the {side} {lobe} lobe is normal.",
        )
        for side, lobe in (("right", "upper"), ("right", "middle"), ("right", "lower"), ("left", "upper"), ("left", "lower"))
    },
}
