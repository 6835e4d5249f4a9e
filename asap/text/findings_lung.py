"""Findings of lung, airways and pleura, and the words they are said in.

Patterns: `asap.text.patterns`. The word lists are our own. THE ORDER OF THE KEYS IS FIXED (see
`asap.text.concepts`): append, never insert.
"""

from __future__ import annotations

from asap.text.entries import MASSES, ORGAN_LESIONS, FindingEntry

# fmt: off
LUNG_FINDINGS: dict[str, FindingEntry] = {
    "nodule": FindingEntry(
        ("nodule", "nodular ~2 lesion", "nodular density", "nodular opacity", "nodular image", "nodular formation", "micronodule",
         "nodular appearance", "nodularity", "nodular shadow", "intrapulmonary lymph node",
         "intraparenchymal lymph node", "subpleural lymph node", "fissural lymph node", "ggn", "spn", "coin lesion",
         "nodular structure", "ground glass nodule", "pulmonary lesion", "pleural based ~3 nodule"),
        "lung", ctrate="Lung nodule", becomes=(("mediastinum", "mediastinal_mass"), *ORGAN_LESIONS)),
    "mass": FindingEntry(
        ("mass", "mass lesion", "tumor", "tumoral lesion", "neoplasm", "neoplastic lesion", "malignancy", "carcinoma", "cancer",
         "space occupying lesion", "tumoral mass", "malignant lesion", "adenocarcinoma", "lymphoma", "sarcoma", "masslike"),
        "lung", becomes=MASSES),
    "ground_glass": FindingEntry(
        ("ground glass", "groundglass", "ggo", "frosted glass", "ground glass opacity|density|area|attenuation",
         "ground glass density increase", "hazy opacity", "glass density|opacity|area"),
        "lung", ctrate="Lung opacity"),
    "consolidation": FindingEntry(
        ("consolidation", "consolidat*", "airspace disease", "air space disease", "airspace opacity|opacification|consolidation",
         "air space opacity|opacification|consolidation", "alveolar opacity", "pneumonic consolidation"),
        "lung", ctrate="Consolidation"),
    "opacity": FindingEntry(
        ("opacity", "opacification", "patchy|fuzzy|flocculent|dense|strip|cord|streak|striped ~2 shadow", "density shadow",
         "density increase", "increase in density", "increased density", "increase of density",
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
        ("pleural ~2 effusion", "effusion", "pleural fluid", "hydrothorax", "fluid ~ pleural space|cavity", "hydropneumothorax",
         "fluid ~ hemithorax", "hemithorax fluid", "free fluid ~ pleural", "fissural fluid", "fluid ~ fissure",
         "blunt* ~2 costophrenic", "costophrenic ~6 blunt*", "pleural collection", "hydropnomothorax", "loculated fluid",
         "fluid level"),
        "pleura", ctrate="Pleural effusion", keeps_place=True,
        becomes=(("pericardium", "pericardial_effusion"), ("abdomen", "ascites"))),
    "pneumothorax": FindingEntry(("pneumothora*", "hydropneumothora*", "pleural air"), "pleura", keeps_place=True),
    "emphysema": FindingEntry(
        ("emphysem*", "copd", "centrilobular emphysem*", "paraseptal emphysem*", "chronic obstructive"),
        "lung", ctrate="Emphysema", becomes=(("soft_tissue", "subcutaneous_emphysema"), ("chest_wall",
        "subcutaneous_emphysema"))),
    "bulla": FindingEntry(("bulla", "bullous", "bleb", "bulla formation", "bubble shadow", "emphysematous bulla"), "lung",
    ctrate="Emphysema"),
    "cavity": FindingEntry(("cavit*", "cavitary lesion|nodule|mass", "cavitated lesion|nodule|mass", "cavern*"), "lung"),
    "fibrosis": FindingEntry(
        ("fibros*", "fibrotic", "fibrotic change|density|sequela|band|area|recession", "sequela|sequelae|sequel",
         "sequelae change",
         "sequela|sequelae fibrotic|parenchymal|density|linear", "scar", "scarring", "cicatri*", "parenchymal band",
         "subpleural band",
         "pleuroparenchymal density|change|band|sequela|sequelae|thickening|opacity", "fibroatelect*", "fibroatelact*",
         "fibro atelect*", "fibrotic tissue",
         "pleuro parenchymal sequela|sequelae|density|change|band", "pleural parenchymal sequela|sequelae|density|change|band",
         "fibrocalcific", "fibronodular", "fibrolinear", "fibrocicatricial", "biapical scarring"),
        "lung", ctrate="Pulmonary fibrotic sequela", becomes=(("liver", "liver_lesion"), ("kidney", "kidney_lesion"),
                                                              ("bone", "bone_lesion"))),
    "septal_thickening": FindingEntry(
        ("septal thickening", "interlobular sept*", "thicken* ~4 septum|septal|septation", "septum|septal|septation ~3 thicken*",
         "interlobular thicken*", "interlobular|intralobular septum|septal|septation", "kerley*", "septal line|prominence|sign"),
        "lung", ctrate="Interlobular septal thickening"),
    "bronchiectasis": FindingEntry(
        ("bronchiect*", "bronchioloect*", "bronchial|bronchus|bronchi dilat*|ectas*|widen*",
         "dilat* ~2 bronchus|bronchial|bronchi",
         "bronchioliect*", "bronchiolectas*", "ectatic bronchus|bronchi", "enlarge* ~2 bronchial|bronchus|bronchi"),
        "airway", ctrate="Bronchiectasis"),
    "peribronchial_thickening": FindingEntry(
        ("peribronchial thicken*|cuff*|infiltrat*|wall|sheath*", "bronchial wall thick*|thicken*", "bronchus|bronchi wall thick*",
         "thicken* ~4 bronchial|bronchus|bronchi|peribronchial", "bronchial|bronchus|bronchi|peribronchial ~3 thicken*",
         "peribronchovascular ~3 thicken*|thickness", "thicken* ~3 peribronchovascular", "peribronchial ~6 thickness",
         "bronchiolar wall thick*", "airway wall thick*", "bronchial cuffing", "bronchitis",
         "increase ~6 bronchial wall", "bronchial wall ~3 increase*", "bronchitic change", "bronchitic"),
        "airway", ctrate="Peribronchial thickening"),
    "mosaic_attenuation": FindingEntry(
        ("mosaic", "mosaic attenuation|perfusion|pattern|density|appearance|lung"), "lung", ctrate="Mosaic attenuation pattern"),
    "tree_in_bud": FindingEntry(
        ("tree in bud", "budding tree", "bud tree", "budded tree", "tree in the bud", "tree bud*", "branch* with bud*",
         "tree with bud*", "budding branch"), "lung"),
    "honeycombing": FindingEntry(("honeycomb*", "honey comb*"), "lung"),
    "calcified_nodule": FindingEntry(
        ("calcif* ~2 nodule", "calcific nodule", "calcified granuloma", "granuloma", "nodule is|are calcif*",
         "nodule with|containing|contain|showing ~1 calcif*", "calcif* lesion",
         "granulomatous disease|change|calcification|sequela|infection", "calcif* nodular", "ghon*", "calcific density"),
        "lung", ctrate="Lung nodule", becomes=(("mediastinum", "calcified_lymph_node"), ("hilum", "calcified_lymph_node"),
                                               *ORGAN_LESIONS)),
    "pleural_thickening": FindingEntry(
        ("pleural thicken*", "thicken* ~3 pleura|pleural", "pleura|pleural ~4 thicken*|thickness", "pachypleur*",
         "pleura|pleural hypertroph*", "apical cap",
         "pleural irregular*", "apical capping", "fissural thicken*", "apical thicken*", "pleural reaction"),
        "pleura", keeps_place=True),
    "pleural_plaque": FindingEntry(
        ("pleural plaque", "pleura|pleural ~4 calcif*", "calcif* ~3 pleura|pleural", "plaque ~4 pleura|pleural", "asbestos*"),
        "pleura", keeps_place=True),
    "pneumonia": FindingEntry(("pneumoni*", "pneumonic", "infection", "infectious process|disease|pathology", "covid", "covid 19",
                               "bronchopneumon*", "infective", "viral"), "lung"),
    "infiltration": FindingEntry(("infiltrat*", "infiltrative lesion|process", "active infiltrat*", "pneumonic infiltrat*"),
    "lung"),
    "reticulation": FindingEntry(("reticul*", "reticulonodular", "subpleural line", "subpleural reticul*",
    "linear density|opacity",
                                  "streaky density|opacity|marking", "linear densit*", "linear consolidat*", "strand*",
                                  "streak*"), "lung"),
    "interstitial_disease": FindingEntry(
        ("interstitial ~2 disease|opacity|change|marking|pattern|prominence|process|thicken*|abnormal*|lung|fibrosis|edema",
         "ild",
         "chronic ~1 lung|pulmonary|parenchymal disease|change", "interstitial pneumon*", "uip", "nsip", "increase* ~3 marking",
         "coarse* ~3 marking", "interstitial",
         "prominen* ~4 marking", "marking ~4 increase*|prominen*|coarse*"), "lung"),
    "pulmonary_edema": FindingEntry(
        ("edema", "pulmonary edema", "cardiogenic", "fluid overload", "volume overload", "interstitial edema", "alveolar edema"),
        "lung", becomes=(("soft_tissue", "soft_tissue_edema"), ("chest_wall", "soft_tissue_edema"), ("abdomen",
        "abdominal_abnormality"))),
    "air_trapping": FindingEntry(("air trapping", "trapped air", "trapping"), "lung"),
    "hyperinflation": FindingEntry(
        ("hyperinflat*", "hyperexpan*", "over expanded|inflated|aerated", "overexpan*", "overaerat*", "hyperaerat*",
         "overinflat*", "flatten* ~4 diaphragm|hemidiaphragm", "diaphragm ~3 flat*",
         "hyperlucen*", "increase* ~3 ap diameter|dimension", "increase* ~3 lung volume", "large lung volume", "barrel chest",
         "increase* ~3 aeration", "increase* retrosternal", "hemidiaphragm ~3 flat*", "increase* ~3 lucen*",
         "retrosternal air"), "lung"),
    "mucus_plugging": FindingEntry(("mucus|mucous|mucoid plug*|impact*", "secret*", "mucus", "aspirat*", "debris", "mucocele"),
    "airway"),
    "volume_loss": FindingEntry(
        ("volume loss", "loss of volume", "decrease* ~2 volume", "volume ~6 decrease*|reduc*|low|diminish*|small*",
         "low ~2 volume",
         "hypoinflat*", "underinflat*", "hypoventilat*", "hypoaerat*", "shallow inspiration", "poor inspir*",
         "decrease* ~2 aeration",
         "low lung", "small lung volume", "suboptimal inspir*", "reduced volume", "crowding", "aeration ~4 decrease*|loss",
         "loss of aeration", "hypoexpan*", "under expanded|inflated|aerated", "underexpan*",
         "lack of inspiration", "poorly expanded", "diminished ~2 volume"),
        "lung"),
    "hemothorax": FindingEntry(("hemothora*", "hematothora*"), "pleura", keeps_place=True),
    "empyema": FindingEntry(("empyema", "pyothorax"), "pleura", keeps_place=True),
    "pleural_nodule": FindingEntry(("pleural nodul*|mass|lesion|metastas*|tumor|based mass", "mesothelioma"), "pleura",
    keeps_place=True),
    "airway_obstruction": FindingEntry(
        ("occlu*", "obstruct*", "stenos*", "endobronchial ~2 lesion|mass", "endotracheal ~2 lesion|mass", "narrow*",
         "luminal ~2 narrow*",
         "tracheal stenosis|narrow*", "obstructive pathology", "bronch* ~8 cut off",
         "bronch* ~3 cut off|narrow*|obliterat*|obstruct*|interrupt*"),
        "airway", becomes=(("coronary_arteries", "vascular_abnormality"), ("artery", "vascular_abnormality"),
                           ("aorta", "vascular_abnormality"), ("vena_cava", "vascular_abnormality"), ("spine",
                            "degenerative_change"),
                           ("bone", "degenerative_change"), ("bowel", "abdominal_abnormality"), ("great_vessels",
                            "vascular_abnormality"))),
    "tuberculosis": FindingEntry(("tubercul*", "tb"), "lung"),
    "bronchiolitis": FindingEntry(("bronchiolit*", "centrilobular nodule|density|opacity|ground", "acinar",
    "small airway|airways disease",
                                   "acinonodular", "centriacinar*", "reactive airway|airways"), "airway"),
    "tracheal_deviation": FindingEntry(
        ("trachea* ~4 deviat*|displac*|shift*", "deviat* ~4 trachea*", "mediastin* ~4 shift*|deviat*|displac*",
         "shift* ~5 mediastin*|heart|cardiac"),
        "trachea", keeps_place=True),
    "crazy_paving": FindingEntry(("crazy paving", "cobblestone", "crazy stone"), "lung"),
    "halo_sign": FindingEntry(("halo sign", "reverse* halo", "atoll sign"), "lung"),
    "sarcoidosis": FindingEntry(("sarcoid*", "silicosis", "pneumoconios*", "cystic fibrosis", "histoplasm*", "lymphangitic",
    "fungal",
                                 "aspergill*", "mycobact*"), "lung"),
}
# fmt: on
