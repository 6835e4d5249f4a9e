"""The findings a chest report speaks of, and the words they are said in.

Patterns are in the small language of `asap.text.patterns` (normal forms, `*` for a prefix, `|` for alternatives, `?` for optional,
`~` for a gap of a few words). The word lists are this project's own. The ORDER OF THE KEYS IS FIXED: weights of the embedded text
encoder depend on it through `asap.text.concepts.CONCEPT_VOCABULARY`. Append, never insert.
"""

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


_ORGAN_LESIONS = (
    ("thyroid", "thyroid_nodule"), ("liver", "liver_lesion"), ("adrenal", "adrenal_lesion"), ("kidney", "kidney_lesion"),
    ("spleen", "spleen_lesion"), ("pancreas", "pancreas_lesion"), ("breast", "breast_lesion"), ("axilla", "soft_tissue_lesion"),
    ("bone", "bone_lesion"), ("pleura", "pleural_nodule"), ("chest_wall", "soft_tissue_lesion"), ("soft_tissue", "soft_tissue_lesion"),
    ("muscle", "soft_tissue_lesion"), ("gallbladder", "abdominal_lesion"), ("bowel", "abdominal_lesion"),
    ("abdomen", "abdominal_lesion"), ("bladder", "abdominal_lesion"),
)  # fmt: skip
_MASSES = (("mediastinum", "mediastinal_mass"), ("thymus", "mediastinal_mass"), *_ORGAN_LESIONS)
_CALCIFICATIONS = (
    ("coronary_arteries", "coronary_calcification"), ("valve", "valve_calcification"), ("aorta", "arterial_calcification"),
    ("artery", "arterial_calcification"), ("great_vessels", "arterial_calcification"), ("pleura", "pleural_plaque"),
    ("lymph_node", "calcified_lymph_node"), ("hilum", "calcified_lymph_node"), ("pericardium", "pericardial_thickening"),
    ("thyroid", "thyroid_nodule"), ("liver", "liver_lesion"),
)  # fmt: skip

