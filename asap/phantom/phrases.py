"""Names of findings, and the frames only one finding uses: our own wording in the manner of radiologists.

Slots and the held-out rule: see `asap.phantom.frames`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Phrasing:
    """Names of one finding: one/many countable, bulk uncountable; `own` are frames only this finding uses."""

    one: tuple[str, ...] = ()
    many: tuple[str, ...] = ()
    bulk: tuple[str, ...] = ()
    own: tuple[str, ...] = ()


FINDINGS: dict[str, Phrasing] = {
    "nodule": Phrasing(
        one=("nodule", "nodule", "pulmonary nodule", "lung nodule", "nodular opacity", "nodular density", "nodular lesion"),
        many=("nodules", "pulmonary nodules", "nodular opacities", "nodular lesions", "lung nodules"),
        own=("A focal nodular opacity of {mm} is seen{in}.", "Nodular lesion{in} to be followed up."),
    ),
    "mass": Phrasing(
        one=("mass", "mass", "mass lesion", "lung mass", "tumour", "tumor", "soft tissue mass", "neoplasm"),
        many=("masses", "mass lesions", "tumours", "tumors"),
        own=(
            "A large {mod}tumor is present{in}.",
            "A bulky {mod}mass occupies part of the {at}.",
            "Large {mod}mass{in}, suspicious for malignancy.",
            "Primary lung carcinoma{in}.",
            "Malignant-looking {mod}mass{in}.",
        ),
    ),
    "ground_glass": Phrasing(
        one=(
            "ground-glass opacity",
            "ground glass opacity",
            "GGO",
            "area of ground-glass",
            "ground-glass area",
            "ground glass density",
        ),
        many=("ground-glass opacities", "ground glass opacities", "GGOs", "ground-glass areas", "ground glass densities"),
        bulk=("ground-glass opacity", "ground glass opacification", "ground-glass attenuation", "ground glass density"),
        own=("Hazy ground-glass change{in}.", "Patch of ground glass{in}.", "Hazy opacity with visible vessels{in}."),
    ),
    "consolidation": Phrasing(
        one=("consolidation", "airspace opacity", "area of consolidation", "consolidative opacity", "airspace consolidation"),
        many=("consolidations", "airspace opacities", "areas of consolidation", "consolidative opacities"),
        bulk=("consolidation", "airspace consolidation", "airspace disease", "pneumonic consolidation", "consolidative change"),
        own=(
            "Pneumonia{in}.",
            "Pneumonic infiltration is observed{in}.",
            "Lobar pneumonia of the {at}.",
            "Consolidated lung{in}.",
        ),
    ),
    "atelectasis": Phrasing(
        one=("band of atelectasis", "atelectatic band", "atelectatic area", "focus of atelectasis"),
        many=("bands of atelectasis", "atelectatic bands", "atelectatic changes"),
        bulk=("atelectasis", "atelectasis", "atelectatic change", "collapse", "volume loss"),
        own=("Partial collapse of the {at}.", "Atelectasis{in} with volume loss.", "Subsegmental collapse{in}."),
    ),
    "pleural_effusion": Phrasing(
        one=("pleural effusion", "effusion", "pleural fluid collection"),
        many=("pleural effusions", "effusions"),
        bulk=("pleural effusion", "pleural fluid"),
        own=(
            "{adj}{mod}pleural effusion with a thickness of {mm}.",
            "Free pleural fluid in the {at}.",
            "Pleural effusion measuring {mm} in its thickest part{in}.",
            "Pleural fluid layering dependently{in}.",
            "Effusion in the {at}.",
        ),
    ),
    "pneumothorax": Phrasing(
        one=("pneumothorax",),
        bulk=("pneumothorax", "free pleural air"),
        own=(
            "Pleural air in the {at}.",
            "Free pleural air is observed in the {at}.",
            "The lung has partially collapsed with a pneumothorax{in}.",
        ),
    ),
    "emphysema": Phrasing(
        bulk=("emphysema", "emphysema", "emphysematous change", "pulmonary emphysema", "emphysematous destruction"),
        own=(
            "Emphysematous changes are observed{in}.",
            "Emphysematous changes{in}.",
            "Emphysematous lung parenchyma{in}.",
            "Low-attenuation areas{in}, in keeping with emphysema.",
        ),
    ),
    "bulla": Phrasing(
        one=("bulla", "thin-walled bulla", "bleb", "bullous lesion"),
        many=("bullae", "blebs"),
        own=("Bullous change{in}.", "Thin-walled bullous air space{in}."),
    ),
    "cavity": Phrasing(
        one=("cavity", "cavitary lesion", "cavitating lesion", "cavitary nodule", "cavitated lesion"),
        many=("cavities", "cavitary lesions", "cavitating lesions"),
        own=("Cavitation{in}.", "Thick-walled cavity{in}."),
    ),
    "fibrosis": Phrasing(
        bulk=("fibrosis", "pulmonary fibrosis", "reticulation", "fibrotic change", "interstitial fibrosis"),
        own=("Fibrotic changes are observed{in}.", "Subpleural reticular opacities{in}.", "Honeycombing and reticulation{in}."),
    ),
    "septal_thickening": Phrasing(
        bulk=(
            "interlobular septal thickening",
            "septal thickening",
            "thickening of the interlobular septa",
            "smooth septal thickening",
        ),
        own=("Thickened interlobular septa{in}.", "Kerley lines{in}.", "Interlobular septal thickenings are observed{in}."),
    ),
    "bronchiectasis": Phrasing(
        bulk=("bronchiectasis", "bronchial dilatation", "bronchiectatic change", "tubular bronchiectasis"),
        own=("Dilated, thick-walled bronchi{in}.", "Bronchiectatic changes are observed{in}.", "Ectatic bronchi are seen{in}."),
    ),
    "mosaic_attenuation": Phrasing(
        bulk=("mosaic attenuation", "mosaic perfusion", "mosaic attenuation pattern", "air trapping"),
        own=("Patchy lucent areas{in}, suggesting air trapping.", "The density of the lungs is mosaic."),
    ),
    "tree_in_bud": Phrasing(
        many=("tree-in-bud opacities", "micronodules", "tree-in-bud nodules", "centrilobular nodules", "tiny branching nodules"),
        bulk=("tree-in-bud pattern", "tree-in-bud opacity", "micronodular infiltration"),
        own=("Clustered micronodules{in}.", "Tree-in-bud appearance{in}."),
    ),
    "calcified_nodule": Phrasing(
        one=("calcified nodule", "calcified granuloma", "granuloma", "densely calcified nodule", "calcific nodule"),
        many=("calcified nodules", "calcified granulomas", "calcific nodules"),
        own=("Calcified granuloma{in}, benign.", "Old granulomatous disease with a calcified focus{in}."),
    ),
    "lymphadenopathy": Phrasing(
        one=("enlarged lymph node", "pathological lymph node", "lymph node"),
        many=("enlarged lymph nodes", "lymphadenopathies", "pathologically enlarged nodes", "enlarged nodes"),
        bulk=("lymphadenopathy", "adenopathy", "lymph node enlargement", "nodal enlargement"),
        own=("Lymph node{in} with a short axis of {mm}.", "Enlarged lymph nodes up to {mm}{in}.", "Bulky nodes{in}."),
    ),
    "cardiomegaly": Phrasing(
        bulk=("cardiomegaly", "cardiac enlargement", "enlargement of the heart"),
        own=(
            "The heart is enlarged.",
            "Heart size is increased.",
            "The cardiac silhouette is enlarged.",
            "The cardiothoracic ratio is increased.",
            "Enlarged heart.",
            "The heart is larger than normal.",
            "Heart dimensions are increased.",
            "Mildly enlarged heart.",
            "The size of the heart has increased.",
        ),
    ),
    "pericardial_effusion": Phrasing(
        one=("pericardial effusion",),
        bulk=("pericardial effusion", "pericardial fluid", "fluid around the heart"),
        own=(
            "Effusion measuring {mm} in the pericardial space.",
            "Fluid surrounds the heart.",
            "The pericardial space contains {mod}effusion.",
            "Pericardial effusion of {mm} at its thickest.",
            "Effusion is observed in the pericardial space.",
        ),
    ),
    "coronary_calcification": Phrasing(
        bulk=("coronary artery calcification", "coronary calcification", "calcified coronary plaque", "coronary atherosclerosis"),
        own=(
            "Calcified plaques are observed in the coronary arteries.",
            "Calcific atheroma in the coronary arteries.",
            "The coronary arteries are calcified.",
            "Atherosclerotic calcifications of the coronary arteries.",
            "Coronary artery wall calcifications.",
        ),
    ),
    "arterial_calcification": Phrasing(
        bulk=("aortic calcification", "calcified aortic plaque", "aortic atherosclerosis", "calcification of the aortic wall"),
        own=(
            "Calcifications in the thoracic aorta.",
            "Calcified atheroma plaques are observed in the aorta.",
            "The aortic wall is calcified.",
            "Atherosclerotic calcifications of the aorta.",
            "Calcified plaques in the aortic arch and descending aorta.",
            "Wall calcifications are seen in the thoracic aorta.",
        ),
    ),
    "hiatal_hernia": Phrasing(
        one=("hiatal hernia", "hiatus hernia", "sliding hiatal hernia", "diaphragmatic hiatal hernia"),
        own=(
            "Part of the stomach lies above the diaphragm.",
            "Herniation of the stomach through the oesophageal hiatus.",
            "Gastric herniation into the chest.",
            "Hiatal hernia at the lower end of the esophagus.",
        ),
    ),
    "pleural_thickening": Phrasing(
        bulk=("pleural thickening", "thickening of the pleura", "focal pleural thickening"),
        own=("The pleura is thickened{in}.", "Thickened pleura{in}."),
    ),
    "pleural_plaque": Phrasing(
        one=("calcified pleural plaque", "pleural plaque"),
        many=("pleural plaques", "calcified pleural plaques", "calcified plaques of the pleura"),
        bulk=("pleural calcification", "calcification of the pleura"),
        own=("Calcified pleura{in}.",),
    ),
    "medical_material": Phrasing(),
    "bone_lesion": Phrasing(
        one=("bone lesion", "osseous lesion", "focal bone lesion", "bone metastasis"),
        own=("Focal abnormality of bone density{in}.", "Suspicious bone lesion{in}."),
    ),
    "fracture": Phrasing(one=("fracture", "old fracture", "healing fracture", "fracture line"), own=("Fractured bone{in}.",)),
    "liver_lesion": Phrasing(
        one=("hypodense lesion", "focal lesion", "low-density lesion", "hypoattenuating lesion"),
        many=("hypodense lesions", "focal lesions", "low-density lesions"),
    ),
    "aortic_aneurysm": Phrasing(
        one=("aortic aneurysm", "aneurysm of the thoracic aorta", "aneurysmal dilatation of the aorta"),
        bulk=("aneurysmal dilatation of the aorta", "ectasia of the aorta"),
        own=(
            "The aorta is dilated to {mm}.",
            "The diameter of the aorta is {mm} and it is aneurysmal.",
            "The thoracic aorta is aneurysmal.",
            "Dilated aorta.",
            "Aneurysmal aorta.",
        ),
    ),
    "mediastinal_mass": Phrasing(
        one=(
            "mediastinal mass",
            "mass in the mediastinum",
            "mediastinal tumour",
            "mediastinal tumor",
            "mediastinal soft tissue mass",
        ),
        own=("Mediastinal mass lesion.", "A mass occupies the mediastinum.", "Bulky mass of the mediastinum."),
    ),
}

DEVICES: dict[str, tuple[str, ...]] = {
    "central venous catheter": ("central venous catheter", "port catheter", "central venous line", "central line", "catheter"),
    "pacemaker": ("pacemaker", "cardiac pacemaker", "pacemaker with leads", "implanted cardiac device"),
    "chest tube": ("chest tube", "chest drain", "thoracic drain", "pleural drainage catheter"),
    "sternal wires": ("row of sternal wires", "set of sternotomy wires", "line of sternal cerclage wires"),
    "nasogastric tube": ("nasogastric tube", "feeding tube", "NG tube", "enteric tube"),
    "endotracheal tube": ("endotracheal tube", "tracheal tube", "intubation tube", "ET tube"),
}

MODIFIERS: dict[str, tuple[str, ...]] = {
    "air-bronchogram": (" with air bronchograms", " containing air bronchograms", " with open bronchi"),
    "necrotic": (" with central necrosis", " with a necrotic centre", " with central low density"),
    "crazy-paving": (" with crazy paving", " with superimposed septal lines"),
    "honeycombing": (" with honeycombing",),
}
# Kinds that serve the generator, not the reader.
SILENT_MODIFIERS = frozenset(
    {"rib", "vertebral", "cyst", "metastasis", "hilar", "paratracheal", "subcarinal", "prevascular", *DEVICES}
)
AMOUNTS = frozenset({"small", "moderate", "large"})  # said instead of a size, not beside it
