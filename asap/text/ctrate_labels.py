"""The 18 findings of CT-RATE (Hamamci et al. 2024), read off a report."""

from __future__ import annotations

from asap.report import Report, Sentence
from asap.text.localisable import SECTIONS_WITHOUT_PLACE
from asap.text.vocabulary import FINDINGS, ancestors

# Names and order as published.
CTRATE_FINDINGS: tuple[str, ...] = (
    "Medical material", "Arterial wall calcification", "Cardiomegaly", "Pericardial effusion",
    "Coronary artery wall calcification",
    "Hiatal hernia", "Lymphadenopathy", "Emphysema", "Atelectasis", "Lung nodule", "Lung opacity", "Pulmonary fibrotic sequela",
    "Pleural effusion", "Mosaic attenuation pattern", "Peribronchial thickening", "Consolidation", "Bronchiectasis",
    "Interlobular septal thickening",
)  # fmt: skip


# An opacity said to be one of these is labelled as that, not as an opacity.
_NOT_THORACIC = frozenset({"abdominal_aorta"})
_EXPLAINS_OPACITY = frozenset({"consolidation", "atelectasis", "fibrosis", "tree_in_bud", "reticulation", "calcified_nodule"})


def ctrate_labels(report: Report) -> dict[str, bool]:
    """Whether each CT-RATE finding is stated (present or uncertain) in the findings or impression of `report`, in order."""
    stated: set[str | None] = set()
    for sentence in report.sentences:
        if sentence.section in SECTIONS_WITHOUT_PLACE:
            continue
        concepts = {f.concept for f in sentence.findings if f.assertion != "absent" and f.anatomy not in _NOT_THORACIC}
        stated.update(FINDINGS[concept].ctrate for concept in concepts)
        if _opacity_of_its_own(sentence) and not concepts & _EXPLAINS_OPACITY:
            stated.add("Lung opacity")
    return {name: name in stated for name in CTRATE_FINDINGS}


def _opacity_of_its_own(sentence: Sentence) -> bool:
    return any(
        finding.concept == "opacity"
        and finding.assertion != "absent"
        and finding.anatomy is not None
        and "lung" in ancestors(finding.anatomy)
        for finding in sentence.findings
    )