# fmt: off
FINDINGS: dict[str, FindingEntry] = {
    "nodule": FindingEntry(
        ("nodule", "nodular lesion", "nodular density", "nodular opacity", "nodular image", "nodular formation", "micronodule",
         "nodular appearance", "nodularity", "nodular shadow", "intrapulmonary lymph node",
         "intraparenchymal lymph node", "subpleural lymph node", "fissural lymph node", "ggn", "spn", "coin lesion",
         "nodular structure", "ground glass nodule", "pulmonary lesion", "pleural based ~3 nodule"),
        "lung", ctrate="Lung nodule", becomes=(("mediastinum", "mediastinal_mass"), *_ORGAN_LESIONS)),
    "mass": FindingEntry(
        ("mass", "mass lesion", "tumor", "tumoral lesion", "neoplasm", "neoplastic lesion", "malignancy", "carcinoma", "cancer",
         "space occupying lesion", "tumoral mass", "malignant lesion", "adenocarcinoma", "lymphoma", "sarcoma", "masslike"),
        "lung", becomes=_MASSES),
    "ground_glass": FindingEntry(
        ("ground glass", "groundglass", "ggo", "frosted glass", "ground glass opacity|density|area|attenuation",
         "ground glass density increase", "hazy opacity", "glass density|opacity|area"),
        "lung", ctrate="Lung opacity"),
    "consolidation": FindingEntry(
        ("consolidation", "consolidat*", "airspace disease", "air space disease", "airspace opacity|opacification|consolidation",
         "air space opacity|opacification|consolidation", "alveolar opacity", "pneumonic consolidation"),
        "lung", ctrate="Consolidation"),
    "opacity": FindingEntry(
        ("opacity", "opacification", "density increase", "increase in density", "increased density", "increase of density",
         "patchy density", "dependent|depandant density", "increased opacity", "shadowing", "airspace process"),
        "lung", becomes=(("pleura", "pleural_thickening"), ("liver", "liver_lesion"), ("bone", "bone_lesion"),
                         ("mediastinum", "mediastinal_abnormality"), ("soft_tissue", "soft_tissue_lesion"),
                         ("breast", "breast_lesion"), ("abdomen", "abdominal_lesion"), ("gallbladder", "gallstone"),
                         ("kidney", "kidney_lesion"))),
    "atelectasis": FindingEntry(
        ("atelect*", "collapse", "collapsed lung", "plate like atelect*", "subsegmental atelect*", "linear atelect*",
         "band atelect*", "compressi* atelect*", "passive atelect*", "collaps* lung|lobe"),
        "lung", ctrate="Atelectasis", becomes=(("vertebra", "vertebral_compression"), ("trachea", "airway_obstruction"))),
    "pleural_effusion": FindingEntry(
        ("pleural effusion", "effusion", "pleural fluid", "hydrothorax", "fluid ~ pleural space|cavity", "hydropneumothorax",
         "fluid ~ hemithorax", "hemithorax fluid", "free fluid ~ pleural", "fissural fluid", "fluid ~ fissure",
         "blunt* ~2 costophrenic", "costophrenic ~6 blunt*", "pleural collection", "hydropnomothorax", "loculated fluid"),
        "pleura", ctrate="Pleural effusion", keeps_place=True,
        becomes=(("pericardium", "pericardial_effusion"), ("abdomen", "ascites"))),
    "pneumothorax": FindingEntry(("pneumothora*", "hydropneumothora*", "pleural air"), "pleura", keeps_place=True),
    "emphysema": FindingEntry(
        ("emphysem*", "copd", "centrilobular emphysem*", "paraseptal emphysem*", "chronic obstructive"),
        "lung", ctrate="Emphysema", becomes=(("soft_tissue", "subcutaneous_emphysema"), ("chest_wall", "subcutaneous_emphysema"))),
    "bulla": FindingEntry(("bulla", "bullous", "bleb", "bulla formation", "emphysematous bulla"), "lung"),
    "cavity": FindingEntry(("cavit*", "cavitary lesion|nodule|mass", "cavitated lesion|nodule|mass", "cavern*"), "lung"),
    "cyst": FindingEntry(
        ("cyst", "cystic lesion|structure|area|formation", "pneumatocele", "air cyst", "parenchymal cyst", "cortical cyst"),
        None, becomes=(("mediastinum", "mediastinal_mass"), ("pericardium", "mediastinal_mass"), *_ORGAN_LESIONS)),
    "fibrosis": FindingEntry(
        ("fibros*", "fibrotic", "fibrotic change|density|sequela|band|area|recession", "sequela|sequelae|sequel", "sequelae change",
         "sequela|sequelae fibrotic|parenchymal|density|linear", "scar", "scarring", "cicatri*", "parenchymal band",
         "pleuroparenchymal density|change|band|sequela|sequelae|thickening|opacity", "fibroatelect*", "fibroatelact*", "fibro atelect*", "fibrotic tissue",
         "pleuro parenchymal sequela|sequelae|density|change|band", "pleural parenchymal sequela|sequelae|density|change|band",
         "fibrocalcific", "fibronodular", "fibrolinear", "fibrocicatricial", "biapical scarring"),
        "lung", ctrate="Pulmonary fibrotic sequela", becomes=(("liver", "liver_lesion"), ("kidney", "kidney_lesion"),
                                                              ("bone", "bone_lesion"))),
    "septal_thickening": FindingEntry(
        ("septal thickening", "interlobular sept*", "thicken* ~4 septum|septal|septation", "septum|septal|septation ~3 thicken*",
         "interlobular thicken*", "interlobular|intralobular septum|septal|septation", "kerley*", "septal line|prominence|sign"),
        "lung", ctrate="Interlobular septal thickening"),
    "bronchiectasis": FindingEntry(
        ("bronchiect*", "bronchioloect*", "bronchial|bronchus|bronchi dilat*|ectas*|widen*", "dilat* ~2 bronchus|bronchial|bronchi",
         "bronchioliect*", "bronchiolectas*", "ectatic bronchus|bronchi", "enlarge* ~2 bronchial|bronchus|bronchi"),
        "airway", ctrate="Bronchiectasis"),
    "peribronchial_thickening": FindingEntry(
        ("peribronchial thicken*|cuff*|infiltrat*|wall|sheath*", "bronchial wall thick*|thicken*", "bronchus|bronchi wall thick*",
         "thicken* ~4 bronchial|bronchus|bronchi|peribronchial", "bronchial|bronchus|bronchi|peribronchial ~3 thicken*",
         "peribronchovascular thicken*", "bronchiolar wall thick*", "airway wall thick*", "bronchial cuffing", "bronchitis",
         "increase ~6 bronchial wall", "bronchial wall ~3 increase*", "bronchitic change", "bronchitic"),
        "airway", ctrate="Peribronchial thickening"),
    "mosaic_attenuation": FindingEntry(
        ("mosaic", "mosaic attenuation|perfusion|pattern|density|appearance|lung"), "lung", ctrate="Mosaic attenuation pattern"),
    "tree_in_bud": FindingEntry(
        ("tree in bud", "budding tree", "bud tree", "budded tree", "tree in the bud", "tree bud*", "branch* with bud*",
         "tree with bud*", "budding branch"), "lung"),
    "honeycombing": FindingEntry(("honeycomb*", "honey comb*"), "lung"),
    "calcified_nodule": FindingEntry(
        ("calcif* ~2 nodule", "calcific nodule", "calcified granuloma", "granuloma", "nodule ~3 calcif*", "calcif* lesion",
         "granulomatous disease|change|calcification|sequela|infection", "calcif* nodular", "ghon*", "calcific density"),
        "lung", ctrate="Lung nodule", becomes=(("mediastinum", "calcified_lymph_node"), ("hilum", "calcified_lymph_node"),
                                               *_ORGAN_LESIONS)),
    "lymphadenopathy": FindingEntry(
        ("lymphadenopath*", "lap", "adenopath*", "enlarge* lymph node", "lymph node enlarge*", "lymphadenomegal*", "adenomegal*",
         "pathological lymph node", "enlarged ~3 lymph node", "conglomerate* lymph node", "lymph node ~2 pathological ~2 size",
         "bulky lymph node", "metastatic lymph node", "pathologically enlarged node", "nodal disease|metastasis|mass",
         "lymphatic enlarge*", "enlarged node", "prominent lymph node"),
        "lymph_node", ctrate="Lymphadenopathy"),
    "cardiomegaly": FindingEntry(
        ("cardiomegal*", "enlarge* ~3 heart", "heart ~4 enlarge*", "cardiac enlargement", "heart|cardiac size ~2 increase*",
         "heart ~3 larger than", "increase* ~2 heart|cardiac size", "enlarge* ~2 cardiac|cardiomediastinal silhouette|contour",
         "cardiac silhouette ~4 enlarge*", "heart|cardiac ~2 dilat*", "increase* ~2 cardiothoracic", "cardiothoracic ~4 increase*",
         "cardiothoracic ~3 high", "ctr ~4 increase*|high", "increase* ~2 ctr", "heart failure", "cardiac failure", "dilat* ~2 atrium|ventricle|cardiac|heart",
         "atrium|ventricle|atrial|ventricular ~4 enlarge*|dilat*", "enlarge* ~3 atrium|ventricle|atrial|ventricular|cardiac",
         "cardiomyopath*", "heart|cardiac is|are|appear* larger", "ventricular|atrial|cardiac hypertroph*", "heart is|are large",
         "cardiothoracic ~3 ratio ~6 heart", "larger ~2 heart", "large heart", "cardiac silhouette ~3 large|prominent",
         "cardiothoracic ratio|index ~3 above|exceed*"),
        "heart", ctrate="Cardiomegaly", keeps_place=True),
    "pericardial_effusion": FindingEntry(
        ("pericard* effusion", "pericard* ~3 effusion", "pericard* fluid", "fluid ~9 pericard*", "smear* ~4 pericard*", "effusion ~5 pericard*",
         "hemopericard*", "pericard* ~2 fluid", "tamponade"),
        "pericardium", ctrate="Pericardial effusion", keeps_place=True),
    "coronary_calcification": FindingEntry(
        ("coronary calcif*", "calcif* ~6 coronary", "coronary ~8 calcif*", "coronary ~3 plaque|atherosclero*|atheroma*", "lad calcif*",
         "plaque ~6 coronary", "atheroma* ~6 coronary", "atherosclero* ~5 coronary"),
        "coronary_arteries", ctrate="Coronary artery wall calcification", keeps_place=True),
    "arterial_calcification": FindingEntry(
        ("atheroma*", "calcif* ~2 atheroma* plaque", "aortic calcif*", "aorta|aortic ~6 calcif*",
         "calcif* ~6 aorta|aortic|arch", "vascular calcif*", "calcif* plaque", "plaque ~4 aorta|aortic|artery|arch",
         "atheroma* plaque", "calcif* ~3 wall ~3 vascular|artery|vessel", "arterial|artery|vessel ~4 calcif*",
         "calcif* ~4 arterial|artery|vessel|vascular", "wall calcif*"),
        "aorta", ctrate="Arterial wall calcification", becomes=(("coronary_arteries", "coronary_calcification"),
                                                                ("valve", "valve_calcification"), ("pleura", "pleural_plaque"))),
    "aortic_aneurysm": FindingEntry(
        ("aneurysm*", "aorta|aortic ~6 dilat*|dilation|ectas*|ectatic|enlarge*|widen*", "ectas* ~4 aorta|aortic|arch",
         "dilat* ~5 aorta|aortic|arch", "enlarge* ~3 aorta|aortic", "aortic knob ~2 prominen*|enlarge*", "wide* ~3 aorta|aortic",
         "ectatic|tortuous|dilat* aorta", "aorta|aortic ~3 wider than|wide"),
        "aorta"),
    "aortic_dissection": FindingEntry(
        ("dissection", "dissect* ~3 aorta", "intimal flap", "false lumen", "intramural hematoma"), "aorta"),
    "pulmonary_embolism": FindingEntry(
        ("embol*", "thromb*", "filling defect", "pulmonary infarct*", "thromboembol*"), "pulmonary_artery",
        becomes=(("vena_cava", "venous_thrombosis"),)),
    "hiatal_hernia": FindingEntry(
        ("hiatal|hiatus|hiatial|paraesophageal|paraoesophageal hernia*", "hernia* ~4 hiatal|hiatus", "gastric hernia*",
         "hernia* ~3 stomach", "stomach ~5 hernia*", "sliding ~2 hernia*", "esophageal hernia*", "hh", "intrathoracic stomach",
         "hiatal ~2 hernia*"),
        "esophagus", ctrate="Hiatal hernia"),
    "pleural_thickening": FindingEntry(
        ("pleural thicken*", "thicken* ~3 pleura|pleural", "pleura|pleural ~4 thicken*|thickness", "pachypleur*", "apical cap",
         "pleural irregular*", "apical capping", "fissural thicken*", "apical thicken*", "pleural reaction"),
        "pleura", keeps_place=True),
    "pleural_plaque": FindingEntry(
        ("pleural plaque", "pleura|pleural ~4 calcif*", "calcif* ~3 pleura|pleural", "plaque ~4 pleura|pleural", "asbestos*"),
        "pleura", keeps_place=True),
    "medical_material": FindingEntry(
        ("catheter", "pacemaker", "port", "portacath", "stent*", "suture", "sternotomy", "tracheostomy", "nasogastric",
         "ng tube", "chest tube", "endotracheal", "intubat*", "drain", "prosthe*", "breast|silicone|dental|cochlear implant", "implanted device", "clip", "staple", "icd",
         "defibrillator", "electrode", "cannula", "picc", "central line|venous", "wire", "screw", "fixator", "graft", "bypass",
         "cabg", "valve replacement|prosthe*", "surgical material", "osteosynthes*", "metallic ~2 material|density|object",
         "feeding tube", "enteric tube", "tube", "swan ganz", "lead", "fixation", "hardware", "arthroplast*", "device",
         "vertebroplast*", "metallic artifact", "cardiac valve replacement", "foreign body", "dobhoff", "dialysis",
         "operation material|suture", "shunt", "gastrostomy", "cervical fusion", "spinal fusion", "medical material", "line tip",
         "line overl*", "subclavian line", "jugular line", "rod", "lap band", "gastric band", "metallic", "pace maker",
         "cardiac pace", "vascular access|line", "power port", "mediport", "bullet", "shrapnel", "ivc filter",
         "instrumentation", "monitoring device", "loop recorder", "nephrostomy", "silicone", "vagal stimulator", "ett", "cvc"),
        None, ctrate="Medical material"),
    "fracture": FindingEntry(("fractur*", "fx", "nondisplaced"), "bone"),
    "bone_lesion": FindingEntry(
        ("lytic", "sclerotic lesion|focus|area|density", "lytic destructive", "lytic sclerotic", "destructive ~2 lesion|process",
         "bone|bony|osseous lesion|metastas*|destruction", "bone island", "hemangioma", "sclerosis", "sclerotic",
         "blastic", "osteoblastic", "osteolytic", "enostosis", "aggressive osseous lesion", "osseous lesion", "erosi*"),
        "bone"),
    "vertebral_compression": FindingEntry(
        ("compression fracture|deformity|defect", "height loss", "loss of ~3 height", "wedging", "wedge deformity|compression|fracture",
         "vertebra*|endplate ~4 collapse", "vertebral body|corpus ~4 compress*", "decrease* ~3 vertebra* ~2 height",
         "height ~2 vertebra* ~3 decrease*|reduc*", "anterior wedg*", "vertebra*|corpus height ~5 decrease*|loss|reduc*",
         "burst fracture", "schmorl*", "platyspondyl*", "compression ~4 vertebra*", "wedge shaped vertebra*"),
        "vertebra"),
    "degenerative_change": FindingEntry(
        ("degenerat*", "osteophyt*", "spondylo*", "osteoarthr*", "arthrit*", "disc space narrow*", "dish", "arthros*", "bridging",
         "spur*", "disc|disk narrow*|disease|degener*", "hypertrophic change", "endplate change|irregular*|sclerosis", "ossification",
         "discopath*", "ankylos*", "spinal stenosis", "vacuum phenomenon", "hypertrophic ~2 spurr*", "diffuse idiopathic skeletal"),
        "spine"),
    "liver_lesion": FindingEntry(("hepatic|liver lesion|metastas*|cyst|mass|hemangioma", "hemangioma ~4 liver", "hydatid cyst"),
                                 "liver", keeps_place=True),
    "hepatic_steatosis": FindingEntry(
        ("steatos*", "fatty liver", "hepatosteatos*", "fatty infiltrat*", "liver ~6 decrease*", "adiposity ~3 liver",
         "decrease* ~5 liver", "lubrication|lubricat*", "fat* ~3 liver", "hepatic fat*"),
        "liver", keeps_place=True),
    "kidney_stone": FindingEntry(("nephrolith*", "kidney|renal stone|calculus|calculi", "stone|calculus|calculi ~4 kidney|renal",
                                  "urolith*", "kidney|renal ~5 stone|calculus|calculi", "calyceal stone"),
                                 "kidney", chest=False, keeps_place=True),
    "gallstone": FindingEntry(("gallstone", "cholelith*", "stone ~4 gallbladder", "gallbladder ~6 stone|calculus|calculi", "stone",
                               "biliary sludge", "calculus", "gall stone"),
                              "gallbladder", chest=False, keeps_place=True, becomes=(("kidney", "kidney_stone"),)),
    "adrenal_lesion": FindingEntry(("adrenal adenoma|mass|nodule|lesion|thicken*|metastas*|hyperplasia", "adenoma ~4 adrenal",
                                    "thicken* ~4 adrenal", "adrenal ~5 thicken*|thickness|lesion|nodule|hyperplasia"),
                                   "adrenal", chest=False, keeps_place=True),
    "thyroid_nodule": FindingEntry(("thyroid nodule|lesion|mass|cyst", "nodule ~5 thyroid", "thyroid ~6 nodule"), "thyroid", keeps_place=True),
    "mediastinal_mass": FindingEntry(("mediastinal mass|lesion|tumor|cyst", "thymoma", "thymic mass|hyperplasia", "mass ~3 mediastin*"),
                                     "mediastinum", keeps_place=True),
    "lymph_node": FindingEntry(("lymph node", "lymph gland", "lymphatic node", "lymph", "node", "lymphnode"), "lymph_node",
                               ctrate="Lymphadenopathy"),
    "pneumonia": FindingEntry(("pneumoni*", "pneumonic", "infection", "infectious process|disease|pathology", "covid", "covid 19",
                               "bronchopneumon*", "infective", "viral"), "lung"),
    "infiltration": FindingEntry(("infiltrat*", "infiltrative lesion|process", "active infiltrat*", "pneumonic infiltrat*"), "lung"),
    "reticulation": FindingEntry(("reticul*", "reticulonodular", "subpleural line", "subpleural reticul*", "linear density|opacity",
                                  "streaky density|opacity|marking", "linear densit*", "linear consolidat*", "strand*", "streak*"), "lung"),
    "interstitial_disease": FindingEntry(
        ("interstitial ~2 disease|opacity|change|marking|pattern|prominence|process|thicken*|abnormal*|lung|fibrosis|edema", "ild",
         "interstitium", "interstitial pneumon*", "uip", "nsip", "increase* ~3 marking", "coarse* ~3 marking", "interstitial",
         "prominen* ~4 marking", "marking ~4 increase*|prominen*|coarse*"), "lung"),
    "pulmonary_edema": FindingEntry(
        ("edema", "pulmonary edema", "cardiogenic", "fluid overload", "volume overload", "interstitial edema", "alveolar edema"),
        "lung", becomes=(("soft_tissue", "soft_tissue_edema"), ("chest_wall", "soft_tissue_edema"), ("abdomen", "abdominal_abnormality"))),
    "vascular_congestion": FindingEntry(
        ("congest*", "vascular|venous|vasculature ~3 prominen*|engorg*|distention|distended|indistinct*|increase*|redistribution",
         "cephali*", "prominen* ~2 vascular*", "engorg*", "increase* ~2 vascularity", "pulmonary arterial hypertension",
         "pulmonary hypertension", "venous hypertension", "vascular crowding", "vascular enlargement", "vessel enlargement",
         "hilar prominence", "prominen* ~3 hilum|hilar", "hilum|hilar ~3 prominen*|enlarge*|full*", "vascular prominence"), "lung"),
    "air_trapping": FindingEntry(("air trapping", "trapped air", "trapping"), "lung"),
    "hyperinflation": FindingEntry(
        ("hyperinflat*", "hyperexpan*", "hyperaerat*", "overinflat*", "flatten* ~4 diaphragm|hemidiaphragm", "diaphragm ~3 flat*",
         "hyperlucen*", "increase* ~3 ap diameter|dimension", "increase* ~3 lung volume", "large lung volume", "barrel chest",
         "increase* ~3 aeration", "increase* retrosternal", "hemidiaphragm ~3 flat*", "increase* ~3 lucen*", "retrosternal air"), "lung"),
    "mucus_plugging": FindingEntry(("mucus|mucous|mucoid plug*|impact*", "secret*", "mucus", "aspirat*", "debris", "mucocele"), "airway"),
    "volume_loss": FindingEntry(
        ("volume loss", "loss of volume", "decrease* ~2 volume", "volume ~6 decrease*|reduc*|low|diminish*|small*", "low ~2 volume",
         "hypoinflat*", "underinflat*", "hypoventilat*", "hypoaerat*", "shallow inspiration", "poor inspir*", "decrease* ~2 aeration",
         "low lung", "small lung volume", "suboptimal inspir*", "reduced volume", "crowding", "aeration ~4 decrease*|loss",
         "loss of aeration", "expiratory", "hypoexpan*", "underexpan*", "lack of inspiration", "poorly expanded", "diminished ~2 volume"),
        "lung"),
    "metastasis": FindingEntry(("metastas*", "metastat*", "carcinomatosis", "metastatic disease|lesion|deposit"), None,
                               becomes=_ORGAN_LESIONS),
    "lesion": FindingEntry(
        ("lesion", "focus", "formation", "hypodense|hyperdense area|focus|lesion", "density area", "focal abnormality", "hypodensity",
         "hyperdensity", "focal density", "lucency", "soft tissue density", "density", "adenoma", "lipoma", "hamartoma", "radiolucen*"),
        None, becomes=_MASSES, vague=True),
    "calcification": FindingEntry(
        ("calcif*", "calcific", "calcific focus|area|density|lesion", "plaque", "calcified"), None, becomes=_CALCIFICATIONS),
    "calcified_lymph_node": FindingEntry(
        ("calcif* ~3 lymph node|adenopathy", "lymph node ~3 calcif*", "calcif* ~2 node", "hilar|mediastinal|subcarinal ~2 calcif*",
         "calcif* ~3 hilar|mediastinal|hilum"), "lymph_node",
        ctrate="Lymphadenopathy"),
    "valve_calcification": FindingEntry(("valve|valvular|annulus|annular|mitral ~4 calcif*", "calcif* ~4 valve|annulus|mitral|valvular"),
                                        "heart", keeps_place=True),
    "pneumomediastinum": FindingEntry(("pneumomediast*", "mediastinal emphysema|air", "free air ~3 mediastin*"), "mediastinum", keeps_place=True),
    "subcutaneous_emphysema": FindingEntry(("subcutaneous ~2 emphysema|air|gas", "soft tissue emphysema|gas|air",
                                            "emphysema ~5 subcutaneous"), "chest_wall", keeps_place=True),
    "pneumoperitoneum": FindingEntry(("pneumoperiton*", "free ~3 air", "intraperitoneal air|gas", "subdiaphragmatic air|gas",
                                      "free intra*"), "abdomen", keeps_place=True, chest=False),
    "hemothorax": FindingEntry(("hemothora*", "hematothora*"), "pleura", keeps_place=True),
    "empyema": FindingEntry(("empyema", "pyothorax"), "pleura", keeps_place=True),
    "pleural_nodule": FindingEntry(("pleural nodul*|mass|lesion|metastas*|tumor|based mass", "mesothelioma"), "pleura", keeps_place=True),
    "pericardial_thickening": FindingEntry(
        ("pericard* ~3 thicken*", "thicken* ~3 pericard*", "pericard* ~3 calcif*", "calcif* ~3 pericard*"), "pericardium", keeps_place=True),
    "tortuous_aorta": FindingEntry(("tortuo*", "unfold*", "uncoil*", "uncoiled aorta", "elongat* ~3 aorta|aortic", "aortic tortuosity",
                                    "aorta|aortic ~4 elongat*"), "aorta"),
    "pulmonary_artery_dilatation": FindingEntry(
        ("pulmonary artery|arterial|trunk|conus ~8 dilat*|enlarge*|wide*|increase*|ectas*|prominen*",
         "dilat*|enlarge*|wide*|prominen* ~5 pulmonary artery|arterial|trunk|conus", "pulmonary artery larger"),
        "pulmonary_artery", keeps_place=True),
    "venous_thrombosis": FindingEntry(("venous thrombo*", "vein thrombo*", "thrombo* ~4 vein|vena"), "vena_cava"),
    "diaphragm_elevation": FindingEntry(
        ("elevat* ~4 diaphragm|hemidiaphragm", "diaphragm|hemidiaphragm ~5 elevat*|high|raised", "eventrat*", "diaphragm* paralysis",
         "asymmetr* ~3 diaphragm|hemidiaphragm", "raised ~2 diaphragm|hemidiaphragm", "elevated right|left"), "diaphragm", keeps_place=True),
    "diaphragmatic_hernia": FindingEntry(("diaphragm* hernia*", "bochdalek*", "morgagni*"), "diaphragm", keeps_place=True),
    "spinal_curvature": FindingEntry(("scolio*", "kypho*", "curvature", "dextroscolio*", "levoscolio*", "dextrocurv*", "levocurv*",
                                      "lordo*", "dextroconvex*", "levoconvex*", "gibbus"), "spine", keeps_place=True),
    "osteopenia": FindingEntry(("osteopen*", "osteopor*", "deminerali*", "bone density ~4 decrease*|low|reduc*", "decrease* ~3 bone density",
                                "decrease* ~3 minerali*"), "bone", keeps_place=True),
    "postoperative_change": FindingEntry(
        ("lobectom*", "pneumonectom*", "resect*", "mastectom*", "postoperat*", "post operat*", "postsurg*", "post surg*", "operated",
         "surgical change|absence", "thoracotom*", "segmentectom*", "wedge resection", "surgery", "cholecystectom*", "splenectom*",
         "postradiat*", "post radiat*", "radiation change|fibrosis|pneumon*|therapy", "transplant*", "radiotherap*", "nephrectom*",
         "gastrectom*", "esophagectom*", "thyroidectom*", "esophagogastr* anastomosis", "surgical ~2 absent", "status post",
         "surgical", "prior trauma", "amputat*", "missing", "absent left|right", "craniotomy"), None),
    "thoracic_deformity": FindingEntry(("pectus", "deform*", "irregular*", "cervical rib", "bifid rib", "contour abnormality", "asymmetr*",
                                        "bifid"), "bone", becomes=(("lung", "abnormality"), ("liver", "liver_lesion"))),
    "esophageal_abnormality": FindingEntry(
        ("esophag* ~5 thicken*|dilat*|enlarge*|mass|distend*", "thicken*|dilat*|mass|tumoral ~5 esophag*", "achalasia"),
        "esophagus", keeps_place=True),
    "airway_obstruction": FindingEntry(
        ("occlu*", "obstruct*", "stenos*", "endobronchial ~2 lesion|mass", "endotracheal ~2 lesion|mass", "narrow*", "luminal ~2 narrow*",
         "tracheal stenosis|narrow*", "obstructive pathology", "bronch* ~3 cut off|narrow*|obliterat*|obstruct*|interrupt*"),
        "airway", becomes=(("coronary_arteries", "vascular_abnormality"), ("artery", "vascular_abnormality"),
                           ("aorta", "vascular_abnormality"), ("vena_cava", "vascular_abnormality"), ("spine", "degenerative_change"),
                           ("bone", "degenerative_change"), ("bowel", "abdominal_abnormality"), ("great_vessels", "vascular_abnormality"))),
    "goiter": FindingEntry(("goiter", "goitre", "thyroid ~6 enlarge*|increase*|larger|prominent|hypertroph*", "thyromegal*", "enlarge* ~3 thyroid",
                            "multinodular"), "thyroid", keeps_place=True),
    "splenomegaly": FindingEntry(("splenomegal*", "spleen ~5 enlarge*|larger|increase*", "enlarge* ~2 spleen", "hepatosplenomegal*"),
                                 "spleen", keeps_place=True),
    "hepatomegaly": FindingEntry(("hepatomegal*", "liver ~5 enlarge*|larger|increase*", "enlarge* ~2 liver", "hepatosplenomegal*"),
                                 "liver", keeps_place=True),
    "kidney_lesion": FindingEntry(("renal|kidney cyst|mass|lesion|atrophy|hypodens*", "cyst ~4 kidney|renal", "hydronephro*", "pelvicaliec*",
                                   "ectasia ~4 kidney|renal|collecting", "kidney ~4 atroph*", "parapelvic"),
                                  "kidney", chest=False, keeps_place=True),
    "spleen_lesion": FindingEntry(("splenic lesion|cyst|mass|infarct*|calcif*",), "spleen", keeps_place=True),
    "pancreas_lesion": FindingEntry(("pancrea* lesion|mass|cyst|atroph*|lipomatos*", "pancreatitis", "pancreas ~4 atroph*"),
                                    "pancreas", chest=False, keeps_place=True),
    "ascites": FindingEntry(("ascit*", "intraabdominal ~2 fluid", "free fluid", "perihepatic|perisplenic fluid|effusion", "abdominal fluid",
                             "peritoneal fluid"), "abdomen", chest=False, keeps_place=True, becomes=(("pleura", "pleural_effusion"),)),
    "abdominal_lesion": FindingEntry(("abdominal mass|lesion",), "abdomen", chest=False),
    "abdominal_hernia": FindingEntry(("umbilical|inguinal|ventral|incisional hernia*", "hernia*"), "abdomen", chest=False,
                                     becomes=(("diaphragm", "diaphragmatic_hernia"), ("stomach", "hiatal_hernia"), ("esophagus", "hiatal_hernia"))),
    "breast_lesion": FindingEntry(("breast mass|nodule|lesion|cancer|carcinoma", "fibroadenoma"), "breast", keeps_place=True),
    "gynecomastia": FindingEntry(("gynecomast*", "gynaecomast*"), "breast", keeps_place=True),
    "soft_tissue_lesion": FindingEntry(("soft tissue mass|lesion|nodule", "lipoma", "sebaceous", "chest wall mass|lesion"), "chest_wall"),
    "soft_tissue_edema": FindingEntry(("anasarca", "subcutaneous edema", "soft tissue edema|swelling", "swelling"), "chest_wall", keeps_place=True),
    "wall_thickening": FindingEntry(
        ("thicken*", "wall thicken*", "wall thickness increase", "increase* ~2 wall thickness", "thickness increase", "tumoral wall thicken*"),
        None, becomes=(("airway", "peribronchial_thickening"), ("pleura", "pleural_thickening"), ("pericardium", "pericardial_thickening"),
                       ("esophagus", "esophageal_abnormality"), ("adrenal", "adrenal_lesion"), ("heart", "cardiomegaly")), vague=True),
    "abscess": FindingEntry(("abscess*", "collection"), None),
    "tuberculosis": FindingEntry(("tubercul*", "tb"), "lung"),
    "contusion": FindingEntry(("contusion", "laceration", "hematoma", "hemorrhag*"), None),
    "bronchiolitis": FindingEntry(("bronchiolit*", "centrilobular nodule|density|opacity|ground", "acinar", "small airway|airways disease",
                                   "acinonodular", "centriacinar*", "reactive airway|airways"), "airway"),
    "anatomic_variant": FindingEntry(
        ("azygos lobe|fissure", "azygous lobe|fissure", "accessory spleen", "splenule", "aberrant", "right aortic arch", "variant", "variation",
         "situs inversus", "right sided arch", "dextrocardia", "accessory fissure|lobe|hemidiaphragm", "tracheal bronchus", "diverticul*",
         "hypoplas*", "agenesis", "congenital", "fat pad", "interposition", "chilaiditi*", "eventration"), None),
    "tracheal_deviation": FindingEntry(
        ("trachea* ~4 deviat*|displac*|shift*", "deviat* ~4 trachea*", "mediastin* ~4 shift*|deviat*|displac*", "shift* ~5 mediastin*|heart|cardiac"),
        "trachea", keeps_place=True),
    "mediastinal_abnormality": FindingEntry(
        ("widen* ~3 mediastin*", "mediastin* ~5 widen*|wide|prominen*|full*", "mediastinitis", "pneumopericard*"), "mediastinum", keeps_place=True),
    "vascular_abnormality": FindingEntry(("varicos*", "varix|varices", "arteriovenous malformation|fistula", "vascular malformation|abnormal*",
                                          "vasculitis", "collateral"), None),
    "abdominal_abnormality": FindingEntry(
        ("dilated bowel|loop", "air fluid level", "bowel ~4 dilat*|distend*|distention", "gas distended|distention", "ileus", "cirrhos*",
         "pneumobilia", "bile duct ~4 dilat*", "dilat* ~3 bile duct|choledoch*", "cholecyst*", "distend* ~3 stomach|bowel|colon|loop"),
        "abdomen", chest=False),
    "congenital_heart_disease": FindingEntry(("septal defect", "congenital heart", "patent ductus", "coarctation"), "heart", keeps_place=True),
    "crazy_paving": FindingEntry(("crazy paving", "cobblestone", "crazy stone"), "lung"),
    "halo_sign": FindingEntry(("halo sign", "reverse* halo", "atoll sign"), "lung"),
    "sarcoidosis": FindingEntry(("sarcoid*", "silicosis", "pneumoconios*", "cystic fibrosis", "histoplasm*", "lymphangitic", "fungal",
                                 "aspergill*", "mycobact*"), "lung"),
    "dilatation": FindingEntry(
        ("dilat*", "ectas*", "ectatic", "enlarge*", "distend*", "widen*"), None,
        becomes=(("airway", "bronchiectasis"), ("aorta", "aortic_aneurysm"), ("pulmonary_artery", "pulmonary_artery_dilatation"),
                 ("heart", "cardiomegaly"), ("esophagus", "esophageal_abnormality"), ("thyroid", "goiter"), ("lymph_node", "lymphadenopathy"),
                 ("spleen", "splenomegaly"), ("liver", "hepatomegaly"), ("bowel", "abdominal_abnormality"), ("kidney", "kidney_lesion"))),
    "abnormality": FindingEntry(
        ("abnormal*", "patholog*", "disease", "process", "pathologic finding", "blunt*", "obscur*", "silhouetting", "indistinct*", "prominen*",
         "haziness", "hazy", "haze", "poorly defined", "ill defined", "changes", "injury", "dislocat*", "sublux*", "separation", "inflammat*"),
        None, vague=True),
    "atherosclerosis": FindingEntry(
        ("atherosclero*", "arterioscler*"), None,
        becomes=(("coronary_arteries", "coronary_calcification"), ("aorta", "arterial_calcification"),
                 ("artery", "arterial_calcification"), ("great_vessels", "arterial_calcification"))),
}
# fmt: on
