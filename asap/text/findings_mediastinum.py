"""Findings of heart, vessels, lymph nodes, oesophagus and thyroid, and the words they are said in.

Patterns: `asap.text.patterns`. The word lists are our own. THE ORDER OF THE KEYS IS FIXED (see
`asap.text.concepts`): append, never insert.
"""

from __future__ import annotations

from asap.text.entries import FindingEntry

# fmt: off
MEDIASTINAL_FINDINGS: dict[str, FindingEntry] = {
    "lymphadenopathy": FindingEntry(
        ("lymphadenopath*", "lap", "adenopath*", "enlarge* lymph node", "lymph node ~3 enlarge*", "lymphadenomegal*",
         "adenomegal*",
         "pathological lymph node", "enlarged ~7 lymph node", "enlarge* ~3 node", "conglomerate* lymph node",
         "lymph node ~2 pathological ~2 size",
         "bulky lymph node", "metastatic lymph node", "pathologically enlarged node", "nodal disease|metastasis|mass",
         "lymphatic enlarge*", "enlarged node", "prominent lymph node"),
        "lymph_node", ctrate="Lymphadenopathy"),
    "cardiomegaly": FindingEntry(
        ("cardiomegal*", "enlarge* ~3 heart", "heart ~4 enlarge*", "cardiac enlargement", "heart|cardiac size ~2 increase*",
         "heart ~3 larger than", "increase* ~2 heart|cardiac size", "enlarge* ~2 cardiac|cardiomediastinal silhouette|contour",
         "cardiac silhouette ~4 enlarge*", "heart|cardiac ~2 dilat*", "increase* ~2 cardiothoracic",
         "cardiothoracic ~4 increase*",
         "cardiothoracic ~3 high", "ctr ~4 increase*|high", "increase* ~2 ctr", "heart failure", "cardiac failure",
         "dilat* ~2 atrium|ventricle|cardiac|heart",
         "atrium|ventricle|atrial|ventricular ~4 enlarge*|dilat*", "enlarge* ~3 atrium|ventricle|atrial|ventricular|cardiac",
         "cardiomyopath*", "heart|cardiac is|are|appear* larger", "ventricular|atrial|cardiac hypertroph*", "heart is|are large",
         "cardiothoracic ~3 ratio ~6 heart", "larger ~2 heart", "large heart", "heart|cardiac size ~2 large|larger",
         "cardiac silhouette ~3 large|prominent",
         "cardiothoracic ratio|index ~3 above|exceed*"),
        "heart", ctrate="Cardiomegaly", keeps_place=True),
    "pericardial_effusion": FindingEntry(
        ("pericard* effusion", "pericard* ~3 effusion", "pericard* fluid", "fluid ~9 pericard*", "smear* ~4 pericard*",
         "effusion ~5 pericard*",
         "hemopericard*", "pericard* ~2 fluid", "tamponade"),
        "pericardium", ctrate="Pericardial effusion", keeps_place=True),
    "coronary_calcification": FindingEntry(
        ("coronary calcif*", "calcif* ~6 coronary", "coronary ~8 calcif*", "coronary ~3 plaque|atherosclero*|atheroma*",
         "lad calcif*",
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
    "thyroid_nodule": FindingEntry(("thyroid nodule|lesion|mass|cyst", "nodule ~5 thyroid", "thyroid ~6 nodule"), "thyroid",
    keeps_place=True),
    "mediastinal_mass": FindingEntry(("mediastinal mass|lesion|tumor|cyst", "thymoma", "thymic mass|hyperplasia"),
                                     "mediastinum", keeps_place=True),
    "lymph_node": FindingEntry(("lymph node", "lymph gland", "lymphatic node", "lymph", "node", "lymphnode"), "lymph_node",
                               ctrate="Lymphadenopathy"),
    "vascular_congestion": FindingEntry(
        ("congest*", "vascularity|vasculature ~3 increase*",
         "vascular|venous|vasculature ~3 prominen*|engorg*|distention|distended|indistinct*|increase*|redistribution",
         "cephali*", "prominen* ~2 vascular*", "engorg*", "increase* ~2 vascularity", "pulmonary arterial hypertension",
         "pulmonary hypertension", "venous hypertension", "vascular crowding", "vascular enlargement", "vessel enlargement",
         "hilar prominence", "prominen* ~3 hilum|hilar", "hilum|hilar ~3 prominen*|enlarge*|full*", "vascular prominence"),
         "lung"),
    "calcified_lymph_node": FindingEntry(
        ("calcif* ~3 lymph node|adenopathy", "lymph node ~3 calcif*", "calcif* ~2 node",
         "hilar|mediastinal|subcarinal ~2 calcif*",
         "calcif* ~3 hilar|mediastinal|hilum"), "lymph_node",
        ctrate="Lymphadenopathy"),
    "valve_calcification": FindingEntry(("valve|valvular|annulus|mitral ~4 calcif*",
    "calcif* ~4 valve|annulus|mitral|valvular"),
                                        "heart", keeps_place=True),
    "pneumomediastinum": FindingEntry(("pneumomediast*", "mediastinal emphysema|air", "free air ~3 mediastin*"), "mediastinum",
    keeps_place=True),
    "pericardial_thickening": FindingEntry(
        ("pericard* ~3 thicken*", "thicken* ~3 pericard*", "pericard* ~3 calcif*", "calcif* ~3 pericard*"), "pericardium",
         keeps_place=True),
    "tortuous_aorta": FindingEntry(("tortuo*", "torturous", "unfold*", "uncoil*", "uncoiled aorta", "elongat* ~3 aorta|aortic",
    "aortic tortuosity",
                                    "aorta|aortic ~4 elongat*"), "aorta"),
    "pulmonary_artery_dilatation": FindingEntry(
        ("pulmonary artery|arterial|trunk|conus ~8 dilat*|enlarge*|wide*|increase*|ectas*|prominen*",
         "dilat*|enlarge*|wide*|prominen* ~5 pulmonary artery|arterial|trunk|conus", "pulmonary artery larger"),
        "pulmonary_artery", keeps_place=True),
    "venous_thrombosis": FindingEntry(("venous thrombo*", "vein thrombo*", "thrombo* ~4 vein|vena"), "vena_cava"),
    "esophageal_abnormality": FindingEntry(
        ("esophag* ~5 thicken*|dilat*|enlarge*|mass|distend*", "thicken*|dilat*|mass|tumoral ~5 esophag*", "achalasia"),
        "esophagus", keeps_place=True),
    "goiter": FindingEntry(("goiter", "goitre", "thyroid ~6 enlarge*|increase*|larger|prominent|hypertroph*", "thyromegal*",
    "enlarge* ~3 thyroid",
                            "multinodular"), "thyroid", keeps_place=True),
    "mediastinal_abnormality": FindingEntry(
        ("widen* ~3 mediastin*", "mediastin* ~5 widen*|wide|prominen*|full*", "mediastinitis", "pneumopericard*"),
         "mediastinum", keeps_place=True),
    "vascular_abnormality": FindingEntry(("varicos*", "varix|varices", "arteriovenous malformation|fistula",
    "vascular malformation|abnormal*",
                                          "vasculitis", "collateral"), None),
    "congenital_heart_disease": FindingEntry(("septal defect", "congenital heart", "patent ductus", "coarctation"), "heart",
    keeps_place=True),
    "atherosclerosis": FindingEntry(
        ("atherosclero*", "arterioscler*"), None,
        becomes=(("coronary_arteries", "coronary_calcification"), ("aorta", "arterial_calcification"),
                 ("artery", "arterial_calcification"), ("great_vessels", "arterial_calcification"))),
}
# fmt: on
