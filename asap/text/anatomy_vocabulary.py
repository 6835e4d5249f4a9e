"""The places a chest report names, and the words they are named by.

Same pattern language and same rule as the findings: THE ORDER OF THE KEYS IS FIXED, append only. The word lists are our own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class AnatomyEntry:
    """One place.

    patterns: its names. part_of: the larger place it belongs to (key of ANATOMY), or None. chest: whether a chest CT shows it.
    sided: (pattern, side) pairs for names that carry their side with them ("RUL", "station 4R").
    """

    patterns: tuple[str, ...]
    part_of: str | None = None
    chest: bool = True
    sided: tuple[tuple[str, Literal["left", "right"]], ...] = ()


# fmt: off
ANATOMY: dict[str, AnatomyEntry] = {
    "lung": AnatomyEntry(
        ("lung", "pulmonary", "lung parenchyma", "pulmonary parenchyma", "lung field", "parenchymal", "parenchyma",
         "intraparenchymal",
         "lung zone", "lung window", "bronchopulmonary", "subpleural", "pleuroparenchymal", "pulmonic", "lungs", "aeration",
         "peribronchovascular", "perihilar", "peripheral zone", "airspace", "midlung", "mid lung", "lung volume", "interstitium",
         "peripheral lung", "mid zone", "middle zone", "pulmonary vascularity|vasculature|vascular", "fissure", "vascularity",
         "centrilobular", "pulmonary nodule|mass", "intrapulmonary", "pleural based")),
    "upper_lobe": AnatomyEntry(
        ("upper lobe", "upper lobectomy", "superior lobe", "apex", "apical", "apicoposterior", "lung apex",
         "apicoposterior segment",
         "apical segment",
         "biapical", "upper zone", "upper lung zone|field|lung", "upper lung", "upper lobe anterior segment",
         "upper lobe posterior segment", "apices", "suprahilar", "apico posterior", "upper lobe apical|posterior|anterior",
         "upper"),
        "lung", sided=(("rul", "right"), ("lul", "left"))),
    "middle_lobe": AnatomyEntry(
        ("middle lobe", "middle lobectomy", "middle lobe medial|lateral segment", "mid lobe", "medial segment",
         "lateral segment"),
        "lung", sided=(("rml", "right"), ("right middle lobe", "right"))),
    "lower_lobe": AnatomyEntry(
        ("lower lobe", "lower lobectomy", "inferior lobe", "base", "basal", "bibasilar", "bibasal", "basilar", "posterobasal",
         "laterobasal",
         "mediobasal",
         "anterobasal", "anteromediobasal", "lung base", "basal segment", "lateral|medial|posterior|anterior basal segment?",
         "superior segment", "lower lobe superior segment", "lower zone", "lower lung zone|field", "lower lung", "retrocardiac",
         "basalis", "infrahilar", "lower lobe posterior|lateral|medial|anterior", "lower"),
        "lung", sided=(("rll", "right"), ("lll", "left"))),
    "lingula": AnatomyEntry(
        ("lingula", "lingular", "lingular segment", "inferior|superior lingula|lingular segment?", "lingula segment",
         "lingular lobe"),
        "upper_lobe", sided=(("left lingula", "left"),)),
    "hilum": AnatomyEntry(("hilum", "hilar", "hila", "hilus", "perihilar lymph", "lung root", "bihilar", "parahilar")),
    "pleura": AnatomyEntry(
        ("pleura", "pleural", "chest tube", "thoracostomy", "pleural space|cavity|surface", "hemithorax", "costophrenic",
         "costophrenic angle|sulcus",
         "pleural fluid",
         "sulcus", "hemithoraces")),
    "heart": AnatomyEntry(
        ("heart", "cardiac", "pacemaker", "aicd", "icd", "atrium", "ventricle", "ventricular", "atrial", "myocardi*",
         "heart size|contour",
         "cardiac silhouette|contour",
         "cardiomediastinal", "interventricular", "cardiovascular", "cardiopericardial", "cardiac size", "cardio mediastinal",
         "cardiophrenic")),
    "pericardium": AnatomyEntry(("pericard*", "pericardial space|cavity|area|region"), None),
    "aorta": AnatomyEntry(
        ("aorta", "aortic", "arch", "aortic arch", "thoracic aorta", "aortic root|knob|wall|contour", "ascending aorta",
         "descending aorta",
         "thoraco abdominal aorta", "arcus aorta", "arch of the? aorta", "arcus", "aortic valve level", "supraaortic")),
    "coronary_arteries": AnatomyEntry(
        ("coronary", "coronary artery", "lad", "left anterior descending", "circumflex", "coronary vessel",
         "coronary vascular structure", "lad artery", "rca",
         "left main coronary artery?", "lcx", "coronaries")),
    "pulmonary_artery": AnatomyEntry(
        ("pulmonary artery", "pulmonary arterial", "pulmonary trunk", "pulmonary conus", "pulmonary arterial trunk",
         "main pulmonary artery",
         "pulmonary vessel", "pulmonary truncus", "lobar artery", "segmental artery"), None),
    "vena_cava": AnatomyEntry(
        ("vena cava", "picc", "central venous", "central line", "port catheter", "superior vena cava", "inferior vena cava",
         "svc", "ivc", "cavoatrial", "brachiocephalic vein",
         "jugular vein",
         "subclavian vein", "azygos vein", "azygos", "innominate vein", "pulmonary vein", "superior cava", "v cava")),
    "trachea": AnatomyEntry(("trachea", "tracheal", "tracheostomy", "endotracheal", "ett", "carina", "tracheal lumen|wall",
    "intratracheal")),
    "main_bronchi": AnatomyEntry(
        ("main bronchus|bronchi", "mainstem bronchus|bronchi", "main stem bronchus|bronchi", "intermediate bronchus",
         "bronchus intermedius",
         "mainstem", "both bronchus|bronchi"), "airway"),
    "airway": AnatomyEntry(
        ("airway", "bronchus", "bronchi", "bronchial", "bronchial tree", "endobronchial", "tracheobronchial", "bronchiol*",
         "bronchial lumen",
         "bronchovascular", "peribronchial", "bronchial wall", "bronchial structure", "segmental bronchus|bronchi",
         "lobar bronchus|bronchi")),
    "esophagus": AnatomyEntry(("esophag*", "nasogastric", "ng tube", "feeding tube", "enteric tube","esophagogastric junction",
    "gastroesophageal junction", "hiatus", "hiatal")),
    "mediastinum": AnatomyEntry(
        ("mediastin*", "paratracheal", "prevascular", "pretracheal", "subcarinal", "aortopulmonary", "aorticopulmonary",
         "paraaortic",
         "paraesophageal", "retrosternal", "precarinal", "retrocrural", "mediastinal fat", "ap window", "retrotracheal",
         "aortopulmonary window", "anterior|posterior|superior|middle mediastin*", "paracardiac", "subaortic", "pericardial fat",
         "upper|lower paratracheal", "paracaval")),
    "spine": AnatomyEntry(
        ("spine", "spinal", "thoracic spine", "lumbar spine", "dorsal spine", "cervical spine", "vertebral column",
         "thoracolumbar",
         "thoracic kyphosis", "disc space", "intervertebral", "spinal canal", "thoracic level scoliosis", "disc", "cervical"),
         "bone"),
    "vertebra": AnatomyEntry(
        ("vertebra", "vertebral", "vertebra* corpus|body|height|plateau|column", "endplate", "vertebral corpus|body height",
         "end plate",
         "t|th|d|l|c 1|2|3|4|5|6|7|8|9|10|11|12 vertebra*?", "t1|t2|t3|t4|t5|t6|t7|t8|t9|t10|t11|t12|l1|l2|l3|l4|l5|c7",
         "th1|th2|th3|th4|th5|th6|th7|th8|th9|th10|th11|th12|d5|d6|d7|d8|d9|d10|d11|d12", "vertebral corpus", "corpus height",
         "neural foramen", "facet", "lamina", "spinous process", "pedicle"), "spine"),
    "rib": AnatomyEntry(("rib", "costal", "costochondral", "costa", "rib cage", "costovertebral"), "bone"),
    "sternum": AnatomyEntry(("sternum", "sternal", "sternotomy", "manubrium", "xiphoid", "sternoclavicular"), "bone"),
    "clavicle": AnatomyEntry(("clavicle", "clavicular", "acromioclavicular"), "bone"),
    "scapula": AnatomyEntry(("scapula", "scapular", "glenoid", "acromion", "glenohumeral"), "bone"),
    "bone": AnatomyEntry(
        ("bone", "bony", "osseous", "skeletal", "skeleton", "bone structure", "bony thorax", "osseous structure", "humerus",
         "humeral",
         "shoulder", "medullary bone", "cortical bone", "bony structure")),
    "liver": AnatomyEntry(
        ("liver", "hepatic", "liver parenchyma", "intrahepatic", "perihepatic", "periportal", "portal vein",
         "liver segment 1|2|3|4|5|6|7|8",
         "portal venous system", "hepatic vein", "left|right lobe of the? liver", "liver left|right lobe", "liver dome",
         "hepatic artery",
         "caudate lobe", "lobe of the? liver", "hepatic dome"), "abdomen"),
    "spleen": AnatomyEntry(("spleen", "splenic", "perisplenic", "splenic vein", "spleen lower|upper pole"), "abdomen"),
    "stomach": AnatomyEntry(("stomach", "gastric", "gastric fundus", "gastric bubble", "fundus", "cardia"), "abdomen"),
    "kidney": AnatomyEntry(
        ("kidney", "renal", "pelvicalyceal", "perirenal", "nephric", "collecting system",
         "kidney upper|lower|middle pole|zone|part",
         "ureter", "upper|lower pole of ~2 kidney", "renal pelvis", "perinephric"), "abdomen", chest=False),
    "adrenal": AnatomyEntry(("adrenal", "suprarenal", "surrenal", "adrenal gland"), "abdomen", chest=False),
    "gallbladder": AnatomyEntry(
        ("gallbladder", "gall bladder", "bile duct", "biliary", "choledoch*", "cholecyst*", "pericholecystic", "common bile duct",
         "extrahepatic bile duct", "intrahepatic bile duct", "intrahepatic and? extrahepatic bile duct",
         "intra and? extrahepatic bile duct",
         "right upper quadrant"), "abdomen", chest=False),
    "pancreas": AnatomyEntry(("pancreas", "pancreatic", "peripancreatic", "pancreatic duct|head|body|tail", "wirsung"),
    "abdomen", chest=False),
    "thyroid": AnatomyEntry(("thyroid", "thyroid gland|lobe|isthmus", "thyroid parenchyma")),
    "breast": AnatomyEntry(("breast", "mammary", "nipple", "retroareolar", "areolar", "areola")),
    "axilla": AnatomyEntry(("axilla", "axillary", "retropectoral", "axillary region|fossa", "subpectoral", "axillae")),
    "chest_wall": AnatomyEntry(
        ("chest wall", "thoracic wall", "intercostal", "parasternal", "thoracic cage", "hemithorax wall", "thoracic inlet",
         "rib muscle")),
    "diaphragm": AnatomyEntry(("diaphragm", "hemidiaphragm", "diaphragmatic", "crus", "diaphragmatic crus", "subdiaphragmatic",
    "infradiaphragmatic")),
    "lymph_node": AnatomyEntry(
        ("lymph node", "node", "lymphatic", "lymph node station", "nodal station", "station 1|2|3|4|5|6|7|8|9|10|11|12|13|14",
         "nodal"),
        sided=(("1r|2r|4r|8r|9r|10r|11r|12r|13r|14r", "right"), ("1l|2l|4l|8l|9l|10l|11l|12l|13l|14l", "left"),
               ("1|2|4|8|9|10|11|12|13|14 r", "right"), ("1|2|4|8|9|10|11|12|13|14 l", "left"))),
    "muscle": AnatomyEntry(("muscle", "muscular", "pectoralis", "paraspinal", "intramuscular", "psoas", "paravertebral"),
    "chest_wall"),
    "soft_tissue": AnatomyEntry(("subcutaneous", "subcutaneous tissue|fat", "soft tissue", "skin", "cutaneous", "subcutis",
    "fatty tissue"), "chest_wall"),
    "great_vessels": AnatomyEntry(
        ("vascular structure", "great vessel", "major vessel", "mediastinal vascular structure",
         "mediastinal main? vascular structure",
         "main vascular structure", "mediastinal vessel", "supraaortic branch", "major vascular structure",
         "mediastinal major vascular structure",
         "mediastinal main? vessel", "great vessel", "brachiocephalic artery|trunk", "subclavian artery", "carotid",
         "arch branch"),
        "mediastinum"),
    "artery": AnatomyEntry(("artery", "arterial", "vascular wall"), None),
    "valve": AnatomyEntry(("valve", "mitral", "tricuspid", "aortic valve", "mitral valve", "annulus", "valvular"), "heart"),
    "thymus": AnatomyEntry(("thymus", "thymic"), "mediastinum"),
    "neck": AnatomyEntry(("neck", "supraclavicular", "supraclavicular fossa|region", "infraclavicular", "lower cervical",
    "jugular")),
    "bowel": AnatomyEntry(
        ("bowel", "colon", "colonic", "intestine", "intestinal", "duodenum", "duodenal", "jejunum", "ileum", "appendix", "rectum",
         "mesenter*", "omentum", "gastrointestinal", "sigmoid", "splenic flexure", "hepatic flexure", "bowel loop"), "abdomen",
         chest=False),
    "bladder": AnatomyEntry(
        ("bladder", "prostate", "uterus", "ovary", "adnexal", "adnexa", "pelvis", "pelvic", "urinary", "seminal vesicle",
         "inguinal", "iliac",
         "rectal", "perirectal", "paravesical"), "abdomen", chest=False),
    "abdomen": AnatomyEntry(
        ("abdomen", "abdominal", "upper abdomen", "upper abdominal organ", "upper abdominal", "peritone*", "retroperitone*",
         "intraabdominal", "intraperitoneal", "upper abdominal section", "celiac", "peritoneum"), None, chest=False),
    "abdominal_aorta": AnatomyEntry(("abdominal aorta|aortic", "abdominal aortic wall", "infrarenal aorta",
    "aorta ~1 bifurcation"), "aorta"),
}
# fmt: on
